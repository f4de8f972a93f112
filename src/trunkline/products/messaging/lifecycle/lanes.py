"""Lanes: the queue of one sender of one account, its fill level, and its holder.

A node leases a lane for some seconds and renews the lease while it works on the lane. One holder at a time keeps
the sender's rate and its order. ``fence`` increases with each new holder, and what a holder writes names it.
``queued`` counts segments; the capacity is ten hours of the sender's rate (doc).
A transaction that changes several lanes does so in the order of their names: then two of them meet no deadlock.
"""

from __future__ import annotations

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.leases import LeaseLost
from trunkline.core.storage.database import Row, Tx, columns

LEASE = 20 * SECOND
"""The time for which a node holds a lane."""

CAPACITY_SECONDS = 36_000
"""Seconds of its rate that a sender's queue holds: ten hours (doc)."""

MILLI = 1000
"""Rates are in thousandths of a segment a second."""

_DEFAULTS = {"short-code": 100 * MILLI, "toll-free": 3 * MILLI, "alpha": 10 * MILLI, "channel": 80 * MILLI}
_NORTH_AMERICA = ("US", "CA")
_LONG_CODE = 1 * MILLI
_FOREIGN = 10 * MILLI


_FEED = """
INSERT INTO message_lanes AS l (lane, account_sid, sender, queued, last_used, free_at, holder, until)
VALUES (:lane, :account_sid, :sender, :segments, :now, 0, NULL, 0)
ON CONFLICT (lane) DO UPDATE SET queued = l.queued + excluded.queued,
last_used = CASE WHEN l.last_used >= excluded.last_used THEN l.last_used + 1 ELSE excluded.last_used END
WHERE l.queued + excluded.queued <= :capacity RETURNING last_used
"""


_LOCK_HELD = "SELECT lane FROM message_lanes WHERE until > 0 AND holder = :holder ORDER BY lane FOR UPDATE"


class QueueFull(Exception):
    """The error for a message that does not fit into its sender's queue."""


class LaneHasWork(msgspec.Struct, frozen=True):
    """The event that a message was put into a lane, or may be claimed again."""

    lane: str


class SenderLane(Row, frozen=True):
    """A row of ``message_lanes``. ``last_used`` increases over the uses of all lanes; ``free_at`` is the time from
    which the sender may send, as it was set at ``free_since``; ``until`` is the end of the holder's lease. All are in
    microseconds since 1970 UTC."""

    lane: str
    account_sid: str
    sender: str
    queued: int
    last_used: int
    free_at: int
    holder: str | None
    until: int
    free_since: int
    fence: int


class _LaneName(Row, frozen=True):
    lane: str


class LaneClaim(msgspec.Struct, frozen=True):
    """A lane, the node that holds it, and the number of that holder."""

    lane: str
    holder: str
    fence: int


def lane_name(account_sid: str, sender: str) -> str:
    """Return the name of a sender's lane."""
    return f"{account_sid} {sender}"


def lane_rate(kind: str, country: str, rate: int) -> int:
    """Return a sender's rate in thousandths of a segment a second: the operator's, else the default of its kind
    (doc; of alphanumeric senders and of long codes outside the US and Canada inferred)."""
    if rate:
        return rate
    if kind in _DEFAULTS:
        return _DEFAULTS[kind]
    return _LONG_CODE if country in _NORTH_AMERICA else _FOREIGN


async def reserve_place(tx: Tx, account_sid: str, sender: str, segments: int, capacity: int) -> int:
    """Count a message into its sender's lane and return its place there. Raise QueueFull if the lane would hold
    more than ``capacity`` segments."""
    lane = lane_name(account_sid, sender)
    place: int | None = None
    if segments <= capacity:
        place = await tx.value(
            _FEED,
            lane=lane,
            account_sid=account_sid,
            sender=sender,
            segments=segments,
            capacity=capacity,
            now=tx.now,
        )
    if place is None:
        raise QueueFull(sender)
    tx.announce(LaneHasWork(lane))
    return place


async def subtract_segments(tx: Tx, lane: str, segments: int) -> None:
    """Count segments out of a lane."""
    if lane and segments:
        await tx.run(
            "UPDATE message_lanes SET queued = queued - :segments WHERE lane = :lane",
            lane=lane,
            segments=segments,
        )


async def lanes_with_work(tx: Tx, limit: int) -> list[str]:
    """Return lanes with messages and without a holder, up to ``limit``."""
    found = await tx.all(
        SenderLane,
        f"SELECT {columns(SenderLane)} FROM message_lanes WHERE queued > 0 AND until <= :now"
        " ORDER BY until LIMIT :limit",
        now=tx.now,
        limit=limit,
    )
    return [lane.lane for lane in found]


async def acquire_lane(tx: Tx, lane: str, holder: str, until: int) -> SenderLane | None:
    """Lease a lane without a holder, or renew the lease of ``holder``, also one that is over; return None if another
    node holds it."""
    return await tx.one(
        SenderLane,
        "UPDATE message_lanes SET holder = :holder, until = :until,"
        " fence = CASE WHEN holder = :holder THEN fence ELSE fence + 1 END"
        f" WHERE lane = :lane AND (until <= :now OR holder = :holder) RETURNING {columns(SenderLane)}",
        lane=lane,
        holder=holder,
        until=until,
        now=tx.now,
    )


async def record_free_at(tx: Tx, held: LaneClaim, free_at: int) -> None:
    """Record the time from which a lane's sender may send. Raise LeaseLost if another node holds the lane; else none
    acquires it until the transaction ends."""
    if not await tx.run(
        "UPDATE message_lanes SET free_at = :free_at, free_since = :now"
        " WHERE lane = :lane AND holder = :holder AND fence = :fence",
        lane=held.lane,
        holder=held.holder,
        fence=held.fence,
        free_at=free_at,
        now=tx.now,
    ):
        raise LeaseLost


async def fence_of(tx: Tx, lane: str) -> int | None:
    """Return the number of a lane's last holder."""
    fence: int | None = await tx.value("SELECT fence FROM message_lanes WHERE lane = :lane", lane=lane)
    return fence


async def await_changes(tx: Tx, lane: str) -> None:
    """Wait for the transactions that change a lane now."""
    await tx.run("UPDATE message_lanes SET holder = holder WHERE lane = :lane", lane=lane)


async def release_lane(tx: Tx, lane: str, holder: str) -> None:
    """Release a lane of ``holder``."""
    await tx.run(
        "UPDATE message_lanes SET holder = NULL, until = 0 WHERE lane = :lane AND holder = :holder",
        lane=lane,
        holder=holder,
    )


async def release_lanes_of(tx: Tx, holder: str) -> None:
    """Release all lanes of a node that stops."""
    if tx.skip_locked:
        # SQLite has one writer, and no locks.
        await tx.all(_LaneName, _LOCK_HELD, holder=holder)
    await tx.run(
        "UPDATE message_lanes SET holder = NULL, until = 0 WHERE until > 0 AND holder = :holder",
        holder=holder,
    )


async def release_all_lanes(tx: Tx) -> None:
    """Release all lanes, at the start of a node that has the database to itself."""
    await tx.run("UPDATE message_lanes SET holder = NULL, until = 0 WHERE until > 0")
