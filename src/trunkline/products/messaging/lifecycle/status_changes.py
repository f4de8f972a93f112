"""Changes of a message's status: the one module that writes them and enqueues their callbacks.

There is no callback for the first state, nor for ``sending``; ``queued`` is reported only after a Service chose the
sender (doc).
"""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.core.storage.account_rows import update_row
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle import lanes, message_queue
from trunkline.products.messaging.lifecycle.callbacks import enqueue_callback
from trunkline.products.messaging.lifecycle.message import TERMINAL, Message, MessageStatus, encode_options
from trunkline.products.messaging.media.store import delete_media

_NOTIFIED = frozenset(
    {
        MessageStatus.SENT,
        MessageStatus.FAILED,
        MessageStatus.DELIVERED,
        MessageStatus.UNDELIVERED,
        MessageStatus.READ,
        MessageStatus.CANCELED,
    }
)
_QUEUED_FROM = (MessageStatus.ACCEPTED, MessageStatus.SCHEDULED)


async def change_status(
    tx: Tx, message: Message, status: MessageStatus, done_date: str = "", **changes: Any
) -> Message:
    """Write the message's new status and other ``changes``, enqueue its callback, and erase at the end what must be
    discarded."""
    notifies = status in _NOTIFIED or (status is MessageStatus.QUEUED and message.status in _QUEUED_FROM)
    changes |= {"status": status.value, "date_updated": tx.now}
    if status is MessageStatus.SENT:
        changes["date_sent"] = tx.now
    if status in TERMINAL and message.parsed_options.discard_content:
        changes |= without_text(message)
        await delete_media(tx, message.account_sid, message.sid)
    await update_row(tx, "messages", message.account_sid, message.sid, changes)
    message = msgspec.structs.replace(message, **changes)
    if notifies:
        await enqueue_callback(tx, message, done_date)
    return message


def without_text(message: Message) -> dict[str, str]:
    """Return the changes that erase a message's text, also as it was on the air."""
    options = msgspec.structs.replace(message.parsed_options, sent_body=None, encoding=None, cuts=())
    return {"body": "", "options": encode_options(options)}


async def fail_message(tx: Tx, message: Message, error_code: int) -> None:
    """End a message that was never sent: remove it from its queue and its lane. A message without an entry in the
    queue has ended already, and stays as it is."""
    entry = await message_queue.find_entry(tx, message.sid)
    if entry is not None and await message_queue.remove_entry(tx, message.sid):
        await lanes.subtract_segments(tx, entry.lane, entry.segments)
        await change_status(tx, message, MessageStatus.FAILED, error_code=error_code)


async def cancel_message(tx: Tx, message: Message) -> Message | None:
    """Cancel a scheduled message (doc); return None if it is not scheduled any more."""
    if not await message_queue.remove_scheduled(tx, message.sid):
        return None
    return await change_status(tx, message, MessageStatus.CANCELED)
