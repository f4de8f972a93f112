"""What waits to be sent: one row for each message that has not left yet.

Steps: ``scheduled`` until its time; ``media`` while its attachments are fetched; ``choose`` until it has a sender;
``send`` in its sender's lane; ``sending`` while a carrier has it, which is also what a dead node leaves behind.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.lifecycle.message import Message

POSTPONED = 60 * SECOND
"""When a message whose step failed is looked at again."""


class Step(StrEnum):
    """What a queued message waits for."""

    SCHEDULED = "scheduled"
    MEDIA = "media"
    CHOOSE = "choose"
    SEND = "send"
    SENDING = "sending"


# Made once: reading the type takes longer than reading the list.
_ids = msgspec.json.Decoder(tuple[str, ...]).decode


class Queued(Row, frozen=True):
    """A row of ``message_queue``. ``place`` orders a lane; times in microseconds since 1970 UTC; ``attempts`` counts
    hand-overs that failed; ``taken`` is a JSON list of the ids of parts that the network has."""

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

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the parts that the network has."""
        return _ids(self.taken)


class MessagesDue(msgspec.Struct, frozen=True):
    """Announced when a message may take its next step at ``due``."""

    due: int


_DUE = f"""
SELECT {columns(Queued)} FROM message_queue WHERE step = '{{step}}' AND due <= :now ORDER BY due LIMIT :most
"""
_EXPIRED = f"""
SELECT {columns(Queued)} FROM message_queue WHERE expires <= :now AND step <> 'sending' ORDER BY expires LIMIT :most
"""
_LANE = f"""
SELECT {columns(Queued)} FROM message_queue
WHERE lane = :lane AND step = 'send' AND due <= :now ORDER BY place LIMIT :most
"""
_LANE_MESSAGES = f"""
SELECT {columns(Message, "m")} FROM messages m JOIN (
    SELECT message_sid, account_sid FROM message_queue
    WHERE lane = :lane AND step = 'send' AND due <= :now ORDER BY place LIMIT :most
) q ON m.sid = q.message_sid AND m.account_sid = q.account_sid
"""
_ORPHANS = f"""
SELECT {columns(Queued)} FROM message_queue WHERE lane = :lane AND step = 'sending' ORDER BY place
"""
_NEXT_STEP = """
SELECT due FROM message_queue WHERE step = '{step}' ORDER BY due LIMIT 1
"""
_TIMED = (Step.SCHEDULED, Step.CHOOSE)
# The steps are written out, as only then the engines know that the indexes of some steps alone hold all.
_DUE_BY_STEP = {step: _DUE.format(step=step.value) for step in _TIMED}
_NEXT_BY_STEP = {step: _NEXT_STEP.format(step=step.value) for step in _TIMED}


async def due_now(tx: Tx, step: Step, most: int) -> list[Queued]:
    """Messages whose step, scheduled or choose, is due, the longest due first; on engines with several writers they are
    this transaction's alone."""
    return await tx.all(Queued, _DUE_BY_STEP[step] + tx.skip_locked, now=tx.now, most=most)


async def expired(tx: Tx, most: int) -> list[Queued]:
    """Messages that waited longer than they may."""
    return await tx.all(Queued, _EXPIRED + tx.skip_locked, now=tx.now, most=most)


async def in_lane(tx: Tx, lane: str, most: int) -> list[Queued]:
    """The first messages of a lane that may be handed over now."""
    return await tx.all(Queued, _LANE, lane=lane, now=tx.now, most=most)


async def messages_in_lane(tx: Tx, lane: str, most: int) -> dict[str, Message]:
    """Their messages, by SID."""
    return {one.sid: one for one in await tx.all(Message, _LANE_MESSAGES, lane=lane, now=tx.now, most=most)}


async def orphans(tx: Tx, lane: str) -> list[Queued]:
    """Messages of a lane that somebody was handing over."""
    return await tx.all(Queued, _ORPHANS, lane=lane)


async def next_moment(tx: Tx) -> int | None:
    """When the next step is due, or the next message expires."""
    moments = [await tx.value(_NEXT_BY_STEP[step]) for step in _TIMED]
    moments.append(
        await tx.value("SELECT expires FROM message_queue WHERE step <> 'sending' ORDER BY expires LIMIT 1")
    )
    return min((moment for moment in moments if moment is not None), default=None)


async def next_in_lane(tx: Tx, lane: str) -> int | None:
    """When the next message of a lane may be handed over."""
    due: int | None = await tx.value(
        "SELECT min(due) FROM message_queue WHERE lane = :lane AND step = 'send'", lane=lane
    )
    return due


async def put(tx: Tx, queued: Queued) -> None:
    """Put a message into the queue."""
    await tx.insert("message_queue", queued)


async def change(tx: Tx, queued: Queued) -> None:
    """Write a queued message's new step."""
    await tx.run(
        "UPDATE message_queue SET step = :step, lane = :lane, place = :place, due = :due, expires = :expires,"
        " segments = :segments, attempts = :attempts, taken = :taken WHERE message_sid = :message_sid",
        **_changed(queued),
    )


async def hand_over(tx: Tx, queued: Queued) -> bool:
    """Note that a message is being handed over; answers whether it still waited for that."""
    return bool(
        await tx.run(
            "UPDATE message_queue SET step = 'sending' WHERE message_sid = :sid AND step = 'send'",
            sid=queued.message_sid,
        )
    )


async def find_queued(tx: Tx, message_sid: str) -> Queued | None:
    """The queue's row of a message."""
    return await tx.one(
        Queued,
        f"SELECT {columns(Queued)} FROM message_queue WHERE message_sid = :message_sid",
        message_sid=message_sid,
    )


async def remove(tx: Tx, message_sid: str) -> bool:
    """Take a message out of the queue; answers whether it was there."""
    return bool(await tx.run("DELETE FROM message_queue WHERE message_sid = :sid", sid=message_sid))


async def remove_sending(tx: Tx, message_sid: str) -> bool:
    """Take a message out of the queue that is being handed over; answers whether it was."""
    return bool(
        await tx.run(
            "DELETE FROM message_queue WHERE message_sid = :sid AND step = 'sending'", sid=message_sid
        )
    )


async def remove_scheduled(tx: Tx, message_sid: str) -> bool:
    """Take a message out of the queue whose time has not come; answers whether it was there."""
    return bool(
        await tx.run(
            "DELETE FROM message_queue WHERE message_sid = :sid AND step = 'scheduled'", sid=message_sid
        )
    )


def _changed(queued: Queued) -> dict[str, object]:
    values = msgspec.structs.asdict(queued)
    del values["account_sid"]
    return values


async def postpone_first(tx: Tx) -> None:
    """Look again in a minute at the message that is due the longest in each step."""
    for step in _TIMED:
        for queued in await due_now(tx, step, 1):
            await change(tx, msgspec.structs.replace(queued, due=tx.now + POSTPONED))
