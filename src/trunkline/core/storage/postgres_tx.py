"""A PostgreSQL transaction as actions see it, and what the driver's errors mean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, TypeAlias

import asyncpg
import msgspec

from trunkline.core.storage.database import Conflict, R, Row, StorageError, T, Unavailable
from trunkline.core.storage.postgres_sql import numbered
from trunkline.core.storage.rows import insertion, reader

Connection: TypeAlias = (
    "asyncpg.pool.PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]"
)

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""Everything that the driver raises, short of a mistake in calling it."""

_TRY_AGAIN = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    # Another node changed the schema, as in a rolling upgrade: what was prepared before is forgotten by now.
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
_OUT_OF_REACH = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InternalClientError,
)


class Again(StorageError):
    """PostgreSQL ended the transaction in favour of another one; it can be run again."""


class SecondQuery(BaseException):
    """A view outside a transaction asked for more than one query. No Exception, lest an action catch it."""


class PostgresTx:
    """Implements ``Tx``. ``failed`` is the first error that a call raised: after it nothing is committed.

    With ``single`` only one query is let through; the next raises SecondQuery.
    """

    __slots__ = ("_asked", "_connection", "_single", "announced", "failed", "now", "writable")

    skip_locked = "FOR UPDATE SKIP LOCKED"

    def __init__(
        self, connection: Connection, now: int, *, single: bool = False, writable: bool = False
    ) -> None:
        self._connection = connection
        self._single = single
        self._asked = False
        self.now = now
        self.writable = writable
        self.announced: list[Any] = []
        self.failed: StorageError | None = None

    async def one(self, row: type[R], sql: str, /, **values: Any) -> R | None:
        """The first row of the answer, or None."""
        found = await self._ask(self._connection.fetchrow, sql, values)
        return None if found is None else reader(row)(found)

    async def all(self, row: type[R], sql: str, /, **values: Any) -> list[R]:
        """Every row of the answer, in its order."""
        read = reader(row)
        return [read(found) for found in await self._ask(self._connection.fetch, sql, values)]

    async def value(self, sql: str, /, **values: Any) -> Any:
        """The first column of the first row, or None."""
        return await self._ask(self._connection.fetchval, sql, values)

    async def run(self, sql: str, /, **values: Any) -> int:
        """Carry out a change and answer how many rows it touched. Raises Conflict."""
        status: str = await self._ask(self._connection.execute, sql, values)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def insert(self, table: str, row: Row, /) -> None:
        """Insert ``row`` into ``table``. Raises Conflict."""
        sql = insertion(table, type(row), _marker)
        await self._call(self._connection.execute, sql, [getattr(row, n) for n in row.__struct_fields__])

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
        """Have ``event`` told to the listeners after the commit."""
        self.announced.append(event)

    async def lock(self, key: str, /) -> None:
        """Hold off every other transaction that locks the same key, on any node, until this one ends."""
        digest = blake2b(key.encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big", signed=True)
        await self._call(self._connection.execute, "SELECT pg_advisory_xact_lock($1)", [number])

    async def _change_many(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            # The driver sends the rows in as few packets as they fit into, without a round trip for each.
            await self._call(self._connection.executemany, text, [rows])

    async def _ask(self, method: Callable[..., Awaitable[T]], sql: str, values: dict[str, Any]) -> T:
        text, names = numbered(sql)
        return await self._call(method, text, [values[name] for name in names])

    async def _call(self, method: Callable[..., Awaitable[T]], text: str, values: list[Any]) -> T:
        if self._single and self._asked:
            raise SecondQuery
        self._asked = True
        try:
            return await method(text, *values)
        except DRIVER_ERRORS as error:
            failure = translate(error)
            if self.failed is None:
                self.failed = failure
            raise failure from error


def translate(error: Exception) -> StorageError:
    """The storage error for what PostgreSQL or its driver raised; it repeats neither SQL nor values."""
    if isinstance(error, asyncpg.UniqueViolationError | asyncpg.ForeignKeyViolationError):
        return Conflict("the change breaks a uniqueness or reference rule")
    if isinstance(error, _TRY_AGAIN):
        return Again("the change met another one")
    if isinstance(error, _OUT_OF_REACH) or _is_closed(error):
        return Unavailable("the database cannot be used at the moment")
    return StorageError("the database refused the statement")


def _is_closed(error: Exception) -> bool:
    # The driver says this of a closed connection or pool; DataError, about a value, is the other kind.
    return isinstance(error, asyncpg.InterfaceError) and not isinstance(error, asyncpg.DataError)


def _marker(number: int) -> str:
    return f"${number}"
