"""Moments in parameters: in which forms they are taken, and which stretch of time they mean.

ISO 8601 and RFC 2822 are taken, with or without a time; what names no zone is UTC (doc). A day, and a moment at
midnight UTC, mean that whole day where equality is asked for (inferred); other moments mean their second.
"""

from __future__ import annotations

import msgspec

from trunkline.api.errors import ApiError, invalid
from trunkline.api.params import Parser
from trunkline.core.clock import SECOND
from trunkline.core.dates import parse_date

DAY = 24 * 3600 * SECOND


class Stretch(msgspec.Struct, frozen=True):
    """From ``start`` until before ``end``, in microseconds since 1970 UTC."""

    start: int
    end: int


def stretch_of(start: int) -> Stretch:
    """The time that a moment means where equality is asked for."""
    if start % DAY == 0:
        return Stretch(start, start + DAY)
    start -= start % SECOND
    return Stretch(start, start + SECOND)


def moment(*, code: int = 0) -> Parser:
    """A moment, answered in microseconds since 1970 UTC."""

    def parse(name: str, value: str) -> int:
        found = parse_date(value)
        if found is None:
            raise ApiError(code) if code else invalid(name, "must be a date in ISO 8601 or RFC 2822")
        return found

    return Parser(parse, clears=True)
