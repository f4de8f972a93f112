"""The head parser: every rule as a row, and every way of cutting a head in two."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from trunkline.core.host_patterns import parse_pattern
from trunkline.switch.error_response import ErrorResponse, Redirect, render
from trunkline.switch.request_parser import (
    MAX_HEAD,
    ConnectRequest,
    Head,
    HeadOutcome,
    PassthroughRequest,
    parse_head,
    served_host,
)

PYTHON = b"CONNECT sync.twilio.com:443 HTTP/1.0\r\n\r\n"
NODE = b"CONNECT api.twilio.com:443 HTTP/1.1\r\nHost: api.twilio.com:443\r\nConnection: close\r\n\r\n"


def outcome(data: bytes) -> HeadOutcome:
    head = parse_head(data)
    assert head is not None
    return head.outcome


def connect(target: str) -> HeadOutcome:
    return outcome(f"CONNECT {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode("latin-1"))


@pytest.mark.parametrize(
    ("head", "host"),
    [
        (PYTHON, "sync.twilio.com"),
        (NODE, "api.twilio.com"),
        (b"CONNECT sync.twilio.com:443 HTTP/1.1\nhost:h\n\n", "sync.twilio.com"),
        (
            b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost:\tother \r\nX-Empty:\r\nX: \xe9\t\r\n\r\n",
            "sync.twilio.com",
        ),
    ],
)
def test_a_head_is_read_whole_and_never_before_its_last_byte(head: bytes, host: str) -> None:
    for cut in range(len(head)):
        assert parse_head(head[:cut]) is None
    assert parse_head(head) == Head(ConnectRequest(host), len(head))
    assert parse_head(head + b"\x16\x03\x01 hello\r\n\r\n") == Head(ConnectRequest(host), len(head))


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("SYNC.Twilio.COM:443", "sync.twilio.com"),
        ("sync.twilio.com.:443", "sync.twilio.com"),
        ("sync.dublin.ie1.twilio.com:443", "sync.dublin.ie1.twilio.com"),
        ("ip-messaging.twilio.com:0443", "ip-messaging.twilio.com"),
        ("a" * 63 + ".twilio.com:443", "a" * 63 + ".twilio.com"),
        ("Media.TwilioCDN.com.:443", "media.twiliocdn.com"),
    ],
)
def test_served_targets(target: str, host: str) -> None:
    assert connect(target) == ConnectRequest(host)


@pytest.mark.parametrize(
    "target",
    [
        "twilio.com:443",
        ".twilio.com:443",
        "sync..twilio.com:443",
        "sync.twilio.com..:443",
        "eviltwilio.com:443",
        "sync.twilio.com.evil.example:443",
        "sync.twilioxcom:443",
        "*.twilio.com:443",
        "-a.twilio.com:443",
        "a_b.twilio.com:443",
        "user@sync.twilio.com:443",
        "a" * 64 + ".twilio.com:443",
        "a." * 122 + "twilio.com:443",
        "sync.twilio.com:80",
        "sync.twilio.com:8443",
        "127.0.0.1:443",
        "[::1]:443",
        "localhost:443",
        "twiliocdn.com:443",
        "static.twiliocdn.com:443",
        "a.media.twiliocdn.com:443",
        "media.twiliocdn.com:80",
    ],
)
def test_other_targets_are_refused(target: str) -> None:
    response = connect(target)
    assert isinstance(response, ErrorResponse)
    assert (response.status, response.code) == (HTTPStatus.FORBIDDEN, 20403)
    assert "only to *.twilio.com:443" in response.message


PATTERNS = (parse_pattern("fonts.example"), parse_pattern("*.example.com"), parse_pattern("localhost:9000"))


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("fonts.example:443", "fonts.example", 443),
        ("FONTS.Example.:443", "fonts.example", 443),
        ("a.b.example.com:443", "a.b.example.com", 443),
        ("a_b.example.com:443", "a_b.example.com", 443),
        ("localhost:9000", "localhost", 9000),
    ],
)
def test_listed_hosts_are_let_through(target: str, host: str, port: int) -> None:
    found = parse_head(f"CONNECT {target} HTTP/1.0\r\n\r\n".encode(), PATTERNS)
    assert found is not None
    assert found.outcome == PassthroughRequest(host, port)


@pytest.mark.parametrize(
    "target",
    [
        "fonts.example:80",
        "www.fonts.example:443",
        "example.com:443",
        "badexample.com:443",
        "a.example.com:8443",
        "user@a.example.com:443",
        "a/b.example.com:443",
        "..example.com:443",
        "a.example.com.evil.example:443",
        "localhost:443",
        "sync.twilio.com:80",
    ],
)
def test_hosts_that_are_not_listed_are_refused_as_ever(target: str) -> None:
    head = f"CONNECT {target} HTTP/1.0\r\n\r\n".encode()
    assert parse_head(head, PATTERNS) == parse_head(head)
    found = parse_head(head, PATTERNS)
    assert found is not None
    assert isinstance(found.outcome, ErrorResponse)


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("http://media.twiliocdn.com/sdk/js/a.js?b=1", "https://media.twiliocdn.com/sdk/js/a.js?b=1"),
        ("HTTP://SDK.Twilio.com:80/js/a.js", "https://sdk.twilio.com/js/a.js"),
        ("http://sdk.twilio.com", "https://sdk.twilio.com/"),
    ],
)
def test_scripts_over_plain_http_are_redirected(target: str, location: str) -> None:
    for method in ("GET", "HEAD"):
        assert outcome(f"{method} {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode()) == Redirect(location)
    assert render(Redirect(location)).startswith(
        f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\n".encode()
    )


@pytest.mark.parametrize(
    "head",
    [
        b"POST http://sdk.twilio.com/js/a.js HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET http://sdk.twilio.com.evil.example/ HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET http://sync.twilio.com/v1/Services HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST http://h/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST http://example.com/ HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\n\r\n",
        b"connect sync.twilio.com:443 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"OPTIONS * HTTP/1.0\r\n\r\n",
    ],
)
def test_other_methods_are_refused(head: bytes) -> None:
    response = outcome(head)
    assert isinstance(response, ErrorResponse)
    assert (response.status, response.code) == (HTTPStatus.METHOD_NOT_ALLOWED, 20004)


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"CONNECT\r\n\r\n",
        b"CONNECT sync.twilio.com:443\r\n\r\n",
        b"CONNECT  sync.twilio.com:443 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.1 \r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/2\r\n\r\n",
        b"CONNECT sync.twilio.com:443 http/1.1\r\n\r\n",
        b"CONNECT sync.twilio.com HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT :443 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT sync.twilio.com: HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT sync.twilio.com:+443 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT sync.twilio.com:\xb2 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT sync.twilio.com:4433333 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT sync.twilio.com\x00:443 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost : x\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.1\r\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.1\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost:\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n",
        b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://sync.twilio.com/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ],
)
def test_malformed_heads_are_refused(head: bytes) -> None:
    response = outcome(head)
    assert isinstance(response, ErrorResponse)
    assert (response.status, response.code) == (HTTPStatus.BAD_REQUEST, 20001)


@pytest.mark.parametrize("method", ["CONNECT", "GET"])
@pytest.mark.parametrize(
    "coding", ["gzip", "gzip, chunked", "chunked\r\ntransfer-encoding: chunked", "", "identity"]
)
def test_a_coding_other_than_chunked_is_unknown(method: str, coding: str) -> None:
    head = f"{method} sync.twilio.com:443 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {coding}\r\n\r\n"
    response = outcome(head.encode())
    assert isinstance(response, ErrorResponse)
    assert (response.status, response.code) == (HTTPStatus.NOT_IMPLEMENTED, 20501)


def test_a_length_of_nothing_is_no_body() -> None:
    head = b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
    assert outcome(head) == ConnectRequest("sync.twilio.com")


@pytest.mark.parametrize("first", [b"\x16\x03\x01\x02\x00", b" ", b"\r\n", b"\x00"])
def test_what_cannot_become_a_head_is_refused_at_its_first_byte(first: bytes) -> None:
    response = outcome(first)
    assert isinstance(response, ErrorResponse)
    assert response.status is HTTPStatus.BAD_REQUEST


def padded(length: int) -> bytes:
    start, end = b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost: h\r\nX: ", b"\r\n\r\n"
    return start + b"x" * (length - len(start) - len(end)) + end


def test_the_longest_head_is_read_and_one_byte_more_is_too_large() -> None:
    longest = padded(MAX_HEAD)
    assert outcome(longest) == ConnectRequest("sync.twilio.com")
    assert parse_head(longest[:-1]) is None
    response = outcome(padded(MAX_HEAD + 1)[:MAX_HEAD])
    assert isinstance(response, ErrorResponse)
    assert (int(response.status), response.code) == (431, 20413)


def test_a_head_that_ends_beyond_the_limit_is_too_large_however_much_has_come() -> None:
    response = outcome(padded(MAX_HEAD + 1))
    assert isinstance(response, ErrorResponse)
    assert response.code == 20413


@pytest.mark.parametrize(
    ("name", "host"),
    [("Chat.Twilio.com.", "chat.twilio.com"), ("twilio.com", None), ("", None), ("chat.twilio.com\n", None)],
)
def test_served_host(name: str, host: str | None) -> None:
    assert served_host(name) == host
