"""The price of a message."""

from __future__ import annotations

import msgspec
import pytest

from trunkline.products.messaging.sending.prices import Prices
from trunkline.settings.tables import Price

TABLE = Prices(
    [
        Price(price="0.01"),
        Price(prefix="+1", price="0.0075"),
        Price(prefix="+44", price="0.04", unit="GBP"),
        Price(prefix="+1800", price="0"),
    ]
)


@pytest.mark.parametrize(
    ("recipient", "segments", "price", "unit"),
    [
        ("+15005550100", 1, "-0.00750", "USD"),
        ("+15005550100", 3, "-0.02250", "USD"),
        ("+447400123456", 2, "-0.08000", "GBP"),
        ("+4930123456", 1, "-0.01000", "USD"),
        ("+18005550100", 5, "-0.00000", "USD"),
    ],
)
def test_the_longest_prefix_counts_and_each_segment_costs(
    recipient: str, segments: int, price: str, unit: str
) -> None:
    assert TABLE.of(recipient, segments) == {"price": price, "price_unit": unit}


def test_what_is_not_in_the_table_has_no_price() -> None:
    assert Prices().of("+15005550100", 1) == {}
    assert Prices([Price(prefix="+44", price="1")]).of("+15005550100", 1) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"price": "cheap"},
        {"price": "-1"},
        {"price": "NaN"},
        {"price": "1e9"},
        {"price": 1.5},
        {"price": "1", "unit": "dollar"},
        {"price": "1", "country": "US"},
    ],
)
def test_entries_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Price)
