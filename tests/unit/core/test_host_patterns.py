"""Patterns of hosts: their forms, and what fits them."""

from __future__ import annotations

import pytest

from trunkline.core.host_patterns import HostPattern, parse_pattern


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("fonts.example.com", HostPattern("fonts.example.com", 443)),
        ("Fonts.Example.com:8443", HostPattern("fonts.example.com", 8443)),
        ("*.example.com", HostPattern("example.com", 443, below=True)),
        ("localhost:9000", HostPattern("localhost", 9000)),
        ("127.0.0.1", HostPattern("127.0.0.1", 443)),
    ],
)
def test_forms(text: str, pattern: HostPattern) -> None:
    assert parse_pattern(text) == pattern


BAD = (
    "",
    "*",
    "*.com",
    "*.*.com",
    "a*.example.com",
    "https://example.com",
    "example.com/",
    "example.com:",
    "a b",
)
BAD += (
    "example.com:0",
    "example.com:65536",
    ".example.com",
    "example..com",
    "-a.example",
    "a." * 127 + "com",
)


@pytest.mark.parametrize("text", BAD)
def test_other_texts_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_pattern(text)


def test_what_fits() -> None:
    exact, below = parse_pattern("example.com"), parse_pattern("*.example.com:8443")
    assert exact.matches("example.com", 443)
    assert not exact.matches("example.com", 80)
    assert not exact.matches("www.example.com", 443)
    assert below.matches("a.b.example.com", 8443)
    assert not below.matches("example.com", 8443)
    assert not below.matches("badexample.com", 8443)
    assert not below.matches("a.example.com", 443)
