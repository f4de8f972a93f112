"""What a job is, and how one is put into the queue.

1. A job is written in the transaction of the change that asks for it: both are there, or neither.
2. It runs at least once: when its node dies it is run again once its lease has run out.
3. Of the jobs with one ``order_key`` only the first unfinished one is ``ready``, the others are ``waiting``; whoever
   looks at the order of a key, or changes it, holds that key's lock.
4. ``due`` is when anybody may take the job. Taking it moves ``due`` to the end of the lease, so a lease that ran out
   is a job that is due. ``holder`` and ``attempts`` together name one lease.
5. A job whose lane is full is ``parked``: it may be taken at any time by a node where the lane has room.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import msgspec

from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Row, Tx


class State(Enum):
    """What a stored job may be; a finished one is no longer stored."""

    READY = "ready"
    WAITING = "waiting"
    """Behind an earlier job with the same order key."""
    DEAD = "dead"
    """Given up; the operator may run it again."""


class Job(msgspec.Struct, frozen=True):
    """A job to put into the queue. ``payload`` is JSON text for the handler of ``kind``; jobs with one
    ``order_key`` run one after the other, in the order of their transactions; ``lane`` names what they load, such
    as a host; ``due`` is in microseconds since 1970 UTC, 0 is at once."""

    kind: str
    payload: str
    order_key: str = ""
    lane: str = ""
    due: int = 0


class StoredJob(Row, frozen=True):
    """A row of ``jobs``. ``place`` orders the jobs of one key; ``reason`` says why the last attempt failed."""

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


class JobsDue(msgspec.Struct, frozen=True):
    """Announced by a transaction that put a job into the queue that may run at ``due``."""

    due: int


_LAST = """
SELECT COALESCE(
    (SELECT place FROM jobs WHERE order_key = :order_key AND state = 'waiting' ORDER BY place DESC LIMIT 1),
    (SELECT place FROM jobs WHERE order_key = :order_key AND state = 'ready' ORDER BY place DESC LIMIT 1)
)
"""


def order_lock(order_key: str) -> str:
    """The name of the lock on the order of a key's jobs."""
    return f"job order {order_key}"


async def enqueue(tx: Tx, job: Job) -> str:
    """Put ``job`` into the queue and return its id; it exists when the transaction is durable."""
    last = await _lock_order(tx, job.order_key) if job.order_key else None
    stored = _stored(job, last, tx.now)
    await tx.insert("jobs", stored)
    if last is None:
        tx.announce(JobsDue(stored.due))
    return stored.id


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
    if due := [row.due for row in rows if row.state == State.READY.value]:
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
        state=(State.READY if last is None else State.WAITING).value,
        parked=False,
        due=job.due or now,
        holder=None,
        attempts=0,
        reason="",
        created=now,
    )
