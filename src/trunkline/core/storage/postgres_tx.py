"""A PostgreSQL transaction as actions use it: its named parameters, and the driver's errors as storage errors.

A transaction belongs to one connection and one task, so nothing is locked here. Each call awaits one round trip. The
first error of the driver is kept: after it nothing is committed. The caller begins, commits and ends the transaction.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from typing import Any, TypeAlias

import asyncpg
import msgspec

from trunkline.core.storage.database import (
    Conflict,
    DamagedData,
    NotWritable,
    R,
    Row,
    StorageError,
    T,
    Unavailable,
)
from trunkline.core.storage.rows import insertion, reader

Connection: TypeAlias = (
    "asyncpg.pool.PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]"
)

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""All errors of the driver, except those of a wrong call."""

_TRY_AGAIN = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    # Another node changed the schema, as in a rolling upgrade: statements prepared before are invalid.
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
_UNWRITABLE = (asyncpg.DiskFullError,)
# A page fails its checksum or an index its checks; a file cannot be read; a table's file is gone.
_DAMAGED = (
    asyncpg.DataCorruptedError,
    asyncpg.IndexCorruptedError,
    asyncpg.PostgresIOError,
    asyncpg.UndefinedFileError,
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


_TOKENS = re.compile(
    r"'(?:[^']|'')*'"  # a literal
    r"|\"(?:[^\"]|\"\")*\""  # a quoted name
    r"|--[^\n]*"  # a comment
    r"|::\w+"  # a cast
    r"|:(?P<name>[A-Za-z_]\w*)"
)


class RetryableError(StorageError):
    """PostgreSQL ended the transaction in favour of another one; it can be run again."""


class SecondQuery(BaseException):
    """A read outside a transaction needs more than one query. No Exception, so that no action catches it."""


class PostgresTx:
    """The ``Tx`` of PostgreSQL. ``failed`` is the first error that a call raised: after it nothing is committed;
    ``changed`` is true once rows were changed.

    With ``single`` only one query is allowed; the next raises SecondQuery.
    """

    __slots__ = ("_connection", "_queried", "_single", "announced", "changed", "failed", "now", "writable")

    skip_locked = "FOR UPDATE SKIP LOCKED"

    def __init__(
        self, connection: Connection, now: int, *, single: bool = False, writable: bool = False
    ) -> None:
        self._connection = connection
        self._single = single
        self._queried = False
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
        await self._call(self._connection.execute, "SELECT pg_advisory_xact_lock($1)", [number])

    async def _change_many(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            # The driver sends the rows in as few packets as they fit into, without a round trip for each.
            await self._call(self._connection.executemany, text, [rows])
            self.changed = True

    async def _query(self, method: Callable[..., Awaitable[T]], sql: str, values: dict[str, Any]) -> T:
        text, names = numbered(sql)
        return await self._call(method, text, [values[name] for name in names])

    async def _call(self, method: Callable[..., Awaitable[T]], text: str, values: list[Any]) -> T:
        if self._single and self._queried:
            raise SecondQuery
        self._queried = True
        try:
            return await method(text, *values)
        except DRIVER_ERRORS as error:
            failure = translate(error)
            if self.failed is None:
                self.failed = failure
            raise failure from error


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


def translate(error: Exception) -> StorageError:
    """Return the storage error for an error of PostgreSQL or its driver; it repeats neither SQL nor values."""
    if isinstance(error, asyncpg.UniqueViolationError | asyncpg.ForeignKeyViolationError):
        return Conflict("the change breaks a uniqueness or reference rule")
    if isinstance(error, _TRY_AGAIN):
        return RetryableError("the change met another one")
    if isinstance(error, _DAMAGED):
        return DamagedData("the stored data are damaged")
    if isinstance(error, _UNWRITABLE):
        return NotWritable("the database accepts no changes at the moment")
    if isinstance(error, _OUT_OF_REACH) or _is_closed(error):
        return Unavailable("the database cannot be used at the moment")
    return StorageError("the database refused the statement")


def _is_closed(error: Exception) -> bool:
    # The driver raises this for a closed connection or pool; DataError, about a value, is the other kind.
    return isinstance(error, asyncpg.InterfaceError) and not isinstance(error, asyncpg.DataError)


def _marker(number: int) -> str:
    return f"${number}"
