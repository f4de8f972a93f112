"""Parameters: from the fields of a form or query to a typed input. Pure.

A resource declares its parameters as a msgspec Struct; each field carries a parser::

    class UpdateService(msgspec.Struct, frozen=True, kw_only=True):
        friendly_name: Annotated[Given[str], text(1, 255, code=54053)] = UNSET
        webhook_url: Annotated[Given[str | None], url(512, code=54051)] = UNSET
        channel_members: Annotated[Given[int], integer(1, 1000), named("Limits.ChannelMembers")] = UNSET

Rules (client, doc): names are PascalCase and case-sensitive; unknown names are ignored; a name that is absent leaves
its field UNSET; a name with an empty value clears a nullable field to None; a repeated scalar counts by its last
value; a list repeats its name. Anything else is an ApiError that names the parameter.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.errors import ApiError, invalid, missing
from trunkline.core.sids import is_sid
from trunkline.core.strict_json import MAX_FIELD, BadJson, decode_json, decode_object

T = TypeVar("T")
Given = Union[T, UnsetType]  # noqa: UP007 - a generic alias needs Union
"""A parameter that may be absent."""

Fields = Sequence[tuple[str, str]]
"""The decoded name and value pairs of a form or query, in their order."""

Parse = Callable[[str, str], Any]
"""From a parameter's name and text to its value; raises ApiError."""


class Parser(msgspec.Struct, frozen=True):
    """The reading of one parameter. ``clears``: an empty value means None. ``repeated``: its values make a list."""

    parse: Parse
    clears: bool = False
    repeated: bool = False


class WireName(msgspec.Struct, frozen=True):
    """A wire name that does not follow from the field's name."""

    name: str


class Requirement(msgspec.Struct, frozen=True):
    """The error code for a request without this parameter; 0 is the generic one."""

    code: int = 0


def named(name: str) -> WireName:
    """Return the mark of a parameter that is called ``name`` on the wire."""
    return WireName(name)


def required(code: int = 0) -> Requirement:
    """Return the mark of a required parameter; without it the error is ``code``, or the generic 400, 20001."""
    return Requirement(code)


def _error(code: int, name: str, why: str) -> ApiError:
    return ApiError(code) if code else invalid(name, why)


def text(low: int = 0, high: int = 0, *, code: int = 0, clears: bool = False) -> Parser:
    """Return the parser of text of ``low`` to ``high`` characters (0: no upper limit)."""

    def parse(name: str, value: str) -> str:
        if len(value) < low or (high and len(value) > high):
            bound = f"{low} to {high}" if high else f"at least {low}"
            raise _error(code, name, f"must be {bound} characters long")
        return value

    return Parser(parse, clears=clears)


def http_method(code: int, *, clears: bool = False) -> Parser:
    """Return the parser of GET or POST, in any case."""
    return choice("GET", "POST", code=code, fold=True, clears=clears)


def boolean() -> Parser:
    """Return the parser of ``true`` or ``false`` in any case: older SDKs send ``True`` (client)."""

    def parse(name: str, value: str) -> bool:
        lower = value.lower()
        if lower not in ("true", "false"):
            raise invalid(name, "must be true or false")
        return lower == "true"

    return Parser(parse)


_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def integer(low: int, high: int, *, code: int = 0) -> Parser:
    """Return the parser of a decimal integer from ``low`` to ``high``, both included."""

    def parse(name: str, value: str) -> int:
        number = int(value) if _INTEGER.fullmatch(value) else None
        if number is None or not low <= number <= high:
            raise _error(code, name, f"must be an integer from {low} to {high}")
        return number

    return Parser(parse)


def choice(*values: str, code: int = 0, fold: bool = False, clears: bool = False) -> Parser:
    """Return the parser of one of ``values``; with ``fold`` in any case, returned in the declared one."""
    known = {value.lower() if fold else value: value for value in values}

    def parse(name: str, value: str) -> str:
        found = known.get(value.lower() if fold else value)
        if found is None:
            raise _error(code, name, f"must be one of {', '.join(values)}")
        return found

    return Parser(parse, clears=clears)


def sid(prefix: str, *, code: int = 0, clears: bool = True) -> Parser:
    """Return the parser of a SID with ``prefix``; the action finds out whether it exists."""

    def parse(name: str, value: str) -> str:
        if not is_sid(value, prefix):
            raise _error(code, name, f"must match ^{prefix}[0-9a-fA-F]{{32}}$")
        return value

    return Parser(parse, clears=clears)


def url(high: int = 2048, *, code: int = 0) -> Parser:
    """Return the parser of an absolute http or https URL of at most ``high`` characters; empty clears."""

    def parse(name: str, value: str) -> str:
        if len(value) > high or not is_http_url(value):
            raise _error(code, name, f"must be an absolute http or https URL of at most {high} characters")
        return value

    return Parser(parse, clears=True)


def is_http_url(value: str) -> bool:
    """Return whether ``value`` is an absolute http or https URL with a host and, if any, a possible port."""
    if any(character <= " " or character == "\x7f" for character in value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def json_object(*, code: int = 0) -> Parser:
    """Return the parser of an object's JSON text, returned as it was written."""

    def parse(name: str, value: str) -> str:
        try:
            decode_object(value)
        except BadJson as error:
            raise _error(code, name, error.why) from None
        return value

    return Parser(parse, clears=True)


def json_struct(kind: type[Any], description: str) -> Parser:
    """Return the parser of an object's JSON text into a ``kind``. The error has the ``description`` and the field."""

    def parse(name: str, value: str) -> Any:
        try:
            return decode_json(value, kind)
        except BadJson as error:
            raise invalid(name, f"{description}: {error}") from None

    return Parser(parse)


def date() -> Parser:
    """Return the parser of a day such as ``2020-01-02``."""

    def parse(name: str, value: str) -> datetime.date:
        try:
            if not _DAY.fullmatch(value):
                raise ValueError(value)
            return datetime.date.fromisoformat(value)
        except ValueError:
            raise invalid(name, "must be a date such as 2020-01-02") from None

    return Parser(parse)


def many(parser: Parser) -> Parser:
    """Return the parser of a list: the name repeats. One empty value alone clears the list to None."""
    return Parser(parser.parse, clears=True, repeated=True)


class _Slot(msgspec.Struct, frozen=True):
    field: str
    name: str
    parser: Parser
    required: Requirement | None


def pascal_case(field: str) -> str:
    """Return the wire name of a field: ``friendly_name`` is sent as ``FriendlyName``."""
    # Clients send names of any length; a longer one is no parameter's.
    return _pascal_case(field) if len(field) <= _LONGEST_NAME else field


@lru_cache(maxsize=1024)
def _pascal_case(field: str) -> str:
    return "".join(map(str.capitalize, field.split("_")))


_LONGEST_NAME = 64


_KNOWN: dict[type[Any], dict[str, _Slot]] = {}


def _slots(kind: type[Any]) -> dict[str, _Slot]:
    if kind not in _KNOWN:
        _KNOWN[kind] = _declared(kind)
    return _KNOWN[kind]


def _declared(kind: type[Any]) -> dict[str, _Slot]:
    slots = {}
    for field, hint in get_type_hints(kind, include_extras=True).items():
        if get_origin(hint) is not Annotated:
            raise TypeError(f"{kind}.{field} has no parser")
        marks = get_args(hint)[1:]
        parser = next(mark for mark in marks if isinstance(mark, Parser))
        name = next((mark.name for mark in marks if isinstance(mark, WireName)), pascal_case(field))
        needed = next((mark for mark in marks if isinstance(mark, Requirement)), None)
        slots[name] = _Slot(field, name, parser, needed)
    return slots


def names(kind: type[Any]) -> tuple[str, ...]:
    """Return the wire names of an input, in the order of its fields."""
    return tuple(_slots(kind))


def require_known(kind: type[Any], fields: Fields, *also: str) -> None:
    """Raise ApiError 20001, naming the field, for one that the input does not have, and that is not in ``also``."""
    known = {*_slots(kind), *also}
    for name, _ in fields:
        if name not in known:
            raise invalid(name[:MAX_FIELD], f"is unknown: there are {', '.join(sorted(known))}")


def read(kind: type[T], query: Fields, body: Fields = ()) -> T:
    """Return the typed input. A name in the body hides the same name in the query. Raise ApiError for a bad or missing
    parameter."""
    slots = _slots(kind)
    if not slots:
        return kind()
    found = _texts(slots, body)
    if query:
        found = _texts(slots, query) | found
    values = {}
    for name, slot in slots.items():
        texts = found.get(name)
        if texts is not None:
            values[slot.field] = _value(slot, texts)
    for slot in slots.values():
        if slot.required is not None and values.get(slot.field) is None:
            raise ApiError(slot.required.code) if slot.required.code else missing(slot.name)
    return kind(**values)


def _texts(slots: dict[str, _Slot], fields: Fields) -> dict[str, list[str]]:
    """Return the values of the known names, in the order of the request."""
    found: dict[str, list[str]] = {}
    for name, value in fields:
        if name in found:
            found[name].append(value)
        elif name in slots:
            found[name] = [value]
    return found


def _value(slot: _Slot, texts: list[str]) -> Any:
    for given in texts:
        if "\x00" in given:
            raise invalid(slot.name, "must not contain NUL characters")
    if slot.parser.repeated:
        return None if texts == [""] else [slot.parser.parse(slot.name, given) for given in texts]
    last = texts[-1]
    if last == "" and slot.parser.clears:
        return None
    return slot.parser.parse(slot.name, last)


def given(values: msgspec.Struct) -> dict[str, Any]:
    """Return the fields that the request named, with their values."""
    return {name: value for name in values.__struct_fields__ if (value := getattr(values, name)) is not UNSET}
