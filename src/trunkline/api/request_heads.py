"""The rules of HTTP/1 for a whole head, beyond those of the parser (RFC 9112, sections 3, 6 and 7). Pure.

The parser, llhttp, refuses bare line ends, folded lines, bad names, a Content-Length that is no number or comes twice,
and one beside Transfer-Encoding. Here is the rest. A head that two readers could understand differently is refused,
since one of them may be a proxy in front.
"""

from __future__ import annotations

import re

from trunkline.api.errors import ApiError
from trunkline.core.http_syntax import is_authority, is_chunked

Fields = list[tuple[bytes, bytes]]
"""Header fields as they were sent, their names in lower case."""

_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE)


def checked_target(version: str, method: bytes, target: bytes, fields: Fields) -> bytes:
    """Return the target of a request as a path and query. Of a target that names a host, that host becomes the
    Host field, as it goes before the sent one. Raise ApiError 20001, 20501 or 20505."""
    hosts, codings = [], []
    for name, value in fields:
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding":
            codings.append(value)
    if version not in ("1.1", "1.0"):
        raise ApiError(20505)
    _check_framing(version, codings)
    if len(hosts) > 1:
        raise ApiError(20001, "More than one Host header")
    if not hosts and version == "1.1":
        raise ApiError(20001, "Missing Host header")
    if hosts:
        _check_authority(hosts[0])
    if target[:1] == b"/" and method != b"CONNECT":
        return target
    return _other_form(method, target, fields)


def announced_body(fields: Fields) -> tuple[bytes, bytes] | None:
    """Return the field that announces a body, None if there is no body."""
    announcements = (field for field in fields if field[0] in (b"transfer-encoding", b"content-length"))
    return next((field for field in announcements if field[1].strip(b"0")), None)


def unknown_coding() -> ApiError:
    """Return the error for a Transfer-Encoding that is not ``chunked`` alone."""
    return ApiError(20501, "The only Transfer-Encoding is chunked")


def _check_authority(value: bytes) -> None:
    """Raise ApiError 20001 for a Host that is no host and port."""
    if not is_authority(value):
        raise ApiError(20001, "Invalid Host header")


def _check_framing(version: str, codings: list[bytes]) -> None:
    """Raise ApiError 20501 or 20001 for the values of Transfer-Encoding of a request, unless there is none, or one
    that is ``chunked``."""
    if not codings:
        return
    if not is_chunked(codings):
        raise unknown_coding()
    if version == "1.0":
        raise ApiError(20001, "HTTP/1.0 has no Transfer-Encoding")


def _other_form(method: bytes, target: bytes, fields: Fields) -> bytes:
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or method == b"CONNECT":
        raise ApiError(20001, "The target of the request is no path")
    authority, path = absolute.groups()
    _check_authority(authority)
    fields[:] = [(b"host", authority), *(field for field in fields if field[0] != b"host")]
    return path if path.startswith(b"/") else b"/" + path
