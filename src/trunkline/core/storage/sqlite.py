"""The embedded engine: one SQLite file in WAL mode.

1. Four connections: the writer's thread has one, the event loop reads on the second, and of two threads one has the
   third for queries, the other the fourth for scans.
2. A read runs to its end on the event loop without a suspension, so no lock protects its connection. Queries take turns
   on their thread, and so do scans; what takes two minutes is ended.
3. A file beside the database is locked for the process that has it open; a command of the operator opens the database
   ``shared``, beside the server, and migrates nothing that a server has open.
4. ``stop`` finishes the writer, then queries and scans, then closes the connections, the writing one last.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw

from trunkline.core.clock import SECOND, Clock, steady_clock
from trunkline.core.storage.condition import StorageCondition
from trunkline.core.storage.database import Action, DamagedData, Listener, StorageError, T, Tx, Unavailable
from trunkline.core.storage.migrate import REGISTER, Migration, due
from trunkline.core.storage.sqlite_statistics import fix_statistics
from trunkline.core.storage.sqlite_tx import SqliteTx, advance, translate
from trunkline.core.storage.sqlite_writer import BUSY_MS, LOG_BYTES, SqliteWriter
from trunkline.core.storage.wal import (
    WalState,
    is_in_use,
    mark_database,
    read_wal,
    wal_file,
)

log = logging.getLogger("trunkline.storage")

_LOCK_ATTEMPTS = 25
_LOCK_PAUSE = 0.01
_SWITCH_SECONDS = 50e-6
_SCAN_SECONDS = 120.0
_STEPS_BETWEEN_CHECKS = 100_000
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    # macOS keeps an ordinary fsync in the drive's cache; elsewhere these two do nothing.
    "PRAGMA fullfsync=ON",
    "PRAGMA checkpoint_fullfsync=ON",
    "PRAGMA foreign_keys=ON",
    # A log that starts again from its beginning gives back what is beyond this.
    f"PRAGMA journal_size_limit={LOG_BYTES}",
    # LIKE distinguishes capitals, as it does on PostgreSQL.
    "PRAGMA case_sensitive_like=ON",
)


class SqliteDatabase:
    """The ``Database`` on one file, which one process at a time may have open.

    With ``shared`` it is opened beside the process that has it, for a command of the operator. ``max_queue`` writes may
    wait for their commit; further ones raise Unavailable. Reads run on the calling thread and see every write that has
    returned; scans take turns on a thread of their own.
    """

    name = "sqlite"

    def __init__(
        self,
        path: Path,
        migrations: Sequence[Migration],
        clock: Clock,
        *,
        max_queue: int = 10_000,
        shared: bool = False,
    ) -> None:
        self._path = path
        self._migrations = migrations
        self.clock = clock
        self._max_queue = max_queue
        self._shared = shared
        self.condition = StorageCondition()
        self._lock: int | None = None
        self._inode = (0, 0)
        self._writer: SqliteWriter | None = None
        self._listeners: list[Listener] = []
        self._connections: list[apsw.Connection] = []
        self._queries: _ReaderThread | None = None
        self._scans: _ReaderThread | None = None

    @property
    def queued(self) -> int:
        """The number of writes that wait for their commit now."""
        return 0 if self._writer is None else self._writer.waiting

    def refused(self, cause: BaseException, /) -> None:
        """Record that the disk of the data refused a change of something else than the database."""
        self.condition.refused(cause)

    def listen(self, listener: Listener, /) -> None:
        """Call ``listener`` with the events of each write, after its commit, in the order of the commits."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Lock the file, open it and migrate its schema.

        Raise NewerDatabase if a newer version wrote it, and StorageError if the file cannot be opened, is not a
        database or is in use by another process.
        """
        self._lock = await _acquire_lock(self._path, shared=self._shared)
        try:
            # The log of a server that runs grows meanwhile.
            log_before = WalState() if self._shared and is_in_use(self._path) else read_wal(self._path)
            # The database holds credentials: it is made for its owner's eyes only.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._open(log_before)
        except OSError as error:
            self._close()
            raise StorageError(f"cannot open the database {self._path}: {error.strerror}") from error
        except apsw.Error as error:
            self._close()
            raise StorageError(f"cannot open the database {self._path}: {error}") from error
        except BaseException:
            self._close()
            raise
        # An event loop that is never idle releases the interpreter only for an instant each turn. With the default
        # of 5 ms other threads miss that instant for seconds on end, and commits wait with them.
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_SECONDS))
        self._queries, self._scans = (
            _ReaderThread(connection, self._view, name)
            for connection, name in zip(self._connections[2:], ("query", "scan"), strict=True)
        )
        self._inode = _inode(self._path)
        self._writer = SqliteWriter(
            self._connections[0], self.clock, self._max_queue, self._listeners, self.condition
        )

    async def stop(self) -> None:
        """Finish the writes that were accepted and the scans that run, then close."""
        if self._writer is not None:
            await self._writer.stop()
            self._writer = None
        readers = self._queries, self._scans
        self._queries = self._scans = None
        for reader in readers:
            if reader is not None:
                await reader.stop()
        self._close()

    async def write(self, action: Action[T], /) -> T:
        """Run ``action`` in a transaction and return once it is durable. Raise what the action raises."""
        if self._writer is None:
            raise Unavailable("the database is closed")
        try:
            return await self._writer.write(action)
        except DamagedData as error:
            self.condition.damaged(error)
            raise

    async def read(self, action: Action[T], /) -> T:
        """Run ``action`` on one snapshot, on this thread: the event loop waits, so it must be quick."""
        if self._writer is None:
            raise Unavailable("the database is closed")
        return self._view(self._connections[1], action)

    async def query(self, action: Action[T], /) -> T:
        """Run ``action`` as ``read`` does, on the thread of queries, which no scan holds up."""
        if self._queries is None:
            raise Unavailable("the database is closed")
        return await self._queries.run(action)

    async def scan(self, action: Action[T], /) -> T:
        """Run ``action`` as ``read`` does, on the thread of scans."""
        if self._scans is None:
            raise Unavailable("the database is closed")
        return await self._scans.run(action)

    async def check(self) -> None:
        """Raise Unavailable if the database does not respond or its file is gone, NotWritable if the last commit failed
        and one more does, DamagedData if damage was found since the start."""

        async def ping(tx: Tx) -> None:
            await tx.value("SELECT count(*) FROM schema_migrations")

        try:
            await self.read(ping)
        except (Unavailable, DamagedData):
            raise
        except StorageError as error:
            raise Unavailable("the database does not respond") from error
        # SQLite goes on in a file that was removed, and all of it is lost at the end.
        if _inode(self._path) != self._inode:
            raise Unavailable("the database's file was removed or replaced")
        await self.condition.probe(self.write)

    def _view(self, connection: apsw.Connection, action: Action[T]) -> T:
        try:
            connection.execute("BEGIN")
        except apsw.Error as error:
            raise translate(error) from error
        try:
            result = advance(action, SqliteTx(connection, self.clock()))
            self.condition.available()
            return result
        except DamagedData as error:
            self.condition.damaged(error)
            raise
        except Unavailable as error:
            self.condition.unavailable(error)
            raise
        finally:
            # After some errors SQLite has ended the transaction by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _open(self, log_before: WalState) -> None:
        writing = self._connect()
        if log_before != WalState():
            # SQLite itself says what it found in the log. A file that is opened and closed here would take the locks
            # of this process with it (POSIX).
            _, found, _ = writing.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()[0]
            _report(self._path, log_before, int(found or 0))
        self._migrate(writing)
        if not self._shared:
            mark_database(writing)
        for _ in ("reads", "queries", "scans"):
            self._connect().execute("PRAGMA query_only=ON")

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path))
        self._connections.append(connection)
        connection.set_busy_timeout(BUSY_MS)
        # Otherwise SQLite plans a query with joins anew for each value, which takes longer than running it.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        for pragma in _PRAGMAS:
            connection.execute(pragma).fetchall()
        return connection

    def _migrate(self, connection: apsw.Connection) -> None:
        with_register = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'"
        connection.execute("BEGIN IMMEDIATE")
        try:
            applied: list[tuple[Any, ...]] = []
            if connection.execute(with_register).fetchall():
                applied = connection.execute("SELECT room, number FROM schema_migrations").fetchall()
            pending = due(self._migrations, {(component, number) for component, number in applied})
            if pending and self._shared and is_in_use(self._path):
                raise StorageError(
                    f"the database {self._path} is in use by a server of an older version: stop it before this version"
                    " changes the schema, or use the command of its version"
                )
            connection.execute(REGISTER).fetchall()
            for migration in pending:
                for statement in migration.statements:
                    connection.execute(statement).fetchall()
                connection.execute(
                    "INSERT INTO schema_migrations VALUES (?, ?, ?)",
                    (migration.component, migration.number, self.clock()),
                )
            fix_statistics(connection)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _close(self) -> None:
        # The writing connection goes last, so that closing it can empty the write-ahead log into the file.
        while self._connections:
            self._connections.pop().close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class _ReaderThread:
    """A thread that reads on ``connection``, one action after the other, with ``view``."""

    def __init__(
        self, connection: apsw.Connection, view: Callable[[apsw.Connection, Action[Any]], Any], name: str
    ) -> None:
        self._connection = connection
        self._view = view
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"trunkline-sqlite-{name}")
        self._end = 0
        connection.set_progress_handler(self._is_overdue, _STEPS_BETWEEN_CHECKS)

    async def run(self, action: Action[T]) -> T:
        """Return the result of ``action``. Raise what it raises."""
        result: T = await asyncio.get_running_loop().run_in_executor(self._thread, self._bounded, action)
        return result

    async def stop(self) -> None:
        """End the thread when it has read all that was given to it."""
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)

    def _bounded(self, action: Action[T]) -> T:
        # The log grows for as long as a reader uses it.
        self._end = steady_clock() + int(_SCAN_SECONDS * SECOND)
        result: T = self._view(self._connection, action)
        return result

    def _is_overdue(self) -> bool:
        return steady_clock() > self._end


def _report(path: Path, before: WalState, good: int) -> None:
    """Log what SQLite dropped from a log of which it found ``good`` frames."""
    if lost := before.lost(good):
        log.critical(
            "the write-ahead log %s was cut short or damaged: %d pages of acknowledged changes are lost; restore the"
            " log or a backup if they matter",
            wal_file(path),
            lost,
        )
    elif before.rest or before.frames > good:
        log.warning(
            "the write-ahead log %s ends within a transaction, which was dropped: after a crash it was not"
            " acknowledged; if the file was copied or cut short, changes may be missing",
            wal_file(path),
        )


def _inode(path: Path) -> tuple[int, int]:
    """Return the identity of a file, (0, 0) if it is gone."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


async def _acquire_lock(path: Path, *, shared: bool) -> int:
    """Lock ``path`` for this process through a file beside it; the kernel releases it when the process ends. With
    ``shared`` only ensure that the file exists. A command that tests the lock at this moment is waited for."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"cannot open the database {path}: {error.strerror}") from error
    for left in reversed(range(0 if shared else _LOCK_ATTEMPTS)):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            if not left:
                os.close(lock)
                raise StorageError(f"the database {path} is in use by another process") from error
            await asyncio.sleep(_LOCK_PAUSE)
    return lock
