"""Compliance: ``/_trunkline/compliance`` shows what waits for a decision, ``…/compliance/{sid}`` one registration, and
``POST …/compliance/{sid}/approve``, ``/reject``, ``/suspend`` or ``/review`` decides.

``…/compliance/deactivations`` shows (GET), adds to (POST) and takes from (DELETE) what the operator has put into a
day's file of deactivated numbers. All of it takes the account's auth token or a main key, and is about that account.
"""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import UNSET

from trunkline.api import params
from trunkline.api.auth import Directory, main_account
from trunkline.api.control import ControlAnswer, ControlRequest
from trunkline.api.errors import ApiError, invalid
from trunkline.api.headers import JSON
from trunkline.api.params import Given, Parser, boolean, choice, date, integer, many, required, text
from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Database, Tx
from trunkline.products.messaging.facade import (
    IDENTITIES,
    Decision,
    Finding,
    Review,
    Verdict,
    add_deactivated,
    deactivated_numbers,
    decide_review,
    find_review,
    remove_deactivated,
    waiting_reviews,
)

PATH = "/compliance"
DEACTIVATIONS = "deactivations"

_US_NUMBER = re.compile(r"\+1[0-9]{10}")
_EPOCH = datetime.date(1970, 1, 1)


def _finding() -> Parser:
    def parse(name: str, value: str) -> Finding:
        try:
            return msgspec.json.decode(value, type=Finding)
        except (msgspec.DecodeError, RecursionError):
            raise invalid(name, "must be objects with error_code, description and fields") from None

    return Parser(parse)


def _number() -> Parser:
    def parse(name: str, value: str) -> str:
        if not _US_NUMBER.fullmatch(value):
            raise invalid(name, "must be numbers such as +14155550100")
        return value

    return Parser(parse)


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a decision: the ``reason`` of a rejection in words, or its ``errors``; a brand's score and
    identity; whether a rejected toll-free verification may be edited."""

    reason: Annotated[Given[str], text(1)] = UNSET
    errors: Annotated[Given[list[Finding] | None], many(_finding())] = UNSET
    brand_score: Annotated[Given[int], integer(0, 100)] = UNSET
    identity_status: Annotated[Given[str], choice(*IDENTITIES)] = UNSET
    edit_allowed: Annotated[Given[bool], boolean()] = UNSET


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a change of a day's numbers."""

    date: Annotated[Given[datetime.date], date(), required()] = UNSET
    number: Annotated[Given[list[str]], many(_number()), required()] = UNSET


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a day's numbers."""

    date: Annotated[Given[datetime.date], date(), required()] = UNSET


class Compliance:
    """Answers the paths of compliance."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory

    async def __call__(self, request: ControlRequest) -> ControlAnswer | None:
        """The status, content type and body; None for an unknown path or registration. Raises ApiError 20003, 20004
        and those of bad parameters."""
        head, _, rest = request.path.removeprefix("/").partition("/")
        sid, _, verdict = rest.partition("/")
        if f"/{head}" != PATH or verdict not in ("", *Verdict):
            return None
        account_sid = await main_account(self._database, self._directory, request.authorization)
        if sid == DEACTIVATIONS:
            return None if verdict else await self._deactivations(account_sid, request)
        needed = "POST" if verdict else "GET"
        if request.method != needed:
            raise ApiError(20004, headers={"Allow": "POST" if verdict else "GET, HEAD"})
        if verdict:
            return await self._decide(account_sid, sid, Verdict(verdict), request)
        return await (self._one(account_sid, sid) if sid else self._waiting(account_sid))

    async def _waiting(self, account_sid: str) -> ControlAnswer:
        found = await self._database.read(lambda tx: waiting_reviews(tx, account_sid))
        return _json({"waiting": [_shown(review) for review in found]})

    async def _one(self, account_sid: str, sid: str) -> ControlAnswer | None:
        found = await self._database.read(lambda tx: find_review(tx, account_sid, sid))
        return None if found is None else _json(_shown(found))

    async def _decide(
        self, account_sid: str, sid: str, verdict: Verdict, request: ControlRequest
    ) -> ControlAnswer | None:
        given = params.given(params.read(Fields, (), request.fields))
        decision = Decision(
            verdict=verdict,
            reasons=tuple(given.pop("errors", None) or ()),
            score=given.pop("brand_score", None),
            identity=given.pop("identity_status", "VERIFIED"),
            **given,
        )
        found = await self._database.write(lambda tx: decide_review(tx, account_sid, sid, decision))
        return None if found is None else _json(_shown(found))

    async def _deactivations(self, account_sid: str, request: ControlRequest) -> ControlAnswer:
        if request.method == "GET":
            wanted = params.read(Day, parse_qsl(request.query, keep_blank_values=True))
            return await self._day(account_sid, wanted)
        if request.method not in ("POST", "DELETE"):
            raise ApiError(20004, headers={"Allow": "GET, HEAD, POST, DELETE"})
        asked = params.read(Numbers, parse_qsl(request.query, keep_blank_values=True), request.fields)
        change = add_deactivated if request.method == "POST" else remove_deactivated

        async def write(tx: Tx) -> None:
            for number in asked.number or ():
                await change(tx, account_sid, (_date(asked) - _EPOCH).days, number)

        await self._database.write(write)
        return await self._day(account_sid, asked)

    async def _day(self, account_sid: str, asked: Day | Numbers) -> ControlAnswer:
        day = _date(asked)
        found = await self._database.read(
            lambda tx: deactivated_numbers(tx, account_sid, (day - _EPOCH).days)
        )
        return _json({"date": day.isoformat(), "numbers": found})


def _date(asked: Day | Numbers) -> datetime.date:
    assert isinstance(asked.date, datetime.date), "it is required"
    return asked.date


def _json(value: Any) -> ControlAnswer:
    return 200, JSON, msgspec.json.encode(value)


def _shown(review: Review) -> dict[str, Any]:
    return {
        "kind": review.kind,
        "sid": review.sid,
        "account_sid": review.account_sid,
        "status": review.status,
        "subject": review.subject,
        "created_at": review.date_created / SECOND,
        "updated_at": review.date_updated / SECOND,
    }
