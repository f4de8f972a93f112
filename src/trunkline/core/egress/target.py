"""The target of a URL as a customer wrote it: the URL to request, the credentials in it, and its origin. Pure."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache
from urllib.parse import SplitResult, quote, unquote, urlsplit

import msgspec

MAX_URL = 16_384
"""Characters of a URL."""

_MAX_HOST = 253
_MAX_AUTHORITY = 1024
"""Characters of host, port and credentials, where there are others than ASCII."""

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
_CREDENTIALS = re.compile(r"^([^:/?]*://)[^/?]*@")
_AUTHORITY = re.compile(r"[^/?#]*//([^/?#]*)")
_NO_HOST = re.compile(r"[\"<>\\^`{|}%\[\]'()*,;&=+$!]")
_PORTS = {"http": 80, "https": 443}
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
_SEPARATE = _VISIBLE.translate(str.maketrans("", "", '"<>\\^`{|}#'))


class BadUrl(Exception):
    """The text is no http or https URL."""


class Target(msgspec.Struct, frozen=True):
    """The target of a request. ``url`` is ASCII, has a path, and neither credentials, a default port nor a fragment;
    ``authorization`` is the Basic header for the credentials; ``origin`` is scheme, host and port."""

    url: str
    origin: str
    authorization: str = ""
    fragment: str = ""


@lru_cache(512)
def locate(url: str) -> Target:
    """Return the target of ``url``. Raise BadUrl if it is no http or https URL."""
    if len(url) > MAX_URL or _UNPRINTABLE.search(url):
        raise BadUrl("the URL is too long or holds spaces or control characters")
    authority = _AUTHORITY.match(url)
    if authority and len(authority[1]) > _MAX_AUTHORITY and not authority[1].isascii():
        # Normalisation makes one character eighteen.
        raise BadUrl("the host of the URL is too long")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _host(parts)
    except (ValueError, UnicodeError) as error:
        raise BadUrl(f"the URL cannot be understood: {error}") from None
    if parts.scheme not in _PORTS or not host or port == 0:
        raise BadUrl("the URL is not http:// or https:// with a host")
    place = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    path = quote(parts.path, safe=_SEPARATE.replace("?", "")) or "/"
    query = f"?{quote(parts.query, safe=_SEPARATE)}" if parts.query or "?" in url.partition("#")[0] else ""
    return Target(
        url=f"{parts.scheme}://{place}{path}{query}",
        origin=f"{parts.scheme}://{host.lower()}:{port or _PORTS[parts.scheme]}",
        authorization=_basic(parts),
        fragment=parts.fragment,
    )


def without_credentials(url: str) -> str:
    """Return a URL as it may be shown: as it was written, without credentials and fragment."""
    return _CREDENTIALS.sub(r"\1", url.partition("#")[0], count=1)


def _host(parts: SplitResult) -> str:
    """Return the host as it was written, since receivers see and sign it so; names beyond ASCII by IDNA."""
    written = parts.netloc.rpartition("@")[2]
    if written.startswith("["):
        return written.partition("]")[0] + "]"
    name = written.partition(":")[0]
    if not name.isascii():
        if len(name) > _MAX_HOST:
            raise ValueError("the host is too long")
        name = name.encode("idna").decode()
    if _NO_HOST.search(name):
        raise ValueError("a host has no such sign")
    return name


def _basic(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(pair.encode()).decode()}"
