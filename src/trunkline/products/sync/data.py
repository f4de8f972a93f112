"""The data of Sync: JSON objects of a limited size, stored as they were written.

The text itself is stored, without insignificant blanks and needless escapes, so that key order and numbers (large
integers, 1.0 against 1) come back as given; nothing is decoded and encoded again.
"""

from __future__ import annotations

import re

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.params import Parser

MAX_BYTES = 16_384
"""Of a Document's or item's data (doc)."""
MAX_MESSAGE_BYTES = 4_096
"""Of a Stream Message's data (doc)."""
EMPTY = "{}"
_LONGEST_ESCAPE = 6
"""Characters of a byte's longest escape, such as ``\\u0041``: a text that is longer by more is so without them."""

_ESCAPES = re.compile(r"(?:\\(?:u[0-9A-Fa-f]{4}|[^u]))+")


def compact(text: str, null_code: int, limit: int = MAX_BYTES) -> str:
    """Return the compact form of ``text``, at most ``limit`` bytes of UTF-8.

    Raise ApiError 54008 unless it is a JSON object (inferred: all realtime clients type data as one), ``null_code`` if
    it is null (doc), 54006 if it is too large.
    """
    try:
        short = msgspec.json.format(text, indent=-1)
        if short.startswith("{") and len(short) > _LONGEST_ESCAPE * limit:
            raise ApiError(54006)
        if "\\" in short:
            short = _ESCAPES.sub(_plain, short)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ApiError(54008) from None
    if short == "null":
        raise ApiError(null_code)
    if not short.startswith("{"):
        raise ApiError(54008)
    if len(short.encode()) > limit:
        raise ApiError(54006)
    return short


def _plain(escapes: re.Match[str]) -> str:
    """Return what a string has in place of these escapes, with only those that it needs: clients differ in which ones
    they send (client)."""
    text = escapes[0]
    if "u" not in text and "/" not in text:
        return text
    return msgspec.json.encode(msgspec.json.decode(f'"{text}"')).decode()[1:-1]


def payload(null_code: int, limit: int = MAX_BYTES) -> Parser:
    """Return the parser of the parameter ``Data``; its value is the compact text."""
    return Parser(lambda _, value: compact(value, null_code, limit))
