"""JSON that must fit its type: the error names the field at fault. Pure."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

T = TypeVar("T")

MAX_FIELD = 100
"""Characters of a field's name in an error."""

_AT = re.compile(r"(?P<why>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
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
    parts = _AT.fullmatch(message)
    assert parts is not None
    path, why = parts["path"] or "", parts["why"]
    if field := _FIELD.fullmatch(why):
        path = f"{path}.{field['name']}" if path else field["name"]
        why = "is missing" if field["kind"].startswith("missing") else "is unknown"
    elif types := _TYPE.fullmatch(why):
        expected = " or ".join(_NAMES.get(name, name) for name in types["expected"].split(" | "))
        why = f"must be {expected}, not {_NAMES.get(types['found'], types['found'])}"
    else:
        why = f"is wrong: {why[:1].lower()}{why[1:]}"
    return BadJson(path[:MAX_FIELD], why)
