"""Links in a text: which are found, where they end, and what replacing leaves alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.products.messaging.text.urls import find_urls, replace_urls

SAMPLES = [
    ("", []),
    ("no link", []),
    ("http://", []),
    ("https:// example.com", []),
    ("http://?", []),
    ("ftp://example.com www.example.com", []),
    ("xhttp://example.com", []),
    ("http://example.com", ["http://example.com"]),
    ("HTTPS://Example.com/A", ["HTTPS://Example.com/A"]),
    ("See http://example.com/a.", ["http://example.com/a"]),
    ("See http://example.com/a?!", ["http://example.com/a"]),
    ("(http://example.com/a)", ["http://example.com/a"]),
    ("(see http://example.com/a_(b)).", ["http://example.com/a_(b)"]),
    ("[x](https://example.com/a),", ["https://example.com/a"]),
    ("“https://example.com/ä”", ["https://example.com/ä"]),
    ("<https://example.com/>", ["https://example.com/"]),
    (
        "a https://e.com/?q=1&r=2#x, https://f.com:8080/\nand",
        ["https://e.com/?q=1&r=2#x", "https://f.com:8080/"],
    ),
    ("https://e.com/a,b;c", ["https://e.com/a,b;c"]),
    ("http://a.b...", ["http://a.b"]),
    ("link:http://a.b", ["http://a.b"]),
]


@pytest.mark.parametrize(("text", "urls"), SAMPLES)
def test_found(text: str, urls: list[str]) -> None:
    assert [found.url for found in find_urls(text)] == urls


def test_replaced() -> None:
    text = "See https://example.com/long (or http://e.com/b)!"
    assert replace_urls(text, lambda url: f"<{len(url)}>") == "See <24> (or <14>)!"


def test_replaced_in_the_order_of_the_text() -> None:
    seen: list[str] = []

    def shorten(url: str) -> str:
        seen.append(url)
        return f"{len(seen)}"

    assert replace_urls("http://b.b http://a.a http://b.b", shorten) == "1 2 3"
    assert seen == ["http://b.b", "http://a.a", "http://b.b"]


TEXTS = st.lists(st.sampled_from(["http://", "https://", "a", ".", ")", "(", " ", "/", "é", "\n", "?"])).map(
    "".join
)


@given(TEXTS | st.text())
def test_urls_stand_where_they_say(text: str) -> None:
    urls = find_urls(text)
    assert all(text[found.start : found.end] == found.url for found in urls)
    assert all(one.end <= other.start for one, other in pairwise(urls))
    assert replace_urls(text, lambda url: url) == text


@given(TEXTS | st.text())
def test_a_url_ends_with_no_punctuation(text: str) -> None:
    assert not any(found.url[-1] in ".,;:!?*" for found in find_urls(text))
