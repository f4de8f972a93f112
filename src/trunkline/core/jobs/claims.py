"""The SQL of running jobs: claims, the renewal of leases, and settlement."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

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
from trunkline.core.leases import LateOutcome, LeaseLost
from trunkline.core.storage.database import Row, Tx, columns


class JobClaim(Row, frozen=True):
    """The columns of a job that is claimed."""

    id: str
    kind: str
    payload: str
    lane: str
    order_key: str | None
    attempts: int
    created: int
    fence: int


_CLAIM = f"""
UPDATE jobs SET holder = :holder, due = :until, since = :now, attempts = attempts + 1, fence = fence + 1,
parked = FALSE WHERE id IN (SELECT id FROM picked) RETURNING {columns(JobClaim)}
"""
_DUE = "SELECT id FROM jobs WHERE state = 'ready' AND due <= :now ORDER BY due LIMIT :limit"
_PARKED = "SELECT id FROM jobs WHERE parked AND kind = :kind AND lane = :lane ORDER BY created LIMIT :limit"
_HELD = "id = :id AND holder = :holder AND fence = :fence"
_FINISH = f"DELETE FROM jobs WHERE {_HELD}"
_CONFIRM = f"UPDATE jobs SET holder = holder WHERE {_HELD}"
_UNENDED = f"""
SELECT {columns(JobClaim)} FROM jobs WHERE state = 'ready' AND due > :now AND due <= :until AND holder = :holder
"""
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
_END = f"SELECT ({_NEXT_DUE}) AS due, '' AS number"
_END_WITH_NUMBER = f"""
SELECT ({_NEXT_DUE}) AS due, coalesce(CAST(pg_current_xact_id_if_assigned() AS TEXT), '0') AS number
"""
# After a failover to a server that lacks it, the number may lie ahead of all that it has, which is an error to ask for.
# The functions that tell the timeline are missing on some hosted servers.
_STATUS = """
SELECT CASE WHEN CAST(CAST(:number AS TEXT) AS xid8) < pg_snapshot_xmax(pg_current_snapshot())
THEN pg_xact_status(CAST(CAST(:number AS TEXT) AS xid8)) END
"""

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
    """A job that this node held, and its outcome. ``unknown`` are the numbers of the transactions with it whose commits
    had an unknown outcome."""

    job: ClaimedJob
    outcome: Settlement
    unknown: tuple[str, ...] = ()


class TurnEnd(Row, frozen=True):
    """The end of a turn: the time at which the next job is due or the next lease ends, and the number by which the
    transaction can be found later: 0 if it has changed nothing, and none on SQLite, where only this node has jobs."""

    due: int | None
    number: str


async def claim(tx: Tx, lease: Lease, limit: int) -> list[ClaimedJob]:
    """Claim up to ``limit`` jobs that are due, the longest due ones; those that another node claims are skipped."""
    found = await tx.all(
        JobClaim,
        f"WITH picked AS MATERIALIZED ({_DUE} {tx.skip_locked}) {_CLAIM}",
        now=tx.now,
        limit=limit,
        holder=lease.holder,
        until=lease.until,
    )
    return [_claimed(one, lease.holder) for one in found]


async def claim_parked(tx: Tx, lease: Lease, lane: JobLane, limit: int) -> list[ClaimedJob]:
    """Claim up to ``limit`` jobs of a lane that were parked, the oldest ones."""
    found = await tx.all(
        JobClaim,
        f"WITH picked AS MATERIALIZED ({_PARKED} {tx.skip_locked}) {_CLAIM}",
        now=tx.now,
        kind=lane.kind,
        lane=lane.lane,
        limit=limit,
        holder=lease.holder,
        until=lease.until,
    )
    return [_claimed(one, lease.holder) for one in found]


async def parked_lanes(tx: Tx) -> list[JobLane]:
    """Return the lanes that have parked jobs."""
    return await tx.all(JobLane, "SELECT DISTINCT kind, lane FROM jobs WHERE parked")


async def end_leases(tx: Tx) -> None:
    """End the leases of a node that died; only on SQLite, where one node has the file to itself, so that the dead node
    cannot be running jobs."""
    if not tx.skip_locked:
        await tx.run(_END_LEASES, now=tx.now)


async def held_jobs(tx: Tx, lease: Lease) -> list[ClaimedJob]:
    """Return the jobs that the holder of a lease has claimed, as far as their leases end with it or before."""
    found = await tx.all(JobClaim, _UNENDED, now=tx.now, until=lease.until, holder=lease.holder)
    return [_claimed(one, lease.holder) for one in found]


async def renew(tx: Tx, lease: Lease, jobs: Sequence[ClaimedJob]) -> list[ClaimedJob]:
    """Renew the leases of ``jobs``; return those that this node does not hold any more."""
    return [
        job
        for job in jobs
        if not await tx.run(_RENEW, until=lease.until, now=tx.now, **_held(job, lease.holder))
    ]


async def settle(tx: Tx, holder: str, settled: Sequence[SettledJob], park_seconds: float) -> None:
    """Record the outcomes of jobs. A job that this node does not hold any more stays as it is, which is announced as a
    LateOutcome if it was run. Parked jobs are due for any node after ``park_seconds``."""
    # Most jobs end well, in time and without an order: these are one statement, whose count nobody needs.
    plain = [one for one in settled if _is_plain(one)]
    await tx.run_many(_FINISH, [_held(one.job, holder) for one in plain])
    for one in plain:
        await _record(tx, one.outcome)
    others = [one for one in settled if not _is_plain(one)]
    # All transactions that lock several keys do so in one order.
    for one in sorted(others, key=lambda one: one.job.order_key or ""):
        await _settle(tx, holder, one, park_seconds)


async def confirm(tx: Tx, holder: str, claimed: JobClaim) -> None:
    """Raise LeaseLost if another node has the job; else none claims it until the transaction ends."""
    if not await tx.run(_CONFIRM, id=claimed.id, holder=holder, fence=claimed.fence):
        raise LeaseLost


def _is_plain(one: SettledJob) -> bool:
    if one.unknown or one.job.order_key or not one.job.holds():
        return False
    return isinstance(one.outcome, Success) and one.outcome.also is None


async def _settle(tx: Tx, holder: str, one: SettledJob, park_seconds: float) -> None:
    job, outcome, held = one.job, one.outcome, _held(one.job, holder)
    kept = 0
    match outcome:
        case Success():
            await _lock(tx, job)
            kept = await tx.run(_FINISH, **held)
        case DeadLetter():
            await _lock(tx, job)
            kept = await tx.run(_KILL, now=tx.now, reason=clipped(outcome.reason), **held)
        case Retry():
            due = tx.now + max(0, int(outcome.after * SECOND))
            kept = await tx.run(_POSTPONE, due=due, now=tx.now, reason=clipped(outcome.reason), **held)
        case Requeue():
            await tx.run(_REQUEUE, due=tx.now, now=tx.now, parked=False, **held)
        case NoCapacity():
            due = tx.now + int(park_seconds * SECOND)
            await tx.run(_REQUEUE, due=due, now=tx.now, parked=True, **held)
    if isinstance(outcome, Requeue | NoCapacity):
        return
    if not kept and await _was_committed(tx, one.unknown):
        # With all that belongs to it.
        return
    await _record(tx, outcome)
    if not kept:
        # A job that is gone while its lease holds was removed by its owner or the operator.
        if not job.holds():
            tx.announce(LateOutcome(f"job {job.id} ({job.kind}) may have been run twice"))
        return
    if outcome.also is not None:
        await outcome.also(tx)
    if job.order_key and not isinstance(outcome, Retry):
        await free_next(tx, job.order_key)


async def _was_committed(tx: Tx, numbers: Sequence[str]) -> bool:
    """Return whether one of these transactions was made. Call it once a change has waited for them: none is under way
    any more."""
    for number in numbers:
        if not number or await tx.value(_STATUS, number=number) == "committed":
            return True
    return False


async def _record(tx: Tx, outcome: Settlement) -> None:
    if not isinstance(outcome, Requeue | NoCapacity) and outcome.record is not None:
        await outcome.record(tx)


async def free_next(tx: Tx, order_key: str) -> None:
    """Make the first waiting job of a key ready, if none is; the key's lock is held."""
    # Most often none waits: this query costs a tenth of an update that finds nothing.
    next_id = await tx.value(_NEXT, order_key=order_key)
    if next_id is not None:
        await tx.run(_READY, id=next_id, order_key=order_key)


async def end_of_turn(tx: Tx) -> TurnEnd:
    """Return the end of a turn, in one query."""
    end = await tx.one(TurnEnd, _END_WITH_NUMBER if tx.skip_locked else _END)
    assert end is not None
    return end


def clipped(text: str) -> str:
    """Return the text cut to what is kept, without the character that PostgreSQL refuses."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:MAX_REASON]


async def _lock(tx: Tx, job: ClaimedJob) -> None:
    if job.order_key:
        await tx.lock(order_lock(job.order_key))


def _held(job: ClaimedJob, holder: str) -> dict[str, str | int]:
    return {"id": job.id, "holder": holder, "fence": job.fence}


def _claimed(found: JobClaim, holder: str) -> ClaimedJob:
    return ClaimedJob(**msgspec.structs.asdict(found), confirm=partial(confirm, holder=holder, claimed=found))
