"""Deactivated numbers: ``/_trunkline/compliance/deactivations`` shows (GET), extends (POST) and shortens (DELETE) the
list of numbers that the operator has added to a day's file of an account.

They are the operator's; ``AccountSid`` names the account. ``PageSize`` and ``PageToken`` page a list; a change returns
the day's first page.
"""

from __future__ import annotations

import datetime
import re
from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api import paging
from trunkline.api.errors import invalid, missing
from trunkline.api.operation import FOR_OPERATOR, Call, Operation, OperationKind, fetch, update
from trunkline.api.paging import BEGINNING, MAX_SIZE, TokenPage
from trunkline.api.params import Given, Parser, date, integer, many, required, text
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
    page_size: Annotated[Given[int], integer(1, MAX_SIZE)] = UNSET
    page_token: Annotated[Given[str | None], text(clears=True)] = UNSET


class DayPage(msgspec.Struct, frozen=True):
    """A page of the numbers that the operator has added to a day's file."""

    date: datetime.date
    numbers: TokenPage[str]


def view(day: DayPage, urls: Urls) -> Json:
    """Return a page of a day's numbers."""
    return {
        "date": day.date.isoformat(),
        "numbers": day.numbers.rows,
        "next_page_token": day.numbers.next_page_token,
    }


async def fetch_day(tx: Tx, call: Call[DeactivationDay]) -> DayPage:
    """Return a page of a day's numbers. Raise ApiError 20001 without an account, 21481 for a bad token."""
    account_sid, date = _file(call)
    _, after = paging.start_of(call.input.page_token) or BEGINNING
    return await _page(tx, account_sid, date, paging.size_of(call.input.page_size), after)


async def add(tx: Tx, call: Call[DeactivationChange]) -> DayPage:
    """Add numbers to a day; return its first page. Raise ApiError 20001 without an account."""
    account_sid, date = _file(call)
    for number in call.input.number or ():
        await deactivations.add_deactivated(tx, account_sid, day_of(date), number)
    return await _page(tx, account_sid, date)


async def remove(tx: Tx, call: Call[DeactivationChange]) -> DayPage:
    """Remove numbers from a day; return its first page. Raise ApiError 20001 without an account."""
    account_sid, date = _file(call)
    for number in call.input.number or ():
        await deactivations.remove_deactivated(tx, account_sid, day_of(date), number)
    return await _page(tx, account_sid, date)


def _file(call: Call[DeactivationDay] | Call[DeactivationChange]) -> tuple[str, datetime.date]:
    """Return the account and the day of a file."""
    if not call.account_sid:
        raise missing("AccountSid")
    assert isinstance(call.input.date, datetime.date), "it is required"
    return call.account_sid, call.input.date


async def _page(
    tx: Tx, account_sid: str, date: datetime.date, size: int = paging.DEFAULT_SIZE, after: str = ""
) -> DayPage:
    found = await deactivations.page_deactivated(tx, account_sid, day_of(date), after, size + 1)
    return DayPage(date, paging.token_page(found, size, lambda last: (0, last)))


OPERATIONS: tuple[Operation, ...] = (
    fetch(_PATH, fetch_day, view, input=DeactivationDay, pages=True, **FOR_OPERATOR),
    update(_PATH, add, view, DeactivationChange, **FOR_OPERATOR),
    Operation(OperationKind.DELETE, _PATH, remove, view, DeactivationChange, **FOR_OPERATOR),
)
"""The operations of deactivated numbers."""
