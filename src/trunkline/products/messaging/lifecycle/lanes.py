"""Lanes: the queue of one sender of one account, how full it is, and which node empties it.

A lane is emptied by one node at a time, so that its rate binds and its order holds: a node takes it for some seconds
and renews that while it works. ``queued`` counts segments; the capacity is ten hours of the sender's rate (doc).
"""

from __future__ import annotations

import msgspec

from trunkline.core.storage.database import Row, Tx, columns

CAPACITY_SECONDS = 36_000
"""A sender's queue holds what it sends in ten hours (doc)."""

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


class QueueFull(Exception):
    """The sender's queue has no room for the message."""


class LaneFed(msgspec.Struct, frozen=True):
    """Announced when a message was put into a lane, or may be taken again."""

    lane: str


class Lane(Row, frozen=True):
    """A row of ``message_lanes``. ``last_used`` counts up over all lanes' uses; ``free_at`` is when the sender may
    send next, ``until`` when the holder's time ends, in microseconds since 1970 UTC."""

    lane: str
    account_sid: str
    sender: str
    queued: int
    last_used: int
    free_at: int
    holder: str | None
    until: int


def lane_of(account_sid: str, sender: str) -> str:
    """The lane's name."""
    return f"{account_sid} {sender}"


def rate_of(kind: str, country: str, rate: int) -> int:
    """A sender's rate in thousandths of a segment a second: the operator's, else the default of its kind (doc; of
    alphanumeric senders and of long codes outside the US and Canada inferred)."""
    if rate:
        return rate
    if kind in _DEFAULTS:
        return _DEFAULTS[kind]
    return _LONG_CODE if country in _NORTH_AMERICA else _FOREIGN


async def feed(tx: Tx, account_sid: str, sender: str, segments: int, capacity: int) -> int:
    """Count a message into its sender's lane and answer its place there. Raises QueueFull when ``capacity`` segments
    wait already."""
    lane = lane_of(account_sid, sender)
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
    tx.announce(LaneFed(lane))
    return place


async def leave(tx: Tx, lane: str, segments: int) -> None:
    """Count segments out of a lane."""
    if lane and segments:
        await tx.run(
            "UPDATE message_lanes SET queued = queued - :segments WHERE lane = :lane",
            lane=lane,
            segments=segments,
        )


async def with_work(tx: Tx, most: int) -> list[str]:
    """Lanes that have messages and no holder."""
    found = await tx.all(
        Lane,
        f"SELECT {columns(Lane)} FROM message_lanes WHERE queued > 0 AND until <= :now ORDER BY until LIMIT :most",
        now=tx.now,
        most=most,
    )
    return [lane.lane for lane in found]


async def hold(tx: Tx, lane: str, holder: str, until: int) -> Lane | None:
    """Take a lane that nobody holds, or keep one's own."""
    return await tx.one(
        Lane,
        "UPDATE message_lanes SET holder = :holder, until = :until"
        f" WHERE lane = :lane AND (until <= :now OR holder = :holder) RETURNING {columns(Lane)}",
        lane=lane,
        holder=holder,
        until=until,
        now=tx.now,
    )


async def used(tx: Tx, lane: str, free_at: int) -> None:
    """Note when a lane's sender may send next."""
    await tx.run("UPDATE message_lanes SET free_at = :free_at WHERE lane = :lane", lane=lane, free_at=free_at)


async def release(tx: Tx, lane: str, holder: str) -> None:
    """Give a lane back."""
    await tx.run(
        "UPDATE message_lanes SET holder = NULL, until = 0 WHERE lane = :lane AND holder = :holder",
        lane=lane,
        holder=holder,
    )


async def release_held(tx: Tx, holder: str) -> None:
    """Give back whatever a node still holds: for its stop."""
    await tx.run(
        "UPDATE message_lanes SET holder = NULL, until = 0 WHERE until > 0 AND holder = :holder",
        holder=holder,
    )


async def release_all(tx: Tx) -> None:
    """Give all lanes back: for a node that has the database to itself."""
    await tx.run("UPDATE message_lanes SET holder = NULL, until = 0 WHERE until > 0")
