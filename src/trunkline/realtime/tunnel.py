"""Tunnelled requests: from the header of a packet to a request, and from its JSON body to fields. Pure.

The path is split before its segments are decoded, so a slash in a name stays in its name; ``+`` is no space. The body
of GET and DELETE is dropped: clients put their product's name there (client).

The members of a JSON body become the parameters of REST, so that both enter the same actions:
``{"unique_name": "a", "ttl": 60}`` is ``UniqueName=a``, ``Ttl=60``. Null means absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from trunkline.api.errors import ApiError, invalid
from trunkline.api.form_data import MAX_FIELDS
from trunkline.api.params import Fields, pascal_case
from trunkline.core.percent import NulCharacter, split_segments, unescape_leniently
from trunkline.core.strict_json import BadJson, decode_items, decode_members
from trunkline.realtime.border import TunnelRequest
from trunkline.realtime.client_packets import HttpRequest

_WITHOUT_BODY = frozenset({"GET", "DELETE", "HEAD"})
_VERSIONS = ("v3", "v4")


def parse_request(product: str, service_sid: str, header: HttpRequest, payload: bytes) -> TunnelRequest:
    """Return the request that a packet tunnels, to run under the grant for ``product``. Raise ApiError 20001 if it has
    more parameters or headers than a request over HTTP may have, one that is no text, or a NUL character in its
    path."""
    method = header.method.upper()
    path = header.path.partition("?")[0].removeprefix("/")
    try:
        segments = split_segments(path.encode(), errors="replace")
    except NulCharacter:
        raise invalid("path", "must not contain NUL characters") from None
    return TunnelRequest(
        product=product,
        service_sid=service_sid,
        method=method,
        segments=segments,
        params=tuple((_unescaped(name), _unescaped(value)) for name, value in _pairs(header.params or {})),
        headers={name.lower(): value for name, value in _pairs(header.headers or {})},
        body=b"" if method in _WITHOUT_BODY else payload,
    )


def _pairs(values: Mapping[str, msgspec.Raw]) -> Iterator[tuple[str, str]]:
    """Yield the name and value of each parameter; one that repeats has a list of values."""
    for name, items in _items(values):
        for raw in items:
            try:
                text = _field(raw, False)
            except (msgspec.DecodeError, UnicodeError):
                raise invalid("packet", "has a parameter or header that is not valid JSON") from None
            if text is not None:
                yield name, text


def _items(values: Mapping[str, msgspec.Raw]) -> list[tuple[str, list[msgspec.Raw]]]:
    try:
        found = [(name, decode_items(raw)) for name, raw in values.items()]
    except BadJson as error:
        raise invalid("packet", f"has a parameter or header that {error}") from None
    if sum(len(items) for _, items in found) > MAX_FIELDS:
        raise ApiError(20001, f"Too many parameters in the packet: at most {MAX_FIELDS} are accepted")
    return found


def _unescaped(text: str) -> str:
    return unescape_leniently(text.encode()).decode("utf-8", "replace") if "%" in text else text


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
        members = decode_members(body)
        if len(members) > MAX_FIELDS:
            raise ApiError(20001, f"Too many parameters in the body: at most {MAX_FIELDS} are accepted")
        return [
            (pascal_case(name), value)
            for name, raw in members.items()
            if (value := _field(raw, name in verbatim)) is not None
        ]
    except (BadJson, msgspec.DecodeError, UnicodeError):
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
