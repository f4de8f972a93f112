"""Delivery receipts: from a part's state to its message's.

A message is delivered when all of its parts are, and undelivered with the first that is not; the first final state
counts, later receipts are logged. A receipt that comes before the answer with its id waits for it: mostly for a moment,
but the ids of a message's parts are told together, and a later part may have to wait as long as the message is valid.
"""

from __future__ import annotations

import logging

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.lifecycle.message import Message, Status
from trunkline.products.messaging.lifecycle.queue import MessagesDue
from trunkline.products.messaging.lifecycle.states import move
from trunkline.products.messaging.services import MAX_VALIDITY
from trunkline.transports.base import Receipt, ReceiptState

log = logging.getLogger("trunkline.messaging")

HOLD = 60 * SECOND
"""How long answers are looked for that were written at the same moment as a receipt."""

KEPT = MAX_VALIDITY * SECOND
"""How long a receipt without its message is kept."""

_AGAIN = SECOND // 10
_PRUNED = 3


class EarlyReceipt(Row, frozen=True):
    """A row of ``early_receipts``: one whose id nobody has told yet."""

    carrier: str
    id: str
    receipt: str
    date_created: int


class _Found(Row, frozen=True):
    message_sid: str
    part: int
    state: str


_PART = f"""
SELECT {columns(_Found)} FROM message_parts WHERE carrier = :carrier AND id = :id
ORDER BY date_created DESC LIMIT 1
"""
_MESSAGE = f"SELECT {columns(Message)} FROM messages WHERE sid = :sid"
_EARLY = f"SELECT {columns(EarlyReceipt)} FROM early_receipts WHERE carrier = :carrier AND id = :id"
_KNOWN = f"""
SELECT {columns(EarlyReceipt, "e")} FROM early_receipts e
WHERE EXISTS (SELECT 1 FROM message_parts p WHERE p.carrier = e.carrier AND p.id = e.id) LIMIT :most
"""
_PRUNE = """
DELETE FROM early_receipts WHERE (carrier, id, receipt) IN (
    SELECT carrier, id, receipt FROM early_receipts WHERE date_created < :before ORDER BY date_created LIMIT :most
)
"""


async def apply(tx: Tx, receipt: Receipt) -> None:
    """Write down a receipt, or keep it for a while when its message is not known."""
    part = await tx.one(_Found, _PART, carrier=receipt.carrier, id=receipt.id)
    if part is not None:
        await _take(tx, part, receipt)
        return
    pruned = await tx.run(_PRUNE, before=tx.now - KEPT, most=_PRUNED)
    if pruned:
        log.info("%d receipts belonged to no message", pruned)
    await tx.run(
        "INSERT INTO early_receipts (carrier, id, receipt, date_created)"
        " VALUES (:carrier, :id, :receipt, :now) ON CONFLICT DO NOTHING",
        carrier=receipt.carrier,
        id=receipt.id,
        receipt=msgspec.json.encode(receipt).decode(),
        now=tx.now,
    )
    tx.announce(MessagesDue(tx.now))


async def catch_up(tx: Tx, carrier: str, id: str) -> None:
    """Apply the receipts that came before their id was known."""
    early = await tx.all(EarlyReceipt, _EARLY, carrier=carrier, id=id)
    if not early:
        return
    await tx.run("DELETE FROM early_receipts WHERE carrier = :carrier AND id = :id", carrier=carrier, id=id)
    for one in sorted(early, key=lambda one: one.date_created):
        await apply(tx, msgspec.json.decode(one.receipt, type=Receipt))


async def reconcile(tx: Tx, most: int) -> int | None:
    """Apply receipts whose id has become known meanwhile; answers when to look again, None when none waits.

    On an engine with several writers a receipt and the answer that tells its id may be written at the same moment,
    neither seeing the other.
    """
    for early in await tx.all(EarlyReceipt, _KNOWN, most=most):
        await catch_up(tx, early.carrier, early.id)
    waiting = await tx.value(
        "SELECT id FROM early_receipts WHERE date_created > :since LIMIT 1", since=tx.now - HOLD
    )
    return None if waiting is None else tx.now + _AGAIN


async def _take(tx: Tx, part: _Found, receipt: Receipt) -> None:
    if receipt.state is ReceiptState.ENROUTE:
        return
    # Several parts may be told of at once, on several nodes.
    await tx.lock(f"message {part.message_sid}")
    message = await tx.one(Message, _MESSAGE, sid=part.message_sid)
    if message is None:
        return
    if message.status != Status.SENT:
        log.info("message %s is %s; a later receipt says: %s", message.sid, message.status, receipt.text)
        return
    await tx.run(
        "UPDATE message_parts SET state = :state WHERE message_sid = :sid AND part = :part",
        state=receipt.state.value,
        sid=part.message_sid,
        part=part.part,
    )
    if receipt.state is ReceiptState.UNDELIVERED:
        await move(tx, message, Status.UNDELIVERED, receipt.done_date, error_code=receipt.error_code)
        return
    missing = await tx.value(
        "SELECT part FROM message_parts WHERE message_sid = :sid AND state <> 'delivered' LIMIT 1",
        sid=part.message_sid,
    )
    if missing is None:
        await move(tx, message, Status.DELIVERED, receipt.done_date)
