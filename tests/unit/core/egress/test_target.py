"""From written URLs to requested ones."""

from __future__ import annotations

import pytest

from trunkline.core.egress.target import BadUrl, locate, without_credentials

URLS = [
    ("http://a.example", "http://a.example/", "http://a.example:80"),
    ("https://A.Example:443/p?q=1#rc=2", "https://A.Example/p?q=1", "https://a.example:443"),
    ("http://a.example:8443/x/../y//z", "http://a.example:8443/x/../y//z", "http://a.example:8443"),
    ("http://a.example?x=1", "http://a.example/?x=1", "http://a.example:80"),
    ("http://a.example/?", "http://a.example/?", "http://a.example:80"),
    ("http://a.example/ü?ü=é%20", "http://a.example/%C3%BC?%C3%BC=%C3%A9%20", "http://a.example:80"),
    ("http://bücher.example/", "http://xn--bcher-kva.example/", "http://xn--bcher-kva.example:80"),
    ("http://[::1]:81/", "http://[::1]:81/", "http://[::1]:81"),
    ("http://u:p@a.example/", "http://a.example/", "http://a.example:80"),
    ("http://a.example/p?a=<\"{}|>'", "http://a.example/p?a=%3C%22%7B%7D%7C%3E'", "http://a.example:80"),
    ("http://a.example?t=" + "é" * 1100, "http://a.example/?t=" + "%C3%A9" * 1100, "http://a.example:80"),
    (
        "http://a.example?t=://" + "é" * 1100,
        "http://a.example/?t=://" + "%C3%A9" * 1100,
        "http://a.example:80",
    ),
    ("http://a.example#" + "é" * 1100, "http://a.example/", "http://a.example:80"),
]


@pytest.mark.parametrize(("written", "url", "origin"), URLS)
def test_good_urls(written: str, url: str, origin: str) -> None:
    target = locate(written)
    assert (target.url, target.origin) == (url, origin)


BAD = [
    "", "a.example", "ftp://a.example/", "file:///etc/passwd", "http://", "http:///x", "http://a.example:0/",
    "http://a.example:99999/", "http://a.example:x/", "http://a b/", "http://a.example/\n", "http://a.example/\x00",
    "http://[::1", "http://a%2eb/", "http://a,b/", "http://" + "a" * 20_000, "http://" + "é" * 99 + "/",
    "http://" + "é." * 127 + "/", "http://" + "é" * 1100 + "?x", "http://" + "é" * 1100 + "#x",
    "http://u:" + "é" * 1100 + "@a.example/", "//" + "é" * 1100 + "/://",
]  # fmt: skip


@pytest.mark.parametrize("written", BAD)
def test_bad_urls(written: str) -> None:
    with pytest.raises(BadUrl):
        locate(written)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("https://joe:s3:c%40@example.com:8/a?b=c@d#rc=1", "https://example.com:8/a?b=c@d"),
        ("http://joe@@example.com", "http://example.com"),
        ("http://example.com/joe:p@x?u=//a:b@c", "http://example.com/joe:p@x?u=//a:b@c"),
        ("joe:p@x", "joe:p@x"),
    ],
)
def test_a_url_is_shown_without_credentials(written: str, shown: str) -> None:
    assert without_credentials(written) == shown


def test_credentials_become_basic_and_the_fragment_stands_apart() -> None:
    target = locate("http://us%40er:p%3Aw@a.example/#rc=3&rp=5xx")
    assert target.authorization == "Basic dXNAZXI6cDp3"
    assert target.fragment == "rc=3&rp=5xx"
    assert locate("http://a.example/").authorization == ""
