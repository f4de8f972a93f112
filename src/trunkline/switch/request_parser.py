"""Parser of the head of a request to the proxy. Pure.

The rules (RFC 9112, RFC 9110 section 9.3.6):

- a head ends at the first empty line; a line ends with CR LF or with LF alone
- bytes after the head belong to the tunnel and are never read
- a target is `host:port`; only port 443 of names below twilio.com and of media.twiliocdn.com is served, whatever their
  case, with or without the root's dot at the end; others pass if a pattern of the operator's fits
- a page of plain http that loads a script from one of the script hosts is redirected to https
- HTTP/1.1 has one Host, HTTP/1.0 at most one (Python's client up to 3.11 sends none); a body has no meaning here and is
  refused, and a Transfer-Encoding other than chunked as everywhere
- other header fields are checked for form and otherwise ignored
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from trunkline.core.host_patterns import HostPattern
from trunkline.core.http_syntax import is_authority, is_chunked
from trunkline.switch.error_response import (
    NOT_CONNECT,
    TOO_LARGE,
    UNKNOWN_CODING,
    ErrorResponse,
    Redirect,
    foreign_target,
    malformed,
)

MAX_HEAD: Final = 16 * 1024
"""Bytes of the longest head, its empty line included."""

_LINE_END = re.compile(rb"\r?\n")
_END = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/1\.([01])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)")
_AUTHORITY = re.compile(r"(.+):([0-9]{1,5})")
_SERVED = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+twilio\.com|media\.twiliocdn\.com", re.IGNORECASE
)


_SCRIPT = re.compile(r"http://(media\.twiliocdn\.com|sdk\.twilio\.com)(?::80)?(/[!-~]*)?", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?", re.IGNORECASE)


class ConnectRequest(msgspec.Struct, frozen=True):
    """A valid request for a tunnel. `host` is in lower case and without a dot at its end."""

    host: str


class PassthroughRequest(msgspec.Struct, frozen=True):
    """A valid request for a tunnel to a host that is let through, in the form of `ConnectRequest`."""

    host: str
    port: int


HeadOutcome = ConnectRequest | PassthroughRequest | Redirect | ErrorResponse


class Head(msgspec.Struct, frozen=True):
    """The outcome of a head, and its length in bytes."""

    outcome: HeadOutcome
    length: int


def served_host(name: str) -> str | None:
    """Return the name in lower case without the root's dot if it is below twilio.com or media.twiliocdn.com, otherwise
    None."""
    host = name.removesuffix(".")
    return host.lower() if len(host) <= 253 and _SERVED.fullmatch(host) else None


def parse_head(data: bytes, passthrough: Sequence[HostPattern] = ()) -> Head | None:
    """Return the outcome of the head at the beginning of `data`, or None while more bytes are needed. The hosts of
    `passthrough` are let through.

    Bytes that can never become a head are an error before its end: more than MAX_HEAD, or a first byte that no
    method has, such as in the TLS hello of a client that is configured to use TLS with the proxy.
    """
    end = _END.search(data, 0, MAX_HEAD)
    if end is not None:
        return Head(_parse(data[: end.start()], passthrough), end.end())
    if len(data) >= MAX_HEAD:
        return Head(TOO_LARGE, len(data))
    if data and not data[:1].isalpha():
        return Head(malformed("The proxy speaks plain HTTP/1.1; its URL begins with http://."), len(data))
    return None


def _parse(head: bytes, passthrough: Sequence[HostPattern]) -> HeadOutcome:
    first, *fields = _LINE_END.split(head)
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        return malformed("The request line is malformed.")
    values: dict[bytes, list[bytes]] = {}
    for field in fields:
        parts = _FIELD.fullmatch(field)
        if parts is None:
            return malformed("A header field is malformed.")
        values.setdefault(parts[1].lower(), []).append(parts[2].strip(b" \t"))
    method, target = line[1], line[2].decode("ascii")
    error = _fields_error(values, needs_host=line[3] == b"1")
    if error is None and method != b"CONNECT":
        script = _SCRIPT.fullmatch(target) if method in (b"GET", b"HEAD") else None
        return Redirect(f"https://{script[1].lower()}{script[2] or '/'}") if script else NOT_CONNECT
    return error or _body_error(values) or _target(target, passthrough)


def _fields_error(values: dict[bytes, list[bytes]], *, needs_host: bool) -> ErrorResponse | None:
    hosts = values.get(b"host", [])
    if len(hosts) > 1 or (needs_host and not hosts):
        return malformed("HTTP/1.1 has one Host header.")
    if hosts and not is_authority(hosts[0]):
        return malformed("The Host header is malformed.")
    codings = values.get(b"transfer-encoding")
    return UNKNOWN_CODING if codings is not None and not is_chunked(codings) else None


def _body_error(values: dict[bytes, list[bytes]]) -> ErrorResponse | None:
    if b"transfer-encoding" in values or any(
        value.strip(b"0") for value in values.get(b"content-length", ())
    ):
        return malformed("A CONNECT has no body.")
    return None


def _target(target: str, passthrough: Sequence[HostPattern]) -> HeadOutcome:
    authority = _AUTHORITY.fullmatch(target)
    if authority is None:
        return malformed("The target of CONNECT is not host:port.")
    host, port = served_host(authority[1]), int(authority[2])
    if host is not None:
        return ConnectRequest(host) if port == 443 else foreign_target(target)
    name = authority[1].lower().removesuffix(".")
    if _HOST.fullmatch(name) and any(pattern.matches(name, port) for pattern in passthrough):
        return PassthroughRequest(name, port)
    return foreign_target(target)
