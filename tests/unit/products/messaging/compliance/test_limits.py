"""Limits of a campaign and its brand."""

from __future__ import annotations

import pytest

from trunkline.products.messaging.compliance.limits import (
    daily_cap,
    limits_view,
    rate_limits,
)

TABLE = [
    ("STANDARD", 100, "2FA", 75, "A", "TOP", 13_500, 200_000),
    ("STANDARD", 75, "MIXED", 75, "B", "TOP", 13_500, 200_000),
    ("STANDARD", 74, "CHARITY", 40, "C", "UPPER_MID", 7_200, 40_000),
    ("STANDARD", 50, "MARKETING", 40, "D", "UPPER_MID", 7_200, 40_000),
    ("STANDARD", 49, "2FA", 4, "E", "LOWER_MID", 720, 10_000),
    ("STANDARD", 25, "MIXED", 4, "F", "LOWER_MID", 720, 10_000),
    ("STANDARD", 24, "2FA", 4, "E", "LOW", 720, 2_000),
    ("STANDARD", 0, "MIXED", 4, "F", "LOW", 720, 2_000),
    ("STANDARD", None, "2FA", 4, "E", "LOW", 720, 2_000),
    ("STANDARD", 100, "LOW_VOLUME", 1.25, "T", "TOP", 225, 200_000),
    ("SOLE_PROPRIETOR", None, "SOLE_PROPRIETOR", 0.25, "W", "LOW", 45, 1_000),
    ("SOLE_PROPRIETOR", 100, "SOLE_PROPRIETOR", 0.25, "W", "LOW", 45, 1_000),
]


@pytest.mark.parametrize(
    ("brand_type", "score", "usecase", "mps", "msg_class", "tier", "per_minute", "per_day"), TABLE
)
def test_the_table(
    brand_type: str,
    score: int | None,
    usecase: str,
    mps: float,
    msg_class: str,
    tier: str,
    per_minute: int,
    per_day: int,
) -> None:
    found = rate_limits(brand_type, score, usecase)
    assert (found.att.mps, found.att.msg_class, found.tmobile.brand_tier) == (mps, msg_class, tier)
    assert (found.per_minute, daily_cap(brand_type, score)) == (per_minute, per_day)


def test_they_are_shown() -> None:
    assert limits_view(rate_limits("STANDARD", 60, "2FA")) == {
        "att": {"mps": 40, "msg_class": "C"},
        "tmobile": {"brand_tier": "UPPER_MID"},
    }
    assert limits_view(None) is None
