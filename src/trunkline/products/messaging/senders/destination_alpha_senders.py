"""DestinationAlphaSenders of a Service (AI…): alphanumeric senders for one country, or for those without one (spec)."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import invalid
from trunkline.api.operation import Act, Call, Empty, Operation, create, delete, fetch, listing
from trunkline.api.params import Given, Parser, required
from trunkline.api.views import Json, Urls, iso
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.senders import membership
from trunkline.products.messaging.senders.alpha_senders import alpha, check_allowed
from trunkline.products.messaging.senders.choice import SenderKind
from trunkline.products.messaging.senders.membership import Member

KIND = SenderKind.DESTINATION_ALPHA


def country() -> Parser:
    """The ISO code of a country, two letters; answered in capitals. Empty is none."""

    def parse(name: str, value: str) -> str:
        if len(value) != 2 or not value.isascii() or not value.isalpha():
            raise invalid(name, "must be the two letters of a country")
        return value.upper()

    return Parser(parse, clears=True)


class AddDestinationAlphaSender(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of create; without a country it is for all that have none of their own (spec)."""

    alpha_sender: Annotated[Given[str | None], alpha(), required(21708)]
    iso_country_code: Annotated[Given[str | None], country()] = UNSET


class DestinationFilters(msgspec.Struct, frozen=True, kw_only=True):
    """The filter of list (spec)."""

    iso_country_code: Annotated[Given[str | None], country()] = UNSET


def view(member: Member, urls: Urls) -> Json:
    """The DestinationAlphaSender resource (spec)."""
    return {
        "sid": member.sid,
        "account_sid": member.account_sid,
        "service_sid": member.service_sid,
        "date_created": iso(member.date_created),
        "date_updated": iso(member.date_updated),
        "alpha_sender": member.value,
        "capabilities": member.capabilities,
        "iso_country_code": member.iso_country_code,
        "url": urls.to("Services", member.service_sid, "DestinationAlphaSenders", member.sid),
    }


async def add_destination(
    tx: Tx, call: Call[AddDestinationAlphaSender], blocked: frozenset[str]
) -> Member | None:
    """Put an alphanumeric sender into the Service. Raises ApiError 21709 for one of ``blocked``, 21710 when it has it
    for that country."""
    text = str(call.input.alpha_sender)
    check_allowed(text, blocked)
    sender = (text, call.input.iso_country_code or None)
    return await membership.add_text(tx, call, KIND, new_sid("AI"), sender)


async def fetch_destination(tx: Tx, call: Call[Empty]) -> Member | None:
    """An alphanumeric sender of the Service."""
    return await membership.find_member(tx, call, KIND)


async def page_destinations(tx: Tx, call: Call[DestinationFilters]) -> list[Member] | None:
    """The alphanumeric senders of the Service, of one country when it is named."""
    return await membership.page_members(tx, call, KIND, call.input.iso_country_code or None)


async def remove_destination(tx: Tx, call: Call[Empty]) -> bool:
    """Take an alphanumeric sender out of the Service."""
    return await membership.remove_member(tx, call, KIND)


_LIST = "/Services/{ServiceSid}/DestinationAlphaSenders"
_ONE = f"{_LIST}/{{Sid}}"


def operations(blocked: frozenset[str]) -> tuple[Operation, ...]:
    """The operations; ``blocked`` are senders, in small letters, that the operator does not allow."""
    adding: Act = partial(add_destination, blocked=blocked)
    return (
        create(_LIST, adding, view, AddDestinationAlphaSender),
        listing(_LIST, "alpha_senders", page_destinations, view, input=DestinationFilters),
        fetch(_ONE, fetch_destination, view),
        delete(_ONE, remove_destination),
    )
