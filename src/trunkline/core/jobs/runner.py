"""The runner of the queue's jobs on this node.

1. One task loops. Each turn is one transaction: it settles the jobs that ended, and claims parked and due ones. Between
   turns nothing is locked. A second task renews the leases at a third of their time, between turns, which lock the same
   rows in another order; a turn does so for those that are over, so that it does not claim what this node runs.
2. A turn begins when a job ends, when a transaction announces a job, when the next one is due, and every few seconds
   for jobs that other nodes put into the queue.
3. Each claimed job runs in a task of its own, which appends its outcome to a list; the next turn writes that list. A
   job beyond the limits of its lane or kind is parked, so that it blocks no other.
   A node whose clock permits no due work claims nothing, and settles and renews what it runs.
4. When a turn fails, its outcomes are kept. If the database is unavailable, they are written in a later turn; after
   any other error they are written one by one, so that one bad outcome blocks no other. After a commit whose outcome
   is unknown, the next turn requeues the jobs that this node has claimed by it without knowing.
5. ``stop`` lets the turn under way end, waits for the running jobs for the drain time, cancels the rest and requeues
   them. A node that dies loses its leases, and other nodes run its jobs again.
6. A node that stood still finds its leases over by one of two clocks (``leases``). A job that has not begun by then, or
   asks before its next effect, returns to the queue; the outcome of one that was claimed by another node is refused
   (``claims``).
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

from trunkline.core.clock import SECOND, Clock, permits_due_work, steady_clock
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
from trunkline.core.leases import HeldLease, LeaseLost, Reading, lease_clock
from trunkline.core.outages import Outage
from trunkline.core.periodic import PeriodicTask
from trunkline.core.sids import new_token
from trunkline.core.storage.database import (
    LOGGED_ONCE,
    DamagedData,
    Database,
    OutcomeUnknown,
    StorageError,
    Tx,
    Unavailable,
)

log = logging.getLogger("trunkline.jobs")

RETRY_SECONDS = (1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)
"""The pauses after an exception, before jitter; the last one repeats."""

_RANDOM = SystemRandom().random
LEASE_SECONDS = 60.0
_STORAGE_PAUSE = 1.0
_RENEWAL_CHECK = 1 / 6
"""The part of a lease between two checks for those that must be renewed."""
_LEAST_PAUSE = 0.05


class RunnerOptions(msgspec.Struct, frozen=True):
    """The seconds of a lease, between polls for other nodes' jobs, and for a stop; the most jobs claimed in one turn.
    ``node`` names the process among all nodes and over time."""

    node: str = msgspec.field(default_factory=new_token)
    lease_seconds: float = msgspec.field(default_factory=lambda: LEASE_SECONDS)
    poll_seconds: float = 2.0
    drain_seconds: float = 8.0
    batch: int = 200


class _JobRun(msgspec.Struct):
    job: ClaimedJob
    lease: HeldLease
    task: asyncio.Task[None]


class _Turn(msgspec.Struct):
    claimed: list[ClaimedJob]
    emptied: list[JobLane]
    lost: list[ClaimedJob]
    next_due: int | None
    more: bool


class Runner:
    """The runner of jobs with ``handlers``, by kind. ``jitter`` returns numbers from 0 to 1; ``steady`` counts the
    leases beside ``clock``. All methods belong to one event loop; the database stays open until ``stop`` has returned.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        clock: Clock,
        options: RunnerOptions | None = None,
        jitter: Callable[[], float] = _RANDOM,
        steady: Clock = steady_clock,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._clock = clock
        self._lease_clock = lease_clock(steady, clock)
        self._options = options or RunnerOptions()
        self._jitter = jitter
        self._limits = ConcurrencyLimits(handlers)
        # By job and claim: a job whose lease was lost may come back while it is still running.
        self._running: dict[tuple[str, int], _JobRun] = {}
        self._settled: list[SettledJob] = []
        self._claimed_unknown = False
        self._transaction = ""
        self._changing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._stopping = False
        self._loop: asyncio.Task[None] | None = None
        self._stop: asyncio.Task[None] | None = None
        self._renewing = PeriodicTask(
            "leases of jobs",
            self.renew,
            self._options.lease_seconds * _RENEWAL_CHECK,
            due_by=None,
            log=log,
        )
        self._outage = Outage(log)

    @property
    def running(self) -> int:
        """Jobs that run on this node now, for the metrics."""
        return len(self._running)

    async def start(self) -> None:
        """Begin to run jobs, with those that a node left parked or, on SQLite, held when it died. Raise StorageError if
        the database fails."""
        await self._database.write(claims.end_leases)
        for lane in await self._database.scan(claims.parked_lanes):
            self._limits.add_parked(lane)
        self._database.listen(self._on_events)
        self._loop = asyncio.create_task(self._run())
        self._renewing.start()

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
        if tasks := [one.task for one in self._running.values()]:
            _, late = await asyncio.wait(tasks, timeout=self._options.drain_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._renewing.stop()
        settled, self._settled = self._settled, []
        if settled:
            # If this fails, the leases end by themselves.
            with suppress(StorageError):
                await self._database.write(lambda tx: self._settle(tx, settled))

    def wake(self) -> None:
        """Claim due jobs now."""
        self._wake.set()

    async def renew(self) -> None:
        """Renew the leases of the running jobs that are a third of their time old. Raise StorageError."""
        async with self._changing:
            held = [one for one in self._running.values() if one.lease.renews]
            if not held:
                return
            began = self._lease_clock()
            lost = await self._database.write(lambda tx: self._renew(tx, held))
            self._renewed(held, lost, began)

    async def _renew(self, tx: Tx, held: Sequence[_JobRun]) -> list[ClaimedJob]:
        return await claims.renew(tx, self._lease(tx), [one.job for one in held])

    def _renewed(self, held: Sequence[_JobRun], lost: Sequence[ClaimedJob], began: Reading) -> None:
        gone = {(job.id, job.fence) for job in lost}
        for one in held:
            # An outcome that was settled meanwhile is no loss.
            if self._running.get((one.job.id, one.job.fence)) is not one:
                continue
            if (one.job.id, one.job.fence) in gone:
                one.lease.drop()
                log.warning("the lease of job %s ended while it was running", one.job.id)
            else:
                one.lease.extend(began)

    def _lease(self, tx: Tx) -> Lease:
        return Lease(self._options.node, tx.now + self._span)

    @property
    def _free(self) -> int:
        """The number of further jobs that this node may claim: none while its clock permits no due work."""
        return self._limits.free if permits_due_work(self._clock) else 0

    @property
    def _span(self) -> int:
        return int(self._options.lease_seconds * SECOND)

    def _on_events(self, events: list[Any]) -> None:
        if any(isinstance(event, JobsDue) for event in events):
            self._wake.set()

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            settled, self._settled = self._settled, []
            try:
                async with self._changing:
                    turn = await self._turn(settled)
            except Unavailable:
                self._settled = settled + self._settled
                await self._pause(_STORAGE_PAUSE)
                continue
            except OutcomeUnknown:
                self._claimed_unknown = True
                self._settled = [self._unknown(one) for one in settled] + self._settled
                await self._pause(_STORAGE_PAUSE)
                continue
            except Exception as error:
                if not isinstance(error, LOGGED_ONCE):
                    self._outage.failed(
                        "the runner of jobs failed; it goes on", level=logging.ERROR, error=error
                    )
                self._settled = await self._settle_one_by_one(settled) + self._settled
                await self._pause(_STORAGE_PAUSE)
                continue
            self._outage.works("the runner of jobs works again")
            if not (turn.more or self._wake.is_set()):
                await self._pause(self._rest(turn.next_due))

    async def _turn(self, settled: Sequence[SettledJob]) -> _Turn:
        began = self._lease_clock()
        free = min(self._free, self._options.batch)
        lanes = self._limits.claimable(free)
        held: list[_JobRun] = []
        unknown = self._claimed_unknown
        # As of now: a running job may end while the transaction waits.
        ours = {*self._running, *((one.job.id, one.job.fence) for one in (*settled, *self._settled))}

        async def write(tx: Tx) -> _Turn:
            lease = self._lease(tx)
            await self._settle(tx, settled)
            if unknown:
                await self._requeue_unknown(tx, lease, ours)
            # As of now: the time of the transaction may be behind the end of leases that held when the turn began.
            held[:] = [one for one in self._running.values() if not one.lease.holds()]
            lost = await self._renew(tx, held)
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
            return _Turn(claimed, emptied, lost, await self._end_turn(tx), more)

        turn = await self._database.write(write)
        self._claimed_unknown = False
        self._renewed(held, turn.lost, began)
        for lane in turn.emptied:
            self._limits.remove_parked(lane)
        for job in turn.claimed:
            self._begin(job, began)
        return turn

    async def _settle(self, tx: Tx, settled: Sequence[SettledJob]) -> None:
        await claims.settle(tx, self._options.node, settled, self._options.lease_seconds)

    async def _end_turn(self, tx: Tx) -> int | None:
        """Return the time at which the next job is due, and keep the number of the transaction."""
        end = await claims.end_of_turn(tx)
        self._transaction = end.number
        return end.due

    def _unknown(self, one: SettledJob) -> SettledJob:
        """Return what is settled once more, after the last commit had an unknown outcome."""
        return msgspec.structs.replace(one, unknown=(*one.unknown, self._transaction))

    async def _requeue_unknown(self, tx: Tx, lease: Lease, ours: set[tuple[str, int]]) -> None:
        """Requeue what this node has claimed in a commit whose outcome it did not get: jobs that are not ``ours``."""
        found = await claims.held_jobs(tx, lease)
        unknown = [SettledJob(job, Requeue()) for job in found if (job.id, job.fence) not in ours]
        await self._settle(tx, unknown)

    async def _settle_one_by_one(self, settled: Sequence[SettledJob]) -> list[SettledJob]:
        """Record each outcome by itself, so that a bad one blocks no other. Return the outcomes that are left; those
        that failed without the write of their handler, which may be the cause."""
        left: list[SettledJob] = []
        for one in settled:
            try:
                await self._database.write(partial(self._settle_one, one=one))
            except Unavailable:
                left.append(one)
            except OutcomeUnknown:
                left.append(self._unknown(one))
            except DamagedData:
                # The storage has logged what is damaged. What cannot be written must not hold up the others.
                left.append(SettledJob(one.job, without_write(one.outcome)))
            except Exception:
                log.exception("the outcome of job %s cannot be written as it is", one.job.id)
                left.append(SettledJob(one.job, without_write(one.outcome)))
        return left

    async def _settle_one(self, tx: Tx, one: SettledJob) -> None:
        await self._settle(tx, [one])
        await self._end_turn(tx)

    def _rest(self, due: int | None) -> float:
        """Return the seconds until the next turn, unless an event begins one before."""
        if due is None or not self._free:
            return self._options.poll_seconds
        return min(max((due - self._clock()) / SECOND, _LEAST_PAUSE), self._options.poll_seconds)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _begin(self, job: ClaimedJob, began: Reading) -> None:
        lease = HeldLease(self._span, self._lease_clock)
        lease.extend(began)
        job = msgspec.structs.replace(job, holds=lease.holds)
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
            task = asyncio.create_task(self._work(job, handler))
            self._running[job.id, job.fence] = _JobRun(job, lease, task)

    async def _work(self, job: ClaimedJob, handler: Handler) -> None:
        outcome: Settlement = Requeue()
        try:
            if job.holds():
                outcome = await handler.run(job)
        except LeaseLost:
            log.info("job %s (%s) is dropped, as its lease ended", job.id, job.kind)
        except asyncio.CancelledError:
            if not self._stopping:
                outcome = self._failed(job, "it was cancelled")
        except Exception as error:
            if not isinstance(error, LOGGED_ONCE):
                log.exception("job %s (%s) failed", job.id, job.kind)
            outcome = self._failed(job, f"{type(error).__name__}: {error}")
        finally:
            del self._running[job.id, job.fence]
            self._limits.release(JobLane(job.kind, job.lane))
            self._end(job, outcome)

    def _failed(self, job: ClaimedJob, reason: str) -> Retry:
        pause = RETRY_SECONDS[min(job.attempts, len(RETRY_SECONDS)) - 1]
        return Retry(pause * (1 + self._jitter()) / 2, reason)

    def _end(self, job: ClaimedJob, outcome: Settlement) -> None:
        self._settled.append(SettledJob(job, outcome))
        self._wake.set()
