"""The conversion of values into ``Row`` objects, and of a ``Row`` into an INSERT, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import msgspec

from trunkline.core.storage.database import R, Row, columns


@cache
def reader(row: type[R]) -> Callable[[Iterable[Any]], R]:
    """Return the function that makes a ``row`` from the values of one result, which are in its fields' order.

    SQLite has no booleans: a value that the class declares ``bool`` or ``bool | None`` is converted.
    """
    flags = _bool_positions(row)
    if not flags:
        return lambda values: row(*values)

    def read(values: Iterable[Any]) -> R:
        fields = list(values)
        for position in flags:
            value = fields[position]
            if value is not None:
                fields[position] = bool(value)
        return row(*fields)

    return read


@cache
def insertion(table: str, row: type[Row], marker: Callable[[int], str]) -> str:
    """Return the INSERT of a ``row`` with one positional parameter a field; ``marker`` writes the n-th, from 1."""
    markers = ", ".join(marker(n) for n in range(1, len(row.__struct_fields__) + 1))
    return f"INSERT INTO {table} ({columns(row)}) VALUES ({markers})"


def _bool_positions(row: type[Row]) -> tuple[int, ...]:
    found = msgspec.inspect.type_info(row)
    if not isinstance(found, msgspec.inspect.StructType):
        raise TypeError(f"{row!r} is not a Row")
    return tuple(n for n, field in enumerate(found.fields) if _is_bool(field.type))


def _is_bool(kind: msgspec.inspect.Type) -> bool:
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(isinstance(part, msgspec.inspect.BoolType) for part in kind.types)
    return isinstance(kind, msgspec.inspect.BoolType)
