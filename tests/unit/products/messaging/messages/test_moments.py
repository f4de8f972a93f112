"""Moments in parameters: the forms that are taken, and the time that they mean."""

from __future__ import annotations

import datetime

import pytest

from trunkline.core.clock import SECOND
from trunkline.products.messaging.messages.moments import DAY, Stretch, read_moment, stretch_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-11", "2026-03-11T00:00:00+00:00"),
        ("2026-03-11T01:02:03Z", "2026-03-11T01:02:03+00:00"),
        ("2026-03-11T01:02:03.456Z", "2026-03-11T01:02:03.456+00:00"),
        ("2026-03-11T01:02:03", "2026-03-11T01:02:03+00:00"),
        ("2026-03-11 01:02", "2026-03-11T01:02:00+00:00"),
        ("2026-03-11T01:02:03+0130", "2026-03-10T23:32:03+00:00"),
        ("Wed, 11 Mar 2026 01:02:03 GMT", "2026-03-11T01:02:03+00:00"),
        ("11 Mar 2026 01:02:03 -0000", "2026-03-11T01:02:03+00:00"),
        ("", None),
        ("2026", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("1969-12-31", None),
        ("20260311", None),
    ],
)
def test_moments(text: str, expected: str | None) -> None:
    found = read_moment(text)
    if expected is None:
        assert found is None
    else:
        assert found == datetime.datetime.fromisoformat(expected).timestamp() * SECOND


def test_a_midnight_means_its_day_and_another_moment_its_second() -> None:
    assert stretch_of(3 * DAY) == Stretch(3 * DAY, 4 * DAY)
    assert stretch_of(3 * DAY + 1) == Stretch(3 * DAY, 3 * DAY + SECOND)
    assert stretch_of(3 * DAY + 5 * SECOND) == Stretch(3 * DAY + 5 * SECOND, 3 * DAY + 6 * SECOND)
