"""Times in the filters of lists, and the ranges of time that they mean.

ISO 8601 and RFC 2822 are accepted, with or without a time; without a zone they are UTC (doc). For equality a day,
and a time at midnight UTC, mean that whole day (inferred); other times mean their second.
"""

from __future__ import annotations

import msgspec

from trunkline.api.errors import ApiError, invalid
from trunkline.api.params import Parser
from trunkline.core.clock import SECOND
from trunkline.core.dates import parse_date

DAY = 24 * 3600 * SECOND


class TimeRange(msgspec.Struct, frozen=True):
    """The time from ``start`` until before ``end``, in microseconds since 1970 UTC."""

    start: int
    end: int


def range_of(start: int) -> TimeRange:
    """Return the range of a time in a filter for equality."""
    if start % DAY == 0:
        return TimeRange(start, start + DAY)
    start -= start % SECOND
    return TimeRange(start, start + SECOND)


def time_parser(*, code: int = 0) -> Parser:
    """Return the parser of a time into microseconds since 1970 UTC."""

    def parse(name: str, value: str) -> int:
        found = parse_date(value)
        if found is None:
            raise ApiError(code) if code else invalid(name, "must be a date in ISO 8601 or RFC 2822")
        return found

    return Parser(parse, clears=True)
