"""Moments in parameters: in which forms they are taken, and which stretch of time they mean.

ISO 8601 and RFC 2822 are taken, with or without a time; what names no zone is UTC (doc). A day, and a moment at
midnight UTC, mean that whole day where equality is asked for (inferred); other moments mean their second.
"""

from __future__ import annotations

import datetime
import re
from email.utils import parsedate_to_datetime

import msgspec

from trunkline.api.errors import ApiError, invalid
from trunkline.api.params import Parser
from trunkline.core.clock import SECOND

DAY = 24 * 3600 * SECOND

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?",
    re.ASCII,
)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


class Stretch(msgspec.Struct, frozen=True):
    """From ``start`` until before ``end``, in microseconds since 1970 UTC."""

    start: int
    end: int


def read_moment(text: str) -> int | None:
    """A moment in microseconds since 1970 UTC; None for what is none, or lies before 1970."""
    # An unescaped plus sign of a zone arrives as a space.
    text = re.sub(r"(?<=[0-9]) (?=[0-9]{2}:?[0-9]{2}$)", "+", text.strip()) if "T" in text else text.strip()
    try:
        moment = (
            datetime.datetime.fromisoformat(text) if _ISO.fullmatch(text) else parsedate_to_datetime(text)
        )
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        since = (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return since if since >= 0 else None


def stretch_of(start: int) -> Stretch:
    """The time that a moment means where equality is asked for."""
    if start % DAY == 0:
        return Stretch(start, start + DAY)
    start -= start % SECOND
    return Stretch(start, start + SECOND)


def moment(*, code: int = 0) -> Parser:
    """A moment, answered in microseconds since 1970 UTC."""

    def parse(name: str, value: str) -> int:
        found = read_moment(value)
        if found is None:
            raise ApiError(code) if code else invalid(name, "must be a date in ISO 8601 or RFC 2822")
        return found

    return Parser(parse, clears=True)
