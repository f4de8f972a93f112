"""How a job may end, and who runs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from trunkline.core.storage.database import Row, Tx

Write = Callable[[Tx], Awaitable[None]]
"""Writes what a job leaves behind, in the transaction that settles it: one commit less, and never twice."""


class Claimed(Row, frozen=True):
    """A job that this node holds. ``attempts`` counts this one; ``created`` is in microseconds since 1970 UTC."""

    id: str
    kind: str
    payload: str
    lane: str
    order_key: str | None
    attempts: int
    created: int


class Done(msgspec.Struct, frozen=True):
    """The job is finished and forgotten."""

    also: Write | None = None


class Retry(msgspec.Struct, frozen=True):
    """Run the job again after ``after`` seconds; jobs behind it in its order wait for that."""

    after: float
    reason: str = ""
    also: Write | None = None


class Dead(msgspec.Struct, frozen=True):
    """The job is given up; it is kept for the operator and holds up nothing."""

    reason: str
    also: Write | None = None


class HandedBack(msgspec.Struct, frozen=True):
    """The job was not run to its end and is due at once for any node; the attempt does not count."""


class Parked(msgspec.Struct, frozen=True):
    """There is no room for the job now; the attempt does not count."""


Outcome = Done | Retry | Dead
Settlement = Outcome | HandedBack | Parked


def bare(settlement: Settlement) -> Settlement:
    """The same without what it would write beside."""
    if isinstance(settlement, HandedBack | Parked):
        return settlement
    return msgspec.structs.replace(settlement, also=None)


class Handler(msgspec.Struct, frozen=True):
    """Runs the jobs of one kind: at most ``concurrency`` at once on a node, ``per_lane`` in one lane that has a
    name. A job that was tried ``max_attempts`` times without an outcome is dead. An exception is a failed
    attempt."""

    run: Callable[[Claimed], Awaitable[Outcome]]
    concurrency: int = 100
    per_lane: int = 10
    max_attempts: int = 20
