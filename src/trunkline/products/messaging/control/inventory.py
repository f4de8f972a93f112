"""The inventory: ``/_trunkline/numbers`` lists the numbers that accounts can buy or have (GET) and adds one (POST);
``…/numbers/{Number}`` shows one (GET), assigns it to an account or to nobody (POST), and removes it (DELETE).

They are the operator's. ``AccountSid`` names the account whose numbers are listed, or that a number is assigned to.
``PageSize`` and ``PageToken`` page the list. Writes parse numbers before the transaction, since the first one loads the
world's numbering plans.
"""

from __future__ import annotations

import math
import re
from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api import paging, params
from trunkline.api.errors import ApiError, invalid
from trunkline.api.operation import (
    FOR_OPERATOR,
    Call,
    Empty,
    Operation,
    PrepareContext,
    create,
    delete,
    fetch,
    update,
)
from trunkline.api.paging import BEGINNING, PageParameters, TokenPage
from trunkline.api.params import Given, Parser, boolean, choice, required, text
from trunkline.api.views import Json, Urls, token_page_view
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle.lanes import MILLI
from trunkline.products.messaging.numbers import inventory, inventory_changes
from trunkline.products.messaging.numbers.inventory import Number, NumberUnavailable
from trunkline.products.messaging.numbers.inventory_changes import (
    MAX_RATE,
    BadNumber,
    NumberExists,
    NumberOptions,
    UnknownNumber,
)
from trunkline.products.messaging.numbers.number_types import NumberType

_COUNTRY = re.compile(r"[A-Z]{2}")


def _country() -> Parser:
    def parse(name: str, value: str) -> str:
        country = value.upper()
        if country and not _COUNTRY.fullmatch(country):
            raise invalid(name, "must be the two letters of a country")
        return country

    return Parser(parse)


def _rate() -> Parser:
    def parse(name: str, value: str) -> float:
        try:
            rate = float(value)
        except ValueError:
            rate = math.nan
        if not 0 <= rate <= MAX_RATE:
            raise invalid(name, f"must be a number from 0 to {MAX_RATE}")
        return rate

    return Parser(parse)


class NewNumber(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a new number; what is likely of the number counts where they are absent."""

    number: Annotated[Given[str], text(1, 64), required()] = UNSET
    kind: Annotated[Given[str], choice(*(kind.value for kind in NumberType))] = UNSET
    country: Annotated[Given[str], _country()] = UNSET
    sms: Annotated[Given[bool], boolean()] = UNSET
    mms: Annotated[Given[bool], boolean()] = UNSET
    voice: Annotated[Given[bool], boolean()] = UNSET
    carrier: Annotated[Given[str], text()] = UNSET
    rate: Annotated[Given[float], _rate()] = UNSET


def view(number: Number, urls: Urls) -> Json:
    """Return a number of the inventory; its rate is in segments a second."""
    return {
        "number": number.number,
        "kind": number.kind,
        "country": number.country,
        "sms": number.sms,
        "mms": number.mms,
        "voice": number.voice,
        "carrier": number.carrier,
        "rate": number.rate / MILLI,
        "account_sid": number.account_sid,
        "sid": number.sid,
    }


async def list_numbers(tx: Tx, call: Call[PageParameters]) -> TokenPage[Number]:
    """Return a page of the inventory, or of the numbers of an account, by number. Raise ApiError 21481 for a bad
    token."""
    size = paging.size_of(call.input.page_size)
    _, after = paging.start_of(call.input.page_token) or BEGINNING
    found = await inventory.page_inventory(tx, call.account_sid or None, after, size + 1)
    return paging.token_page(found, size, lambda last: (0, last.number))


async def make_number(_: PrepareContext, call: Call[NewNumber]) -> Number:
    """Return the number with its options. Raise ApiError 20001 for one that cannot be."""
    given = params.given(call.input)
    text = given.pop("number")
    kind = NumberType(given.pop("kind")) if "kind" in given else None
    try:
        return inventory_changes.make_number(text, NumberOptions(kind=kind, **given))
    except BadNumber as error:
        raise invalid("Number", str(error)) from None


async def add(tx: Tx, call: Call[Number]) -> Number:
    """Add a number. Raise ApiError 20409 for one that is in the inventory."""
    try:
        return await inventory_changes.add_number(tx, call.input, call.account_sid)
    except NumberExists:
        raise ApiError(20409, f"{call.input.number} is in the inventory already") from None


async def fetch_number(tx: Tx, call: Call[Empty]) -> Number | None:
    """Return a number."""
    return await inventory.find_number(tx, _address(call.path["Number"]))


async def read_address(_: PrepareContext, call: Call[Empty]) -> str:
    """Return the number of the path in the form in which messages have it; what is none stays as it is."""
    return _address(call.path["Number"])


async def assign(tx: Tx, call: Call[str]) -> Number | None:
    """Assign a number to the named account, or to nobody. Raise ApiError 20409 if another request assigned it just
    now."""
    try:
        return await inventory_changes.assign_number(tx, call.input, call.account_sid)
    except UnknownNumber:
        return None
    except NumberUnavailable:
        raise ApiError(20409, f"{call.input} was bought just now; try again") from None


async def remove(tx: Tx, call: Call[str]) -> bool:
    """Remove a number from the inventory and from the account that has it."""
    return await inventory.remove_number(tx, call.input)


def _address(text: str) -> str:
    try:
        return inventory_changes.parse_address(text)
    except BadNumber:
        return text


OPERATIONS: tuple[Operation, ...] = (
    fetch(
        "/numbers",
        list_numbers,
        token_page_view("numbers", view),
        input=PageParameters,
        pages=True,
        **FOR_OPERATOR,
    ),
    create("/numbers", add, view, NewNumber, prepare=make_number, **FOR_OPERATOR),
    fetch("/numbers/{Number}", fetch_number, view, **FOR_OPERATOR),
    update("/numbers/{Number}", assign, view, Empty, prepare=read_address, **FOR_OPERATOR),
    delete("/numbers/{Number}", remove, prepare=read_address, **FOR_OPERATOR),
)
"""The operations of the inventory."""
