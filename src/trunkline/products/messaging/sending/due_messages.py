"""The steps of a message before it has a place in a lane: the end of its schedule, the choice of its sender, its
expiry.

Several nodes take such steps at once, each in a transaction with many messages. None waits for another in a circle,
since the rows that messages share are written in one order: first the sticky senders, in the order of Services and
recipients, as senders are chosen; then the lanes, in the order of their names. Lanes of other senders stay untouched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle import message_queue
from trunkline.products.messaging.lifecycle.message import Message, find_message
from trunkline.products.messaging.lifecycle.message_queue import QueueEntry, Step
from trunkline.products.messaging.lifecycle.status_changes import fail_message
from trunkline.products.messaging.senders.candidates import AddedLoad
from trunkline.products.messaging.sending.accept import enqueue_media_job
from trunkline.products.messaging.sending.message_claims import EXPIRED
from trunkline.products.messaging.sending.sender_assignment import AssignedMessage, take_place

ChooseSender = Callable[[Tx, Message, QueueEntry, AddedLoad], Awaitable[AssignedMessage | None]]
"""An action that returns a message with its sender, and adds that to the load; or fails it and returns None."""


async def advance_due(tx: Tx, choose: ChooseSender, limit: int) -> int:
    """Advance up to ``limit`` messages of each step by one step; return the largest number of messages of a step."""
    due = await message_queue.due_entries(tx, Step.SCHEDULED, limit)
    choosing = await message_queue.due_entries(tx, Step.CHOOSE, limit)
    late = await message_queue.expired_entries(tx, limit)
    ended = {entry.message_sid for entry in late}
    assigned = await _start_all(
        tx, [entry for entry in (*due, *choosing) if entry.message_sid not in ended], choose
    )
    changes = [(one.composed.entry.lane, partial(take_place, assigned=one)) for one in assigned]
    changes += [(entry.lane, partial(_expire, entry=entry)) for entry in late]
    for _, change in sorted(changes, key=lambda change: change[0]):
        await change(tx)
    return max(len(due), len(choosing), len(late))


async def _start_all(tx: Tx, entries: list[QueueEntry], choose: ChooseSender) -> list[AssignedMessage]:
    """Start messages in the order of their Services and recipients; return those that have a sender now, in the order
    of their entries."""
    found = [await find_message(tx, entry.account_sid, entry.message_sid) for entry in entries]
    started = [(number, message) for number, message in enumerate(found) if message is not None]
    started.sort(key=lambda one: (one[1].service_sid or "", one[1].recipient))
    load, assigned = AddedLoad(), {}
    for number, message in started:
        one = await _start(tx, message, entries[number], choose, load)
        if one is not None:
            assigned[number] = one
    return [assigned[number] for number in sorted(assigned)]


async def _start(
    tx: Tx, message: Message, entry: QueueEntry, choose: ChooseSender, load: AddedLoad
) -> AssignedMessage | None:
    """Choose a message's sender; of one whose schedule has ended, first enqueue the fetching of its attachments."""
    if entry.step == Step.SCHEDULED and message.parsed_options.media_urls:
        await message_queue.update_entry(
            tx, msgspec.structs.replace(entry, step=Step.MEDIA.value, due=tx.now)
        )
        await enqueue_media_job(tx, message)
        return None
    return await choose(tx, message, entry, load)


async def _expire(tx: Tx, entry: QueueEntry) -> None:
    """Fail a message whose validity has ended."""
    message = await find_message(tx, entry.account_sid, entry.message_sid)
    if message is not None:
        await fail_message(tx, message, EXPIRED)
