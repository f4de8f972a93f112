"""The SQL of running jobs: claims, the renewal of leases, and settlement."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.jobs.outcomes import (
    ClaimedJob,
    DeadLetter,
    NoCapacity,
    Requeue,
    Retry,
    Settlement,
    Success,
)
from trunkline.core.jobs.queue import order_lock
from trunkline.core.storage.database import Row, Tx, columns

_CLAIM = f"""
UPDATE jobs SET holder = :holder, due = :until, since = :now, attempts = attempts + 1, parked = FALSE
WHERE id IN (SELECT id FROM picked) RETURNING {columns(ClaimedJob)}
"""
_DUE = "SELECT id FROM jobs WHERE state = 'ready' AND due <= :now ORDER BY due LIMIT :limit"
_PARKED = "SELECT id FROM jobs WHERE parked AND kind = :kind AND lane = :lane ORDER BY created LIMIT :limit"
_HELD = "id = :id AND holder = :holder AND attempts = :attempts"
_FINISH = f"DELETE FROM jobs WHERE {_HELD}"
_RENEW = f"UPDATE jobs SET due = :until, since = :now WHERE {_HELD}"
_POSTPONE = f"UPDATE jobs SET due = :due, since = :now, holder = NULL, reason = :reason WHERE {_HELD}"
_KILL = f"UPDATE jobs SET state = 'dead', due = :now, holder = NULL, reason = :reason WHERE {_HELD}"
_REQUEUE = f"""
UPDATE jobs SET due = :due, since = :now, holder = NULL, parked = :parked, attempts = attempts - 1 WHERE {_HELD}
"""
_NEXT = "SELECT id FROM jobs WHERE order_key = :order_key AND state = 'waiting' ORDER BY place LIMIT 1"
_READY = """
UPDATE jobs SET state = 'ready' WHERE id = :id
AND NOT EXISTS (SELECT 1 FROM jobs WHERE order_key = :order_key AND state = 'ready')
"""
_END_LEASES = "UPDATE jobs SET due = :now WHERE holder IS NOT NULL AND state = 'ready' AND due > :now"
_NEXT_DUE = "SELECT due FROM jobs WHERE state = 'ready' ORDER BY due LIMIT 1"

MAX_REASON = 1000
"""Characters of a failure's reason that are kept."""


class JobLane(Row, frozen=True):
    """A lane of one kind of job."""

    kind: str
    lane: str


class Lease(msgspec.Struct, frozen=True):
    """The node that claims jobs, and the end of its claim (microseconds since 1970 UTC)."""

    holder: str
    until: int


class SettledJob(msgspec.Struct, frozen=True):
    """A job that this node held, and its outcome."""

    job: ClaimedJob
    outcome: Settlement


async def claim(tx: Tx, lease: Lease, limit: int) -> list[ClaimedJob]:
    """Claim up to ``limit`` jobs that are due, the longest due ones; those that another node claims are skipped."""
    return await tx.all(
        ClaimedJob,
        f"WITH picked AS MATERIALIZED ({_DUE} {tx.skip_locked}) {_CLAIM}",
        now=tx.now,
        limit=limit,
        holder=lease.holder,
        until=lease.until,
    )


async def claim_parked(tx: Tx, lease: Lease, lane: JobLane, limit: int) -> list[ClaimedJob]:
    """Claim up to ``limit`` jobs of a lane that were parked, the oldest ones."""
    return await tx.all(
        ClaimedJob,
        f"WITH picked AS MATERIALIZED ({_PARKED} {tx.skip_locked}) {_CLAIM}",
        now=tx.now,
        kind=lane.kind,
        lane=lane.lane,
        limit=limit,
        holder=lease.holder,
        until=lease.until,
    )


async def parked_lanes(tx: Tx) -> list[JobLane]:
    """Return the lanes that have parked jobs."""
    return await tx.all(JobLane, "SELECT DISTINCT kind, lane FROM jobs WHERE parked")


async def end_leases(tx: Tx) -> None:
    """End the leases of a node that died; only on SQLite, where one node has the file to itself, so that the dead node
    cannot be running jobs."""
    if not tx.skip_locked:
        await tx.run(_END_LEASES, now=tx.now)


async def renew(tx: Tx, lease: Lease, jobs: Sequence[ClaimedJob]) -> list[ClaimedJob]:
    """Renew the leases of ``jobs``; return those that this node does not hold any more."""
    return [
        job
        for job in jobs
        if not await tx.run(_RENEW, until=lease.until, now=tx.now, **_held(job, lease.holder))
    ]


async def settle(tx: Tx, holder: str, settled: Sequence[SettledJob], park_seconds: float) -> None:
    """Record the outcomes of jobs; a job that this node does not hold any more stays as it is. Parked jobs are due for
    any node after ``park_seconds``."""
    # Most jobs end well and have no order: these are one statement.
    await tx.run_many(
        _FINISH,
        [
            _held(one.job, holder)
            for one in settled
            if isinstance(one.outcome, Success) and not one.job.order_key
        ],
    )
    # All transactions that lock several keys do so in one order.
    for one in sorted(settled, key=lambda one: one.job.order_key or ""):
        job, outcome, held = one.job, one.outcome, _held(one.job, holder)
        finished = False
        match outcome:
            case Success() if job.order_key:
                await _lock(tx, job)
                finished = bool(await tx.run(_FINISH, **held))
            case DeadLetter():
                await _lock(tx, job)
                finished = bool(await tx.run(_KILL, now=tx.now, reason=clipped(outcome.reason), **held))
            case Retry():
                due = tx.now + max(0, int(outcome.after * SECOND))
                await tx.run(_POSTPONE, due=due, now=tx.now, reason=clipped(outcome.reason), **held)
            case Requeue():
                await tx.run(_REQUEUE, due=tx.now, now=tx.now, parked=False, **held)
            case NoCapacity():
                due = tx.now + int(park_seconds * SECOND)
                await tx.run(_REQUEUE, due=due, now=tx.now, parked=True, **held)
        if isinstance(outcome, Success | DeadLetter | Retry) and outcome.also is not None:
            await outcome.also(tx)
        if finished and job.order_key:
            await free_next(tx, job.order_key)


async def free_next(tx: Tx, order_key: str) -> None:
    """Make the first waiting job of a key ready, if none is; the key's lock is held."""
    # Most often none waits: this query costs a tenth of an update that finds nothing.
    next_id = await tx.value(_NEXT, order_key=order_key)
    if next_id is not None:
        await tx.run(_READY, id=next_id, order_key=order_key)


async def next_due(tx: Tx) -> int | None:
    """Return the time at which the next job is due or the next lease ends."""
    due: int | None = await tx.value(_NEXT_DUE)
    return due


def clipped(text: str) -> str:
    """Return the text cut to what is kept, without the character that PostgreSQL refuses."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:MAX_REASON]


async def _lock(tx: Tx, job: ClaimedJob) -> None:
    if job.order_key:
        await tx.lock(order_lock(job.order_key))


def _held(job: ClaimedJob, holder: str) -> dict[str, str | int]:
    return {"id": job.id, "holder": holder, "attempts": job.attempts}
