"""Times in the filters of lists, and the time that a filter's three forms mean together. Pure.

ISO 8601 and RFC 2822 are accepted, with or without a time; without a zone they are UTC (doc). For equality a day, and
a time at midnight UTC, mean that whole day (inferred), a month or year all of it; other times mean their second. Bounds
are inclusive: a day is its midnight (doc), a month or year is whole (inferred).
"""

from __future__ import annotations

from trunkline.api.errors import invalid
from trunkline.api.params import Given, Parser
from trunkline.core.clock import SECOND
from trunkline.core.dates import DAY, Period, parse_period

FOREVER = 1 << 62


def period_parser() -> Parser:
    """Return the parser of a time in a filter."""

    def parse(name: str, value: str) -> Period:
        found = parse_period(value)
        if found is None:
            raise invalid(name, "must be a date in ISO 8601 or RFC 2822, a month such as 2026-12 or a year")
        return found

    return Parser(parse, clears=True)


def filtered_period(
    equal: Given[Period | None], since: Given[Period | None], until: Given[Period | None]
) -> Period | None:
    """Return the time of a filter's three forms together, from 1970 on; None if none was given."""
    if not any(isinstance(given, Period) for given in (equal, since, until)):
        return None
    start, end = 0, FOREVER
    if isinstance(equal, Period):
        start, end = max(start, equal.start), _end_of_equal(equal)
    if isinstance(since, Period):
        start = max(start, since.start)
    if isinstance(until, Period):
        is_day = until.end - until.start == DAY
        end = min(end, until.start + SECOND if is_day else until.end)
    return Period(start, end)


def _end_of_equal(period: Period) -> int:
    return max(period.end, period.start + DAY) if period.start % DAY == 0 else period.end
