"""Many small changes in one transaction: changes that arrive while one is written wait for the next.

1. ``enqueue`` appends a change to a list and starts the task that writes, unless it runs. All of it belongs to one
   event loop, so the list needs no lock.
2. The task takes up to 200 changes, applies them in one transaction and resolves their futures once that is durable.
   It ends when no change is left. They keep their order, or are sorted by ``order``: the one in which all transactions
   lock the rows that these changes share with others.
3. When a transaction fails, its changes are tried one by one, so that one bad change harms no other.
4. A caller that gives up cancels its future, not its change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from trunkline.core.storage.database import Database, StorageError, Tx

T = TypeVar("T")

MAX_CHANGES = 200
"""Changes in one transaction."""


def weighed_batches(items: Iterable[T], weight: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """Yield the items in groups of at most ``most`` together, or of one that weighs more."""
    batch: list[T] = []
    weighed = 0
    for item in items:
        added = weight(item)
        if batch and weighed + added > most:
            yield batch
            batch, weighed = [], 0
        batch.append(item)
        weighed += added
    if batch:
        yield batch


class BatchWriter(Generic[T]):
    """A writer that applies changes with ``apply``, many in one transaction, sorted by ``order`` if it is given. A
    change that fails by an error in the code is written to ``log``, the owner's, under ``name``, a plural."""

    def __init__(
        self,
        name: str,
        database: Database,
        apply: Callable[[Tx, T], Awaitable[None]],
        log: logging.Logger,
        order: Callable[[T], Any] | None = None,
    ) -> None:
        self._name = name
        self._log = log
        self._database = database
        self._apply = apply
        self._order = order
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def add(self, change: T) -> None:
        """Apply a change; return once it is durable. Raise what ``apply`` raises, or StorageError."""
        await self.enqueue(change)

    def enqueue(self, change: T) -> asyncio.Future[None]:
        """Return the future of a change, which is done once the change is durable."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return future

    async def drain(self) -> None:
        """Wait until every change that was added is applied."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_CHANGES], self._waiting[MAX_CHANGES:]
            try:
                await self._write([change for change, _ in batch])
            except Exception:
                for change, future in batch:
                    await self._write_alone(change, future)
            else:
                for _, future in batch:
                    if not future.done():
                        future.set_result(None)
        self._task = None

    async def _write(self, changes: Sequence[T]) -> None:
        if self._order is not None:
            changes = sorted(changes, key=self._order)

        async def write(tx: Tx) -> None:
            for change in changes:
                await self._apply(tx, change)

        await self._database.write(write)

    async def _write_alone(self, change: T, future: asyncio.Future[None]) -> None:
        try:
            await self._write((change,))
        except Exception as error:
            if not isinstance(error, StorageError):
                self._log.exception("one of the %s cannot be written", self._name)
            if not future.done():
                future.set_exception(error)
        else:
            if not future.done():
                future.set_result(None)
