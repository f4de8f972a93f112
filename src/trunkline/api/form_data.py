"""From the bytes of a query or body to name and value pairs. Pure."""

from __future__ import annotations

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.params import Fields
from trunkline.core.percent import BrokenEscape, unescape
from trunkline.core.strict_json import BadJson, decode_items, decode_members

MAX_FIELDS = 1000

_JSON = "application/json"

_MAX_NUMBER = 400
"""Characters of a number: enough for every number that has a type."""


def parse_form(raw: bytes, what: str) -> Fields:
    """Return the fields of a query string or form body, blanks kept. ``what`` names the place in errors.

    Raise ApiError 20001 for broken percent escapes, bytes that are not UTF-8 and more than 1,000 fields.
    """
    if not raw:
        return ()
    if raw.count(b"&") >= MAX_FIELDS:
        raise _too_many(what)
    pairs = [piece.partition(b"=") for piece in raw.replace(b"+", b" ").split(b"&") if piece]
    try:
        return [(unescape(name).decode(), unescape(value).decode()) for name, _, value in pairs]
    except BrokenEscape:
        raise ApiError(20001, f"Invalid percent-encoding in the {what}") from None
    except UnicodeDecodeError:
        raise ApiError(20001, f"The {what} is not UTF-8") from None


def _too_many(what: str) -> ApiError:
    return ApiError(20001, f"Too many parameters in the {what}: at most {MAX_FIELDS} are accepted")


def parse_body(raw: bytes, content_type: str) -> Fields:
    """Return the fields of a request body: a form, or leniently a JSON object (inferred). Raise ApiError 20001."""
    if not raw:
        return ()
    kind = _media_type(content_type)
    if kind in ("", "application/x-www-form-urlencoded"):
        return parse_form(raw, "body")
    if kind == _JSON:
        return _json(raw)
    raise ApiError(20001, "The Content-Type of the body must be application/x-www-form-urlencoded")


def is_json(content_type: str) -> bool:
    """Return whether a Content-Type is JSON's."""
    return _media_type(content_type) == _JSON


def _media_type(content_type: str) -> str:
    return content_type.split(";", 1)[0].strip().lower()


def _json(raw: bytes) -> Fields:
    try:
        found = [(name, decode_items(value)) for name, value in decode_members(raw).items()]
        if sum(len(values) for _, values in found) > MAX_FIELDS:
            raise _too_many("body")
        return [(name, _text(bytes(value))) for name, values in found for value in values]
    except BadJson as error:
        raise ApiError(20001, f"The body {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ApiError(20001, "The body is not valid JSON") from None


def _text(value: bytes) -> str:
    """Return the text of a JSON value: of a text itself, of null nothing."""
    if value.startswith(b'"'):
        decoded: str = msgspec.json.decode(value)
        return decoded
    if value.startswith((b"{", b"[")):
        return msgspec.json.format(value, indent=-1).decode()
    if value == b"null":
        return ""
    if len(value) > _MAX_NUMBER:
        raise BadJson("", "has a number that is too long")
    return msgspec.json.encode(msgspec.json.decode(value)).decode()
