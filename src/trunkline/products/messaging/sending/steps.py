"""The steps before a message has its place in a lane: falling due, the choice of its sender, and running out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle import queue
from trunkline.products.messaging.lifecycle.message import find_message
from trunkline.products.messaging.lifecycle.queue import Queued, Step
from trunkline.products.messaging.lifecycle.states import fail
from trunkline.products.messaging.sending.accept import fetch_media
from trunkline.products.messaging.sending.taking import EXPIRED

Choose = Callable[[Tx, Queued], Awaitable[None]]
"""Finds a message's sender, or fails it."""


async def take_steps(tx: Tx, choose: Choose, most: int) -> int:
    """Let up to ``most`` messages of each kind take their step; answers how many there were."""
    due = await queue.due_now(tx, Step.SCHEDULED, most)
    for queued in due:
        await _fall_due(tx, queued, choose)
    choosing = await queue.due_now(tx, Step.CHOOSE, most)
    for queued in choosing:
        await choose(tx, queued)
    late = await queue.expired(tx, most)
    for queued in late:
        message = await find_message(tx, queued.account_sid, queued.message_sid)
        if message is not None:
            await fail(tx, message, EXPIRED)
    return max(len(due), len(choosing), len(late))


async def _fall_due(tx: Tx, queued: Queued, choose: Choose) -> None:
    """A scheduled message's time has come: its attachments are fetched, or its sender is chosen."""
    message = await find_message(tx, queued.account_sid, queued.message_sid)
    if message is None:
        return
    if message.asked.media_urls:
        await queue.change(tx, msgspec.structs.replace(queued, step=Step.MEDIA.value, due=tx.now))
        await fetch_media(tx, message)
        return
    await choose(tx, queued)
