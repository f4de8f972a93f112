"""How a message moves from state to state: the one place that writes it, and that knows which change is told.

No callback for the first state, nor for ``sending``; ``queued`` is told only when a Service chose a sender (doc).
"""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.core.storage.database import Tx, assignments
from trunkline.products.messaging.lifecycle import lanes, queue
from trunkline.products.messaging.lifecycle.callbacks import tell
from trunkline.products.messaging.lifecycle.message import TERMINAL, Message, Status, encode_options
from trunkline.products.messaging.media.store import delete_media

_TOLD = frozenset(
    {Status.SENT, Status.FAILED, Status.DELIVERED, Status.UNDELIVERED, Status.READ, Status.CANCELED}
)
_QUEUED_FROM = (Status.ACCEPTED, Status.SCHEDULED)


async def move(tx: Tx, message: Message, status: Status, done_date: str = "", **changes: Any) -> Message:
    """Write the message's new status and other ``changes``, tell its callback, and erase what was to be discarded at
    the end."""
    tells = status in _TOLD or (status is Status.QUEUED and message.status in _QUEUED_FROM)
    changes |= {"status": status.value, "date_updated": tx.now}
    if status is Status.SENT:
        changes["date_sent"] = tx.now
    if status in TERMINAL and message.asked.discard_content:
        changes |= without_text(message)
        await delete_media(tx, message.account_sid, message.sid)
    await tx.run(
        f"UPDATE messages SET {assignments(tuple(changes))} WHERE account_sid = :account_sid AND sid = :sid",
        account_sid=message.account_sid,
        sid=message.sid,
        **changes,
    )
    message = msgspec.structs.replace(message, **changes)
    if tells:
        await tell(tx, message, done_date)
    return message


def without_text(message: Message) -> dict[str, str]:
    """The changes that erase a message's text, also as it was on the air."""
    options = msgspec.structs.replace(message.asked, sent_body=None, encoding=None, cuts=())
    return {"body": "", "options": encode_options(options)}


async def fail(tx: Tx, message: Message, error_code: int) -> None:
    """End a message that never left: it leaves its queue and its lane. One that is not in the queue any more has ended
    in another way, and stays as it is."""
    queued = await queue.find_queued(tx, message.sid)
    if queued is not None and await queue.remove(tx, message.sid):
        await lanes.leave(tx, queued.lane, queued.segments)
        await move(tx, message, Status.FAILED, error_code=error_code)


async def cancel(tx: Tx, message: Message) -> Message | None:
    """Call off a scheduled message (doc); None when it is not scheduled any more."""
    if not await queue.remove_scheduled(tx, message.sid):
        return None
    return await move(tx, message, Status.CANCELED)
