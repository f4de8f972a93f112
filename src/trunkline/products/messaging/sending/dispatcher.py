"""The dispatcher of one node: due steps of queued messages, a worker for each lane with work, and receipts.

The dispatcher listens to the database's commits. An event about a lane starts or wakes the lane's worker, and an
event about due messages wakes the loop of steps. That loop runs the due steps in batches, then waits for the next
due time or a wake-up; if a batch fails, it runs the steps one by one and postpones the one that fails. Every two
seconds a poll finds lanes that no node holds, such as those of a node that died. A worker ends by itself when its
lane is empty; it is started again if the lane was fed at that moment. ``stop`` ends the loops, lets hand-overs in
progress end within 3 s, and writes the last receipts and results; ``release_lanes`` then gives the lanes to other
nodes. An unavailable storage is retried after a second and loses nothing, since all state is in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from trunkline.core.clock import SECOND, permits_due_work
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.batch import BatchWriter
from trunkline.core.storage.database import StorageError, Tx
from trunkline.products.messaging.lifecycle import lanes, message_queue
from trunkline.products.messaging.lifecycle.lanes import LaneHasWork
from trunkline.products.messaging.lifecycle.message_queue import MessagesDue
from trunkline.products.messaging.sending import receipt_handling
from trunkline.products.messaging.sending.context import SendingContext
from trunkline.products.messaging.sending.due_messages import ChooseSender, advance_due
from trunkline.products.messaging.sending.worker import Worker
from trunkline.transports.base import Receipt

log = logging.getLogger("trunkline.messaging")

POLL_SECONDS = 2.0
"""Seconds between polls for lanes without a holder."""

STEPS = 50
"""Messages that take a step in one transaction."""

WORKERS = 5_000
"""Lanes that a node works on at once."""

_LEAST_PAUSE = 0.005
STOP_SECONDS = 3.0


class Dispatcher:
    """The dispatcher. All methods belong to one event loop; the database and the carriers must stay open until
    ``stop`` has returned."""

    def __init__(self, context: SendingContext, choose: ChooseSender) -> None:
        self._context = context
        self._choose = choose
        self._receipts = BatchWriter("receipts", context.database, receipt_handling.apply_receipt, log)
        self._workers: dict[str, tuple[Worker, asyncio.Task[None]]] = {}
        self._stopping = False
        self._steps = PeriodicTask(
            "queued messages", self._take_steps, POLL_SECONDS, due_by=context.clock, log=log
        )
        self._lanes = PeriodicTask(
            "senders' queues", self._find_lanes, POLL_SECONDS, POLL_SECONDS, due_by=context.clock, log=log
        )

    @property
    def lanes(self) -> int:
        """The number of lanes at work on this node, for the metrics."""
        return len(self._workers)

    async def receipt(self, receipt: Receipt) -> None:
        """Record a receipt durably. Raise StorageError if the storage is unavailable."""
        await self._receipts.add(receipt)

    def wake(self) -> None:
        """Process everything that is due now, for a caller that moves the clock."""
        self._steps.wake()
        for worker, _ in self._workers.values():
            worker.wake()

    async def start(self) -> None:
        """Start to send, beginning with the messages of earlier runs. Raise StorageError if the storage is
        unavailable."""
        if self._context.database.name == "sqlite":
            # Nobody else has this database: what is held was held by a node that is gone.
            await self._context.database.write(lanes.release_all_lanes)
        self._context.database.listen(self._on_events)
        self._steps.start(at_once=True)
        self._lanes.start(at_once=True)

    async def stop(self) -> None:
        """Stop to claim messages, and let hand-overs in progress end within 3 s."""
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
        await self._context.results.drain()

    async def release_lanes(self) -> None:
        """Release the senders' lanes for other nodes: after ``stop``, when the carriers have ended their
        hand-overs, too."""
        await self._context.results.drain()
        try:
            await self._context.database.write(lambda tx: lanes.release_lanes_of(tx, self._context.node))
        except StorageError as error:
            log.warning("what this node holds is free in some seconds: %s", error)

    def _on_events(self, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, LaneHasWork):
                self._work_on(event.lane)
            elif isinstance(event, MessagesDue):
                self._steps.wake()

    def _work_on(self, lane: str) -> None:
        held = self._workers.get(lane)
        if held is not None:
            held[0].wake()
        elif self._takes_lanes and len(self._workers) < WORKERS:
            worker = Worker(lane, self._context)
            task = asyncio.create_task(worker.run())
            self._workers[lane] = worker, task
            task.add_done_callback(lambda _: self._ended(lane))

    @property
    def _takes_lanes(self) -> bool:
        return not self._stopping and permits_due_work(self._context.clock)

    def _ended(self, lane: str) -> None:
        worker, task = self._workers.pop(lane)
        if not task.cancelled() and worker.woken:
            # Fed in the very moment in which it let go.
            self._work_on(lane)

    async def _find_lanes(self) -> None:
        """Start workers for lanes without a holder: at the start, and those of nodes that died."""
        for lane in await self._context.database.read(lambda tx: lanes.lanes_with_work(tx, WORKERS)):
            self._work_on(lane)

    async def _take_steps(self) -> float:
        """Run the steps that are due; return the seconds until the next."""

        async def write(tx: Tx) -> tuple[int, list[int | None]]:
            count = await advance_due(tx, self._choose, STEPS)
            return count, [await message_queue.next_due(tx), await receipt_handling.reconcile(tx, STEPS)]

        try:
            count, due_times = await self._context.database.write(write)
        except StorageError:
            raise
        except Exception:
            log.exception("queued messages failed to take their step; others go on")
            await self._one_by_one()
            return 0
        if count == STEPS:
            return 0
        moment = min((moment for moment in due_times if moment is not None), default=None)
        if moment is None:
            return POLL_SECONDS
        return min(max((moment - self._context.clock()) / SECOND, _LEAST_PAUSE), POLL_SECONDS)

    async def _one_by_one(self) -> None:
        """Run due steps one by one, so that one that fails does not hold up the others; postpone that one by a
        minute."""
        for _ in range(STEPS):
            try:
                if not await self._context.database.write(lambda tx: advance_due(tx, self._choose, 1)):
                    return
            except StorageError:
                raise
            except Exception:
                log.exception("a queued message failed to take its step")
                with contextlib.suppress(StorageError):
                    await self._context.database.write(message_queue.postpone_first)
