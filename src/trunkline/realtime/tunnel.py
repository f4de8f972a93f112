"""Tunnelled requests: from the header of a packet to a request, and from its JSON body to fields. Pure.

The path is split before its segments are decoded, so a slash in a name stays in its name; ``+`` is no space. The body
of GET and DELETE is dropped: clients put their product's name there (client).

The members of a JSON body become the parameters of REST, so that both enter the same actions:
``{"unique_name": "a", "ttl": 60}`` is ``UniqueName=a``, ``Ttl=60``. Null means absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.params import Fields, pascal_case
from trunkline.realtime.border import TunnelRequest
from trunkline.realtime.client_packets import HttpRequest

_WITHOUT_BODY = frozenset({"GET", "DELETE", "HEAD"})
_BODY = msgspec.json.Decoder(dict[str, msgspec.Raw])
_VERSIONS = ("v3", "v4")


def parse_request(product: str, service_sid: str, header: HttpRequest, payload: bytes) -> TunnelRequest:
    """Return the request that a packet tunnels, to run under the grant for ``product``."""
    method = header.method.upper()
    path = header.path.partition("?")[0]
    return TunnelRequest(
        product=product,
        service_sid=service_sid,
        method=method,
        segments=tuple(unquote(segment) for segment in path.removeprefix("/").split("/")),
        params=tuple(_pairs(header.params or {})),
        headers={name.lower(): _text(value) for name, value in (header.headers or {}).items()},
        body=b"" if method in _WITHOUT_BODY else payload,
    )


def _pairs(params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and value of each parameter; one that repeats has a list of values."""
    for name, value in params.items():
        for one in value if isinstance(value, list) else (value,):
            if one is not None:
                yield unquote(name), unquote(_text(one))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def service_path(segments: tuple[str, ...], service_sid: str) -> tuple[str, ...]:
    """Return the full path from the version on. A bare path such as ``/v3/Documents/x`` is below the Service of the
    token (client). Return an empty path if there is no version."""
    for position, segment in enumerate(segments):
        if segment in _VERSIONS:
            rest = segments[position + 1 :]
            bare = not rest or rest[0] != "Services"
            return (segment, "Services", service_sid, *rest) if bare else (segment, *rest)
    return ()


def json_fields(body: bytes, verbatim: frozenset[str], code: int) -> Fields:
    """Return the fields of a JSON body. Members in ``verbatim`` stay JSON text, null included. Raise ApiError
    ``code`` if the body is no JSON object."""
    if not body:
        return ()
    try:
        return [
            (pascal_case(name), value)
            for name, raw in _BODY.decode(body).items()
            if (value := _field(raw, name in verbatim)) is not None
        ]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ApiError(code) from None


def _field(raw: msgspec.Raw, verbatim: bool) -> str | None:
    value = str(raw, "utf-8")
    if verbatim:
        return value
    if value == "null":
        return None
    if value.startswith('"'):
        decoded: str = msgspec.json.decode(value)
        return decoded
    return value
