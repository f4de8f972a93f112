"""The removal of many rows in pieces, so that other writes go on meanwhile.

1. A piece is one transaction that changes a bounded number of rows. ``in_pieces`` repeats it, with a pause between two
   that is as long as the piece took: others have at least half of the time.
2. Nothing is remembered between pieces: a piece finds the next rows by itself, so that a run that was cut off goes on
   with the next call, on any node. Several runs at once share the rows: on PostgreSQL each skips those that another
   transaction has locked.
3. A piece of ``Removal`` finds its rows by a condition that needs an index, and removes them by their primary key. Rows
   that refer to them with ON DELETE CASCADE go with them and are not counted, so the rows of child tables go first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol

import msgspec

from trunkline.core.clock import SECOND, steady_clock
from trunkline.core.storage.database import Database, Tx

ROWS = 500
"""The most rows that a piece changes, unless its caller passes another bound: some milliseconds."""
LEAST_PAUSE = 0.002
"""Seconds between two pieces, at least."""


class Piece(Protocol):
    """A change of up to ``limit`` rows, which returns how many it changed: fewer than the limit are the last ones."""

    async def __call__(self, tx: Tx, limit: int) -> int:
        """Carry out the change."""
        ...


class RemovalProgress(msgspec.Struct, frozen=True):
    """The number of rows that were changed, and True if there are more."""

    rows: int
    more: bool


class Removal(msgspec.Struct, frozen=True):
    """The rows of ``table`` that meet ``where``, SQL with the named parameters ``values``. ``key`` has the columns of
    the primary key, ``order`` those by which an index finds the first ones. All of them are names from code."""

    table: str
    key: tuple[str, ...]
    where: str
    values: Mapping[str, Any] = msgspec.field(default_factory=dict)
    order: str = ""

    async def __call__(self, tx: Tx, limit: int) -> int:
        """Remove up to ``limit`` rows and return their number; rows that others have locked are skipped."""
        key = ", ".join(self.key)
        order = f"ORDER BY {self.order}" if self.order else ""
        return await tx.run(
            f"WITH picked AS MATERIALIZED (SELECT {key} FROM {self.table} WHERE {self.where} {order}"
            f" LIMIT :picked_rows {tx.skip_locked})"
            f" DELETE FROM {self.table} WHERE ({key}) IN (SELECT {key} FROM picked)",
            picked_rows=limit,
            **self.values,
        )


async def in_pieces(
    database: Database,
    piece: Piece,
    *,
    rows: int = ROWS,
    most: int | None = None,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> RemovalProgress:
    """Carry out ``piece`` again and again, each in a transaction of its own of up to ``rows`` rows, until it finds no
    more, or ``most`` rows are changed. Return how far it came; rows that others had locked are not counted as more."""
    changed = 0
    while True:
        limit = rows if most is None else min(rows, most - changed)
        if limit < 1:
            return RemovalProgress(changed, more=True)
        began = steady_clock()
        found = await database.write(partial(piece, limit=limit))
        changed += found
        if found < limit:
            return RemovalProgress(changed, more=False)
        await pause(max((steady_clock() - began) / SECOND, LEAST_PAUSE))
