"""The forms in which dates are written and read. A date is in microseconds since 1970 UTC. Pure.

Product APIs write dates as ``2015-07-30T20:00:00Z``, the 2010 API and iam Keys as ``Thu, 30 Jul 2015 20:00:00
+0000``: the SDKs parse exactly these forms and no fraction of a second (client). The realtime protocol of Sync has
milliseconds (client).
"""

from __future__ import annotations

import calendar
import datetime
import re
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple

from trunkline.core.clock import SECOND

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?",
    re.ASCII,
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_LONG = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?", re.ASCII)
DAY = 24 * 3600 * SECOND
MAX_DATE = 100
"""Characters of a date: no form of one is longer, and RFC 2822's parser takes its time."""
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


def iso(date: int) -> str:
    """Return a date as the product APIs write it."""
    return _iso(date // SECOND)


@lru_cache(maxsize=4096)
def _iso(second: int) -> str:
    return _datetime(second).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_milliseconds(date: int) -> str:
    """Return a date such as ``2026-11-21T01:18:55.867Z``."""
    return _iso_milliseconds(date // (SECOND // 1000))


@lru_cache(maxsize=4096)
def _iso_milliseconds(millisecond: int) -> str:
    return f"{_iso(millisecond // 1000)[:-1]}.{millisecond % 1000:03d}Z"


def rfc2822(date: int) -> str:
    """Return a date as the 2010 API and iam Keys write it."""
    return _rfc2822(date // SECOND)


@lru_cache(maxsize=4096)
def _rfc2822(second: int) -> str:
    return format_datetime(_datetime(second))


def parse_date(text: str) -> int | None:
    """Return the date that ``text`` names in ISO 8601 or RFC 2822, None if it names none in the years 1 to 9999. A
    date without a zone is in UTC."""
    if len(text) > MAX_DATE:
        return None
    # An unescaped plus sign of a zone arrives as a space.
    text = re.sub(r"(?<=[0-9]) (?=[0-9]{2}:?[0-9]{2}$)", "+", text.strip()) if "T" in text else text.strip()
    try:
        return since_epoch(
            datetime.datetime.fromisoformat(text) if _ISO.fullmatch(text) else parsedate_to_datetime(text)
        )
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


class Period(NamedTuple):
    """The time from ``start`` until before ``end``."""

    start: int
    end: int


def parse_period(text: str) -> Period | None:
    """Return the time that ``text`` names: a year such as ``2026``, a month such as ``2026-12``, a day, or the second
    of a date; None if it names none in the years 1 to 9999."""
    text = text[: MAX_DATE + 1].strip()
    if found := _LONG.fullmatch(text):
        return _long_period(int(found[1]), int(found[2]) if found[2] else None)
    start = parse_date(text)
    if start is None:
        return None
    if _DAY.fullmatch(text):
        return Period(start, start + DAY)
    start -= start % SECOND
    return Period(start, start + SECOND)


def _long_period(year: int, month: int | None) -> Period | None:
    try:
        first = datetime.datetime(year, 1 if month is None else month, 1, tzinfo=datetime.UTC)
    except ValueError:
        return None
    days = 365 + calendar.isleap(year) if month is None else calendar.monthrange(year, month)[1]
    start = since_epoch(first)
    return Period(start, start + days * DAY)


def since_epoch(moment: datetime.datetime) -> int:
    """Return a moment as a date; without a zone it is in UTC. Raise OverflowError beyond the years 1 to 9999."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    return (moment - _EPOCH) // _MICROSECOND


def _datetime(second: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(second, datetime.UTC)
