"""The product that a request is for, and the base of the absolute URLs that lead back to it.

Order (inferred, each way verified with the SDKs): a path prefix ``/sync/v1/…``; the first label of the Host
(``sync.twilio.com``, ``sync.dublin.ie1.twilio.com``, ``sync.localhost:8080``); a path that only one product has; the
listener's default product. The prefix comes first so that it works on a host that happens to be called
``api.example.com``; no product has a path that looks like a prefix.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import quote

import msgspec

from trunkline.api.errors import ApiError, invalid
from trunkline.core.http_syntax import is_authority
from trunkline.core.percent import NulCharacter, split_segments

Networks = tuple[IPv4Network | IPv6Network, ...]

UNAMBIGUOUS = {
    ("2010-04-01",): "api",
    ("v1", "Keys"): "iam",
    ("v1", "AuthTokens"): "accounts",
    ("v1", "Alerts"): "monitor",
}
"""The first segments of paths without a prefix on a neutral host, with the host label that they belong to."""

CONTROL = "_trunkline"
"""The path prefix of the control API. It is no host label, and its paths are named with the prefix."""

_CONTROL_PATH = b"/" + CONTROL.encode()

_URL_SAFE = "".join(chr(code) for code in range(0x21, 0x7F))
"""The characters of a requested path that a URL holds unescaped: only bytes beyond ASCII need escapes."""


class RequestAddress(msgspec.Struct, frozen=True):
    """A request's product host (empty when none fits), decoded path segments below the prefix, path as requested
    below the prefix, and the base of the URLs in its response."""

    host: str
    segments: tuple[str, ...]
    path: str
    base: str


def segments_of(raw_path: bytes) -> tuple[str, ...]:
    """Return the path's segments, each decoded once; a bare ``%`` stays (Node sends it), ``%2F`` becomes a slash
    inside its segment, one trailing slash is tolerated. Raise ApiError for bytes that are not UTF-8."""
    try:
        segments = split_segments(raw_path.removeprefix(b"/").removesuffix(b"/"))
    except UnicodeDecodeError:
        raise invalid("path", "is not UTF-8") from None
    except NulCharacter:
        raise invalid("path", "must not contain NUL characters") from None
    return segments if segments != ("",) else ()


def is_control(raw_path: bytes) -> bool:
    """Return whether a path is one of the control API. With an escape in the prefix it is none."""
    return raw_path == _CONTROL_PATH or raw_path.startswith(_CONTROL_PATH + b"/")


def is_within(peer: str, networks: Networks) -> bool:
    """Return whether an address, empty if it is unknown, is in one of the networks."""
    if not networks or not peer:
        return False
    address = ip_address(peer)
    # A listener for both families shows an IPv4 peer as ::ffff:a.b.c.d.
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in networks)


def resolve(
    scheme: str, authority: str, raw_path: bytes, hosts: frozenset[str], default: str = ""
) -> RequestAddress:
    """Return the product and path of a request. ``authority`` is the Host header as received; the control API accepts
    any, as probes send. Raise ApiError 20001 for a bad host or path."""
    segments = segments_of(raw_path)
    path = raw_path.decode() if raw_path.isascii() else quote(raw_path, safe=_URL_SAFE)
    base = f"{scheme}://{authority}"
    if is_control(raw_path):
        return RequestAddress(CONTROL, segments[1:], path, base)
    if not is_authority(authority.encode("latin-1")):
        raise ApiError(20001, "Invalid Host header")
    if segments and segments[0] in hosts and segments[0] != CONTROL:
        prefix, slash, rest = path[1:].partition("/")
        return RequestAddress(segments[0], segments[1:], slash + rest or "/", f"{base}/{prefix}")
    label = authority.partition(".")[0].partition(":")[0].lower()
    if label in hosts and label != CONTROL:
        return RequestAddress(label, segments, path, base)
    # The root of a host that names no product is no product's either.
    return RequestAddress(_only_owner(segments) or (default if segments else ""), segments, path, base)


def _only_owner(segments: tuple[str, ...]) -> str | None:
    for start, host in UNAMBIGUOUS.items():
        if segments[: len(start)] == start:
            return host
    return None
