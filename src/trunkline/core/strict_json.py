"""JSON that must fit its type, the error of which names the field at fault; and the members of an object as they were
written, within bounds that no input makes slow. Pure.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

MAX_FIELD = 100
"""Characters of a field's name in an error."""

MAX_COLONS = 20_000
"""Colons of an object whose members are read, and commas of a list: more than the largest data may have, which have
16 KiB, and so many that their members take a few milliseconds."""

MAX_OBJECT = 16_384
"""Characters of an object whose text is kept."""

MAX_DEPTH = 100
"""Levels of such an object: a parser meets its own limit later or sooner, by where it is called."""

_AT = " - at `$"
_FIELD = re.compile(r"Object (?P<kind>contains unknown|missing required) field `(?P<name>.*)`", re.DOTALL)
_TYPE = re.compile(r"Expected `(?P<expected>[a-z |]+)`, got `(?P<found>[a-z]+)`")
_NAMES = {
    "str": "a text",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])

_OBJECT = msgspec.json.Decoder(dict[str, Any])


class BadJson(ValueError):
    """The text is not the JSON that is required. ``field`` is the path of the field at fault, such as
    ``media[0].content``, and empty if the text as a whole is at fault; ``why`` is what is wrong with it."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}" if field else why)
        self.field = field
        self.why = why


def decode_json(text: bytes | str, kind: type[T]) -> T:
    """Return the value of a JSON text. Raise BadJson if it is none, or does not fit ``kind``; a field that ``kind``
    does not have is an error if its structures forbid unknown ones."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        raise _described(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadJson("", "is not valid JSON") from None


def _described(message: str) -> BadJson:
    why, at, path = message.rpartition(_AT)
    if not at or not path.endswith("`"):
        # The name of a field may look like a place.
        why, path = message, ""
    path = path.removesuffix("`").removeprefix(".")
    if field := _FIELD.fullmatch(why):
        path = f"{path}.{field['name']}" if path else field["name"]
        why = "is missing" if field["kind"].startswith("missing") else "is unknown"
    elif types := _TYPE.fullmatch(why):
        expected = " or ".join(_NAMES.get(name, name) for name in types["expected"].split(" | "))
        why = f"must be {expected}, not {_NAMES.get(types['found'], types['found'])}"
    else:
        why = f"is wrong: {why[:1].lower()}{why[1:]}"
    return BadJson(path[:MAX_FIELD], why)


def decode_members(text: bytes) -> dict[str, msgspec.Raw]:
    """Return the members of a JSON object as they were written. Raise BadJson if it is none, or has too many."""
    if text.count(b":") > MAX_COLONS:
        raise BadJson("", "has too many members")
    try:
        return _MEMBERS.decode(text)
    except msgspec.ValidationError:
        raise BadJson("", "must be a JSON object") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadJson("", "is not valid JSON") from None


def decode_items(raw: msgspec.Raw) -> list[msgspec.Raw]:
    """Return the items of a JSON list as they were written; any other value is the only item. Raise BadJson if there
    are too many."""
    text = bytes(raw)
    if not text.startswith(b"["):
        return [raw]
    if text.count(b",") > MAX_COLONS:
        raise BadJson("", "has too many items")
    try:
        return _ITEMS.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadJson("", "is not valid JSON") from None


def decode_object(text: str) -> dict[str, Any]:
    """Return a JSON object. Raise BadJson if the text is none, has a number that is out of range, or exceeds
    ``MAX_OBJECT`` or ``MAX_DEPTH``."""
    if len(text) > MAX_OBJECT:
        raise BadJson("", f"must have at most {MAX_OBJECT:,} characters")
    try:
        found: dict[str, Any] = _OBJECT.decode(text)
    except msgspec.ValidationError:
        is_object = text.lstrip().startswith("{")
        why = "has a number that is out of range" if is_object else "must be a JSON object"
        raise BadJson("", why) from None
    except (msgspec.DecodeError, RecursionError):
        raise BadJson("", "is not valid JSON") from None
    level: list[Any] = [found]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            for inner in (value if type(value) is list else value.values())
            if type(inner) in (dict, list)
        ]
    if level:
        raise BadJson("", f"must not be nested deeper than {MAX_DEPTH} levels")
    return found
