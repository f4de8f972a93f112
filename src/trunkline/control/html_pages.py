"""Pages in HTML: their frame, and the headers that keep other pages away from them.

A page runs the scripts and styles that stand in it, known by their hashes, and nothing else; it is in no frame, in no
cache, and sends its address to no other server.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files

from trunkline.api.execution import Response

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)
_HEADERS = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def read_file(name: str) -> str:
    """Return a file of this package."""
    return files(__package__).joinpath(name).read_text("utf-8")


def framed(title: str, body: str) -> str:
    """Return a small page; both parts are HTML."""
    return read_file("frame.html").replace("{title}", title).replace("{body}", body)


def html_response(html: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response with a page."""
    more = {"Content-Security-Policy": _policy(html), **_HEADERS, **(headers or {})}
    return Response(status, html.encode(), more, media_type="text/html; charset=utf-8")


def see_other(path: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the redirect to a page of this server."""
    return Response(303, b"", {"Location": path, **(headers or {})}, media_type="text/html; charset=utf-8")


def _policy(html: str) -> str:
    sources: dict[str, list[str]] = {"script": [], "style": []}
    for kind, content in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        sources[kind].append(f"'sha256-{digest}'")
    allowed = "; ".join(f"{kind}-src {' '.join(found) or repr('none')}" for kind, found in sources.items())
    return (
        f"default-src 'none'; {allowed}; connect-src 'self'; img-src 'self' data:; media-src 'self';"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
