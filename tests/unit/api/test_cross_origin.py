"""The marks of a browser on requests that a page of another origin sent."""

from __future__ import annotations

import pytest

from trunkline.api import headers
from trunkline.api.cross_origin import is_cross_origin, own_origins, uses_browser

OWN = own_origins("http", ["127.0.0.1:8080"])
ALLOWED = frozenset({"https://app.example"})

PASSES = [
    [],
    ["none"],
    ["same-origin"],
    [" Same-Origin "],
    [None, "http://127.0.0.1:8080"],
    ["same-origin", "http://127.0.0.1:8080"],
    ["same-origin", "HTTP://127.0.0.1:8080"],
    # A proxy in front that ends TLS, or forwards under another name, and tells nothing of it.
    ["same-origin", "https://127.0.0.1:8080"],
    ["same-origin", "https://trunkline.example"],
    # A page that sends no referrer.
    ["same-origin", "null"],
    ["none", "http://127.0.0.1:8080"],
    ["cross-site", "https://app.example"],
    ["cross-site", "https://app.example:443"],
    [None, "https://app.example"],
]
REFUSED = [
    ["cross-site"],
    ["same-site"],
    ["CROSS-SITE"],
    [""],
    ["same-origin, cross-site"],
    ["odd"],
    [None, "null"],
    [None, ""],
    [None, "http://127.0.0.1"],
    [None, "http://127.0.0.1:8081"],
    [None, "https://127.0.0.1:8080"],
    [None, "http://localhost:8080"],
    [None, "http://127.0.0.1:8080/"],
    [None, "http://127.0.0.1:8080 http://evil.example"],
    [None, "http://127.0.0.1:8080.evil.example"],
    [None, "http://127.0.0.1:8080@evil.example"],
    [None, "http://evil.example"],
    [None, "http://app.example"],
    [None, "https://app.example.evil.example"],
    [None, "https://app.example:444"],
    [None, "file://"],
    [None, "chrome-extension://abcdefgh"],
    [None, "\xff"],
    ["none", "http://evil.example"],
    ["none", "https://127.0.0.1:8080"],
    ["none", "null"],
    ["", "http://127.0.0.1:8080"],
    ["same-origin, same-origin", "http://127.0.0.1:8080"],
    ["cross-site", "http://127.0.0.1:8080"],
    ["same-site", "http://127.0.0.1:8080"],
]


def marks(site: str | None = None, origin: str | None = None) -> list[tuple[bytes, bytes]]:
    given = ((b"sec-fetch-site", site), (b"origin", origin))
    return [(name, value.encode("latin-1")) for name, value in given if value is not None]


@pytest.mark.parametrize("given", PASSES)
def test_the_own_origin_and_allowed_ones_pass(given: list[str | None]) -> None:
    assert not is_cross_origin(marks(*given), OWN, ALLOWED)


@pytest.mark.parametrize("given", REFUSED)
def test_any_other_mark_is_another_origins(given: list[str | None]) -> None:
    assert is_cross_origin(marks(*given), OWN, ALLOWED)


@pytest.mark.parametrize(
    "repeated",
    [
        marks("same-origin") + marks("cross-site"),
        marks("same-origin") * 2,
        marks("same-origin", "http://127.0.0.1:8080") + marks("cross-site"),
        marks("none") * 2,
        marks(None, "http://127.0.0.1:8080") * 2,
        marks(None, "https://app.example") + marks(None, "http://evil.example"),
        marks("none", "https://app.example") + marks("none"),
    ],
)
def test_repeated_marks_are_another_origins(repeated: list[tuple[bytes, bytes]]) -> None:
    assert is_cross_origin(repeated, OWN, ALLOWED)


@pytest.mark.parametrize(
    ("scheme", "authority", "origin"),
    [
        ("https", "Trunkline.Example", "https://trunkline.example"),
        ("https", "trunkline.example:443", "https://trunkline.example"),
        ("http", "trunkline.example:80", "http://trunkline.example"),
        ("https", "trunkline.example:80", "https://trunkline.example:80"),
        ("http", "[::1]:8080", "http://[::1]:8080"),
        ("http", "[0:0::1]", "http://[::1]"),
    ],
)
def test_the_own_origin_is_compared_as_browsers_write_it(scheme: str, authority: str, origin: str) -> None:
    assert own_origins(scheme, [authority]) == {origin}


@pytest.mark.parametrize(
    "authority", ["", "a b", "x:99999", "x:0", "[::g]", "[1.2.3.4]", "ä", "a/b", "u@h", "*"]
)
def test_an_odd_host_is_no_origin(authority: str) -> None:
    assert own_origins("http", [authority]) == frozenset()


BASIC = [(b"authorization", b"Basic eDp5")]


@pytest.mark.parametrize(
    ("method", "given", "control", "expected"),
    [
        ("POST", BASIC, False, True),
        ("DELETE", BASIC, True, True),
        ("PUT", [(b"authorization", b" bASIC\teDp5")], False, True),
        ("TRACE", BASIC, False, True),
        ("POST", [(b"authorization", b"Bearer x"), *BASIC], False, True),
        ("POST", [*BASIC, (b"authorization", b"Bearer x")], True, True),
        *((method, BASIC, True, False) for method in ("GET", "HEAD", "OPTIONS")),
        ("POST", [], False, False),
        ("POST", [(b"cookie", b"a=b")], True, True),
        ("POST", [], True, True),
        ("POST", [(b"authorization", b"Bearer x")], True, False),
        ("POST", [(b"authorization", b"odd"), (b"cookie", b"a=b")], True, True),
        ("POST", [(b"authorization", b"odd")], False, False),
        ("POST", [(b"authorization", b"Bearer x")], False, False),
    ],
)
def test_what_a_browser_adds_by_itself_counts(
    method: str, given: list[tuple[bytes, bytes]], control: bool, expected: bool
) -> None:
    assert uses_browser(method, given, control=control) is expected


def test_an_allowed_origin_is_named_and_no_other() -> None:
    name = b"access-control-allow-origin"
    assert headers.readable_by(frozenset(), "https://app.example") == [(name, b"*")]
    assert headers.readable_by(ALLOWED, "https://app.example") == [
        (name, b"https://app.example"),
        (b"vary", b"Origin"),
    ]
    for other in ("https://evil.example", "", None):
        assert headers.readable_by(ALLOWED, other) == [(name, b"*"), (b"vary", b"Origin")]
