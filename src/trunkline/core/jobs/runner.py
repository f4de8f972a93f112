"""Runs the jobs of the queue on this node.

1. One loop, one transaction a turn: it writes down what became of jobs, takes parked and due ones, and keeps leases.
2. It turns when a job ends, when a transaction announces one, when the next is due, and every few seconds for what
   other nodes put into the queue.
3. What there is no room for is parked, so that neither a full lane nor a full kind holds up others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from random import SystemRandom
from typing import Any

import msgspec

from trunkline.core.clock import SECOND, Clock
from trunkline.core.jobs import claims
from trunkline.core.jobs.claims import Lane, Lease, Settled
from trunkline.core.jobs.outcome import (
    Claimed,
    Dead,
    HandedBack,
    Handler,
    Parked,
    Retry,
    Settlement,
    bare,
)
from trunkline.core.jobs.queue import JobsDue
from trunkline.core.jobs.room import Room
from trunkline.core.sids import new_token
from trunkline.core.storage.database import Database, StorageError, Tx, Unavailable

log = logging.getLogger("trunkline.jobs")

RETRY_SECONDS = (1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)
"""The pauses after an exception, before jitter; the last one repeats."""

_RANDOM = SystemRandom().random
_STORAGE_PAUSE = 1.0
_LEAST_PAUSE = 0.05


class Pace(msgspec.Struct, frozen=True):
    """How a runner works: seconds of a lease, between looks for other nodes' jobs, and for a stop; jobs taken in one
    turn. ``node`` names the process among all nodes and over time."""

    node: str = msgspec.field(default_factory=new_token)
    lease_seconds: float = 60.0
    poll_seconds: float = 2.0
    drain_seconds: float = 8.0
    batch: int = 200


class _Turn(msgspec.Struct):
    claimed: list[Claimed]
    emptied: list[Lane]
    lost: list[Claimed]
    next_due: int | None
    more: bool


class Runner:
    """Runs jobs with ``handlers``, by kind. ``jitter`` answers numbers from 0 to 1. All methods belong to one event
    loop; the database stays open until ``stop`` has returned."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        clock: Clock,
        pace: Pace | None = None,
        jitter: Callable[[], float] = _RANDOM,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._clock = clock
        self._pace = pace or Pace()
        self._jitter = jitter
        self._room = Room(handlers)
        # By job and attempt: a job whose lease was lost may come back while it is still at work.
        self._running: dict[tuple[str, int], tuple[Claimed, asyncio.Task[None]]] = {}
        self._settled: list[Settled] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._loop: asyncio.Task[None] | None = None
        self._stop: asyncio.Task[None] | None = None
        self._renew_at = 0

    @property
    def running(self) -> int:
        """Jobs that run on this node now, for the metrics."""
        return len(self._running)

    async def start(self) -> None:
        """Begin to run jobs, with those that a node left parked or, on SQLite, held when it died. Raises
        StorageError."""
        await self._database.write(claims.end_leases)
        for lane in await self._database.read(claims.parked_lanes):
            self._room.parked(lane)
        self._database.listen(self._heard)
        self._renew_at = self._clock() + self._half_lease
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Take no more jobs, let the running ones end within the drain time, and hand the rest back. May be called
        again, also while the first call is under way."""
        if self._loop is None:
            return
        if self._stop is None:
            self._stop = asyncio.create_task(self._drain(self._loop))
        await asyncio.shield(self._stop)

    async def _drain(self, loop: asyncio.Task[None]) -> None:
        self._stopping = True
        self._wake.set()
        await loop
        if tasks := [task for _, task in self._running.values()]:
            _, late = await asyncio.wait(tasks, timeout=self._pace.drain_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        settled, self._settled = self._settled, []
        if settled:
            # When this fails, the leases run out by themselves.
            with suppress(StorageError):
                await self._database.write(lambda tx: self._settle(tx, settled))

    def wake(self) -> None:
        """Look for due jobs now."""
        self._wake.set()

    @property
    def _half_lease(self) -> int:
        return int(self._pace.lease_seconds * SECOND / 2)

    def _heard(self, events: list[Any]) -> None:
        if any(isinstance(event, JobsDue) for event in events):
            self._wake.set()

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            settled, self._settled = self._settled, []
            try:
                turn = await self._turn(settled)
            except Unavailable as error:
                log.warning("jobs wait for the storage: %s", error)
                self._settled = settled + self._settled
                await self._pause(_STORAGE_PAUSE)
                continue
            except Exception:
                log.exception("the runner of jobs failed; it goes on")
                self._settled = await self._settle_one_by_one(settled) + self._settled
                await self._pause(_STORAGE_PAUSE)
                continue
            for job in turn.claimed:
                self._begin(job)
            if not (turn.more or self._wake.is_set()):
                await self._pause(self._rest(turn.next_due))

    async def _turn(self, settled: Sequence[Settled]) -> _Turn:
        now = self._clock()
        free = min(self._room.free, self._pace.batch)
        lanes = self._room.openings(free)
        keep = [job for job, _ in self._running.values()] if now >= self._renew_at else []

        async def write(tx: Tx) -> _Turn:
            lease = Lease(self._pace.node, tx.now + 2 * self._half_lease)
            await self._settle(tx, settled)
            lost = await claims.renew(tx, lease, keep)
            claimed: list[Claimed] = []
            emptied: list[Lane] = []
            for lane, most in lanes:
                taken = await claims.take_parked(tx, lease, lane, most)
                claimed += taken
                if len(taken) < most:
                    emptied.append(lane)
            if free > len(claimed):
                claimed += await claims.claim(tx, lease, free - len(claimed))
            more = 0 < free <= len(claimed)
            return _Turn(claimed, emptied, lost, await claims.next_due(tx), more)

        turn = await self._database.write(write)
        if now >= self._renew_at:
            self._renew_at = now + self._half_lease
        for lane in turn.emptied:
            self._room.emptied(lane)
        for job in turn.lost:
            log.warning("the lease of job %s ran out while it was at work", job.id)
        return turn

    async def _settle(self, tx: Tx, settled: Sequence[Settled]) -> None:
        await claims.settle(tx, self._pace.node, settled, self._pace.lease_seconds)

    async def _settle_one_by_one(self, settled: Sequence[Settled]) -> list[Settled]:
        """Write down what became of each job, so that one which cannot be holds up no other; answers what is left,
        and that without what its handler wanted to write beside, which may be the trouble."""
        left: list[Settled] = []
        for one in settled:
            try:
                await self._database.write(partial(self._settle, settled=[one]))
            except Unavailable:
                left.append(one)
            except Exception:
                log.exception("the outcome of job %s cannot be written as it is", one.job.id)
                left.append(Settled(one.job, bare(one.outcome)))
        return left

    def _rest(self, due: int | None) -> float:
        """Seconds until there is something to do, unless something happens before."""
        moments = [self._renew_at] if self._running else []
        if due is not None and self._room.free:
            moments.append(due)
        pause = min(
            ((moment - self._clock()) / SECOND for moment in moments), default=self._pace.poll_seconds
        )
        return min(max(pause, _LEAST_PAUSE), self._pace.poll_seconds)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _begin(self, job: Claimed) -> None:
        handler = self._handlers.get(job.kind)
        if handler is None:
            # A newer node's job: it is left to one.
            self._end(job, Parked())
        elif job.attempts > handler.max_attempts:
            self._end(job, Dead(f"no outcome after {handler.max_attempts} attempts"))
        elif not self._room.enter(Lane(job.kind, job.lane)):
            self._room.parked(Lane(job.kind, job.lane))
            self._end(job, Parked())
        else:
            self._running[job.id, job.attempts] = job, asyncio.create_task(self._work(job, handler))

    async def _work(self, job: Claimed, handler: Handler) -> None:
        outcome: Settlement = HandedBack()
        try:
            outcome = await handler.run(job)
        except asyncio.CancelledError:
            if not self._stopping:
                outcome = self._failed(job, "it was cancelled")
        except Exception as error:
            log.exception("job %s (%s) failed", job.id, job.kind)
            outcome = self._failed(job, f"{type(error).__name__}: {error}")
        finally:
            del self._running[job.id, job.attempts]
            self._room.leave(Lane(job.kind, job.lane))
            self._end(job, outcome)

    def _failed(self, job: Claimed, reason: str) -> Retry:
        pause = RETRY_SECONDS[min(job.attempts, len(RETRY_SECONDS)) - 1]
        return Retry(pause * (1 + self._jitter()) / 2, reason)

    def _end(self, job: Claimed, outcome: Settlement) -> None:
        self._settled.append(Settled(job, outcome))
        self._wake.set()
