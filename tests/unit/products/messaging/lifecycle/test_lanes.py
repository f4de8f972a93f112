"""The rates of each kind of sender when the operator sets none."""

from __future__ import annotations

import pytest

from trunkline.products.messaging.lifecycle.lanes import lane_rate


@pytest.mark.parametrize(
    ("kind", "country", "segments"),
    [
        ("local", "US", 1),
        ("local", "CA", 1),
        ("mobile", "GB", 10),
        ("local", "DE", 10),
        ("toll-free", "US", 3),
        ("short-code", "US", 100),
        ("short-code", "GB", 100),
        ("alpha", "", 10),
    ],
)
def test_each_kind_has_its_segments_a_second(kind: str, country: str, segments: int) -> None:
    assert lane_rate(kind, country, 0) == segments * 1000


def test_the_operators_rate_counts_for_every_kind() -> None:
    assert {lane_rate(kind, "US", 3750) for kind in ("local", "toll-free", "short-code", "alpha")} == {3750}
