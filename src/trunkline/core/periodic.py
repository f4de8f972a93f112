"""Background work that outlives failures: done again and again for as long as a node runs, or once.

1. One asyncio task calls ``action``, then waits: for ``seconds``, or for as long as the action returned, unless
   ``wake`` ends the wait. A wake during the action starts it once more as soon as it returns.
2. After an exception the task pauses and goes on. No wake shortens that pause. The storage logs its own
   outages; any other exception is logged once with its traceback, and its end when the action works again.
   A task of due work stands still while the node's clock does not permit such work, and goes on within a second after.
3. ``stop`` cancels the task and waits for its end. A transaction under way is committed or undone as a whole.
4. ``retry_storage`` is for work that is done once and that others wait for: it is repeated after each StorageError,
   with the same pause, until it succeeds or its caller is cancelled. Any other exception ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from trunkline.core.clock import Clock, permits_due_work
from trunkline.core.outages import Outage
from trunkline.core.storage.database import LOGGED_ONCE, StorageError

log = logging.getLogger("trunkline.periodic")

T = TypeVar("T")

RETRY_SECONDS = 1.0
_PERMISSION_SECONDS = 1.0


class PeriodicTask:
    """The task that calls ``action`` every ``seconds``, or without them only when woken. ``retry_seconds`` is the pause
    after a failure, which is written to ``log``, the owner's, under ``name``, a plural. ``due_by`` is the clock by
    which its work is due, None for work that a node does whatever its clock shows."""

    def __init__(
        self,
        name: str,
        action: Callable[[], Awaitable[float | None]],
        seconds: float | None,
        retry_seconds: float = RETRY_SECONDS,
        *,
        due_by: Clock | None,
        log: logging.Logger = log,
    ) -> None:
        self._name = name
        self._action = action
        self._seconds = seconds
        self._retry_seconds = retry_seconds
        self._due_by = due_by
        self._outage = Outage(log)
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, *, at_once: bool = False, after: float | None = None) -> None:
        """Begin, with the action ``at_once`` or with a wait: of ``after`` seconds, else of the usual ones."""
        if at_once:
            self._awake.set()
        self._task = asyncio.create_task(self._run(self._seconds if after is None else after))

    async def stop(self) -> None:
        """End the work. May be called again."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    def wake(self) -> None:
        """Call the action now."""
        self._awake.set()

    async def _run(self, pause: float | None) -> None:
        while True:
            await self._wait(pause)
            self._awake.clear()
            if self._due_by is not None and not permits_due_work(self._due_by):
                pause = _PERMISSION_SECONDS
                continue
            try:
                chosen = await self._action()
                pause = self._seconds if chosen is None else chosen
                self._outage.works("%s work again", self._name)
                continue
            except LOGGED_ONCE:
                pass
            except Exception as error:
                self._outage.failed(
                    "%s failed and are tried again", self._name, level=logging.ERROR, error=error
                )
            await asyncio.sleep(self._retry_seconds)
            pause = 0

    async def _wait(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._awake.wait()


async def retry_storage(name: str, action: Callable[[], Awaitable[T]], *, log: logging.Logger = log) -> T:
    """Return the result of ``action``, called again until the storage accepts it. A failure that the storage has not
    logged itself is written to ``log``, the owner's, once under ``name``, a plural. Raise whatever else the action
    raises."""
    outage = Outage(log)
    while True:
        try:
            return await action()
        except StorageError as error:
            if not isinstance(error, LOGGED_ONCE):
                outage.failed("%s wait for the database: %s", name, error)
            await asyncio.sleep(RETRY_SECONDS)
