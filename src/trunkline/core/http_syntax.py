"""Two rules of HTTP/1 that every door keeps (RFC 9112, sections 3.2 and 6.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_PORT = 65_535

_AUTHORITY = re.compile(rb"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")


def is_authority(value: bytes) -> bool:
    """Return whether a Host names a host, and perhaps a port. Host names have only the letters that URLs show as they
    are."""
    found = _AUTHORITY.fullmatch(value)
    return found is not None and int(found[1] or 0) <= MAX_PORT


def is_chunked(codings: Sequence[bytes]) -> bool:
    """Return whether the values of all Transfer-Encoding fields together are ``chunked``, the only coding that a server
    must support."""
    return b",".join(codings).strip(b" \t").lower() == b"chunked"
