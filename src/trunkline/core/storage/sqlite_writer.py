"""The one thread that writes to a SQLite file: operations that wait together share one commit.

1. The event loop puts operations into a queue, each with a future; the thread takes all that wait, up to 500. It is
   the only user of the writing connection, so that there is no lock besides the queue's.
2. Each operation runs in a savepoint of its own, so its failure undoes nothing of its neighbours.
3. After the COMMIT one call into the event loop delivers the whole batch: it passes events to the listeners and
   resolves the futures.
4. If BEGIN or COMMIT fails, every operation of the batch fails and nothing of them stays. The database's condition
   records it, and the next commit that changes something.
5. An operation whose caller cancelled it before its turn is skipped; later it is committed like the others.
6. When nothing waits and the write-ahead log is large, the thread copies it into the database and truncates it, unless
   a reader uses it: then it tries again after the next batch, or after a second. It never waits for a reader.
7. ``stop`` lets the thread finish the queue; the future ``_stopped`` is the last that it resolves.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import apsw

from trunkline.core.clock import Clock
from trunkline.core.storage.condition import StorageCondition
from trunkline.core.storage.database import (
    Action,
    Busy,
    DamagedData,
    Listener,
    NotWritable,
    T,
    Unavailable,
    notify,
)
from trunkline.core.storage.sqlite_tx import SqliteTx, advance, translate

BATCH = 500
"""The most operations that share one commit, so that the first of them waits shortly."""

LOG_BYTES = 16 * 1024 * 1024
"""The size up to which a write-ahead log stays as it is: its space is used again."""

BUSY_MS = 5_000
"""Milliseconds for which a statement waits for the lock of another connection."""

_SHRINK_SECONDS = 1.0


class _Operation:
    __slots__ = ("action", "announced", "error", "future", "result")

    def __init__(self, action: Action[Any], future: asyncio.Future[Any]) -> None:
        self.action = action
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.announced: list[Any] = []


class SqliteWriter:
    """The writer on ``connection``, which it owns until ``stop`` returns; all methods belong to one event loop."""

    def __init__(
        self,
        connection: apsw.Connection,
        clock: Clock,
        max_queue: int,
        listeners: Sequence[Listener] = (),
        condition: StorageCondition | None = None,
    ) -> None:
        self._condition = condition or StorageCondition()
        self._listeners = listeners
        self._connection = connection
        self._clock = clock
        self._max_queue = max_queue
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Operation | None] = SimpleQueue()
        self._stopping = False
        self._log_is_large = False
        self._stopped = self._loop.create_future()
        self.waiting = 0
        # A daemon, since an interpreter that goes down mid-commit leaves a sound file all the same.
        self._thread = threading.Thread(target=self._run, name="trunkline-sqlite-writer", daemon=True)
        self._thread.start()

    async def write(self, action: Action[T]) -> T:
        """Queue ``action`` and return its result once it is durable. Raise Unavailable if it cannot be."""
        if self._stopping:
            raise Unavailable("the database is closed")
        if self.waiting >= self._max_queue:
            full = Busy("too many writes are waiting")
            self._condition.unavailable(full)
            raise full
        self._condition.available()
        future: asyncio.Future[T] = self._loop.create_future()
        self.waiting += 1
        self._queue.put(_Operation(action, future))
        return await future

    async def stop(self) -> None:
        """Carry out what is queued, then end the thread."""
        if not self._stopping:
            self._stopping = True
            self._queue.put(None)
        await asyncio.shield(self._stopped)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            batch, going = self._next_batch()
            if batch:
                self._commit(batch)
                self._call_soon(self._deliver, batch)
            if self._queue.empty():
                self._shrink_log()
        self._call_soon(self._stopped.set_result, None)

    def _next_batch(self) -> tuple[list[_Operation], bool]:
        """Wait for the next operations and return them, with False at the end of the queue. Return none when it is time
        to shrink the log."""
        batch: list[_Operation] = []
        try:
            operation = self._queue.get(timeout=_SHRINK_SECONDS if self._log_is_large else None)
        except Empty:
            return batch, True
        with suppress(Empty):
            while operation is not None:
                batch.append(operation)
                if len(batch) == BATCH:
                    return batch, True
                operation = self._queue.get_nowait()
            return batch, False
        return batch, True

    def _shrink_log(self) -> None:
        """Truncate the write-ahead log if it is large and no reader uses it."""
        self._log_is_large = self._log_size() > LOG_BYTES
        if not self._log_is_large:
            return
        self._connection.set_busy_timeout(0)
        # A reader is in the way, or the disk failed: the next commit shows that.
        with suppress(apsw.Error):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._connection.set_busy_timeout(BUSY_MS)
        self._log_is_large = self._log_size() > LOG_BYTES

    def _log_size(self) -> int:
        try:
            return os.stat(self._connection.filename_wal).st_size
        except OSError:
            return 0

    def _commit(self, batch: list[_Operation]) -> None:
        before = self._connection.total_changes()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for operation in batch:
                if not operation.future.cancelled():
                    self._step(operation)
            self._connection.execute("COMMIT")
        except Exception as error:
            self._abandon(batch, error)
        else:
            if self._connection.total_changes() != before and not any(
                isinstance(operation.error, NotWritable) for operation in batch
            ):
                self._condition.accepted()

    def _step(self, operation: _Operation) -> None:
        execute = self._connection.execute
        execute("SAVEPOINT operation")
        try:
            tx = SqliteTx(self._connection, self._clock(), writable=True)
            operation.result = advance(operation.action, tx)
            operation.announced = tx.announced
        except BaseException as error:
            operation.error = error
            if isinstance(error, NotWritable):
                self._condition.refused(error.__cause__ or error)
            elif isinstance(error, Unavailable):
                self._condition.unavailable(error)
            # Fails if SQLite rolled everything back by itself, as it may when the disk is full: then the caller
            # fails the whole batch.
            execute("ROLLBACK TO operation")
        execute("RELEASE operation")

    def _abandon(self, batch: list[_Operation], cause: Exception) -> None:
        with suppress(apsw.Error):
            self._connection.execute("ROLLBACK")
        damage = translate(cause)
        if isinstance(damage, DamagedData):
            damage.__cause__ = cause
            self._condition.damaged(damage)
        else:
            self._condition.refused(cause)
        for operation in batch:
            if isinstance(damage, DamagedData):
                operation.error = DamagedData("the stored data are damaged; nothing was changed")
            else:
                operation.error = NotWritable("the commit failed; nothing was changed")
            operation.error.__cause__ = cause

    def _deliver(self, batch: list[_Operation]) -> None:
        self.waiting -= len(batch)
        for operation in batch:
            if operation.error is None and operation.announced:
                notify(self._listeners, operation.announced)
            if operation.future.done():
                continue
            if operation.error is None:
                operation.future.set_result(operation.result)
            else:
                operation.future.set_exception(operation.error)

    def _call_soon(self, callback: Any, argument: object) -> None:
        # The loop is closed if the program ended without stopping the database.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, argument)
