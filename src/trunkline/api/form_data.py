"""From the bytes of a query or body to name and value pairs. Pure."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.params import Fields

MAX_FIELDS = 1000

_JSON = "application/json"

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def parse_form(raw: bytes, what: str) -> Fields:
    """Return the fields of a query string or form body, blanks kept. ``what`` names the place in errors.

    Raise ApiError 20001 for broken percent escapes, bytes that are not UTF-8 and more than 1,000 fields.
    """
    if not raw:
        return ()
    if _BROKEN_ESCAPE.search(raw):
        raise ApiError(20001, f"Invalid percent-encoding in the {what}")
    if raw.count(b"&") >= MAX_FIELDS:
        raise ApiError(20001, f"Too many parameters in the {what}: at most {MAX_FIELDS} are accepted")
    try:
        return parse_qsl(raw.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise ApiError(20001, f"The {what} is not UTF-8") from None


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
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ApiError(20001, "The body is not valid JSON") from None
    if not isinstance(document, dict):
        raise ApiError(20001, "The body must be a JSON object")
    fields = [
        (name, _text(item))
        for name, value in document.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    if len(fields) > MAX_FIELDS:
        raise ApiError(20001, f"Too many parameters in the body: at most {MAX_FIELDS} are accepted")
    return fields


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()
