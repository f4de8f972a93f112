"""PhoneNumbers of a Service (PN…): the account's numbers that its messages may come from (spec)."""

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

KIND = SenderKind.PHONE_NUMBER


class AddPhoneNumber(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter of create: the SID of the number."""

    phone_number_sid: Annotated[Given[str | None], text(clears=True), required()]


def view(member: Member, urls: Urls) -> Json:
    """The PhoneNumber resource of a Service (spec)."""
    return {
        "sid": member.sid,
        "account_sid": member.account_sid,
        "service_sid": member.service_sid,
        "date_created": iso(member.date_created),
        "date_updated": iso(member.date_updated),
        "phone_number": member.value,
        "country_code": member.country,
        "capabilities": member.capabilities,
        "url": urls.to("Services", member.service_sid, "PhoneNumbers", member.sid),
    }


async def fetch_phone_number(tx: Tx, call: Call[Empty]) -> Member | None:
    """A number of the Service."""
    return await membership.find_member(tx, call, KIND)


async def page_phone_numbers(tx: Tx, call: Call[Empty]) -> list[Member] | None:
    """The numbers of the Service."""
    return await membership.page_members(tx, call, KIND)


async def remove_phone_number(tx: Tx, call: Call[Empty]) -> bool:
    """Take a number out of the Service."""
    return await membership.remove_member(tx, call, KIND)


_LIST = "/Services/{ServiceSid}/PhoneNumbers"
_ONE = f"{_LIST}/{{Sid}}"


def operations(most: int) -> tuple[Operation, ...]:
    """The operations; ``most`` is how many numbers and short codes a Service may have."""

    async def add(tx: Tx, call: Call[AddPhoneNumber]) -> Member | None:
        return await membership.add_number(tx, call, KIND, str(call.input.phone_number_sid), most)

    adding: Act = add
    return (
        create(_LIST, adding, view, AddPhoneNumber),
        listing(_LIST, "phone_numbers", page_phone_numbers, view),
        fetch(_ONE, fetch_phone_number, view),
        delete(_ONE, remove_phone_number),
    )
