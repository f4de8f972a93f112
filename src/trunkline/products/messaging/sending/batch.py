"""Many small changes in one transaction: what comes in while one is being written waits for the next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from trunkline.core.storage.database import Database, StorageError, Tx

log = logging.getLogger("trunkline.messaging")

T = TypeVar("T")

MOST = 200
"""Changes in one transaction."""

_PAUSE = 1.0


class Batch(Generic[T]):
    """Applies changes with ``apply``, in their order, some at a time. When a transaction fails, its changes are tried
    one by one, so that one bad change harms no other. It belongs to one event loop."""

    def __init__(self, database: Database, apply: Callable[[Tx, T], Awaitable[None]]) -> None:
        self._database = database
        self._apply = apply
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def add(self, change: T) -> None:
        """Apply a change; returns once it is durable. Raises what ``apply`` raises, and StorageError."""
        await self.put(change)

    def put(self, change: T) -> asyncio.Future[None]:
        """As ``add``, without waiting."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        return future

    async def empty(self) -> None:
        """Wait until everything that was added is applied."""
        if self._writer is not None:
            await asyncio.wait((self._writer,))

    async def _write(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            try:
                await self._together([change for change, _ in taken])
            except Exception:
                for change, future in taken:
                    await self._alone(change, future)
            else:
                for _, future in taken:
                    if not future.done():
                        future.set_result(None)
        self._writer = None

    async def _together(self, changes: Sequence[T]) -> None:
        async def write(tx: Tx) -> None:
            for change in changes:
                await self._apply(tx, change)

        await self._database.write(write)

    async def _alone(self, change: T, future: asyncio.Future[None]) -> None:
        try:
            await self._together((change,))
        except Exception as error:
            if not isinstance(error, StorageError):
                log.exception("a change of a message failed")
            if not future.done():
                future.set_exception(error)
        else:
            if not future.done():
                future.set_result(None)
