"""The steps of a message before it has a place in a lane: the end of its schedule, the choice of its sender, its
expiry.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle import message_queue
from trunkline.products.messaging.lifecycle.message import find_message
from trunkline.products.messaging.lifecycle.message_queue import QueueEntry, Step
from trunkline.products.messaging.lifecycle.status_changes import fail_message
from trunkline.products.messaging.sending.accept import enqueue_media_job
from trunkline.products.messaging.sending.message_claims import EXPIRED

ChooseSender = Callable[[Tx, QueueEntry], Awaitable[None]]
"""An action that gives a message its sender, or fails it."""


async def advance_due(tx: Tx, choose: ChooseSender, limit: int) -> int:
    """Advance up to ``limit`` messages of each step by one step; return the largest number of messages of a step."""
    due = await message_queue.due_entries(tx, Step.SCHEDULED, limit)
    for entry in due:
        await _start_scheduled(tx, entry, choose)
    choosing = await message_queue.due_entries(tx, Step.CHOOSE, limit)
    for entry in choosing:
        await choose(tx, entry)
    late = await message_queue.expired_entries(tx, limit)
    for entry in late:
        message = await find_message(tx, entry.account_sid, entry.message_sid)
        if message is not None:
            await fail_message(tx, message, EXPIRED)
    return max(len(due), len(choosing), len(late))


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
