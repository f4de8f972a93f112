"""The steps of a message before it has a place in a lane: the end of its schedule, the choice of its sender, its
expiry.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from trunkline.core.storage.database import Row, Tx
from trunkline.products.messaging.lifecycle import message_queue
from trunkline.products.messaging.lifecycle.lanes import lane_name, lock_lanes
from trunkline.products.messaging.lifecycle.message import find_message
from trunkline.products.messaging.lifecycle.message_queue import QueueEntry, Step
from trunkline.products.messaging.lifecycle.status_changes import fail_message
from trunkline.products.messaging.sending.accept import enqueue_media_job
from trunkline.products.messaging.sending.message_claims import EXPIRED

ChooseSender = Callable[[Tx, QueueEntry], Awaitable[None]]
"""An action that gives a message its sender, or fails it."""


_SENDERS = """
SELECT DISTINCT account_sid, value FROM live_messaging_senders
WHERE service_sid IN (SELECT service_sid FROM messages WHERE sid = ANY(CAST(:sids AS TEXT[])))
"""


class _Sender(Row, frozen=True):
    account_sid: str
    value: str


async def advance_due(tx: Tx, choose: ChooseSender, limit: int) -> int:
    """Advance up to ``limit`` messages of each step by one step; return the largest number of messages of a step."""
    due = await message_queue.due_entries(tx, Step.SCHEDULED, limit)
    choosing = await message_queue.due_entries(tx, Step.CHOOSE, limit)
    late = await message_queue.expired_entries(tx, limit)
    await _lock_lanes(tx, [*due, *choosing], late)
    for entry in due:
        await _start_scheduled(tx, entry, choose)
    for entry in choosing:
        await choose(tx, entry)
    for entry in late:
        message = await find_message(tx, entry.account_sid, entry.message_sid)
        if message is not None:
            await fail_message(tx, message, EXPIRED)
    return max(len(due), len(choosing), len(late))


async def _lock_lanes(tx: Tx, starting: Sequence[QueueEntry], late: Sequence[QueueEntry]) -> None:
    """Lock the lanes of the messages that end, and those of the senders that the others may get."""
    if not tx.skip_locked or len(starting) + len(late) < 2:
        return
    names = {one.lane for one in late if one.lane}
    if starting:
        sids = [one.message_sid for one in starting]
        names |= {lane_name(one.account_sid, one.value) for one in await tx.all(_Sender, _SENDERS, sids=sids)}
    await lock_lanes(tx, names)


async def _start_scheduled(tx: Tx, entry: QueueEntry, choose: ChooseSender) -> None:
    """Start a scheduled message whose time has come: enqueue the fetching of its attachments, or choose its sender."""
    message = await find_message(tx, entry.account_sid, entry.message_sid)
    if message is None:
        return
    if message.parsed_options.media_urls:
        await message_queue.update_entry(
            tx, msgspec.structs.replace(entry, step=Step.MEDIA.value, due=tx.now)
        )
        await enqueue_media_job(tx, message)
        return
    await choose(tx, entry)
