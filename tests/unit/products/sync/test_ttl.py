"""Times to live."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.core.clock import SECOND
from trunkline.products.sync.ttl import chosen, expiry, seconds


def test_expiry_dates() -> None:
    assert expiry(100, None) is None
    assert expiry(100, None, 7) == 7
    assert expiry(100, 0, 7) is None
    assert expiry(100, 2, 7) == 100 + 2 * SECOND


def test_the_specific_name_counts_first() -> None:
    assert chosen(1, 2) == 1
    assert chosen(0, 2) == 0
    assert chosen(UNSET, 2) == chosen(None, 2) == 2
    assert chosen(UNSET, None) is None


@pytest.mark.parametrize("text", ["-1", "31536001", "x", "1.0", "9" * 30])
def test_what_is_no_time_to_live(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        seconds().parse("Ttl", text)
    assert refused.value.code == 54011


def test_the_whole_range() -> None:
    assert [seconds().parse("Ttl", text) for text in ("0", "31536000")] == [0, 31_536_000]
