"""Pages of lists in SQL: their rows, the part of them that a page has, and the result of a walk along them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

V = TypeVar("V")
W = TypeVar("W")


class ListQuery(msgspec.Struct, frozen=True):
    """The rows of a list in SQL: those of ``table`` that meet ``held``, conditions that an index holds together with
    the list's order, and ``checked``, conditions that are checked row by row."""

    table: str
    held: tuple[str, ...]
    checked: tuple[str, ...] = ()

    def narrowed(self, indexed: Sequence[str], checked: Sequence[str] = ()) -> ListQuery:
        """Return the query with further conditions. Each of ``indexed`` has an index of its own: it holds the first of
        them, and the others are checked row by row."""
        return ListQuery(self.table, (*self.held, *indexed[:1]), (*self.checked, *indexed[1:], *checked))


class Span(msgspec.Struct, frozen=True):
    """The part of a list in SQL: the columns of its order, the conditions on them, the ORDER BY, the number of rows
    that are wanted, the number of rows that a step of a walk reads for them, and the number that all its steps read
    until one is found. ``resume`` returns the part behind a key."""

    key: tuple[str, str]
    start: str
    order_by: str
    limit: int
    walk: int
    most: int
    values: Mapping[str, Any]
    resume: Callable[[tuple[int, str]], Span]


class WalkResult(msgspec.Struct, Generic[V], frozen=True):
    """The rows that were found, and the key at which the walk stopped; None if it found as many as were wanted, or
    came to the end."""

    rows: list[V]
    stop: tuple[int, str] | None = None

    def map(self, change: Callable[[V], W]) -> WalkResult[W]:
        """Return the same with each row changed."""
        return WalkResult([change(row) for row in self.rows], self.stop)
