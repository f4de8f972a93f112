"""The rule against requests that a page of another origin lets a browser send with the browser's credentials. Pure.

A browser adds credentials in HTTP Basic, and a session's cookie, to the requests of any page, and most need no
preflight. It marks such a request: ``Sec-Fetch-Site`` (W3C Fetch Metadata), and ``Origin``; a page can choose neither.
``Sec-Fetch-Site`` is the browser's own comparison: ``same-origin`` holds also behind a proxy that hides from the server
under which scheme and host it is reached. If it is absent (old browsers, plain HTTP), or ``none``, ``Origin`` is
compared here. SDKs and servers send no marks. A request whose marks are odd or repeated counts as another origin's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

from trunkline.core.origins import canonical_origin

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

MESSAGE = (
    "A page of another origin may not use the credentials of a browser. The option browser_origins lists the origins"
    " that may. If the browser sends no Sec-Fetch-Site, its Origin must be the server's own: behind a proxy,"
    " X-Forwarded-Proto, X-Forwarded-Host and public_url give it"
)


def own_origins(scheme: str, authorities: Iterable[str]) -> frozenset[str]:
    """Return the origins of a server that is reached with ``scheme`` under each of ``authorities`` (host and port)."""
    found = set()
    for authority in authorities:
        with suppress(ValueError):
            found.add(canonical_origin(f"{scheme}://{authority}"))
    return frozenset(found)


def read_origin(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the one Origin of a request; None without one, and an empty text for one that is no origin, such as
    ``null``, and for more than one."""
    given = [value for name, value in headers if name == b"origin"]
    if len(given) != 1:
        return "" if given else None
    try:
        return canonical_origin(given[0].decode("latin-1").strip(" \t"))
    except ValueError:
        return ""


def is_cross_origin(
    headers: Collection[tuple[bytes, bytes]], own: Collection[str], allowed: Collection[str]
) -> bool:
    """Return whether a browser marked the request as coming from an origin that is neither one of the server's ``own``
    nor ``allowed``. Another port of the same machine is another origin."""
    sites = [value.strip(b" \t").lower() for name, value in headers if name == b"sec-fetch-site"]
    if len(sites) > 1:
        return True
    if sites == [b"same-origin"]:
        return False
    origin = read_origin(headers)
    if origin in allowed:
        return False
    return sites not in ([], [b"none"]) or (origin is not None and origin not in own)


def is_browser(fields: Mapping[bytes, bytes]) -> bool:
    """Return whether a request is probably a browser's."""
    marks = (b"sec-fetch-site", b"sec-fetch-mode", b"cookie", b"x-csrf-token")
    return any(mark in fields for mark in marks) or b"text/html" in fields.get(b"accept", b"")


def uses_browser(method: str, headers: Iterable[tuple[bytes, bytes]], *, control: bool) -> bool:
    """Return whether a request changes something with credentials that a browser may have added: HTTP Basic, and in the
    ``control`` API also a cookie. The form by which somebody logs in there brings no credentials yet, and another page
    must not send it either. A bearer token is set by the page itself, which has to have it."""
    if method in SAFE_METHODS:
        return False
    given = [value.strip(b" \t").lower() for name, value in headers if name == b"authorization"]
    if any(value.startswith(b"basic") for value in given):
        return True
    return control and not any(value.startswith(b"bearer ") for value in given)
