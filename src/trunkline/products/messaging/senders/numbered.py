"""PhoneNumbers (PN…) and ShortCodes (SC…) of a Service: the numbers that its messages may come from (spec)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from trunkline.api.operation import Call, Operation
from trunkline.api.params import Given, required, text
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.senders import membership, resource
from trunkline.products.messaging.senders.choice import SenderKind
from trunkline.products.messaging.senders.membership import Member


class AddPhoneNumber(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter of create: the SID of the number."""

    phone_number_sid: Annotated[Given[str | None], text(clears=True), required()]


class AddShortCode(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter of create: the SID of the short code."""

    short_code_sid: Annotated[Given[str | None], text(clears=True), required()]


def phone_number_view(member: Member, urls: Urls) -> Json:
    """The PhoneNumber resource of a Service (spec)."""
    return {**resource.base(member, urls), "phone_number": member.value, "country_code": member.country}


def short_code_view(member: Member, urls: Urls) -> Json:
    """The ShortCode resource of a Service (spec)."""
    return {**resource.base(member, urls), "short_code": member.value, "country_code": member.country}


def operations(most: int) -> tuple[Operation, ...]:
    """The operations on both; ``most`` is how many of them together a Service may have."""

    async def add_phone_number(tx: Tx, call: Call[AddPhoneNumber]) -> Member | None:
        sid = str(call.input.phone_number_sid)
        return await membership.add_number(tx, call, SenderKind.PHONE_NUMBER, sid, most)

    async def add_short_code(tx: Tx, call: Call[AddShortCode]) -> Member | None:
        sid = str(call.input.short_code_sid)
        return await membership.add_number(tx, call, SenderKind.SHORT_CODE, sid, most)

    return (
        *resource.operations(
            SenderKind.PHONE_NUMBER, "phone_numbers", phone_number_view, (add_phone_number, AddPhoneNumber)
        ),
        *resource.operations(
            SenderKind.SHORT_CODE, "short_codes", short_code_view, (add_short_code, AddShortCode)
        ),
    )
