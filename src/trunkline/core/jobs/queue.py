"""The queue of jobs.

1. A job is written in the transaction of the change that needs it: both exist, or neither.
2. A job runs at least once: if its node dies, it runs again after its lease has ended.
3. Of the jobs with one ``order_key`` only the first unfinished one is ``ready``, the others are ``waiting``. A
   transaction that reads or changes the order of a key holds that key's lock.
4. Any node may claim a job from ``due`` on. A claim moves ``due`` to the end of the lease, so a lease that ended is a
   job that is due. Each claim has a number, ``fence``, which increases: a write of an outcome names its claim, and an
   old one is refused. ``since`` is the time at which ``due`` was set to lie ahead: a clock that is set back takes
   ``due`` with it.
5. A job whose lane is full is ``parked``: a node where the lane has capacity may claim it at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import msgspec

from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Row, Tx
from trunkline.core.storage.holds import Hold


class JobState(Enum):
    """The state of a stored job; a finished job is not stored any more."""

    READY = "ready"
    WAITING = "waiting"
    """Behind an earlier job with the same order key."""
    DEAD = "dead"
    """Given up; the operator may run it again."""


class Job(msgspec.Struct, frozen=True):
    """A job to put into the queue. ``payload`` is JSON text for the handler of ``kind``; jobs with one
    ``order_key`` run one after the other, in the order of their transactions; ``lane`` names what they load, such
    as a host; ``due`` is in microseconds since 1970 UTC, 0 is at once. ``account_sid`` is the account whose data the
    payload has, with which the job goes if it is dead."""

    kind: str
    payload: str
    order_key: str = ""
    lane: str = ""
    due: int = 0
    account_sid: str = ""


class StoredJob(Row, frozen=True):
    """A row of ``jobs``. ``place`` orders the jobs of one key; ``reason`` is that of the last failure."""

    id: str
    kind: str
    payload: str
    lane: str
    order_key: str | None
    place: int
    state: str
    parked: bool
    due: int
    holder: str | None
    attempts: int
    reason: str
    created: int
    since: int
    fence: int
    account_sid: str


HOLDS = (Hold("jobs", until="due", since="since", where="state <> 'dead'"),)


class JobsDue(msgspec.Struct, frozen=True):
    """The announcement of a transaction that put jobs into the queue, the first of which may run at ``due``."""

    due: int


_LAST = """
SELECT COALESCE(
    (SELECT place FROM jobs WHERE order_key = :order_key AND state = 'waiting' ORDER BY place DESC LIMIT 1),
    (SELECT place FROM jobs WHERE order_key = :order_key AND state = 'ready' ORDER BY place DESC LIMIT 1)
)
"""


def order_lock(order_key: str) -> str:
    """Return the name of the lock on the order of a key's jobs."""
    return f"job order {order_key}"


async def enqueue(tx: Tx, job: Job) -> str:
    """Put ``job`` into the queue and return its id; it exists when the transaction is durable."""
    last = await _lock_order(tx, job.order_key) if job.order_key else None
    stored = _stored(job, last, tx.now)
    await tx.insert("jobs", stored)
    if last is None:
        tx.announce(JobsDue(stored.due))
    return stored.id


async def enqueue_unless_queued(tx: Tx, job: Job) -> None:
    """Put ``job`` into the queue, unless it holds an unfinished one with the same order key."""
    if await _lock_order(tx, job.order_key) is None:
        await enqueue(tx, job)


async def enqueue_many(tx: Tx, jobs: Sequence[Job]) -> list[str]:
    """Put ``jobs`` into the queue and return their ids. Those with one order key run in the order given here."""
    # All transactions that lock several keys do so in one order.
    last = {key: await _lock_order(tx, key) for key in sorted({job.order_key for job in jobs} - {""})}
    rows = []
    for job in jobs:
        row = _stored(job, last.get(job.order_key), tx.now)
        if job.order_key:
            last[job.order_key] = row.place
        rows.append(row)
    await tx.insert_many("jobs", rows)
    if due := [row.due for row in rows if row.state == JobState.READY.value]:
        tx.announce(JobsDue(min(due)))
    return [row.id for row in rows]


async def _lock_order(tx: Tx, order_key: str) -> int | None:
    """Lock the order of a key; return the place of its last job, None when it has no job."""
    await tx.lock(order_lock(order_key))
    last: int | None = await tx.value(_LAST, order_key=order_key)
    return last


def _stored(job: Job, last: int | None, now: int) -> StoredJob:
    """Return the row of a job that stands behind the place ``last`` of its key."""
    return StoredJob(
        id=new_sid("JB"),
        kind=job.kind,
        payload=job.payload,
        lane=job.lane,
        order_key=job.order_key or None,
        place=0 if last is None else last + 1,
        state=(JobState.READY if last is None else JobState.WAITING).value,
        parked=False,
        due=job.due or now,
        holder=None,
        attempts=0,
        reason="",
        created=now,
        since=now,
        fence=0,
        account_sid=job.account_sid,
    )
