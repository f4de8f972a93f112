"""Deactivations: the US numbers that their subscribers gave up, by day (spec).

A day's file has the numbers with +1 that carriers reported as unknown for messages of the account (error 30005),
and those that the operator added. It is public under an address that is valid for two minutes (doc). Days are UTC;
a day's file exists once the day is over (inferred from doc).
"""

from __future__ import annotations

import base64
import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError, missing
from trunkline.api.operation import Call, Operation, fetch
from trunkline.api.params import Given, Parser, date
from trunkline.api.public import PublicRequest, PublicResponse
from trunkline.api.views import Json, Urls
from trunkline.core.clock import SECOND, Clock
from trunkline.core.secrets import BadMasterKey, Vault
from trunkline.core.storage.database import Database, Row, Tx

TOO_OLD, NOT_YET, BAD_FORMAT = 30113, 30114, 30115
UNKNOWN_HANDSET = 30005
FIRST = datetime.date(2020, 8, 27)
"""The day of the oldest file (doc)."""

VALID_SECONDS = 120
"""Seconds for which a file's address is valid (doc)."""

REPORT_DAYS = 3
"""Days of messages before a file's day that are searched, since their reports may have arrived on that day."""

DAY = 24 * 3600 * SECOND
_EPOCH = datetime.date(1970, 1, 1)
_LABEL = "deactivations"
_STARTS = (b"/v1/Deactivations/", b"/messaging/v1/Deactivations/")


def _day() -> Parser:
    plain = date()

    def parse(name: str, value: str) -> datetime.date:
        try:
            found: datetime.date = plain.parse(name, value)
        except ApiError:
            raise ApiError(BAD_FORMAT) from None
        return found

    return Parser(parse)


class DayFilter(msgspec.Struct, frozen=True):
    """The parameters of fetch (spec)."""

    date: Annotated[Given[datetime.date], _day()] = UNSET


class DeactivationFile(msgspec.Struct, frozen=True):
    """A day's file of an account; ``expires`` is the end of its address, in microseconds since 1970 UTC."""

    account_sid: str
    day: int
    expires: int


class FileAddress(msgspec.Struct, frozen=True):
    """The encrypted part of a file's address."""

    token: str


def day_of(date: datetime.date) -> int:
    """Return the days since 1970."""
    return (date - _EPOCH).days


def encode_address(vault: Vault, file: DeactivationFile) -> FileAddress:
    """Return the address of a file, encrypted, so that nobody else can make or read one."""
    secret = vault.seal(_LABEL, msgspec.json.encode(file).decode())
    return FileAddress(base64.urlsafe_b64encode(secret).rstrip(b"=").decode())


def decode_address(vault: Vault, token: str, now: int) -> DeactivationFile | None:
    """Return the file of an address; None if the address is invalid or has expired."""
    try:
        secret = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        file = msgspec.json.decode(vault.open(_LABEL, secret), type=DeactivationFile)
    except (ValueError, BadMasterKey):
        return None
    return file if now < file.expires else None


def view(address: FileAddress, urls: Urls) -> Json:
    """Return the Deactivation resource (spec)."""
    return {"redirect_to": urls.to("Deactivations", address.token)}


async def fetch_deactivations(tx: Tx, call: Call[DayFilter]) -> FileAddress:
    """Return the address of a day's file. Raise ApiError 20001 without a day, 30115 for an invalid one, 30113 for
    one before the first, 30114 for one that is not over (doc)."""
    wanted = call.input.date
    if not isinstance(wanted, datetime.date):
        raise missing("Date")
    if wanted < FIRST:
        raise ApiError(TOO_OLD)
    if day_of(wanted) >= tx.now // DAY:
        raise ApiError(NOT_YET)
    return encode_address(
        call.vault, DeactivationFile(call.account_sid, day_of(wanted), tx.now + VALID_SECONDS * SECOND)
    )


class _Number(Row, frozen=True):
    number: str


async def numbers(tx: Tx, account_sid: str, day: int) -> list[str]:
    """Return the numbers of a day's file of an account, in order."""
    found = await tx.all(
        _Number,
        "SELECT recipient FROM messages WHERE account_sid = :account_sid"
        " AND date_created >= :earliest AND date_created < :end"
        f" AND error_code = {UNKNOWN_HANDSET} AND date_updated >= :start AND date_updated < :end"
        " AND recipient LIKE '+1%' ESCAPE '!'"
        " UNION SELECT number FROM deactivated_numbers WHERE account_sid = :account_sid AND day = :day"
        " ORDER BY 1",
        account_sid=account_sid,
        earliest=(day - REPORT_DAYS) * DAY,
        start=day * DAY,
        end=(day + 1) * DAY,
        day=day,
    )
    return [one.number for one in found]


class DeactivationFiles:
    """The handler of the files, for every bearer of the address of one: text, one number a line (doc). Implements
    ``trunkline.api.public.Public``."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def claims(self, raw_path: bytes) -> bool:
        """Return whether the path is a file's, with or without the product's prefix."""
        return raw_path.startswith(_STARTS)

    async def respond(self, request: PublicRequest) -> PublicResponse | None:
        """Return the file; None if the address is invalid or has expired. Raise ApiError 20004."""
        if request.method != "GET":
            raise ApiError(20004, headers={"Allow": "GET, HEAD"})
        token = request.path.rpartition("/")[2]
        file = decode_address(self._vault, token, self._clock())
        if file is None:
            return None
        found = await self._database.scan(lambda tx: numbers(tx, file.account_sid, file.day))
        body = "".join(f"{number}\n" for number in found).encode()
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
        }
        return PublicResponse(200, headers, body)


async def page_deactivated(tx: Tx, account_sid: str, day: int, after: str, limit: int) -> list[str]:
    """Return up to ``limit`` numbers that the operator added to a day's file, by number: those behind ``after``."""
    found = await tx.all(
        _Number,
        "SELECT number FROM deactivated_numbers WHERE account_sid = :account_sid AND day = :day"
        " AND number > :after ORDER BY number LIMIT :limit",
        account_sid=account_sid,
        day=day,
        after=after,
        limit=limit,
    )
    return [one.number for one in found]


async def add_deactivated(tx: Tx, account_sid: str, day: int, number: str) -> None:
    """Add a number to a day's file."""
    await tx.run(
        "INSERT INTO deactivated_numbers (account_sid, day, number) VALUES (:account_sid, :day, :number)"
        " ON CONFLICT (account_sid, day, number) DO NOTHING",
        account_sid=account_sid,
        day=day,
        number=number,
    )


async def remove_deactivated(tx: Tx, account_sid: str, day: int, number: str) -> bool:
    """Remove a number of the operator's from a day's file."""
    return bool(
        await tx.run(
            "DELETE FROM deactivated_numbers"
            " WHERE account_sid = :account_sid AND day = :day AND number = :number",
            account_sid=account_sid,
            day=day,
            number=number,
        )
    )


OPERATIONS: tuple[Operation, ...] = (
    fetch("/Deactivations", fetch_deactivations, view, input=DayFilter, status=307, location="redirect_to"),
)
