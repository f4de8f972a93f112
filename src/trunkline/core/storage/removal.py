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


class WeighedPiece(Protocol):
    """A change of rows that, with those that go with them, are up to ``limit``; these are not counted."""

    async def __call__(self, tx: Tx, limit: int) -> RemovalProgress:
        """Carry out the change."""
        ...


class Removal(msgspec.Struct, frozen=True):
    """The rows of ``table`` that meet ``where``, SQL with the named parameters ``values``. ``key`` has the columns of
    the primary key, ``order`` those by which an index finds the first ones; rows that do not meet ``ready`` have to
    wait. With ``assign``, SQL assignments after which a row does not meet ``where`` any more, rows are changed and not
    removed. All of them are SQL from code."""

    table: str
    key: tuple[str, ...]
    where: str
    values: Mapping[str, Any] = msgspec.field(default_factory=dict)
    order: str = ""
    ready: str = ""
    assign: str = ""

    def of(self, sid: str) -> Removal:
        """Return the removal with ``sid`` as the value of its parameter of that name."""
        return msgspec.structs.replace(self, values={**self.values, "sid": sid})

    async def finds(self, tx: Tx) -> bool:
        """Return whether there is such a row, ready or not."""
        sql = f"SELECT 1 FROM {self.table} WHERE {self.where} LIMIT 1"
        return await tx.value(sql, **self.values) is not None

    async def __call__(self, tx: Tx, limit: int) -> int:
        """Remove up to ``limit`` rows and return their number; rows that others have locked are skipped."""
        key = ", ".join(self.key)
        where = f"{self.where} AND {self.ready}" if self.ready else self.where
        order = f"ORDER BY {self.order}" if self.order else ""
        change = f"UPDATE {self.table} SET {self.assign}" if self.assign else f"DELETE FROM {self.table}"
        return await tx.run(
            f"WITH picked AS MATERIALIZED (SELECT {key} FROM {self.table} WHERE {where} {order}"
            f" LIMIT :picked_rows {tx.skip_locked})"
            f" {change} WHERE ({key}) IN (SELECT {key} FROM picked)",
            picked_rows=limit,
            **self.values,
        )


class RemovalGroup(msgspec.Struct, frozen=True):
    """Removals that are carried out together, child tables first. If there are several, each of them sees a page of the
    parents, the last of them removes that page, and then the next page has its turn."""

    removals: tuple[Removal, ...]

    async def is_done(self, tx: Tx) -> bool:
        """Return whether no row is left; those that others had locked may be."""
        return not await self.removals[-1].finds(tx)

    async def __call__(self, tx: Tx, limit: int) -> int:
        """Remove up to ``limit`` rows and return their number."""
        removed = 0
        while removed < limit:
            before = removed
            for removal in self.removals:
                removed += await removal(tx, limit - removed)
                if removed >= limit:
                    return removed
            if removed == before or len(self.removals) == 1:
                break
        return removed


class RemovalPlan(msgspec.Struct, frozen=True):
    """The removal of a row of ``table`` by its SID: ``below`` are the rows below it, with ``:sid`` in their conditions,
    children first. ``released`` are the SQL assignments that free the row's names. With ``keeps`` the row itself stays,
    and nothing is marked."""

    table: str
    below: tuple[RemovalGroup, ...] = ()
    released: str = ""
    keeps: bool = False

    def groups(self, sid: str) -> list[RemovalGroup]:
        """Return what is below the row with this SID."""
        return [RemovalGroup(tuple(removal.of(sid) for removal in group.removals)) for group in self.below]

    async def mark(self, tx: Tx, account_sid: str, sid: str) -> bool:
        """Mark the account's row with this SID as deleted; return False if there is none."""
        return bool(
            await tx.run(
                f"UPDATE {self.table} SET deleted = TRUE"
                " WHERE sid = :sid AND account_sid = :account_sid AND NOT deleted",
                sid=sid,
                account_sid=account_sid,
            )
        )

    async def release(self, tx: Tx, sid: str) -> None:
        """Free the names of a marked row."""
        if self.released:
            await tx.run(f"UPDATE {self.table} SET {self.released} WHERE sid = :sid AND deleted", sid=sid)

    async def finish(self, tx: Tx, sid: str) -> bool:
        """Remove the marked row itself; return False if anything is left below it, which would go with it in this
        transaction."""
        for group in self.groups(sid):
            if not await group.is_done(tx):
                return False
        if not self.keeps:
            await tx.run(f"DELETE FROM {self.table} WHERE sid = :sid AND deleted", sid=sid)
        return True


async def in_pieces(
    database: Database,
    piece: Piece | WeighedPiece,
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
        found: int | RemovalProgress = await database.write(partial(piece, limit=limit))
        done = found if isinstance(found, RemovalProgress) else RemovalProgress(found, more=found >= limit)
        changed += done.rows
        if not done.more:
            return RemovalProgress(changed, more=False)
        await pause(max((steady_clock() - began) / SECOND, LEAST_PAUSE))
