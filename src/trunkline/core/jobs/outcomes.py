"""The outcomes of a job, and the handlers that run jobs.

A handler asks ``holds`` of its job before each effect outside the database, and raises LeaseLost if its lease is over:
the job then returns to the queue, unless another node has it. A transaction of the handler's that must not be repeated
awaits ``confirm`` first, which raises LeaseLost, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from trunkline.core.leases import Holds, always
from trunkline.core.storage.database import Tx

Write = Callable[[Tx], Awaitable[None]]
"""A write in the transaction that settles a job: one commit less."""


async def _confirmed(_: Tx) -> None:
    pass


class ClaimedJob(msgspec.Struct, frozen=True):
    """A job that this node holds. ``attempts`` counts this one; ``created`` is in microseconds since 1970 UTC.
    ``fence`` is the number of this claim of the job: each claim increases it. ``holds`` returns whether the lease
    holds; ``confirm`` raises LeaseLost in a transaction if another node has the job, and keeps others from claiming it
    until the transaction ends."""

    id: str
    kind: str
    payload: str
    lane: str
    order_key: str | None
    attempts: int
    created: int
    fence: int = 0
    holds: Holds = always
    confirm: Write = _confirmed


class Success(msgspec.Struct, frozen=True):
    """The job is finished and removed. Of all outcomes ``also`` is executed only if this node still holds the job, and
    so never twice; ``record`` in any case, as it writes down what has happened."""

    also: Write | None = None
    record: Write | None = None


class Retry(msgspec.Struct, frozen=True):
    """The job runs again after ``after`` seconds; jobs behind it in its order wait for that."""

    after: float
    reason: str = ""
    also: Write | None = None
    record: Write | None = None


class DeadLetter(msgspec.Struct, frozen=True):
    """The job is given up; it is kept for the operator and blocks no other."""

    reason: str
    also: Write | None = None
    record: Write | None = None


class Requeue(msgspec.Struct, frozen=True):
    """The job did not run to its end and is due at once for any node; the attempt does not count."""


class NoCapacity(msgspec.Struct, frozen=True):
    """The node's limits leave no capacity for the job now, so it is parked; the attempt does not count."""


JobOutcome = Success | Retry | DeadLetter
Settlement = JobOutcome | Requeue | NoCapacity


def without_write(settlement: Settlement) -> Settlement:
    """Return the settlement without the writes that belong to it."""
    if isinstance(settlement, Requeue | NoCapacity):
        return settlement
    return msgspec.structs.replace(settlement, also=None, record=None)


class Handler(msgspec.Struct, frozen=True):
    """The function that runs the jobs of one kind: at most ``concurrency`` at once on a node, ``per_lane`` in one lane
    that has a name. A job that was tried ``max_attempts`` times without an outcome is dead. An exception is a failed
    attempt."""

    run: Callable[[ClaimedJob], Awaitable[JobOutcome]]
    concurrency: int = 100
    per_lane: int = 10
    max_attempts: int = 20
