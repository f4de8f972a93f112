"""ShortCodes of a Service (SC…): the account's short codes that its messages may come from (spec)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from trunkline.api.operation import Act, Call, Empty, Operation, create, delete, fetch, listing
from trunkline.api.params import Given, required, text
from trunkline.api.views import Json, Urls, iso
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.senders import membership
from trunkline.products.messaging.senders.choice import SenderKind
from trunkline.products.messaging.senders.membership import Member

KIND = SenderKind.SHORT_CODE


class AddShortCode(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter of create: the SID of the short code."""

    short_code_sid: Annotated[Given[str | None], text(clears=True), required()]


def view(member: Member, urls: Urls) -> Json:
    """The ShortCode resource of a Service (spec)."""
    return {
        "sid": member.sid,
        "account_sid": member.account_sid,
        "service_sid": member.service_sid,
        "date_created": iso(member.date_created),
        "date_updated": iso(member.date_updated),
        "short_code": member.value,
        "country_code": member.country,
        "capabilities": member.capabilities,
        "url": urls.to("Services", member.service_sid, "ShortCodes", member.sid),
    }


async def fetch_short_code(tx: Tx, call: Call[Empty]) -> Member | None:
    """A short code of the Service."""
    return await membership.find_member(tx, call, KIND)


async def page_short_codes(tx: Tx, call: Call[Empty]) -> list[Member] | None:
    """The short codes of the Service."""
    return await membership.page_members(tx, call, KIND)


async def remove_short_code(tx: Tx, call: Call[Empty]) -> bool:
    """Take a short code out of the Service."""
    return await membership.remove_member(tx, call, KIND)


_LIST = "/Services/{ServiceSid}/ShortCodes"
_ONE = f"{_LIST}/{{Sid}}"


def operations(most: int) -> tuple[Operation, ...]:
    """The operations; ``most`` is how many numbers and short codes a Service may have."""

    async def add(tx: Tx, call: Call[AddShortCode]) -> Member | None:
        return await membership.add_number(tx, call, KIND, str(call.input.short_code_sid), most)

    adding: Act = add
    return (
        create(_LIST, adding, view, AddShortCode),
        listing(_LIST, "short_codes", page_short_codes, view),
        fetch(_ONE, fetch_short_code, view),
        delete(_ONE, remove_short_code),
    )
