"""Which product a request is for, and how absolute URLs lead back to it.

Order (inferred, each way verified with the SDKs): a path prefix ``/sync/v1/…``; the first label of the Host
(``sync.twilio.com``, ``sync.dublin.ie1.twilio.com``, ``sync.localhost:8080``); a path that only one product has; the
listener's default product.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import msgspec

from trunkline.api.errors import ApiError, invalid

UNAMBIGUOUS = {
    ("2010-04-01",): "api",
    ("v1", "Keys"): "iam",
    ("v1", "AuthTokens"): "accounts",
}
"""Starts of paths without a prefix on a neutral host, with the host label that they belong to."""

_HOST = re.compile(r"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class Address(msgspec.Struct, frozen=True):
    """A request's product host (empty when none fits), decoded path segments below the prefix, path as requested
    below the prefix, and the base of the URLs in its answer."""

    host: str
    segments: tuple[str, ...]
    path: str
    base: str


def segments_of(raw_path: bytes) -> tuple[str, ...]:
    """The path's segments, each decoded once; a bare ``%`` stays (Node sends it), ``%2F`` becomes a slash inside
    its segment, one trailing slash is tolerated. Raises ApiError for bytes that are not UTF-8."""
    parts = raw_path.removeprefix(b"/").removesuffix(b"/").split(b"/")
    try:
        segments = tuple(unquote_to_bytes(part).decode() for part in parts)
    except UnicodeDecodeError:
        raise invalid("path", "is not UTF-8") from None
    if any("\x00" in segment for segment in segments):
        raise invalid("path", "must not contain NUL characters")
    return segments if segments != ("",) else ()


def resolve(
    scheme: str, authority: str, raw_path: bytes, hosts: frozenset[str], default: str = ""
) -> Address:
    """Where a request belongs. ``authority`` is the Host header as received. Raises ApiError."""
    if not _HOST.fullmatch(authority):
        raise ApiError(20001, "Invalid Host header")
    segments = segments_of(raw_path)
    path = raw_path.decode("ascii", "replace")
    base = f"{scheme}://{authority}"
    if segments and segments[0] in hosts:
        prefix = f"/{segments[0]}"
        return Address(segments[0], segments[1:], path[len(prefix) :] or "/", base + prefix)
    label = authority.split(".", 1)[0].lower()
    if label in hosts:
        return Address(label, segments, path, base)
    for start, host in UNAMBIGUOUS.items():
        named = segments[: len(start)]
        if named == start or (named and (*named[:-1], named[-1].split(".")[0]) == start):
            return Address(host, segments, path, base)
    return Address(default, segments, path, base)
