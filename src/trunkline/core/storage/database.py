"""The one interface to storage: transactions, reads and errors.

Rules that hold on every engine:

1. An action is ``async def action(tx)`` and awaits nothing but ``tx``. On SQLite such a coroutine never
   suspends, so the writer thread steps it inside a savepoint and many share one commit.
2. ``write`` returns only after the commit is durable. If the action raises, nothing of it stays. An action may be run
   more than once (on PostgreSQL after a deadlock), so it changes nothing but ``tx``.
3. After a ``Conflict``, or any other error from ``tx``, the transaction is over, even if the action catches it: use
   ``ON CONFLICT DO NOTHING`` where a conflict is expected.
4. SQL is text with named parameters (``:sid``) that both engines run. Types are TEXT, BIGINT, BOOLEAN and
   BLOB; TEXT compares bytewise; times are integer microseconds since 1970 UTC.

Rules for SQL that both engines run:

- A parameter whose type does not follow from a column beside it needs a cast: ``CAST(:x AS TEXT) IS NULL``;
  so do all parameters in the SELECT of an ``INSERT ... SELECT``, and ``CAST(sum(n) AS BIGINT)``.
- A boolean is ``flag`` or ``NOT flag``, never ``flag = 1``. In a ``Row`` it is a bool; from ``value`` it is
  0 or 1 on SQLite.
- The order of a column that may be NULL has ``NULLS FIRST`` or ``NULLS LAST``.
- ``LIKE`` distinguishes capitals on both, and always names its ``ESCAPE``.
- ``one`` and ``value`` stop at the first row, but an ORDER BY still sorts all: end it with ``LIMIT 1``.
- Text holds no NUL character; PostgreSQL refuses it with a StorageError.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol, TypeVar, dataclass_transform

import msgspec

from trunkline.core.clock import Clock

log = logging.getLogger("trunkline.storage")

T = TypeVar("T")
R = TypeVar("R", bound="Row")


class StorageError(Exception):
    """The storage failed; apart from OutcomeUnknown the transaction left nothing behind."""


class Conflict(StorageError):
    """The violation of a uniqueness or reference rule of the schema; it ends the transaction."""


class Unavailable(StorageError):
    """The engine is closed, out of reach, or its queue is full; safe to try again."""


class Busy(Unavailable):
    """The engine responds, but not to this call in time: other calls had what it needs. It is no outage."""


class NotWritable(Unavailable):
    """The engine accepts no changes for now: its disk is full or read-only, or a commit failed. Nothing was changed."""


class DamagedData(StorageError):
    """The engine found that its stored data are damaged; trying again does not help."""


class OutcomeUnknown(StorageError):
    """The connection was lost during the commit: the change may or may not have been made."""


LOGGED_ONCE = (Unavailable, OutcomeUnknown, DamagedData)
"""The failures of which the engine has logged the begin, and logs the end: for whoever meets one there is no more to
log."""


class NeedsWrite(Exception):
    """An action that runs as a read must write first: run it again with ``write``."""


class NewerDatabase(StorageError):
    """The database was written by a newer version and is not touched."""


@dataclass_transform(frozen_default=True, kw_only_default=False)
class Row(msgspec.Struct, frozen=True, array_like=True):
    """One row of a table; fields stand in the order of the columns that ``columns`` lists."""


@cache
def columns(row: type[Row], alias: str = "") -> str:
    """Return the column list of ``row`` for a SELECT, each with the table alias in front when one is given."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(prefix + name for name in row.__struct_fields__)


@cache
def placeholders(row: type[Row]) -> str:
    """Return the named parameters of ``row`` for an INSERT, in the order of ``columns``."""
    return ", ".join(f":{name}" for name in row.__struct_fields__)


@cache
def assignments(names: tuple[str, ...]) -> str:
    """Return ``a = :a, b = :b`` for an UPDATE; the names must be column names from code, never from a request."""
    return ", ".join(f"{name} = :{name}" for name in names)


class Tx(Protocol):
    """An open transaction. ``now`` is its one reading of the clock, in microseconds since 1970 UTC; ``writable`` is
    False in a read."""

    now: int
    writable: bool
    skip_locked: str
    """The end of a SELECT that locks rows for this transaction and skips those that another one has locked; empty on
    SQLite, where no other transaction writes."""

    async def one(self, row: type[R], sql: str, /, **values: Any) -> R | None:
        """Return the first row of the result, or None."""
        ...

    async def all(self, row: type[R], sql: str, /, **values: Any) -> list[R]:
        """Return all rows of the result, in its order."""
        ...

    async def value(self, sql: str, /, **values: Any) -> Any:
        """Return the first column of the first row, or None."""
        ...

    async def run(self, sql: str, /, **values: Any) -> int:
        """Carry out a change and return the number of rows that it touched. Raise Conflict if it breaks a rule of the
        schema."""
        ...

    async def insert(self, table: str, row: Row, /) -> None:
        """Insert ``row`` into ``table``. Raise Conflict if it breaks a rule of the schema."""
        ...

    async def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]], /) -> None:
        """Carry out one change for each of ``rows``, its named parameters, in their order. Raise Conflict if one of
        them breaks a rule of the schema. PostgreSQL counts no rows here: use ``run`` where the count matters."""
        ...

    async def insert_many(self, table: str, rows: Sequence[Row], /) -> None:
        """Insert ``rows``, all of one type, into ``table``. Raise Conflict if one of them breaks a rule."""
        ...

    def announce(self, event: Any, /) -> None:
        """Pass ``event`` to the database's listeners once this transaction is durable, and only then."""
        ...

    async def lock(self, key: str, /) -> None:
        """Hold off every other transaction that locks the same key, until this one ends."""
        ...


Action = Callable[[Tx], Awaitable[T]]
Listener = Callable[[list[Any]], None]
"""A handler of the events of one transaction, in the order in which they were announced."""


def notify(listeners: Iterable[Listener], events: list[Any]) -> None:
    """Call each listener with the events of a write; one that fails stops neither the others nor the write."""
    for listener in listeners:
        try:
            listener(events)
        except Exception:
            log.exception("a listener of the storage failed")


class Database(Protocol):
    """An engine: SQLite or PostgreSQL."""

    @property
    def name(self) -> str:
        """``sqlite`` or ``postgresql``."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock of its transactions."""
        ...

    @property
    def queued(self) -> int:
        """The number of writes that wait for their commit now, for the metrics."""
        ...

    def refused(self, cause: BaseException, /) -> None:
        """Record that the disk of the data refused a change of something else than the database."""
        ...

    def listen(self, listener: Listener, /) -> None:
        """Call ``listener`` on the event loop with the events of each write, after its commit."""
        ...

    async def start(self) -> None:
        """Open the database and migrate its schema. Raise NewerDatabase if a newer version wrote it, StorageError if it
        cannot be opened."""
        ...

    async def stop(self) -> None:
        """Finish the writes that were accepted, then close."""
        ...

    async def write(self, action: Action[T], /) -> T:
        """Run ``action`` in a transaction and return once it is durable. Raise what the action raises."""
        ...

    async def read(self, action: Action[T], /) -> T:
        """Run ``action`` on a consistent snapshot without changing anything; meant for a few quick queries."""
        ...

    async def query(self, action: Action[T], /) -> T:
        """Run ``action`` as ``read`` does, for queries of bounded cost that an event loop should not wait for, such as
        a page of a list: SQLite runs them on a thread of their own, PostgreSQL as reads, but for some of its sessions
        that stay for others. No scan holds them up, and they hold up no read and no write."""
        ...

    async def scan(self, action: Action[T], /) -> T:
        """Run ``action`` as ``read`` does, for queries that may take long: they block no others."""
        ...

    async def check(self) -> None:
        """Raise Unavailable if the database does not respond, NotWritable if the last commit failed and one more does,
        DamagedData if damage was found since the start."""
        ...
