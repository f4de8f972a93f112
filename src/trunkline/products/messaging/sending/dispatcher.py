"""Sending on one node: the steps of queued messages, a worker for each lane with work, and what carriers tell."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from trunkline.core.clock import SECOND
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.batch import BatchWriter
from trunkline.core.storage.database import StorageError, Tx
from trunkline.products.messaging.lifecycle import lanes, queue
from trunkline.products.messaging.lifecycle.lanes import LaneFed
from trunkline.products.messaging.lifecycle.queue import MessagesDue
from trunkline.products.messaging.sending import receipts
from trunkline.products.messaging.sending.ground import Ground
from trunkline.products.messaging.sending.steps import Choose, take_steps
from trunkline.products.messaging.sending.worker import Worker
from trunkline.transports.base import Receipt

log = logging.getLogger("trunkline.messaging")

POLL_SECONDS = 2.0
"""Between looks for what other nodes left."""

STEPS = 50
"""Messages that take a step in one transaction."""

WORKERS = 5_000
"""Lanes that a node works on at once."""

_LEAST_PAUSE = 0.005
STOP_SECONDS = 3.0


class Dispatcher:
    """Sends what is queued. All methods belong to one event loop; the database and the carriers stay open until
    ``stop`` has returned."""

    def __init__(self, ground: Ground, choose: Choose) -> None:
        self._ground = ground
        self._choose = choose
        self._receipts = BatchWriter(ground.database, receipts.apply)
        self._workers: dict[str, tuple[Worker, asyncio.Task[None]]] = {}
        self._stopping = False
        self._steps = PeriodicTask("messages", self._take_steps, POLL_SECONDS)
        self._lanes = PeriodicTask("messages", self._find_lanes, POLL_SECONDS, retry_seconds=POLL_SECONDS)

    @property
    def lanes(self) -> int:
        """Lanes at work on this node, for the metrics."""
        return len(self._workers)

    async def receipt(self, receipt: Receipt) -> None:
        """Write a receipt down; returns once it is durable. Raises StorageError."""
        await self._receipts.add(receipt)

    def wake(self) -> None:
        """Look for what is due now: for whoever moves the clock."""
        self._steps.wake()
        for worker, _ in self._workers.values():
            worker.wake()

    async def start(self) -> None:
        """Begin to send, with what was left behind. Raises StorageError."""
        if self._ground.database.name == "sqlite":
            # Nobody else has this database: what is held was held by a node that is gone.
            await self._ground.database.write(lanes.release_all)
        self._ground.database.listen(self._heard)
        self._steps.start(at_once=True)
        self._lanes.start(at_once=True)

    async def stop(self) -> None:
        """Take nothing more, and let what is under way end within 3 s."""
        self._stopping = True
        for worker, _ in self._workers.values():
            worker.stop()
        await asyncio.gather(self._steps.stop(), self._lanes.stop())
        if tasks := [task for _, task in self._workers.values()]:
            _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._receipts.drain()
        await self._ground.ends.drain()

    async def let_go(self) -> None:
        """Leave the senders' queues to other nodes at once: after ``stop``, when the carriers have ended what was under
        way, too."""
        await self._ground.ends.drain()
        try:
            await self._ground.database.write(lambda tx: lanes.release_held(tx, self._ground.node))
        except StorageError as error:
            log.warning("what this node holds is free in some seconds: %s", error)

    def _heard(self, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, LaneFed):
                self._work_on(event.lane)
            elif isinstance(event, MessagesDue):
                self._steps.wake()

    def _work_on(self, lane: str) -> None:
        held = self._workers.get(lane)
        if held is not None:
            held[0].wake()
        elif not self._stopping and len(self._workers) < WORKERS:
            worker = Worker(lane, self._ground)
            task = asyncio.create_task(worker.run())
            self._workers[lane] = worker, task
            task.add_done_callback(lambda _: self._ended(lane))

    def _ended(self, lane: str) -> None:
        worker, task = self._workers.pop(lane)
        if not task.cancelled() and worker.woken:
            # Fed in the very moment in which it let go.
            self._work_on(lane)

    async def _find_lanes(self) -> None:
        """Find lanes that nobody works on: at the start, and those of nodes that died."""
        for lane in await self._ground.database.read(lambda tx: lanes.with_work(tx, WORKERS)):
            self._work_on(lane)

    async def _take_steps(self) -> float:
        """Take the steps that are due; return the seconds until the next."""

        async def write(tx: Tx) -> tuple[int, list[int | None]]:
            count = await take_steps(tx, self._choose, STEPS)
            return count, [await queue.next_moment(tx), await receipts.reconcile(tx, STEPS)]

        try:
            count, moments = await self._ground.database.write(write)
        except StorageError:
            raise
        except Exception:
            log.exception("queued messages failed to take their step; others go on")
            await self._one_by_one()
            return 0
        if count == STEPS:
            return 0
        moment = min((moment for moment in moments if moment is not None), default=None)
        if moment is None:
            return POLL_SECONDS
        return min(max((moment - self._ground.clock()) / SECOND, _LEAST_PAUSE), POLL_SECONDS)

    async def _one_by_one(self) -> None:
        """A message that cannot take its step must not hold up the others: it is looked at again in a minute."""
        for _ in range(STEPS):
            try:
                if not await self._ground.database.write(lambda tx: take_steps(tx, self._choose, 1)):
                    return
            except StorageError:
                raise
            except Exception:
                log.exception("a queued message failed to take its step")
                with contextlib.suppress(StorageError):
                    await self._ground.database.write(queue.postpone_first)
