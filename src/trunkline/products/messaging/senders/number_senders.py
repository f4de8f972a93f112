"""PhoneNumbers (PN…) and ShortCodes (SC…) of a Service: the numbers of its pool (spec)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from trunkline.api.operation import Call, Operation
from trunkline.api.params import Given, required, text
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.senders import membership, resource
from trunkline.products.messaging.senders.membership import Member
from trunkline.products.messaging.senders.sender_choice import PoolSenderKind


class AddPhoneNumber(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter of create: the SID of the number."""

    phone_number_sid: Annotated[Given[str | None], text(clears=True), required()]


class AddShortCode(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter of create: the SID of the short code."""

    short_code_sid: Annotated[Given[str | None], text(clears=True), required()]


def phone_number_view(member: Member, urls: Urls) -> Json:
    """Return the PhoneNumber resource of a Service (spec)."""
    return {**resource.base_view(member, urls), "phone_number": member.value, "country_code": member.country}


def short_code_view(member: Member, urls: Urls) -> Json:
    """Return the ShortCode resource of a Service (spec)."""
    return {**resource.base_view(member, urls), "short_code": member.value, "country_code": member.country}


def operations(limit: int) -> tuple[Operation, ...]:
    """Return the operations on both; ``limit`` is that of a Service for both together."""

    async def add_phone_number(tx: Tx, call: Call[AddPhoneNumber]) -> Member | None:
        sid = str(call.input.phone_number_sid)
        return await membership.add_number(tx, call, PoolSenderKind.PHONE_NUMBER, sid, limit)

    async def add_short_code(tx: Tx, call: Call[AddShortCode]) -> Member | None:
        sid = str(call.input.short_code_sid)
        return await membership.add_number(tx, call, PoolSenderKind.SHORT_CODE, sid, limit)

    return (
        *resource.operations(
            PoolSenderKind.PHONE_NUMBER,
            "phone_numbers",
            phone_number_view,
            (add_phone_number, AddPhoneNumber),
        ),
        *resource.operations(
            PoolSenderKind.SHORT_CODE, "short_codes", short_code_view, (add_short_code, AddShortCode)
        ),
    )
