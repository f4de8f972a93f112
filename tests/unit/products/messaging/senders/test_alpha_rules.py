"""Alphanumeric senders: how they are written, and where they are welcome."""

from __future__ import annotations

import pytest

from trunkline.products.messaging.senders.alpha_rules import (
    COUNTRIES,
    AlphaCountries,
    AlphaSupport,
    is_alpha,
    is_generic,
)


@pytest.mark.parametrize("text", ["A", "Acme Co", "ABCDEFGHIJK", "7Eleven", "a+b-c_d&e", "1a"])
def test_good(text: str) -> None:
    assert is_alpha(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "123456",
        "1 2+3",
        "ABCDEFGHIJKL",
        "Müller",
        "Acme!",
        "a.b",
        " Acme",
        "Acme ",
        "Acme\n",
        "+1415555",
        "😀",
    ],
)
def test_bad(text: str) -> None:
    assert not is_alpha(text)


@pytest.mark.parametrize(
    ("text", "generic"), [("SMS", True), ("Info", True), ("Acme", False), ("smsx", False)]
)
def test_generic(text: str, generic: bool) -> None:
    assert is_generic(text) is generic


@pytest.mark.parametrize(
    ("country", "welcome"),
    [
        ("US", AlphaSupport.REFUSED),
        ("CA", AlphaSupport.REFUSED),
        ("BR", AlphaSupport.REFUSED),
        ("GB", AlphaSupport.REGISTERED),
        ("FR", AlphaSupport.FREE),
        ("", AlphaSupport.FREE),
    ],
)
def test_countries(country: str, welcome: AlphaSupport) -> None:
    assert COUNTRIES.support(country) is welcome


def test_no_country_is_in_both_lists() -> None:
    assert not COUNTRIES.refusing & COUNTRIES.registering
    assert len(COUNTRIES.refusing) == 25
    assert len(COUNTRIES.registering) == 19


def test_the_lists_are_the_operators() -> None:
    own = AlphaCountries(frozenset({"FR"}), frozenset({"US"}))
    assert [own.support(country) for country in ("FR", "US", "GB")] == [
        AlphaSupport.REFUSED,
        AlphaSupport.REGISTERED,
        AlphaSupport.FREE,
    ]
