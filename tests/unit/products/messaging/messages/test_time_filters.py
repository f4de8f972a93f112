"""The range of time that the three forms of a filter mean together."""

from __future__ import annotations

import pytest
from msgspec import UNSET, UnsetType

from trunkline.core.clock import SECOND
from trunkline.core.dates import DAY, Period, parse_period
from trunkline.products.messaging.messages.time_filters import FOREVER, filtered_period


def period(text: str | None) -> Period | UnsetType | None:
    """Return the period that a parameter names; an empty one is None, and a missing one UNSET."""
    return UNSET if text is None else parse_period(text)


START = 20_000
"""A day, the number of which makes 2024-10-04."""


@pytest.mark.parametrize(
    ("equal", "since", "until", "start", "end"),
    [
        ("2024-10-04", None, None, START * DAY, (START + 1) * DAY),
        ("2024-10-04T00:00:00Z", None, None, START * DAY, (START + 1) * DAY),
        ("2024-10-04T00:00:01Z", None, None, START * DAY + SECOND, START * DAY + 2 * SECOND),
        ("2024-10", None, None, (START - 3) * DAY, (START + 28) * DAY),
        ("2024", None, None, (START - 277) * DAY, (START + 89) * DAY),
        # A day is its midnight in a bound (doc), a month and a year are whole.
        (None, "2024-10-04", None, START * DAY, FOREVER),
        (None, "2024-10", None, (START - 3) * DAY, FOREVER),
        (None, "2024", None, (START - 277) * DAY, FOREVER),
        (None, None, "2024-10-04", 0, START * DAY + SECOND),
        (None, None, "2024-10-04T00:00:00.5Z", 0, START * DAY + SECOND),
        (None, None, "2024-10", 0, (START + 28) * DAY),
        (None, None, "2024", 0, (START + 89) * DAY),
        (None, "2024-10", "2024-10", (START - 3) * DAY, (START + 28) * DAY),
        ("2024", "2024-10-04", "2024-10", START * DAY, (START + 28) * DAY),
        (None, "0001", None, 0, FOREVER),
        ("", "2024-10", "", (START - 3) * DAY, FOREVER),
    ],
)
def test_forms_together(
    equal: str | None, since: str | None, until: str | None, start: int, end: int
) -> None:
    assert filtered_period(period(equal), period(since), period(until)) == Period(start, end)


def test_a_time_before_1970_is_empty() -> None:
    for text in ("0001", "0001-01-01", "1969-12", "1969-12-31T23:59:59Z"):
        for forms in ((text, None, None), (None, None, text)):
            found = filtered_period(*map(period, forms))
            assert found is not None
            assert found.end <= found.start == 0, text


def test_no_form_is_no_filter() -> None:
    assert filtered_period(UNSET, UNSET, UNSET) is None
    assert filtered_period(None, None, None) is None
