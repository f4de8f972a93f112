"""The rate of a campaign and the daily cap of its brand, by the brand's score and the use case. Pure.

The figures are the carriers' (doc): AT&T rates a campaign, T-Mobile a brand's day. The recipient's network is
unknown here, so that a campaign's rate is that of the three large networks together, and a brand's day counts
messages to all of them (inferred).
"""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.products.messaging.campaign_usecases import SOLE_PROPRIETOR

NETWORKS = 3
SECONDS = 60
"""Rates are measured over a minute, as AT&T does (doc): a burst may be faster."""

LOW_VOLUME = "LOW_VOLUME"
_MIXED = ("MARKETING", "MIXED")


class AttLimits(msgspec.Struct, frozen=True):
    """AT&T's limits: message segments a second, and the letter of the class."""

    mps: float
    msg_class: str


class TMobileLimits(msgspec.Struct, frozen=True):
    """T-Mobile's tier of the brand."""

    brand_tier: str


class RateLimits(msgspec.Struct, frozen=True):
    """A campaign's ``rate_limits`` (spec)."""

    att: AttLimits
    tmobile: TMobileLimits

    @property
    def per_minute(self) -> int:
        """The number of messages that the campaign may send in a minute."""
        return int(self.att.mps * NETWORKS * SECONDS)


_DAILY = {"TOP": 200_000, "UPPER_MID": 40_000, "LOWER_MID": 10_000, "LOW": 2_000}
SOLE_PROPRIETOR_DAILY = 1_000


def rate_limits(brand_type: str, score: int | None, usecase: str) -> RateLimits:
    """Return the limits of a campaign; ``score`` from 0 to 100 is the brand's vetting score, None if it has none."""
    tier = TMobileLimits(_tier(brand_type, score))
    if brand_type == SOLE_PROPRIETOR:
        return RateLimits(AttLimits(0.25, "W"), tier)
    if usecase == LOW_VOLUME:
        return RateLimits(AttLimits(1.25, "T"), tier)
    mixed = usecase in _MIXED
    points = score or 0
    if points >= 75:
        return RateLimits(AttLimits(75, "B" if mixed else "A"), tier)
    if points >= 50:
        return RateLimits(AttLimits(40, "D" if mixed else "C"), tier)
    return RateLimits(AttLimits(4, "F" if mixed else "E"), tier)


def daily_cap(brand_type: str, score: int | None) -> int:
    """Return the number of messages that a brand may send in a day."""
    return SOLE_PROPRIETOR_DAILY if brand_type == SOLE_PROPRIETOR else _DAILY[_tier(brand_type, score)]


def _tier(brand_type: str, score: int | None) -> str:
    points = 0 if brand_type == SOLE_PROPRIETOR else score or 0
    if points >= 75:
        return "TOP"
    if points >= 50:
        return "UPPER_MID"
    return "LOWER_MID" if points >= 25 else "LOW"


def limits_view(limits: RateLimits | None) -> dict[str, Any] | None:
    """Return the limits for a response."""
    return None if limits is None else msgspec.to_builtins(limits)
