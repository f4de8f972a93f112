"""A PostgreSQL transaction as actions use it: its parameters, its locks, and the driver's errors as storage errors.

1. A transaction belongs to one session and one task, so nothing is locked here. Each call awaits one round trip. The
   first error is kept: after it nothing is committed. The caller begins, commits and ends the transaction.
2. The locks of ``lock`` are waited for in one order, that of their numbers, and before any row is locked: so no two
   transactions wait for each other's. A lock that comes out of this order is taken only if it is free. If it is
   not, the action is run again, and the locks that it had and wanted are taken at its beginning.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from typing import Any

import msgspec

from trunkline.core.storage.batch import weighed_batches
from trunkline.core.storage.database import R, Row, StorageError, T
from trunkline.core.storage.postgres_errors import DRIVER_ERRORS, RetryableError, translate
from trunkline.core.storage.postgres_sessions import Session
from trunkline.core.storage.rows import insertion, reader

_TOKENS = re.compile(
    r"'(?:[^']|'')*'"  # a literal
    r"|\"(?:[^\"]|\"\")*\""  # a quoted name
    r"|--[^\n]*"  # a comment
    r"|::\w+"  # a cast
    r"|:(?P<name>[A-Za-z_]\w*)"
)


BATCH_BYTES = 65_536
"""The size of a batch of rows: half of a piece of the driver's, as the estimate is none of each byte."""
_ROW_BYTES = 64


class SecondQuery(BaseException):
    """A read outside a transaction needs more than one query. No Exception, so that no action catches it."""


class PostgresTx:
    """The ``Tx`` of PostgreSQL. ``failed`` is the first error that a call raised: after it nothing is committed;
    ``changed`` is true once rows were changed.

    With ``single`` only one query is allowed; the next raises SecondQuery. ``locks`` are the numbers of the locks that
    it has, or could not get.
    """

    __slots__ = (
        "_connection",
        "_has_row_locks",
        "_queried",
        "_single",
        "announced",
        "changed",
        "failed",
        "locks",
        "now",
        "writable",
    )

    skip_locked = "FOR UPDATE SKIP LOCKED"

    def __init__(
        self, connection: Session, now: int, *, single: bool = False, writable: bool = False
    ) -> None:
        self._connection = connection
        self._single = single
        self._queried = False
        self._has_row_locks = False
        self.locks: set[int] = set()
        self.now = now
        self.writable = writable
        self.announced: list[Any] = []
        self.failed: StorageError | None = None
        self.changed = False

    async def one(self, row: type[R], sql: str, /, **values: Any) -> R | None:
        """Return the first row of the result, or None."""
        found = await self._query(self._connection.fetchrow, sql, values)
        return None if found is None else reader(row)(found)

    async def all(self, row: type[R], sql: str, /, **values: Any) -> list[R]:
        """Return all rows of the result, in its order."""
        read = reader(row)
        return [read(found) for found in await self._query(self._connection.fetch, sql, values)]

    async def value(self, sql: str, /, **values: Any) -> Any:
        """Return the first column of the first row, or None."""
        return await self._query(self._connection.fetchval, sql, values)

    async def run(self, sql: str, /, **values: Any) -> int:
        """Carry out a change and return the number of rows that it touched. Raise Conflict if it breaks a rule."""
        status: str = await self._query(self._connection.execute, sql, values)
        count = status.rpartition(" ")[2]
        rows = int(count) if count.isdigit() else 0
        self.changed |= rows > 0
        return rows

    async def insert(self, table: str, row: Row, /) -> None:
        """Insert ``row`` into ``table``. Raise Conflict if it breaks a rule."""
        sql = insertion(table, type(row), _marker)
        await self._call(self._connection.execute, sql, [getattr(row, n) for n in row.__struct_fields__])
        self.changed = True

    async def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]], /) -> None:
        """Carry out one change for each of ``rows``. Raise Conflict if one of them breaks a rule of the schema."""
        text, names = numbered(sql)
        await self._change_many(text, [[row[name] for name in names] for row in rows])

    async def insert_many(self, table: str, rows: Sequence[Row], /) -> None:
        """Insert ``rows``, all of one type, into ``table``. Raise Conflict if one of them breaks a rule."""
        if rows:
            sql = insertion(table, type(rows[0]), _marker)
            await self._change_many(sql, [msgspec.structs.astuple(row) for row in rows])

    def announce(self, event: Any, /) -> None:
        """Pass ``event`` to the listeners after the commit."""
        self.announced.append(event)

    async def lock(self, key: str, /) -> None:
        """Hold off every other transaction that locks the same key, on any node, until this one ends."""
        digest = blake2b(key.encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big", signed=True)
        if number in self.locks:
            return
        in_order = not self._has_row_locks and (not self.locks or number > max(self.locks))
        self.locks.add(number)
        if in_order:
            await self._send(self._connection.execute, "SELECT pg_advisory_xact_lock($1)", [number])
        elif not await self._send(
            self._connection.fetchval, "SELECT pg_try_advisory_xact_lock($1)", [number]
        ):
            self.failed = self.failed or RetryableError("a lock was wanted out of its order")
            raise self.failed

    async def lock_all(self, numbers: Collection[int]) -> None:
        """Take the locks that an earlier run had or wanted, in their order, at the beginning of the transaction."""
        if numbers:
            sql = "SELECT pg_advisory_xact_lock(number) FROM unnest($1::bigint[]) AS number"
            await self._send(self._connection.execute, sql, [sorted(numbers)])
            self.locks |= set(numbers)

    async def _change_many(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            # The driver sends the rows of a batch without a round trip for each. Of a larger one the rest would wait
            # for the event loop: in a process that is stopped then, no bound of the server ends the transaction.
            for batch in weighed_batches(rows, _row_length, BATCH_BYTES):
                await self._call(self._connection.executemany, text, [batch])
            self.changed = True

    async def _query(self, method: Callable[..., Awaitable[T]], sql: str, values: dict[str, Any]) -> T:
        text, names = numbered(sql)
        return await self._call(method, text, [values[name] for name in names])

    async def _call(self, method: Callable[..., Awaitable[T]], text: str, values: list[Any]) -> T:
        self._has_row_locks = self._has_row_locks or _locks_rows(text)
        return await self._send(method, text, values)

    async def _send(self, method: Callable[..., Awaitable[T]], text: str, values: list[Any]) -> T:
        if self._single and self._queried:
            raise SecondQuery
        self._queried = True
        try:
            return await method(text, *values)
        except DRIVER_ERRORS as error:
            failure = translate(error, writes=self.writable)
            if self.failed is None:
                self.failed = failure
            raise failure from error


@cache
def _locks_rows(text: str) -> bool:
    """Return whether a statement may lock rows: any but a plain query."""
    return not text.lstrip().startswith("SELECT") or "FOR UPDATE" in text


def _row_length(row: Sequence[Any]) -> int:
    return _ROW_BYTES + sum(map(_length, row))


def _length(value: Any) -> int:
    """Return the most bytes of a value and its header."""
    if isinstance(value, str):
        return 4 + len(value) * (1 if value.isascii() else 4)
    return 4 + len(value) if isinstance(value, bytes) else 12


@cache
def numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """Return the text with numbered parameters (``:name`` becomes ``$1``), and their names in that order; a name used
    twice has one number.

    Texts come from code, never from a request, so the cache holds as many as the code has.
    """
    names: dict[str, int] = {}

    def number(token: re.Match[str]) -> str:
        name = token["name"]
        return token[0] if name is None else f"${names.setdefault(name, len(names) + 1)}"

    return _TOKENS.sub(number, sql), tuple(names)


def _marker(number: int) -> str:
    return f"${number}"
