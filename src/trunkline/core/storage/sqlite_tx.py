"""A SQLite transaction as actions use it, and the step of an action through it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import apsw
import msgspec

from trunkline.core.storage.database import (
    Action,
    Busy,
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

_BROKEN_RULES = frozenset(
    {apsw.SQLITE_CONSTRAINT_UNIQUE, apsw.SQLITE_CONSTRAINT_PRIMARYKEY, apsw.SQLITE_CONSTRAINT_FOREIGNKEY}
)
_BUSY = (apsw.BusyError, apsw.LockedError)
_PASSING = (
    apsw.CantOpenError,
    apsw.ConnectionClosedError,
    apsw.InterruptError,
    apsw.NoMemError,
)
_UNWRITABLE = (apsw.FullError, apsw.IOError, apsw.NoLFSError, apsw.PermissionsError, apsw.ReadOnlyError)
_DAMAGED = (apsw.CorruptError, apsw.NotADBError)
_UNREADABLE = frozenset({apsw.SQLITE_IOERR_READ, apsw.SQLITE_IOERR_CORRUPTFS})
# Errors of the driver for a value that SQLite cannot hold, such as an integer over 64 bits.
_REFUSED = (apsw.Error, OverflowError, TypeError, UnicodeError)


class SqliteTx:
    """The ``Tx`` of SQLite. ``failed`` is the first error that a call raised; after one nothing is committed."""

    __slots__ = ("_connection", "announced", "failed", "now", "writable")

    skip_locked = ""

    def __init__(self, connection: apsw.Connection, now: int, *, writable: bool = False) -> None:
        self._connection = connection
        self.now = now
        self.writable = writable
        self.announced: list[Any] = []
        self.failed: StorageError | None = None

    async def one(self, row: type[R], sql: str, /, **values: Any) -> R | None:
        """Return the first row of the result, or None."""
        found = self._first(sql, values)
        return None if found is None else reader(row)(found)

    async def all(self, row: type[R], sql: str, /, **values: Any) -> list[R]:
        """Return all rows of the result, in its order."""
        try:
            found = self._connection.execute(sql, values).fetchall()
        except _REFUSED as error:
            raise self._failure(error) from error
        return list(map(reader(row), found))

    async def value(self, sql: str, /, **values: Any) -> Any:
        """Return the first column of the first row, or None."""
        found = self._first(sql, values)
        return None if found is None else found[0]

    async def run(self, sql: str, /, **values: Any) -> int:
        """Carry out a change and return the number of rows that it touched. Raise Conflict if it breaks a rule."""
        return self._change(sql, values)

    async def insert(self, table: str, row: Row, /) -> None:
        """Insert ``row`` into ``table``. Raise Conflict if it breaks a rule."""
        self._change(insertion(table, type(row), _marker), msgspec.structs.astuple(row))

    async def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]], /) -> None:
        """Carry out one change for each of ``rows``. Raise Conflict if one of them breaks a rule of the schema."""
        self._change_many(sql, rows)

    async def insert_many(self, table: str, rows: Sequence[Row], /) -> None:
        """Insert ``rows``, all of one type, into ``table``. Raise Conflict if one of them breaks a rule."""
        if rows:
            self._change_many(insertion(table, type(rows[0]), _marker), map(msgspec.structs.astuple, rows))

    def announce(self, event: Any, /) -> None:
        """Pass ``event`` to the listeners after the commit."""
        self.announced.append(event)

    async def lock(self, key: str, /) -> None:
        """Do nothing: there is one writer, so no other transaction runs beside this one."""

    def _first(self, sql: str, values: dict[str, Any]) -> tuple[Any, ...] | None:
        try:
            cursor = self._connection.execute(sql, values)
            found: tuple[Any, ...] | None = cursor.fetchone()
            cursor.close()
        except _REFUSED as error:
            raise self._failure(error) from error
        return found

    def _change(self, sql: str, values: dict[str, Any] | tuple[Any, ...]) -> int:
        before = self._connection.total_changes()
        try:
            self._connection.execute(sql, values).fetchall()
        except _REFUSED as error:
            raise self._failure(error) from error
        # changes() keeps the figure of the statement before when this one was not a change at all.
        return self._connection.changes() if self._connection.total_changes() != before else 0

    def _change_many(self, sql: str, rows: Iterable[Any]) -> None:
        try:
            self._connection.executemany(sql, rows).fetchall()
        except _REFUSED as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> StorageError:
        if isinstance(error, apsw.ReadOnlyError) and not self.writable:
            failure = StorageError("a read cannot change anything")
        else:
            failure = translate(error)
        if self.failed is None:
            self.failed = failure
        return failure


def advance(action: Action[T], tx: SqliteTx) -> T:
    """Run ``action`` to its end in one step and return its result.

    Raise what it raises, StorageError if it waits for anything but ``tx``, and the first error of ``tx`` if the action
    caught that.
    """
    step = action(tx).__await__()
    try:
        next(step)
    except StopIteration as done:
        if tx.failed is not None:
            raise tx.failed from tx.failed.__cause__
        result: T = done.value
        return result
    step.close()
    raise StorageError("an action awaited something that is not its transaction")


def translate(error: Exception) -> StorageError:
    """Return the storage error for an error of SQLite or its driver; it repeats neither SQL nor values."""
    if isinstance(error, apsw.ConstraintError) and getattr(error, "extendedresult", 0) in _BROKEN_RULES:
        return Conflict("the change breaks a uniqueness or reference rule")
    if isinstance(error, _DAMAGED) or getattr(error, "extendedresult", 0) in _UNREADABLE:
        return DamagedData("the stored data are damaged")
    if isinstance(error, _UNWRITABLE):
        return NotWritable("the database accepts no changes at the moment")
    if isinstance(error, _BUSY):
        return Busy("the database was locked for too long")
    if isinstance(error, _PASSING):
        return Unavailable("the database cannot be used at the moment")
    return StorageError("the database refused the statement")


def _marker(_: int) -> str:
    return "?"
