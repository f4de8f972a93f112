"""The forms of dates: those that are written, and those that are read."""

from __future__ import annotations

import datetime

import pytest

from trunkline.core.clock import SECOND
from trunkline.core.dates import iso, iso_milliseconds, parse_date, rfc2822

MOMENT = 1_438_286_400_000_000


@pytest.mark.parametrize(
    ("microseconds", "written"),
    [
        (MOMENT, "2015-07-30T20:00:00Z"),
        (MOMENT + 999_999, "2015-07-30T20:00:00Z"),
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000_999_999, "2023-11-14T22:13:20Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00Z"),
    ],
)
def test_a_product_date_has_whole_seconds_in_utc(microseconds: int, written: str) -> None:
    assert iso(microseconds) == written


@pytest.mark.parametrize(
    ("microseconds", "written"),
    [(MOMENT + 1, "Thu, 30 Jul 2015 20:00:00 +0000"), (0, "Thu, 01 Jan 1970 00:00:00 +0000")],
)
def test_a_2010_date_is_rfc_2822(microseconds: int, written: str) -> None:
    assert rfc2822(microseconds) == written


@pytest.mark.parametrize(
    ("microseconds", "written"),
    [
        (1_795_223_935_867_999, "2026-11-21T01:18:55.867Z"),
        (1_795_223_935_007_000, "2026-11-21T01:18:55.007Z"),
        (0, "1970-01-01T00:00:00.000Z"),
    ],
)
def test_a_realtime_date_has_milliseconds(microseconds: int, written: str) -> None:
    assert iso_milliseconds(microseconds) == written


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
def test_a_date_is_read_in_both_forms(text: str, expected: str | None) -> None:
    found = parse_date(text)
    if expected is None:
        assert found is None
    else:
        assert found == datetime.datetime.fromisoformat(expected).timestamp() * SECOND
