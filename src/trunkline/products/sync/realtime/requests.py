"""From a tunnelled request to fields: JSON bodies become the parameters that REST takes, so that both enter the same
actions. Pure.

``{"unique_name": "a", "data": {"x": 1}, "ttl": 60}`` stands for ``UniqueName=a``, ``Data={"x":1}``, ``Ttl=60``. Null
means absent, except for ``data``, where it is refused as in REST.
"""

from __future__ import annotations

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.params import Fields, pascal_case

_BODY = msgspec.json.Decoder(dict[str, msgspec.Raw])


def fields(body: bytes) -> Fields:
    """The fields of a JSON body. Raises ApiError 54008 when it is no JSON object."""
    if not body:
        return ()
    try:
        members = _BODY.decode(body)
        return [
            (pascal_case(name), text)
            for name, raw in members.items()
            if (text := _text(name, raw)) is not None
        ]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ApiError(54008) from None


def _text(name: str, raw: msgspec.Raw) -> str | None:
    text = bytes(raw).decode()
    if name in ("data", "context"):
        return text
    if text == "null":
        return None
    if text.startswith('"'):
        decoded: str = msgspec.json.decode(text)
        return decoded
    return text


def full_path(segments: tuple[str, ...], service_sid: str) -> tuple[str, ...]:
    """The path in its full spelling: what stands before the version is dropped, and a bare path such as
    ``/v3/Documents/x`` is below the Service of the token (client). Empty for a path without a version."""
    for position, segment in enumerate(segments):
        if segment in ("v3", "v4"):
            rest = segments[position + 1 :]
            bare = not rest or rest[0] != "Services"
            return (segment, "Services", service_sid, *rest) if bare else (segment, *rest)
    return ()
