"""What becomes of a message that a carrier had: sent, failed, or back into its lane."""

from __future__ import annotations

import logging

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Row, Tx
from trunkline.products.messaging.lifecycle import lanes, queue
from trunkline.products.messaging.lifecycle.lanes import LaneFed
from trunkline.products.messaging.lifecycle.message import Message, Status, find_message
from trunkline.products.messaging.lifecycle.queue import Queued, Step
from trunkline.products.messaging.lifecycle.states import fail, move, without_text
from trunkline.products.messaging.sending import receipts
from trunkline.products.messaging.sending.prices import Prices
from trunkline.transports.base import Acceptance, Deferral, Outcome, Rejection, UnknownOutcome

log = logging.getLogger("trunkline.messaging")

MAX_TRIES = 5
"""Hand-overs that a busy or failing network may refuse before the message fails (inferred)."""

UNKNOWN_ERROR = 30008
_AGAIN = 5.0
"""Seconds before a message whose outcome is unknown is handed over again."""


class Part(Row, frozen=True):
    """A row of ``message_parts``: a segment that the network took."""

    message_sid: str
    part: int
    carrier: str
    id: str
    state: str
    date_created: int


class Ended(msgspec.Struct, frozen=True):
    """A hand-over that came to its end; ``message`` as it was when it was taken."""

    queued: Queued
    message: Message
    carrier: str
    outcome: Outcome


class Settling:
    """Writes down how hand-overs ended; ``prices`` are what a message costs that the network took."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    async def settle(self, tx: Tx, ended: Ended) -> None:
        """Write down how a hand-over ended; what is no longer being handed over is left as it is."""
        await _settle(tx, ended, self._prices)


async def _settle(tx: Tx, ended: Ended, prices: Prices) -> None:
    if isinstance(ended.outcome, Acceptance):
        # Nothing changes a message while it is being handed over: what was taken is what it is.
        if await queue.remove_sending(tx, ended.queued.message_sid):
            await lanes.leave(tx, ended.queued.lane, ended.queued.segments)
            await _sent(tx, ended.message, ended, ended.outcome, prices)
        return
    queued = await queue.find_queued(tx, ended.queued.message_sid)
    if queued is None or queued.step != Step.SENDING:
        return
    message = await find_message(tx, queued.account_sid, queued.message_sid)
    if message is None:
        return
    match ended.outcome:
        case Rejection() as rejected:
            log.info("message %s is refused: %s", message.sid, rejected.reason)
            await fail(tx, message, rejected.error_code)
        case Deferral() as deferred:
            await _defer(tx, message, queued, deferred)
        case UnknownOutcome() as unknown:
            await _unknown(tx, message, queued, unknown)


async def _sent(tx: Tx, message: Message, ended: Ended, submitted: Acceptance, prices: Prices) -> None:
    changes = prices.of(message.recipient, message.num_segments)
    if submitted.final and message.asked.discard_content:
        # Nothing more will come. Its attachments stay, as networks fetch them when they like.
        changes |= without_text(message)
    message = await move(tx, message, Status.SENT, **changes)
    if submitted.final:
        return
    carrier = ended.carrier
    parts = [
        Part(message.sid, number, carrier, id, "sent", tx.now) for number, id in enumerate(submitted.ids)
    ]
    await tx.insert_many("message_parts", parts)
    for id in submitted.ids:
        # A receipt may overtake the answer that tells its id.
        await receipts.catch_up(tx, carrier, id)


async def _defer(tx: Tx, message: Message, queued: Queued, deferred: Deferral) -> None:
    attempts = queued.attempts + deferred.counts
    if attempts >= MAX_TRIES:
        log.info("message %s is given up: %s", message.sid, deferred.reason)
        await fail(tx, message, deferred.error_code)
        return
    back = msgspec.structs.replace(
        queued,
        step=Step.SEND.value,
        due=tx.now + int(deferred.after * SECOND),
        attempts=attempts,
        taken=msgspec.json.encode(deferred.ids).decode(),
    )
    await queue.change(tx, back)
    # Back in the queue: nobody is told of that state twice.
    await tx.run(
        "UPDATE messages SET status = 'queued', date_updated = :now"
        " WHERE account_sid = :account_sid AND sid = :sid",
        now=tx.now,
        account_sid=message.account_sid,
        sid=message.sid,
    )
    tx.announce(LaneFed(queued.lane))


async def _unknown(tx: Tx, message: Message, queued: Queued, unknown: UnknownOutcome) -> None:
    if not unknown.resend:
        log.warning("message %s is given up, the network may have it: %s", message.sid, unknown.reason)
        await fail(tx, message, UNKNOWN_ERROR)
        return
    log.warning("message %s is sent again, perhaps twice: %s", message.sid, unknown.reason)
    again = Deferral(_AGAIN, unknown.reason, UNKNOWN_ERROR, unknown.ids)
    await _defer(tx, message, queued, again)
