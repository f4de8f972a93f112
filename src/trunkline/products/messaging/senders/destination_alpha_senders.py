"""DestinationAlphaSenders of a Service (AI…): alphanumeric senders for one country, or for those without their own
(spec).
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import invalid
from trunkline.api.operation import Call, Operation
from trunkline.api.params import Given, Parser, required
from trunkline.api.views import Json, Urls
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.senders import membership, resource
from trunkline.products.messaging.senders.alpha_senders import alpha, check_allowed
from trunkline.products.messaging.senders.membership import Member
from trunkline.products.messaging.senders.sender_choice import PoolSenderKind

KIND = PoolSenderKind.DESTINATION_ALPHA


def country() -> Parser:
    """Return the parser of a country's ISO code, two letters in any case; empty is none."""

    def parse(name: str, value: str) -> str:
        if len(value) != 2 or not value.isascii() or not value.isalpha():
            raise invalid(name, "must be the two letters of a country")
        return value.upper()

    return Parser(parse, clears=True)


class AddDestinationAlphaSender(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of create; without a country the sender is for all countries without their own (spec)."""

    alpha_sender: Annotated[Given[str | None], alpha(), required(21708)]
    iso_country_code: Annotated[Given[str | None], country()] = UNSET


class DestinationFilters(msgspec.Struct, frozen=True, kw_only=True):
    """The filter of list (spec)."""

    iso_country_code: Annotated[Given[str | None], country()] = UNSET


def view(member: Member, urls: Urls) -> Json:
    """Return the DestinationAlphaSender resource (spec)."""
    shown = resource.base_view(member, urls)
    return {**shown, "alpha_sender": member.value, "iso_country_code": member.iso_country_code}


async def add_destination(
    tx: Tx, call: Call[AddDestinationAlphaSender], blocked: frozenset[str]
) -> Member | None:
    """Add an alphanumeric sender to the Service. Raise ApiError 21709 for one of ``blocked``, 21710 if the Service
    has it for that country."""
    text = str(call.input.alpha_sender)
    check_allowed(text, blocked)
    sender = (text, call.input.iso_country_code or None)
    return await membership.add_text(tx, call, KIND, new_sid("AI"), sender)


async def page_destinations(tx: Tx, call: Call[DestinationFilters]) -> list[Member] | None:
    """Return the alphanumeric senders of the Service, or those of one country."""
    return await membership.page_members(tx, call, KIND, call.input.iso_country_code or None)


def operations(blocked: frozenset[str]) -> tuple[Operation, ...]:
    """Return the operations; ``blocked`` are senders, in lower case, that the operator does not allow."""
    adding = (partial(add_destination, blocked=blocked), AddDestinationAlphaSender)
    paging = (page_destinations, DestinationFilters)
    return resource.operations(KIND, "alpha_senders", view, adding, paging)
