"""Heads of requests: Host, target, version and framing."""

from __future__ import annotations

import pytest

from trunkline.api.errors import ApiError
from trunkline.api.request_heads import announced_body, checked_target

HOSTS = {
    "h": True, "h:80": True, "a-b.c_d.example": True, "h.": True, "127.0.0.1:8080": True, "[::1]": True,
    "[::1]:80": True, "h:65535": True, "H:0": True,
    "": False, "a b": False, "a/b": False, "a,b": False, "u@h": False, "a:b": False, "h:65536": False,
    "h:99999": False, "h:100000": False, "[::1": False, "::1": False, "[x]": False, ":80": False, "h:": False,
    "http://h": False, "h?b": False, "h#b": False, "%41": False, "a\\b": False, "a'b": False, "<a>": False,
    "h\n": False, "ü": False, "a" * 254: False,
}  # fmt: skip


def refused(
    *fields: tuple[bytes, bytes], target: bytes = b"/a", method: bytes = b"GET", version: str = "1.1"
) -> int:
    """Return the code of a refusal, 0 without one."""
    try:
        checked_target(version, method, target, list(fields))
    except ApiError as error:
        return error.code
    return 0


HOST = (b"host", b"h")


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(host: str) -> None:
    accepted = refused((b"host", host.encode())) == 0
    assert accepted is HOSTS[host]


def test_http_1_1_has_one_host_and_http_1_0_at_most_one() -> None:
    assert refused() == 20001
    assert refused(HOST, HOST) == 20001
    assert refused(version="1.0") == 0
    assert refused(HOST, version="1.0") == 0
    assert refused(HOST, HOST, version="1.0") == 20001


@pytest.mark.parametrize("version", ["0.9", "2.0", "1.2"])
def test_other_versions_are_refused(version: str) -> None:
    assert refused(HOST, version=version) == 20505


@pytest.mark.parametrize(
    ("codings", "code"),
    [
        ((), 0),
        ((b"chunked",), 0),
        ((b"Chunked ",), 0),
        ((b"",), 20501),
        ((b"gzip",), 20501),
        ((b"identity",), 20501),
        ((b"gzip, chunked",), 20501),
        ((b",chunked",), 20501),
        ((b"gzip", b"chunked"), 20501),
        ((b"chunked", b"chunked"), 20501),
        ((b"\x0bchunked",), 20501),
    ],
)
def test_the_only_coding_is_chunked(codings: tuple[bytes, ...], code: int) -> None:
    fields = [(b"transfer-encoding", coding) for coding in codings]
    assert refused(HOST, *fields) == code
    assert refused(HOST, *fields, version="1.0") == (code or (20001 if codings else 0))


@pytest.mark.parametrize(
    ("method", "target", "code"),
    [
        (b"OPTIONS", b"*", 0),
        (b"GET", b"*", 20001),
        (b"GET", b"//a", 0),
        (b"GET", b"/a#b", 0),
        (b"GET", b"a", 20001),
        (b"GET", b"?a", 20001),
        (b"GET", b"ftp://h/a", 20001),
        (b"GET", b"http://u:p@h/a", 20001),
        (b"GET", b"http:///a", 20001),
        (b"GET", b"http://h/a#b", 0),
        (b"CONNECT", b"h:443", 20001),
        (b"CONNECT", b"/a", 20001),
        (b"CONNECT", b"http://h/a", 20001),
    ],
)
def test_a_target_is_a_path_or_names_a_host(method: bytes, target: bytes, code: int) -> None:
    assert refused(HOST, method=method, target=target) == code


@pytest.mark.parametrize(
    ("target", "host", "path"),
    [
        (b"http://other/a?b=c", b"other", b"/a?b=c"),
        (b"HTTP://other:81", b"other:81", b"/"),
        (b"https://[::1]?b", b"[::1]", b"/?b"),
    ],
)
def test_the_host_of_the_target_becomes_the_host(target: bytes, host: bytes, path: bytes) -> None:
    fields = [(b"a", b"b"), (b"host", b"h")]
    assert checked_target("1.1", b"GET", target, fields) == path
    assert fields == [(b"host", host), (b"a", b"b")]


def test_a_body_is_announced_by_its_coding_or_its_length() -> None:
    assert announced_body([HOST]) is None
    assert announced_body([HOST, (b"content-length", b"00")]) is None
    assert announced_body([HOST, (b"content-length", b"10")]) == (b"content-length", b"10")
    coding = (b"transfer-encoding", b"chunked")
    assert announced_body([HOST, coding]) == coding
