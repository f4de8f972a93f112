"""Dates of receipts, as networks write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.done_dates import done_date


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2611210701", "2611210701"),
        ("261121070105", "2611210701"),
        ("202611210701", "2611210701"),
        ("20261121070105", "2611210701"),
        ("199911210701", "9911210701"),
        ("201311220701", "1311220701"),
        ("201130070105", "2011300701"),
        ("261121070105000+", "2611210701"),
        ("2026-11-21 07:01:05", "2611210701"),
        ("2026-11-21T07:01:05.123Z", "2611210701"),
        ("2026-11-21T07:01:05-05:00", "2611210701"),
        ("2026/11/21 07:01", "2611210701"),
        ("26-11-21 07:01", "2611210701"),
        (" 2611210701 ", "2611210701"),
        ("2613210701", ""),
        ("1795244461", ""),
        ("26112107", ""),
        ("soon", ""),
        ("", ""),
        ("２６１１２１０７０１", ""),
    ],
)
def test_dates(text: str, date: str) -> None:
    assert done_date(text) == date


@given(st.text("0123456789-/:T .", max_size=30))
def test_a_date_has_ten_digits_or_none(text: str) -> None:
    assert len(done_date(text)) in (0, 10)
