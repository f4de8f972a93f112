"""Results of hand-overs: a message was sent, has failed, or returns into its lane.

A result names its hand-over by the fence of its entry. As long as no other holder of the lane has handed the message
over, the result is what happened, also if the lease was over and the next holder has put the message back as one with
an unknown outcome: then an acceptance ends it, and ids of accepted segments are not sent again. Behind another
hand-over, or once the message has ended, the result changes nothing. It is announced as a LateOutcome if the network
may have the message twice, or one that was reported as failed.
"""

from __future__ import annotations

import logging

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.leases import Holds, LateOutcome
from trunkline.core.outages import Outages
from trunkline.core.storage.database import Row, Tx
from trunkline.products.messaging.lifecycle import lanes, message_queue
from trunkline.products.messaging.lifecycle.lanes import LaneHasWork
from trunkline.products.messaging.lifecycle.message import Message, MessageStatus, find_message
from trunkline.products.messaging.lifecycle.message_queue import QueueEntry, Step
from trunkline.products.messaging.lifecycle.status_changes import change_status, fail_message, without_text
from trunkline.products.messaging.sending import receipt_handling
from trunkline.products.messaging.sending.prices import Prices
from trunkline.transports.base import Acceptance, Deferral, Outcome, Rejection, UnknownOutcome

log = logging.getLogger("trunkline.messaging")

MAX_TRIES = 5
"""Hand-overs that a busy or failing network may refuse before the message fails (inferred)."""

UNKNOWN_ERROR = 30008
_AGAIN = 5.0
"""Seconds before a message with an unknown outcome is handed over again."""


class MessageSegment(Row, frozen=True):
    """A row of ``message_parts``: a segment that the network accepted."""

    message_sid: str
    part: int
    carrier: str
    id: str
    state: str
    date_created: int


class _SegmentId(Row, frozen=True):
    id: str


_SEGMENT_IDS = "SELECT id FROM message_parts WHERE message_sid = :sid AND carrier = :carrier ORDER BY part"


class HandoverResult(msgspec.Struct, frozen=True):
    """The result of a hand-over; ``entry`` and ``message`` as they were when they were claimed. ``holds`` returns
    whether the lane's lease still holds."""

    entry: QueueEntry
    message: Message
    carrier: str
    outcome: Outcome
    holds: Holds


def order_of(ended: HandoverResult) -> tuple[str, int]:
    """Return the place of a result among others of one transaction: lanes are locked in one order."""
    return ended.entry.lane, ended.entry.place


class ResultRecorder:
    """The recorder of results; ``prices`` are the costs of messages that the network accepted. The log has one line
    for each carrier that leaves outcomes unknown, until it accepts messages again."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._unknown = Outages(log)

    async def record(self, tx: Tx, ended: HandoverResult) -> None:
        """Record the result of a hand-over, unless the message was handed over again or has ended."""
        if isinstance(ended.outcome, UnknownOutcome):
            then = (
                "sent again, perhaps twice" if ended.outcome.resend else "given up, the network may have them"
            )
            text = "%s: messages without an outcome are %s; the first is %s: %s"
            outage = self._unknown.of(ended.carrier)
            outage.failed(text, ended.carrier, then, ended.message.sid, ended.outcome.reason)
        elif isinstance(ended.outcome, Acceptance):
            self._unknown.works(ended.carrier, "%s: messages have an outcome again", ended.carrier)
        await _record(tx, ended, self._prices)


async def _record(tx: Tx, ended: HandoverResult, prices: Prices) -> None:
    if isinstance(ended.outcome, Acceptance):
        # Nothing changes a message while it is being handed over: the claimed row is current.
        if await message_queue.remove_handed_over(tx, ended.entry):
            await lanes.subtract_segments(tx, ended.entry.lane, ended.entry.segments)
            await _record_sent(tx, ended.message, ended, ended.outcome, prices)
        else:
            await _report_late(tx, ended)
        return
    entry = await message_queue.find_entry(tx, ended.entry.message_sid)
    if entry is None or entry.fence != ended.entry.fence or entry.step not in (Step.SENDING, Step.SEND):
        await _report_late(tx, ended)
        return
    message = await find_message(tx, entry.account_sid, entry.message_sid)
    if message is None:
        return
    match ended.outcome:
        case Rejection() as rejected:
            log.info("message %s is refused: %s", message.sid, rejected.reason)
            await fail_message(tx, message, rejected.error_code)
        case Deferral() | UnknownOutcome() as put_back if entry.step == Step.SEND:
            # The next holder of the lane has put it back; what it did not know are ids.
            if len(put_back.ids) > len(entry.ids):
                await message_queue.record_accepted(tx, _with_ids(entry, put_back.ids))
        case Deferral() as deferred:
            await _defer(tx, message, entry, deferred)
        case UnknownOutcome() as unknown:
            await _record_unknown(tx, message, entry, unknown)


async def _report_late(tx: Tx, ended: HandoverResult) -> None:
    """Announce a result that came in too late, if the network may have the message twice or against its state."""
    # While the lease holds, this node has recorded the result before, in a commit whose outcome it did not get.
    nothing = isinstance(ended.outcome, Rejection | Deferral) and ended.outcome.ids == ended.entry.ids
    if nothing or ended.holds() or await _was_recorded(tx, ended):
        return
    message = await find_message(tx, ended.entry.account_sid, ended.entry.message_sid)
    if message is None:
        return
    failed = message.status == MessageStatus.FAILED
    what = "was reported as failed, and the network may have it" if failed else "may have been sent twice"
    ids = ", ".join(filter(None, ended.outcome.ids))
    tx.announce(
        LateOutcome(f"message {message.sid} {what}{f' as {ids}' if ids else ''} over {ended.carrier}")
    )


async def _was_recorded(tx: Tx, ended: HandoverResult) -> bool:
    """Return whether a commit whose outcome this node did not get has recorded the result: the lane had no other holder
    since, or the ids are the message's."""
    if await lanes.fence_of(tx, ended.entry.lane) == ended.entry.fence:
        return True
    stored = await tx.all(_SegmentId, _SEGMENT_IDS, sid=ended.entry.message_sid, carrier=ended.carrier)
    return bool(stored) and [one.id for one in stored] == list(ended.outcome.ids)


def _with_ids(entry: QueueEntry, ids: tuple[str, ...]) -> QueueEntry:
    return msgspec.structs.replace(entry, taken=msgspec.json.encode(ids).decode())


async def _record_sent(
    tx: Tx, message: Message, ended: HandoverResult, submitted: Acceptance, prices: Prices
) -> None:
    changes = prices.of(message.recipient, message.num_segments)
    if submitted.final and message.parsed_options.discard_content:
        # Nothing more will come. Its attachments stay, as networks fetch them when they like.
        changes |= without_text(message)
    message = await change_status(tx, message, MessageStatus.SENT, **changes)
    if submitted.final:
        return
    carrier = ended.carrier
    parts = [
        MessageSegment(message.sid, number, carrier, id, "sent", tx.now)
        for number, id in enumerate(submitted.ids)
    ]
    await tx.insert_many("message_parts", parts)
    for id in submitted.ids:
        # A receipt may overtake the response with its id.
        await receipt_handling.apply_early_receipts(tx, carrier, id)


async def _defer(tx: Tx, message: Message, entry: QueueEntry, deferred: Deferral) -> None:
    attempts = entry.attempts + deferred.counts
    if attempts >= MAX_TRIES:
        log.info("message %s is given up: %s", message.sid, deferred.reason)
        await fail_message(tx, message, deferred.error_code)
        return
    back = msgspec.structs.replace(
        entry,
        step=Step.SEND.value,
        due=tx.now + int(deferred.after * SECOND),
        attempts=attempts,
    )
    back = _with_ids(back, deferred.ids)
    await message_queue.update_entry(tx, back)
    # The return to the queue is not reported: that state was reported before.
    await tx.run(
        "UPDATE messages SET status = 'queued', date_updated = :now"
        " WHERE account_sid = :account_sid AND sid = :sid",
        now=tx.now,
        account_sid=message.account_sid,
        sid=message.sid,
    )
    tx.announce(LaneHasWork(entry.lane))


async def _record_unknown(tx: Tx, message: Message, entry: QueueEntry, unknown: UnknownOutcome) -> None:
    if not unknown.resend:
        log.debug("message %s is given up, the network may have it: %s", message.sid, unknown.reason)
        await fail_message(tx, message, UNKNOWN_ERROR)
        return
    log.debug("message %s is sent again, perhaps twice: %s", message.sid, unknown.reason)
    again = Deferral(_AGAIN, unknown.reason, UNKNOWN_ERROR, unknown.ids)
    await _defer(tx, message, entry, again)
