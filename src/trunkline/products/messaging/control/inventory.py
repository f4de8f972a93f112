"""The inventory: ``/_trunkline/numbers`` lists the numbers that accounts can buy or have (GET) and adds one (POST);
``…/numbers/{Number}`` shows one (GET), assigns it to an account or to nobody (POST), and removes it (DELETE).

They are the operator's. ``AccountSid`` names the account whose numbers are listed, or that a number is assigned to.
"""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api import params
from trunkline.api.errors import ApiError, invalid
from trunkline.api.operation import FOR_OPERATOR, Call, Empty, Operation, create, delete, fetch, update
from trunkline.api.params import Given, Parser, boolean, choice, required, text
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.numbers import inventory, management
from trunkline.products.messaging.numbers.inventory import Number, NumberUnavailable
from trunkline.products.messaging.numbers.management import (
    MAX_RATE,
    BadNumber,
    NumberExists,
    NumberOptions,
    UnknownNumber,
)
from trunkline.products.messaging.numbers.number_types import NumberType


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
    country: Annotated[Given[str], text()] = UNSET
    sms: Annotated[Given[bool], boolean()] = UNSET
    mms: Annotated[Given[bool], boolean()] = UNSET
    voice: Annotated[Given[bool], boolean()] = UNSET
    carrier: Annotated[Given[str], text()] = UNSET
    rate: Annotated[Given[float], _rate()] = UNSET


def view(number: Number, urls: Urls) -> Json:
    """Return a number of the inventory."""
    return management.number_entry(number)


async def list_numbers(tx: Tx, call: Call[Empty]) -> list[Number]:
    """Return the inventory, or the numbers of an account, by number."""
    return await inventory.all_numbers(tx, call.account_sid)


async def add(tx: Tx, call: Call[NewNumber]) -> Number:
    """Add a number. Raise ApiError 20001 for one that cannot be, 20409 for one that is in the inventory."""
    given = params.given(call.input)
    text = given.pop("number")
    kind = NumberType(given.pop("kind")) if "kind" in given else None
    country = given.pop("country", "").upper()
    try:
        number = management.make_number(text, NumberOptions(kind=kind, country=country, **given))
        return await management.add_number(tx, number, call.account_sid)
    except BadNumber as error:
        raise invalid("Number", str(error)) from None
    except NumberExists:
        raise ApiError(20409, f"{number.number} is in the inventory already") from None


async def fetch_number(tx: Tx, call: Call[Empty]) -> Number | None:
    """Return a number."""
    return await inventory.find_number(tx, _address(call.path["Number"]))


async def assign(tx: Tx, call: Call[Empty]) -> Number | None:
    """Assign a number to the named account, or to nobody. Raise ApiError 20409 if another request assigned it just
    now."""
    try:
        return await management.assign_number(tx, _address(call.path["Number"]), call.account_sid)
    except UnknownNumber:
        return None
    except NumberUnavailable:
        raise ApiError(20409) from None


async def remove(tx: Tx, call: Call[Empty]) -> bool:
    """Remove a number from the inventory and from the account that has it."""
    return await inventory.remove_number(tx, _address(call.path["Number"]))


def _address(text: str) -> str:
    try:
        return management.parse_address(text)
    except BadNumber:
        return text


OPERATIONS: tuple[Operation, ...] = (
    fetch(
        "/numbers",
        list_numbers,
        lambda found, urls: {"numbers": [view(one, urls) for one in found]},
        scans=True,
        **FOR_OPERATOR,
    ),
    create("/numbers", add, view, NewNumber, **FOR_OPERATOR),
    fetch("/numbers/{Number}", fetch_number, view, **FOR_OPERATOR),
    update("/numbers/{Number}", assign, view, Empty, **FOR_OPERATOR),
    delete("/numbers/{Number}", remove, **FOR_OPERATOR),
)
"""The operations of the inventory."""
