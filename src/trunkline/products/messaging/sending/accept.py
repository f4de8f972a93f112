"""Acceptance of a message: its row and its entry in the queue, in the caller's transaction."""

from __future__ import annotations

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle import lanes, message_queue
from trunkline.products.messaging.lifecycle.composition import compose, is_mms, with_composition
from trunkline.products.messaging.lifecycle.lanes import QueueFull, lane_name, lane_rate
from trunkline.products.messaging.lifecycle.message import Direction, Message, MessageStatus, encode_options
from trunkline.products.messaging.lifecycle.message_queue import MessagesDue, QueueEntry, Step
from trunkline.products.messaging.numbers.owned_numbers import OwnedNumber, owned_by_account
from trunkline.products.messaging.policy import MessageRules
from trunkline.products.messaging.services import MAX_VALIDITY

__all__ = [
    "MEDIA_JOB",
    "QueueFull",
    "UnplacedMessage",
    "accept_message",
    "compose_message",
    "continue_with_media",
    "enter_lane",
]

MEDIA_JOB = "messaging.media"
"""The kind of the job that fetches a message's attachments; its payload is account SID and message SID."""

_STEPS = {
    MessageStatus.SCHEDULED: Step.SCHEDULED,
    MessageStatus.ACCEPTED: Step.CHOOSE,
    MessageStatus.QUEUED: Step.SEND,
}


class UnplacedMessage(msgspec.Struct, frozen=True):
    """A message with its sender and its segments, for which that sender's lane has to have a place: with it, the lane
    holds at most ``capacity`` segments."""

    message: Message
    entry: QueueEntry
    capacity: int


async def accept_message(
    tx: Tx,
    message: Message,
    rules: MessageRules,
    *,
    service_validity: int | None = None,
    owned: OwnedNumber | None = None,
) -> Message:
    """Store a new message and queue it, under the operator's rules: for now, or for ``send_at`` if its status is
    scheduled. With the status queued it has a sender, and ``owned`` may be that sender's number if the caller has
    found it already. ``service_validity`` is the setting of its Service. Raise QueueFull if the sender's queue has no
    space."""
    options = message.parsed_options
    start = options.send_at if message.status == MessageStatus.SCHEDULED and options.send_at else tx.now
    validity = options.validity_period or service_validity or MAX_VALIDITY
    entry = QueueEntry(
        message_sid=message.sid,
        account_sid=message.account_sid,
        step=_STEPS[MessageStatus(message.status)].value,
        lane="",
        place=0,
        due=start,
        expires=start + validity * SECOND,
        segments=0,
    )
    if message.status == MessageStatus.QUEUED:
        sender = message.sender or ""
        if owned is None and _is_number(sender):
            owned = await owned_by_account(tx, message.account_sid, sender)
        composed = compose_message(
            message,
            entry,
            smart=bool(options.smart_encoded),
            rate=owned_rate(owned) if _is_number(sender) else _other_rate(sender),
            lacked=rules.lacked_characters(sender, message.recipient, owned.carrier if owned else ""),
        )
        message, entry = composed.message, await enter_lane(tx, composed)
    if options.media_urls and message.status != MessageStatus.SCHEDULED:
        entry = msgspec.structs.replace(entry, step=Step.MEDIA.value)
        await enqueue_media_job(tx, message)
    await tx.insert("messages", message)
    await message_queue.add_entry(tx, entry)
    if message.status != MessageStatus.QUEUED:
        tx.announce(MessagesDue(min(entry.due, entry.expires)))
    return message


async def enqueue_media_job(tx: Tx, message: Message) -> None:
    """Enqueue the job that fetches the attachments of a message."""
    payload = msgspec.json.encode((message.account_sid, message.sid)).decode()
    await enqueue(tx, Job(MEDIA_JOB, payload, account_sid=message.account_sid))


async def continue_with_media(tx: Tx, message: Message) -> None:
    """Continue with a message whose attachments are stored: in its sender's lane, or with the choice of a sender."""
    entry = await message_queue.find_entry(tx, message.sid)
    if entry is None or entry.step != Step.MEDIA:
        return
    step = Step.SEND if entry.lane else Step.CHOOSE
    await message_queue.update_entry(tx, msgspec.structs.replace(entry, step=step.value, due=tx.now))
    tx.announce(lanes.LaneHasWork(entry.lane) if entry.lane else MessagesDue(tx.now))


def compose_message(
    message: Message, entry: QueueEntry, *, smart: bool, rate: int, lacked: frozenset[str]
) -> UnplacedMessage:
    """Return the message with its text composed for its sender, whose rate is in thousandths of a segment a second.
    ``lacked`` are the characters of the GSM alphabet that its carrier lacks."""
    sender, options = message.sender or "", message.parsed_options
    text = message.body if options.sent_body is None else options.sent_body
    composition = compose(text, smart=smart, mms=is_mms(message, options), lacked=lacked)
    options = with_composition(options, message.body, composition)
    segments = composition.segments
    capacity = rate * lanes.CAPACITY_SECONDS // lanes.MILLI
    limit = capacity if message.direction != Direction.REPLY or not options.automatic else 2 * capacity
    message = msgspec.structs.replace(message, num_segments=segments, options=encode_options(options))
    lane = lane_name(message.account_sid, sender)
    entry = msgspec.structs.replace(entry, step=Step.SEND.value, lane=lane, segments=segments)
    return UnplacedMessage(message, entry, limit)


async def enter_lane(tx: Tx, composed: UnplacedMessage) -> QueueEntry:
    """Reserve a place in the lane of the message's sender, and return the entry with it. Write neither row. Raise
    QueueFull if the lane has no space."""
    message, entry = composed.message, composed.entry
    place = await lanes.reserve_place(
        tx, message.account_sid, message.sender or "", entry.segments, composed.capacity
    )
    return msgspec.structs.replace(entry, place=place, due=tx.now)


async def sender_rate(tx: Tx, account_sid: str, sender: str) -> int:
    """Return a sender's rate in thousandths of a segment a second."""
    if not _is_number(sender):
        return _other_rate(sender)
    return owned_rate(await owned_by_account(tx, account_sid, sender))


def owned_rate(owned: OwnedNumber | None) -> int:
    """Return the rate of a number; that of a long code if the number was sold meanwhile."""
    return lane_rate(owned.kind, owned.country, owned.rate) if owned else lane_rate("local", "US", 0)


def _is_number(sender: str) -> bool:
    return sender[:1] == "+" or sender.isdigit()


def _other_rate(sender: str) -> int:
    return lane_rate("channel" if ":" in sender else "alpha", "", 0)
