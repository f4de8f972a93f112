"""Delivery receipts: from the state of a segment to the state of its message.

A message is delivered when all of its segments are, and undelivered with the first that is not. The first final
state counts; later receipts are logged. A receipt may arrive before the outcome with its id: it is stored until the
id is recorded. That is mostly a moment, but the ids of a message's segments are recorded together, and a receipt
may have to wait as long as the message is valid.
"""

from __future__ import annotations

import logging

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.lifecycle.message import TERMINAL, Message, MessageStatus
from trunkline.products.messaging.lifecycle.message_queue import MessagesDue
from trunkline.products.messaging.lifecycle.status_changes import change_status
from trunkline.products.messaging.services import MAX_VALIDITY
from trunkline.transports.base import Receipt, ReceiptState

log = logging.getLogger("trunkline.messaging")

RECONCILE_WINDOW = 60 * SECOND
"""Time for which outcomes are searched that were written at the same moment as a receipt."""

RECONCILED = 1000
"""The newest stored receipts that a search reads. There are many more while a network reports messages that were
removed, or by ids that no message has."""

EARLY_RECEIPT_LIFETIME = MAX_VALIDITY * SECOND
"""Time for which a receipt without its message is stored."""

REPEATED_WINDOW = 600 * SECOND
"""Time after a message's last state for which the network may repeat a receipt that is not marked as one, or send that
of another segment."""

_LEAST_DIGITS = 7
_PREFIX_DIGITS = 2
"""Digits of a national or international prefix that may differ."""

_AGAIN = SECOND // 10


class EarlyReceipt(Row, frozen=True):
    """A row of ``early_receipts``: a receipt whose id is not recorded yet."""

    carrier: str
    id: str
    receipt: str
    date_created: int


class _SegmentOfReceipt(Row, frozen=True):
    message_sid: str
    part: int
    state: str


_PART = f"""
SELECT {columns(_SegmentOfReceipt)} FROM message_parts WHERE carrier = :carrier AND id = :id
ORDER BY date_created DESC LIMIT 1
"""
_MESSAGE = f"SELECT {columns(Message)} FROM messages WHERE sid = :sid"
_EARLY = f"SELECT {columns(EarlyReceipt)} FROM early_receipts WHERE carrier = :carrier AND id = :id"
# Not EXISTS: PostgreSQL may read all segments for it.
_KNOWN = f"""
SELECT {columns(EarlyReceipt, "e")} FROM (
    SELECT {columns(EarlyReceipt)} FROM early_receipts ORDER BY date_created DESC LIMIT :newest
) e WHERE (SELECT p.part FROM message_parts p WHERE p.carrier = e.carrier AND p.id = e.id LIMIT 1) IS NOT NULL
LIMIT :limit
"""


async def apply_receipt(tx: Tx, receipt: Receipt) -> None:
    """Apply a receipt, or store it for a while if its id is not recorded yet."""
    part = await _find_segment(tx, receipt)
    if part is not None:
        await _apply_to_segment(tx, part, receipt)
        return
    for id in receipt.ids:
        await tx.run(
            "INSERT INTO early_receipts (carrier, id, receipt, date_created)"
            " VALUES (:carrier, :id, :receipt, :now) ON CONFLICT DO NOTHING",
            carrier=receipt.carrier,
            id=id,
            receipt=msgspec.json.encode(receipt).decode(),
            now=tx.now,
        )
    tx.announce(MessagesDue(tx.now))


async def is_awaited(tx: Tx, receipt: Receipt, phone: str, number: str) -> bool:
    """Return whether a text from a phone to a number of ours is a receipt: whether a segment of a message the other
    way was accepted with one of its ids, and the message is on its way, or was until some minutes ago. Its form and the
    id are no proof, since anybody can write them."""
    part = await _find_segment(tx, receipt)
    message = None if part is None else await tx.one(Message, _MESSAGE, sid=part.message_sid)
    return (
        message is not None
        and (message.status not in TERMINAL or message.date_updated > tx.now - REPEATED_WINDOW)
        and same_address(message.recipient, phone)
        and same_address(message.sender or "", number)
    )


def same_address(one: str, other: str) -> bool:
    """Return whether two addresses are the same, however a network writes them: numbers by their last digits, for it
    may leave the country out or write a prefix of its own; short codes and alphanumeric senders as a whole."""
    if any(character.isalpha() for character in one + other):
        return one.strip().casefold() == other.strip().casefold()
    numbers = ["".join(filter(str.isdigit, address)).lstrip("0") for address in (one, other)]
    shorter = min(map(len, numbers))
    if shorter < _LEAST_DIGITS:
        return numbers[0] == numbers[1] != ""
    compared = max(_LEAST_DIGITS, shorter - _PREFIX_DIGITS)
    return numbers[0][-compared:] == numbers[1][-compared:]


async def apply_early_receipts(tx: Tx, carrier: str, id: str) -> None:
    """Apply the receipts that arrived before their id was recorded."""
    early = await tx.all(EarlyReceipt, _EARLY, carrier=carrier, id=id)
    if not early:
        return
    for one in sorted(early, key=lambda one: one.date_created):
        receipt = msgspec.json.decode(one.receipt, type=Receipt)
        # It is stored under each of its ids.
        await tx.run_many(
            "DELETE FROM early_receipts WHERE carrier = :carrier AND id = :id AND receipt = :receipt",
            [{"carrier": carrier, "id": each, "receipt": one.receipt} for each in {id, *receipt.ids}],
        )
        await apply_receipt(tx, receipt)


async def reconcile(tx: Tx, limit: int) -> int | None:
    """Apply stored receipts whose id is recorded by now; return the time of the next call, or None if no receipt
    waits.

    On an engine with several writers a receipt and the outcome with its id may be written at the same moment,
    neither visible to the other."""
    for early in await tx.all(EarlyReceipt, _KNOWN, newest=RECONCILED, limit=limit):
        await apply_early_receipts(tx, early.carrier, early.id)
    waiting = await tx.value(
        "SELECT id FROM early_receipts WHERE date_created > :since LIMIT 1", since=tx.now - RECONCILE_WINDOW
    )
    return None if waiting is None else tx.now + _AGAIN


async def _find_segment(tx: Tx, receipt: Receipt) -> _SegmentOfReceipt | None:
    for id in receipt.ids:
        part = await tx.one(_SegmentOfReceipt, _PART, carrier=receipt.carrier, id=id)
        if part is not None:
            return part
    return None


async def _apply_to_segment(tx: Tx, part: _SegmentOfReceipt, receipt: Receipt) -> None:
    if receipt.state is ReceiptState.ENROUTE:
        return
    # Receipts of several segments may arrive at once, on several nodes.
    await tx.lock(f"message {part.message_sid}")
    message = await tx.one(Message, _MESSAGE, sid=part.message_sid)
    if message is None:
        return
    if message.status != MessageStatus.SENT:
        log.info("message %s is %s; a later receipt reports: %s", message.sid, message.status, receipt.text)
        return
    await tx.run(
        "UPDATE message_parts SET state = :state WHERE message_sid = :sid AND part = :part",
        state=receipt.state.value,
        sid=part.message_sid,
        part=part.part,
    )
    if receipt.state is ReceiptState.UNDELIVERED:
        await change_status(
            tx, message, MessageStatus.UNDELIVERED, receipt.done_date, error_code=receipt.error_code
        )
        return
    missing = await tx.value(
        "SELECT part FROM message_parts WHERE message_sid = :sid AND state <> 'delivered' LIMIT 1",
        sid=part.message_sid,
    )
    if missing is None:
        await change_status(tx, message, MessageStatus.DELIVERED, receipt.done_date)
