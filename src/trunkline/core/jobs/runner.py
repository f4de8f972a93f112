"""The runner of the queue's jobs on this node.

1. One task loops. Each turn is one transaction: it settles the jobs that ended, claims parked and due ones, and renews
   leases at half of their time. Between turns nothing is locked.
2. A turn begins when a job ends, when a transaction announces a job, when the next one is due, and every few seconds
   for jobs that other nodes put into the queue.
3. Each claimed job runs in a task of its own, which appends its outcome to a list; the next turn writes that list. A
   job beyond the limits of its lane or kind is parked, so that it blocks no other.
   A node whose clock permits no due work claims nothing, and settles and renews what it runs.
4. When a turn fails, its outcomes are kept. If the database is unavailable, they are written in a later turn; after
   any other error they are written one by one, so that one bad outcome blocks no other.
5. ``stop`` lets the turn under way end, waits for the running jobs for the drain time, cancels the rest and requeues
   them. A node that dies loses its leases, and other nodes run its jobs again.
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

from trunkline.core.clock import SECOND, Clock, has_passed, permits_due_work
from trunkline.core.jobs import claims
from trunkline.core.jobs.claims import JobLane, Lease, SettledJob
from trunkline.core.jobs.limits import ConcurrencyLimits
from trunkline.core.jobs.outcomes import (
    ClaimedJob,
    DeadLetter,
    Handler,
    NoCapacity,
    Requeue,
    Retry,
    Settlement,
    without_write,
)
from trunkline.core.jobs.queue import JobsDue
from trunkline.core.sids import new_token
from trunkline.core.storage.database import DamagedData, Database, StorageError, Tx, Unavailable

log = logging.getLogger("trunkline.jobs")

RETRY_SECONDS = (1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)
"""The pauses after an exception, before jitter; the last one repeats."""

_RANDOM = SystemRandom().random
_STORAGE_PAUSE = 1.0
_LEAST_PAUSE = 0.05


class RunnerOptions(msgspec.Struct, frozen=True):
    """The seconds of a lease, between polls for other nodes' jobs, and for a stop; the most jobs claimed in one turn.
    ``node`` names the process among all nodes and over time."""

    node: str = msgspec.field(default_factory=new_token)
    lease_seconds: float = 60.0
    poll_seconds: float = 2.0
    drain_seconds: float = 8.0
    batch: int = 200


class _Turn(msgspec.Struct):
    claimed: list[ClaimedJob]
    emptied: list[JobLane]
    lost: list[ClaimedJob]
    next_due: int | None
    more: bool


class Runner:
    """The runner of jobs with ``handlers``, by kind. ``jitter`` returns numbers from 0 to 1. All methods belong to one
    event loop; the database stays open until ``stop`` has returned."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        clock: Clock,
        options: RunnerOptions | None = None,
        jitter: Callable[[], float] = _RANDOM,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._clock = clock
        self._options = options or RunnerOptions()
        self._jitter = jitter
        self._limits = ConcurrencyLimits(handlers)
        # By job and attempt: a job whose lease was lost may come back while it is still running.
        self._running: dict[tuple[str, int], tuple[ClaimedJob, asyncio.Task[None]]] = {}
        self._settled: list[SettledJob] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._loop: asyncio.Task[None] | None = None
        self._stop: asyncio.Task[None] | None = None
        self._renewed_at = 0
        self._logged = ""

    @property
    def running(self) -> int:
        """Jobs that run on this node now, for the metrics."""
        return len(self._running)

    async def start(self) -> None:
        """Begin to run jobs, with those that a node left parked or, on SQLite, held when it died. Raise StorageError if
        the database fails."""
        await self._database.write(claims.end_leases)
        for lane in await self._database.read(claims.parked_lanes):
            self._limits.add_parked(lane)
        self._database.listen(self._on_events)
        self._renewed_at = self._clock()
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Claim no more jobs, let the running ones end within the drain time, and requeue the rest. May be called
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
            _, late = await asyncio.wait(tasks, timeout=self._options.drain_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        settled, self._settled = self._settled, []
        if settled:
            # If this fails, the leases end by themselves.
            with suppress(StorageError):
                await self._database.write(lambda tx: self._settle(tx, settled))

    def wake(self) -> None:
        """Claim due jobs now."""
        self._wake.set()

    @property
    def _free(self) -> int:
        """The number of further jobs that this node may claim: none while its clock permits no due work."""
        return self._limits.free if permits_due_work(self._clock) else 0

    @property
    def _half_lease(self) -> int:
        return int(self._options.lease_seconds * SECOND / 2)

    def _on_events(self, events: list[Any]) -> None:
        if any(isinstance(event, JobsDue) for event in events):
            self._wake.set()

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            settled, self._settled = self._settled, []
            try:
                turn = await self._turn(settled)
            except Unavailable as error:
                self._log_once(error)
                self._settled = settled + self._settled
                await self._pause(_STORAGE_PAUSE)
                continue
            except Exception as error:
                if isinstance(error, DamagedData):
                    self._log_once(error)
                else:
                    log.exception("the runner of jobs failed; it goes on")
                self._settled = await self._settle_one_by_one(settled) + self._settled
                await self._pause(_STORAGE_PAUSE)
                continue
            self._logged = ""
            for job in turn.claimed:
                self._begin(job)
            if not (turn.more or self._wake.is_set()):
                await self._pause(self._rest(turn.next_due))

    def _log_once(self, error: StorageError) -> None:
        """Log a failure of the storage, unless the turn before failed likewise."""
        if self._logged != str(error):
            log.warning("jobs wait for the storage: %s", error)
        self._logged = str(error)

    async def _turn(self, settled: Sequence[SettledJob]) -> _Turn:
        now = self._clock()
        free = min(self._free, self._options.batch)
        lanes = self._limits.claimable(free)
        renews = has_passed(self._renewed_at, self._half_lease, now)
        held = [job for job, _ in self._running.values()] if renews else []

        async def write(tx: Tx) -> _Turn:
            lease = Lease(self._options.node, tx.now + 2 * self._half_lease)
            await self._settle(tx, settled)
            lost = await claims.renew(tx, lease, held)
            claimed: list[ClaimedJob] = []
            emptied: list[JobLane] = []
            for lane, limit in lanes:
                found = await claims.claim_parked(tx, lease, lane, limit)
                claimed += found
                if len(found) < limit:
                    emptied.append(lane)
            if free > len(claimed):
                claimed += await claims.claim(tx, lease, free - len(claimed))
            more = 0 < free <= len(claimed)
            return _Turn(claimed, emptied, lost, await claims.next_due(tx), more)

        turn = await self._database.write(write)
        if renews:
            self._renewed_at = now
        for lane in turn.emptied:
            self._limits.remove_parked(lane)
        for job in turn.lost:
            log.warning("the lease of job %s ended while it was running", job.id)
        return turn

    async def _settle(self, tx: Tx, settled: Sequence[SettledJob]) -> None:
        await claims.settle(tx, self._options.node, settled, self._options.lease_seconds)

    async def _settle_one_by_one(self, settled: Sequence[SettledJob]) -> list[SettledJob]:
        """Record each outcome by itself, so that a bad one blocks no other. Return the outcomes that are left; those
        that failed without the write of their handler, which may be the cause."""
        left: list[SettledJob] = []
        for one in settled:
            try:
                await self._database.write(partial(self._settle, settled=[one]))
            except Unavailable:
                left.append(one)
            except Exception:
                log.exception("the outcome of job %s cannot be written as it is", one.job.id)
                left.append(SettledJob(one.job, without_write(one.outcome)))
        return left

    def _rest(self, due: int | None) -> float:
        """Return the seconds until the next turn, unless an event begins one before."""
        times = [self._renewed_at + self._half_lease] if self._running else []
        if due is not None and self._free:
            times.append(due)
        pause = min(((time - self._clock()) / SECOND for time in times), default=self._options.poll_seconds)
        return min(max(pause, _LEAST_PAUSE), self._options.poll_seconds)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _begin(self, job: ClaimedJob) -> None:
        handler = self._handlers.get(job.kind)
        if handler is None:
            # A job of a newer node, for which this one has no handler.
            self._end(job, NoCapacity())
        elif job.attempts > handler.max_attempts:
            self._end(job, DeadLetter(f"no outcome after {handler.max_attempts} attempts"))
        elif not self._limits.acquire(JobLane(job.kind, job.lane)):
            self._limits.add_parked(JobLane(job.kind, job.lane))
            self._end(job, NoCapacity())
        else:
            self._running[job.id, job.attempts] = job, asyncio.create_task(self._work(job, handler))

    async def _work(self, job: ClaimedJob, handler: Handler) -> None:
        outcome: Settlement = Requeue()
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
            self._limits.release(JobLane(job.kind, job.lane))
            self._end(job, outcome)

    def _failed(self, job: ClaimedJob, reason: str) -> Retry:
        pause = RETRY_SECONDS[min(job.attempts, len(RETRY_SECONDS)) - 1]
        return Retry(pause * (1 + self._jitter()) / 2, reason)

    def _end(self, job: ClaimedJob, outcome: Settlement) -> None:
        self._settled.append(SettledJob(job, outcome))
        self._wake.set()
