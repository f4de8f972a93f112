"""The forms of dates: those that are written, and those that are read."""

from __future__ import annotations

import datetime

import pytest

from trunkline.core.clock import SECOND
from trunkline.core.dates import (
    DAY,
    Period,
    iso,
    iso_milliseconds,
    parse_date,
    parse_period,
    rfc2822,
    since_epoch,
)

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
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999+00:00"),
        ("0001-01-01", "0001-01-01T00:00:00+00:00"),
        ("Mon, 01 Jan 1900 00:00:00 GMT", "1900-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59+00:00"),
        ("", None),
        ("2026", None),
        ("2026-03", None),
        ("0000-12-31", None),
        ("10000-01-01", None),
        ("20260311", None),
    ],
)
def test_a_date_is_read_in_both_forms(text: str, expected: str | None) -> None:
    found = parse_date(text)
    if expected is None:
        assert found is None
    else:
        assert found == since_epoch(datetime.datetime.fromisoformat(expected))


@pytest.mark.parametrize(
    ("text", "start", "length"),
    [
        ("2026", "2026-01-01", 365 * DAY),
        ("2028", "2028-01-01", 366 * DAY),
        ("0001", "0001-01-01", 365 * DAY),
        ("9999", "9999-01-01", 365 * DAY),
        ("2026-12", "2026-12-01", 31 * DAY),
        ("2028-02", "2028-02-01", 29 * DAY),
        (" 2026-02 ", "2026-02-01", 28 * DAY),
        ("9999-12", "9999-12-01", 31 * DAY),
        ("2026-03-11", "2026-03-11", DAY),
        ("9999-12-31", "9999-12-31", DAY),
        ("0001-01-01", "0001-01-01", DAY),
        ("2026-03-11T01:02:03.9Z", "2026-03-11T01:02:03", SECOND),
        ("2026-03-11T00:00:00Z", "2026-03-11", SECOND),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59", SECOND),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59", SECOND),
        ("Wed, 11 Mar 2026 01:02:03 GMT", "2026-03-11T01:02:03", SECOND),
    ],
)
def test_a_text_names_a_period(text: str, start: str, length: int) -> None:
    found = parse_period(text)
    first = since_epoch(datetime.datetime.fromisoformat(start))
    assert found == Period(first, first + length)


@pytest.mark.parametrize(
    "text", ["", "0000", "2026-00", "2026-13", "2026-1", "202", "12026", "-2026", "2026-", "x"]
)
def test_other_texts_name_none(text: str) -> None:
    assert parse_period(text) is None
