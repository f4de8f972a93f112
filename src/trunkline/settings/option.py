"""The declaration of an option: name, type, default and help, its check, and the mask of a secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from trunkline.settings.values import BadSetting, Check, Tables

PREFIX = "TRUNKLINE_"

_SWITCH = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}
_PARSERS: dict[type, Callable[[str], Any]] = {
    int: int,
    float: float,
    str: str,
    Path: Path,
    bool: lambda text: _SWITCH[text.lower()],
    tuple: json.loads,
}
_FORMS: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple: "a list of tables",
}


def option(
    default: Any,
    *help: str,
    check: Check | None = None,
    tables: Callable[[Tables], tuple[Any, ...]] | None = None,
    secret: Callable[[Any], str] | None = None,
) -> Any:
    """Declare a field of a group as an option. ``check`` raises ValueError for a value of the right type that is not
    allowed; ``tables`` returns the parsed value of an option of tables; ``secret`` returns what may be printed of a
    secret's value."""
    metadata = {"help": " ".join(help), "check": check, "tables": tables, "secret": secret}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Option:
    """An option of a group. Its default decides its type: text, whole number, number, switch, path or tables."""

    group: str
    name: str
    default: Any
    help: str
    _check: Check | None
    _parse_tables: Callable[[Tables], tuple[Any, ...]] | None
    _mask: Callable[[Any], str] | None

    @property
    def is_switch(self) -> bool:
        """True if the value is true or false."""
        return self._kind is bool

    @property
    def secret(self) -> bool:
        """True if the value must not be printed."""
        return self._mask is not None

    @property
    def _kind(self) -> type:
        return Path if isinstance(self.default, Path) else type(self.default)

    def convert(self, value: Any, origin: str) -> Any:
        """Return a value from the command line, the environment or the file in the option's type. The file has numbers,
        booleans and tables; everything else is text. Raise BadSetting if it has another type."""
        kind = self._kind
        if "\0" in str(value):
            raise BadSetting(f"{self.name} ({origin}) must be text without the character NUL")
        if type(value) is kind or (kind is float and type(value) is int):
            return value
        try:
            if isinstance(value, str):
                value = _PARSERS[kind](value)
                return _tables(value) if kind is tuple else value
            if kind is tuple:
                return _tables(value)
            raise TypeError
        except (KeyError, ValueError, TypeError):
            raise BadSetting(f"{self.name} ({origin}) must be {_FORMS.get(kind, 'text')}") from None

    def checked(self, value: Any) -> Any:
        """Return a value of the option's type, its tables parsed. Raise BadSetting if it is not allowed."""
        try:
            if self._parse_tables:
                return self._parse_tables(value)
        except ValueError as error:
            raise BadSetting(f"{self.name}: {error}", self.name) from None
        try:
            if self._check:
                self._check(value)
        except ValueError as error:
            raise BadSetting(f"{self.name} {error}", self.name) from None
        return value

    def printable(self, value: Any) -> Any:
        """Return the value for printing: of a secret only what may be seen."""
        return self._mask(value) if self._mask else value


def options_of(name: str, group: type) -> Iterator[Option]:
    """Yield the options of a group, in the order of their declaration."""
    declared: tuple[Field[Any], ...] = fields(group)
    for item in declared:
        data = item.metadata
        yield Option(
            name, item.name, item.default, data["help"], data["check"], data["tables"], data["secret"]
        )


def flag(name: str) -> str:
    """Return the command-line option of an option's name."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """Return the environment variable of an option's name."""
    return PREFIX + name.upper()


def as_text(value: Any) -> str:
    """Return a value in the form that flags and the environment have."""
    if isinstance(value, tuple):
        return msgspec.json.encode(value).decode()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tables(value: Any) -> Tables:
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise ValueError(value)
    return tuple(value)
