"""Reads the head of a request to the proxy. Pure.

The rules (RFC 9112, RFC 9110 section 9.3.6):

- a head ends at the first empty line; a line ends with CR LF or with LF alone
- bytes after the head belong to the tunnel and are never looked at
- a target is `host:port`; only port 443 of names below twilio.com is served, whatever their case,
  with or without the root's dot at the end
- header fields are checked for form and otherwise ignored: Python's client sends none
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from trunkline.switch.refusal import NOT_CONNECT, TOO_LARGE, Refusal, foreign_target, malformed

MAX_HEAD: Final = 16 * 1024
"""The longest head that is read, in bytes, its empty line included."""

_LINE_END = re.compile(rb"\r?\n")
_END = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/1\.[01]")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*")
_AUTHORITY = re.compile(r"(.+):([0-9]{1,5})")
_SERVED = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+twilio\.com", re.IGNORECASE)


class Tunnel(msgspec.Struct, frozen=True):
    """A request for a tunnel that is served. `host` is in lower case and without a dot at its end."""

    host: str


class Head(msgspec.Struct, frozen=True):
    """A head that was decided upon, and how many bytes of what was read it took."""

    outcome: Tunnel | Refusal
    length: int


def served_host(name: str) -> str | None:
    """The name in lower case without the root's dot when it lies below twilio.com, otherwise None."""
    host = name.removesuffix(".")
    return host.lower() if len(host) <= 253 and _SERVED.fullmatch(host) else None


def read_head(data: bytes) -> Head | None:
    """Decide upon the head at the beginning of `data`; None while more bytes are needed.

    What can never become a head is refused before its end: one over MAX_HEAD, and one that does not begin
    as a method does, such as the TLS hello of a client that was told to speak TLS to the proxy.
    """
    end = _END.search(data, 0, MAX_HEAD)
    if end is not None:
        return Head(_decide(data[: end.start()]), end.end())
    if len(data) >= MAX_HEAD:
        return Head(TOO_LARGE, len(data))
    if data and not data[:1].isalpha():
        return Head(malformed("The proxy speaks plain HTTP/1.1; its URL begins with http://."), len(data))
    return None


def _decide(head: bytes) -> Tunnel | Refusal:
    first, *fields = _LINE_END.split(head)
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        return malformed("The request line is malformed.")
    if not all(_FIELD.fullmatch(field) for field in fields):
        return malformed("A header field is malformed.")
    method, target = line[1], line[2].decode("ascii")
    return _target(target) if method == b"CONNECT" else NOT_CONNECT


def _target(target: str) -> Tunnel | Refusal:
    authority = _AUTHORITY.fullmatch(target)
    if authority is None:
        return malformed("The target of CONNECT is not host:port.")
    host = served_host(authority[1])
    return Tunnel(host) if host is not None and int(authority[2]) == 443 else foreign_target(target)
