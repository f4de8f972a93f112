"""Area codes that serve the same area."""

from __future__ import annotations

import re
from itertools import product

import pytest

from trunkline.products.messaging.numbers.area_codes import OVERLAYS, Nearness, same_area

CODES = sorted(set(re.findall(r"\d{3}", OVERLAYS)))


@pytest.mark.parametrize(
    ("one", "other", "nearness"),
    [
        ("415", "415", Nearness.SAME),
        ("415", "628", Nearness.OVERLAY),
        ("628", "415", Nearness.OVERLAY),
        ("415", "212", Nearness.OTHER),
        ("907", "907", Nearness.SAME),
        ("907", "415", Nearness.OTHER),
        ("212", "917", Nearness.OVERLAY),
        ("718", "917", Nearness.OVERLAY),
        # 917 lies over both, which are apart.
        ("212", "718", Nearness.OTHER),
        ("416", "647", Nearness.OVERLAY),
        (None, "415", Nearness.OTHER),
        ("415", None, Nearness.OTHER),
        (None, None, Nearness.OTHER),
    ],
)
def test_nearness(one: str | None, other: str | None, nearness: Nearness) -> None:
    assert same_area(one, other) is nearness


def test_nearness_goes_both_ways() -> None:
    assert all(same_area(one, other) is same_area(other, one) for one, other in product(CODES, CODES))


def test_every_code_of_the_data_has_a_partner() -> None:
    assert all(re.fullmatch(r"\d{3}(/\d{3})+", area) for area in OVERLAYS.split())
    assert all(any(same_area(one, other) is Nearness.OVERLAY for other in CODES) for one in CODES)


def test_nearness_orders() -> None:
    assert sorted([Nearness.OTHER, Nearness.SAME, Nearness.OVERLAY]) == [
        Nearness.SAME,
        Nearness.OVERLAY,
        Nearness.OTHER,
    ]
