"""The queue of messages: one entry for each message that waits to be sent.

An entry is ``scheduled`` until its time, then in ``media`` while its attachments are fetched, in ``choose`` until
the message has a sender, and in ``send`` while it waits in the sender's lane. It is ``sending`` while a carrier has
the message; a node that dies leaves such entries behind. ``fence`` is the number of the lane's holder that handed the
message over last: a result names it, and is refused once another holder has handed the message over.
The row is deleted when the message is sent or has failed.
Several nodes read due entries at once: ``skip_locked`` gives each entry to one transaction on PostgreSQL, and on
SQLite one writer runs them in turn.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.lifecycle.message import Message

POSTPONED = 60 * SECOND
"""Delay of a message whose step failed with an error, in microseconds."""


class Step(StrEnum):
    """The step that a queued message waits for."""

    SCHEDULED = "scheduled"
    MEDIA = "media"
    CHOOSE = "choose"
    SEND = "send"
    SENDING = "sending"


# Made once: reading the type takes longer than reading the list.
_ids = msgspec.json.Decoder(tuple[str, ...]).decode


class QueueEntry(Row, frozen=True):
    """A row of ``message_queue``. ``place`` orders a lane; times are in microseconds since 1970 UTC; ``attempts``
    counts failed hand-overs; ``taken`` is a JSON list of the ids of segments that the network has accepted; ``since``
    is the time at which the entry, and its ``due``, was written; ``fence`` names the last hand-over, 0 before it."""

    message_sid: str
    account_sid: str
    step: str
    lane: str
    place: int
    due: int
    expires: int
    segments: int
    attempts: int = 0
    taken: str = "[]"
    since: int = 0
    fence: int = 0

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the segments that the network has accepted."""
        return _ids(self.taken)


class MessagesDue(msgspec.Struct, frozen=True):
    """The event that a message may take its next step at ``due``."""

    due: int


_DUE = f"""
SELECT {columns(QueueEntry)} FROM message_queue WHERE step = '{{step}}' AND due <= :now ORDER BY due LIMIT :limit
"""
_EXPIRED = f"""
SELECT {columns(QueueEntry)} FROM message_queue WHERE expires <= :now AND step <> 'sending'
ORDER BY expires LIMIT :limit
"""
_LANE = f"""
SELECT {columns(QueueEntry)} FROM message_queue
WHERE lane = :lane AND step = 'send' AND due <= :now ORDER BY place LIMIT :limit
"""
_LANE_MESSAGES = f"""
SELECT {columns(Message, "m")} FROM messages m JOIN (
    SELECT message_sid, account_sid FROM message_queue
    WHERE lane = :lane AND step = 'send' AND due <= :now ORDER BY place LIMIT :limit
) q ON m.sid = q.message_sid AND m.account_sid = q.account_sid
"""
_ORPHANS = f"""
SELECT {columns(QueueEntry)} FROM message_queue WHERE lane = :lane AND step = 'sending' ORDER BY place
"""
_NEXT_STEP = """
SELECT due FROM message_queue WHERE step = '{step}' ORDER BY due LIMIT 1
"""
_TIMED = (Step.SCHEDULED, Step.CHOOSE)
# The steps are literals: only then the planners use the partial indexes.
_DUE_BY_STEP = {step: _DUE.format(step=step.value) for step in _TIMED}
_NEXT_BY_STEP = {step: _NEXT_STEP.format(step=step.value) for step in _TIMED}


async def due_entries(tx: Tx, step: Step, limit: int) -> list[QueueEntry]:
    """Return up to ``limit`` entries of a step, scheduled or choose, that are due, the longest due first. On engines
    with several writers they are this transaction's alone."""
    return await tx.all(QueueEntry, _DUE_BY_STEP[step] + tx.skip_locked, now=tx.now, limit=limit)


async def expired_entries(tx: Tx, limit: int) -> list[QueueEntry]:
    """Return up to ``limit`` entries whose validity has ended."""
    return await tx.all(QueueEntry, _EXPIRED + tx.skip_locked, now=tx.now, limit=limit)


async def lane_entries(tx: Tx, lane: str, limit: int) -> list[QueueEntry]:
    """Return the first entries of a lane that may be handed over now."""
    return await tx.all(QueueEntry, _LANE, lane=lane, now=tx.now, limit=limit)


async def lane_messages(tx: Tx, lane: str, limit: int) -> dict[str, Message]:
    """Return the messages of ``lane_entries``, by SID."""
    return {one.sid: one for one in await tx.all(Message, _LANE_MESSAGES, lane=lane, now=tx.now, limit=limit)}


async def orphaned_entries(tx: Tx, lane: str) -> list[QueueEntry]:
    """Return the entries of a lane that are being handed over."""
    return await tx.all(QueueEntry, _ORPHANS, lane=lane)


async def next_due(tx: Tx) -> int | None:
    """Return the time at which the next step is due or the next message expires."""
    due_times = [await tx.value(_NEXT_BY_STEP[step]) for step in _TIMED]
    due_times.append(
        await tx.value("SELECT expires FROM message_queue WHERE step <> 'sending' ORDER BY expires LIMIT 1")
    )
    return min((moment for moment in due_times if moment is not None), default=None)


async def next_due_in_lane(tx: Tx, lane: str) -> int | None:
    """Return the time at which the next message of a lane may be handed over, or None for an empty lane."""
    due: int | None = await tx.value(
        "SELECT min(due) FROM message_queue WHERE lane = :lane AND step = 'send'", lane=lane
    )
    return due


async def add_entry(tx: Tx, entry: QueueEntry) -> None:
    """Add an entry to the queue."""
    await tx.insert("message_queue", msgspec.structs.replace(entry, since=tx.now))


async def update_entry(tx: Tx, entry: QueueEntry) -> None:
    """Write an entry with its new step."""
    await tx.run(
        "UPDATE message_queue SET step = :step, lane = :lane, place = :place, due = :due, expires = :expires,"
        " segments = :segments, attempts = :attempts, taken = :taken, since = :since"
        " WHERE message_sid = :message_sid",
        **_changed(msgspec.structs.replace(entry, since=tx.now)),
    )


async def mark_sending(tx: Tx, entry: QueueEntry, fence: int) -> bool:
    """Mark an entry as being handed over by the lane's holder with this number; return whether it waited for that."""
    return bool(
        await tx.run(
            "UPDATE message_queue SET step = 'sending', fence = :fence"
            " WHERE message_sid = :sid AND step = 'send'",
            sid=entry.message_sid,
            fence=fence,
        )
    )


async def record_accepted(tx: Tx, entry: QueueEntry) -> None:
    """Record the ids of segments that the network has accepted; the entry stays where it is."""
    await tx.run(
        "UPDATE message_queue SET taken = :taken WHERE message_sid = :sid",
        sid=entry.message_sid,
        taken=entry.taken,
    )


async def find_entry(tx: Tx, message_sid: str) -> QueueEntry | None:
    """Return the entry of a message."""
    return await tx.one(
        QueueEntry,
        f"SELECT {columns(QueueEntry)} FROM message_queue WHERE message_sid = :message_sid",
        message_sid=message_sid,
    )


async def remove_entry(tx: Tx, message_sid: str) -> bool:
    """Remove the entry of a message; return whether there was one."""
    return bool(await tx.run("DELETE FROM message_queue WHERE message_sid = :sid", sid=message_sid))


async def remove_handed_over(tx: Tx, entry: QueueEntry) -> bool:
    """Remove the entry of a message that was handed over, unless another holder of the lane has handed it over since;
    return whether there was one."""
    return bool(
        await tx.run(
            "DELETE FROM message_queue WHERE message_sid = :sid AND fence = :fence"
            " AND step IN ('sending', 'send')",
            sid=entry.message_sid,
            fence=entry.fence,
        )
    )


async def remove_scheduled(tx: Tx, message_sid: str) -> bool:
    """Remove the entry of a message that is still scheduled; return whether there was one."""
    return bool(
        await tx.run(
            "DELETE FROM message_queue WHERE message_sid = :sid AND step = 'scheduled'", sid=message_sid
        )
    )


def _changed(entry: QueueEntry) -> dict[str, object]:
    values = msgspec.structs.asdict(entry)
    del values["account_sid"], values["fence"]
    return values


async def postpone_first(tx: Tx) -> None:
    """Postpone, by a minute, the entry of each step that is due the longest."""
    for step in _TIMED:
        for entry in await due_entries(tx, step, 1):
            await update_entry(tx, msgspec.structs.replace(entry, due=tx.now + POSTPONED))
