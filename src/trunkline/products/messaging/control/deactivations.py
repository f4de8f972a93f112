"""Deactivated numbers: ``/_trunkline/compliance/deactivations`` shows (GET), extends (POST) and shortens (DELETE) the
list of numbers that the operator has added to a day's file of an account.

They are the operator's; ``AccountSid`` names the account.
"""

from __future__ import annotations

import datetime
import re
from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import invalid, missing
from trunkline.api.operation import FOR_OPERATOR, Call, Operation, OperationKind, fetch, update
from trunkline.api.params import Given, Parser, date, many, required
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.compliance import deactivations
from trunkline.products.messaging.compliance.deactivations import day_of

_PATH = "/compliance/deactivations"
_US_NUMBER = re.compile(r"\+1[0-9]{10}")


def _number() -> Parser:
    def parse(name: str, value: str) -> str:
        if not _US_NUMBER.fullmatch(value):
            raise invalid(name, "must be numbers such as +14155550100")
        return value

    return Parser(parse)


class DeactivationChange(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a change of a day's numbers."""

    date: Annotated[Given[datetime.date], date(), required()] = UNSET
    number: Annotated[Given[list[str]], many(_number()), required()] = UNSET


class DeactivationDay(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a day's numbers."""

    date: Annotated[Given[datetime.date], date(), required()] = UNSET


class DayList(msgspec.Struct, frozen=True):
    """The numbers that the operator has added to a day's file."""

    date: datetime.date
    numbers: list[str]


def view(day: DayList, urls: Urls) -> Json:
    """Return a day's numbers."""
    return {"date": day.date.isoformat(), "numbers": day.numbers}


async def fetch_day(tx: Tx, call: Call[DeactivationDay] | Call[DeactivationChange]) -> DayList:
    """Return the numbers of a day. Raise ApiError 20001 without an account."""
    if not call.account_sid:
        raise missing("AccountSid")
    assert isinstance(call.input.date, datetime.date), "it is required"
    return DayList(
        call.input.date,
        await deactivations.deactivated_numbers(tx, call.account_sid, day_of(call.input.date)),
    )


async def add(tx: Tx, call: Call[DeactivationChange]) -> DayList:
    """Add numbers to a day; return the day."""
    before = await fetch_day(tx, call)
    for number in call.input.number or ():
        await deactivations.add_deactivated(tx, call.account_sid, day_of(before.date), number)
    return await fetch_day(tx, call)


async def remove(tx: Tx, call: Call[DeactivationChange]) -> DayList:
    """Remove numbers from a day; return the day."""
    before = await fetch_day(tx, call)
    for number in call.input.number or ():
        await deactivations.remove_deactivated(tx, call.account_sid, day_of(before.date), number)
    return await fetch_day(tx, call)


OPERATIONS: tuple[Operation, ...] = (
    fetch(_PATH, fetch_day, view, input=DeactivationDay, **FOR_OPERATOR),
    update(_PATH, add, view, DeactivationChange, **FOR_OPERATOR),
    Operation(OperationKind.DELETE, _PATH, remove, view, DeactivationChange, **FOR_OPERATOR),
)
"""The operations of deactivated numbers."""
