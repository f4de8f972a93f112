"""From the header of a tunnelled request to what it asks for. Pure.

The path is split before its segments are decoded, so a slash in a name stays in its name; ``+`` is no space. The body
of GET and DELETE is dropped: clients put their product's name there (client).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from trunkline.realtime.border import TunnelRequest
from trunkline.realtime.packets import HttpRequest

_WITHOUT_BODY = frozenset({"GET", "DELETE", "HEAD"})


def tunnelled(product: str, service_sid: str, asked: HttpRequest, payload: bytes) -> TunnelRequest:
    """The request that a packet tunnels, to run under the grant for ``product``."""
    method = asked.method.upper()
    path = asked.path.partition("?")[0]
    return TunnelRequest(
        product=product,
        service_sid=service_sid,
        method=method,
        segments=tuple(unquote(segment) for segment in path.removeprefix("/").split("/")),
        params=tuple(_pairs(asked.params or {})),
        headers={name.lower(): _text(value) for name, value in (asked.headers or {}).items()},
        body=b"" if method in _WITHOUT_BODY else payload,
    )


def _pairs(params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each parameter; one that repeats has a list of values."""
    for name, value in params.items():
        for one in value if isinstance(value, list) else (value,):
            if one is not None:
                yield unquote(name), unquote(_text(one))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)
