"""Accepting a message: its row and its place in the queue, in the transaction of whoever made it."""

from __future__ import annotations

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle import lanes, queue
from trunkline.products.messaging.lifecycle.composition import compose, is_mms, with_composition
from trunkline.products.messaging.lifecycle.lanes import QueueFull, lane_of, rate_of
from trunkline.products.messaging.lifecycle.message import Direction, Message, Status, encode_options
from trunkline.products.messaging.lifecycle.queue import MessagesDue, Queued, Step
from trunkline.products.messaging.numbers.owned import Owned, owned_by_account
from trunkline.products.messaging.services import MAX_VALIDITY

__all__ = ["MEDIA", "QueueFull", "accept", "enter_lane", "media_ready"]

MEDIA = "messaging.media"
"""The kind of the job that fetches a message's attachments; its payload is account SID and message SID."""

_STEPS = {Status.SCHEDULED: Step.SCHEDULED, Status.ACCEPTED: Step.CHOOSE, Status.QUEUED: Step.SEND}


async def accept(
    tx: Tx, message: Message, *, service_validity: int | None = None, owned: Owned | None = None
) -> Message:
    """Store a new message and have it sent: at once, or at ``send_at`` when its status is scheduled. With the status
    queued it has a sender, and ``owned`` may be that where it was looked up already. ``service_validity`` is its
    Service's setting. Raises QueueFull."""
    asked = message.asked
    start = asked.send_at if message.status == Status.SCHEDULED and asked.send_at else tx.now
    validity = asked.validity_period or service_validity or MAX_VALIDITY
    queued = Queued(
        message_sid=message.sid,
        account_sid=message.account_sid,
        step=_STEPS[Status(message.status)].value,
        lane="",
        place=0,
        due=start,
        expires=start + validity * SECOND,
        segments=0,
    )
    if message.status == Status.QUEUED:
        rate = (
            owned_rate(owned) if owned else await sender_rate(tx, message.account_sid, message.sender or "")
        )
        message, queued = await enter_lane(tx, message, queued, smart=bool(asked.smart_encoded), rate=rate)
    if asked.media_urls and message.status != Status.SCHEDULED:
        queued = msgspec.structs.replace(queued, step=Step.MEDIA.value)
        await fetch_media(tx, message)
    await tx.insert("messages", message)
    await queue.put(tx, queued)
    if message.status != Status.QUEUED:
        tx.announce(MessagesDue(min(queued.due, queued.expires)))
    return message


async def fetch_media(tx: Tx, message: Message) -> None:
    """Ask for the attachments of a message."""
    payload = msgspec.json.encode((message.account_sid, message.sid)).decode()
    await enqueue(tx, Job(MEDIA, payload))


async def media_ready(tx: Tx, message: Message) -> None:
    """The attachments are there: the message goes on to its sender, or to the choice of one."""
    queued = await queue.find_queued(tx, message.sid)
    if queued is None or queued.step != Step.MEDIA:
        return
    step = Step.SEND if queued.lane else Step.CHOOSE
    await queue.change(tx, msgspec.structs.replace(queued, step=step.value, due=tx.now))
    tx.announce(lanes.LaneFed(queued.lane) if queued.lane else MessagesDue(tx.now))


async def enter_lane(
    tx: Tx, message: Message, queued: Queued, *, smart: bool, rate: int
) -> tuple[Message, Queued]:
    """Compose the text and take a place in the lane of the message's sender, whose rate is in thousandths
    of a segment a second; neither row is written. Raises QueueFull."""
    sender, asked = message.sender or "", message.asked
    text = message.body if asked.sent_body is None else asked.sent_body
    composition = compose(text, smart=smart, mms=is_mms(message, asked))
    asked = with_composition(asked, message.body, composition)
    segments = composition.segments
    capacity = rate * lanes.CAPACITY_SECONDS // lanes.MILLI
    room = capacity if message.direction != Direction.REPLY or not asked.automatic else 2 * capacity
    place = await lanes.feed(tx, message.account_sid, sender, segments, room)
    message = msgspec.structs.replace(message, num_segments=segments, options=encode_options(asked))
    lane = lane_of(message.account_sid, sender)
    return message, msgspec.structs.replace(
        queued, step=Step.SEND.value, lane=lane, place=place, segments=segments, due=tx.now
    )


async def sender_rate(tx: Tx, account_sid: str, sender: str) -> int:
    """A sender's rate in thousandths of a segment a second."""
    if sender[:1] != "+" and not sender.isdigit():
        return rate_of("channel" if ":" in sender else "alpha", "", 0)
    return owned_rate(await owned_by_account(tx, account_sid, sender))


def owned_rate(owned: Owned | None) -> int:
    """The rate of a number; that of a long code for one that was sold meanwhile."""
    return rate_of(owned.kind, owned.country, owned.rate) if owned else rate_of("local", "US", 0)
