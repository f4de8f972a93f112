"""Cookies that are kept, and cookies that are sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.clock import SECOND
from trunkline.core.egress.cookies import MAX_COOKIES, MAX_SERVERS, cookie_header, update_cookies

PLACE = "http://a:80"
NOW = 1_800_000_000 * SECOND


def kept(*lines: str, before: dict[str, str] | None = None, origin: str = PLACE) -> str:
    cookies = update_cookies(
        {origin: before} if before else {}, origin, tuple(("Set-Cookie", one) for one in lines), NOW
    )
    return cookie_header(cookies, origin)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a=1", "a=1"),
        (" a = 1 ; Path=/; HttpOnly", "a=1"),
        ("a=", "a="),
        ('a="x y"', 'a="x y"'),
        ("a=1=2", "a=1=2"),
        ("a", ""),
        ("=1", ""),
        ("a b=1", ""),
        ("a=1\x01", ""),
        ("a=é", ""),
        ("a=1; Max-Age=0", ""),
        ("a=1; max-age=-5", ""),
        ("a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a=1"),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ""),
        ("a=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT", "a=1"),
        ("a=1; Expires=sometime", "a=1"),
        ("a=1; Secure", ""),
        ("a=" + "x" * 4096, ""),
    ],
)
def test_one_line(line: str, expected: str) -> None:
    assert kept(line) == expected


def test_secure_cookies_of_secure_servers() -> None:
    assert kept("a=1; Secure", origin="https://a:443") == "a=1"


def test_what_was_kept_is_replaced_and_removed() -> None:
    before = {"a": "1", "b": "2"}
    assert kept("a=3", before=before) == "b=2; a=3"
    assert kept("a=x; Max-Age=0", before=before) == "b=2"
    assert kept("a=; Max-Age=0", "b=; Max-Age=0", before=before) == ""
    assert update_cookies({PLACE: before}, PLACE, (("Date", "x"),), NOW) == {PLACE: before}


def test_no_server_gets_what_another_one_set() -> None:
    cookies = update_cookies({}, PLACE, (("set-cookie", "a=1"),), NOW)
    assert cookie_header(cookies, "http://b:80") == ""
    cookies = update_cookies(cookies, "http://b:80", (("set-cookie", "c=1"),), NOW)
    assert (cookie_header(cookies, PLACE), cookie_header(cookies, "http://b:80")) == ("a=1", "c=1")


def test_there_are_bounds() -> None:
    many = [f"c{number}=1" for number in range(MAX_COOKIES + 5)]
    assert kept(*many).count("=") == MAX_COOKIES
    cookies: dict[str, dict[str, str]] = {}
    for number in range(MAX_SERVERS + 2):
        cookies = update_cookies(cookies, f"http://{number}:80", (("Set-Cookie", "a=1"),), NOW)
    assert list(cookies) == [f"http://{number}:80" for number in range(2, MAX_SERVERS + 2)]


@given(st.text())
def test_any_line_makes_a_header_that_can_be_sent(line: str) -> None:
    sent = kept(line)
    assert sent.isascii()
    assert not set(sent) & set("\r\n\0")
