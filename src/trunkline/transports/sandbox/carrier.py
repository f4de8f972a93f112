"""The sandbox as a carrier: it accepts each message at once and durably, and reports its receipt by a job.

1. The message in the phone, the jobs of its receipts and the phone's reply are one transaction.
2. A message that is handed over again, because its response was lost, is not put into the phone a second time, and
   gets one reply.
3. The jobs of phones may be claimed before the carriers are started: a handler waits for ``_started``, and retries the
   job if the node stops first.
4. A failed transaction defers the message; nothing of it is stored then.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.jobs.outcomes import ClaimedJob, Handler, JobOutcome, Retry, Success
from trunkline.core.jobs.queue import Job, enqueue, enqueue_many
from trunkline.core.leases import LeaseLost
from trunkline.core.sids import new_sid, new_token
from trunkline.core.storage.database import Database, StorageError, Tx
from trunkline.transports.base import (
    Acceptance,
    CarrierListener,
    Deferral,
    InboundMedia,
    InboundMessage,
    Outcome,
    Receipt,
    ReceiptState,
    Rejection,
    SenderKind,
    Submission,
    UnknownOutcome,
    lease_ended,
)
from trunkline.transports.sandbox.behaviour import THROTTLED, Behaviour, Reaction, behaviour_of
from trunkline.transports.sandbox.phones import (
    SandboxMessage,
    find_delivery,
    forget_message,
    hand_over_again,
    insert,
)

NAME = "sandbox"
JOB = "sandbox.phone"
"""The kind of the job with a phone's event: a receipt or a message."""

_PAUSE = 1.0
_MMS = ("+1", "+61")


class PhoneEvent(msgspec.Struct, frozen=True):
    """The payload of a job: a receipt or a message."""

    receipt: Receipt | None = None
    inbound: InboundMessage | None = None


class PhoneText(msgspec.Struct, frozen=True):
    """A message that a phone sends."""

    text: str
    segments: int = 1
    media: tuple[InboundMedia, ...] = ()


class Sandbox:
    """A carrier on the node's own database."""

    name = NAME
    carries_channels = True
    resends_unknown = True
    ready = True

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listener: CarrierListener | None = None
        self._started = asyncio.Event()

    def carries_media(self, recipient: str) -> bool:
        """Return True on a channel, and where phones accept MMS from abroad: in North America and Australia, as with
        the vendor (inferred)."""
        return ":" in recipient or recipient.startswith(_MMS)

    def shown(self) -> dict[str, Any]:
        """Return its state, which is always ready."""
        return {"name": self.name, "kind": "sandbox", "ready": True}

    async def start(self, listener: CarrierListener) -> None:
        """Start: the events of phones go to ``listener``."""
        self._listener = listener
        self._started.set()

    async def stop(self) -> None:
        """Release the jobs that wait for the start; there is nothing to close."""
        self._started.set()

    async def submit(self, submission: Submission) -> Outcome:
        """Put the message into its phone."""
        try:
            return await self._database.write(lambda tx: _receive(tx, submission))
        except StorageError as error:
            return Deferral(_PAUSE, str(error), ids=submission.accepted_ids, counts=False)

    def handler(self) -> Handler:
        """Return the handler of the jobs of ``JOB``."""
        return Handler(self._report, concurrency=200)

    async def _report(self, job: ClaimedJob) -> JobOutcome:
        event = msgspec.json.decode(job.payload, type=PhoneEvent)
        # A node claims jobs before it starts its carriers.
        await self._started.wait()
        if self._listener is None:
            return Retry(_PAUSE, "the sandbox was stopped before it was started")
        if not job.holds():
            raise LeaseLost
        if event.receipt is not None:
            await self._listener.receipt(event.receipt)
        inbound = event.inbound
        if inbound is not None and not await self._listener.inbound(inbound):
            await self._database.write(lambda tx: forget_message(tx, inbound.id))
        return Success()


async def send_as_phone(
    tx: Tx, account_sid: str, phone: str, peer: str, message: PhoneText
) -> SandboxMessage:
    """Send a phone's message to one of our numbers; return its row in the conversation, with the SID that its Message
    gets."""
    row = _row(tx, account_sid, phone, peer)
    kinds = [{"url": "", "content_type": one.content_type} for one in message.media]
    # An immediate reply comes behind the message that it replies to.
    row = msgspec.structs.replace(
        row,
        message_sid=new_sid("MM" if message.media else "SM"),
        outgoing=True,
        body=message.text,
        segments=message.segments,
        media=msgspec.json.encode(kinds).decode(),
        moment=tx.now + 1,
    )
    await insert(tx, row)
    inbound = InboundMessage(
        NAME,
        phone,
        peer,
        message.text,
        segments=message.segments,
        media=message.media,
        id=row.id,
        message_sid=row.message_sid,
    )
    await enqueue(tx, _job(account_sid, PhoneEvent(inbound=inbound), order_key=f"phone {phone}"))
    return row


async def _receive(tx: Tx, submission: Submission) -> Outcome:
    # Here, since the transaction may have waited long, and is perhaps run again.
    if not submission.holds():
        return lease_ended(submission.accepted_ids)
    behaviour = behaviour_of(submission.recipient)
    if behaviour.reaction is Reaction.REJECT:
        return Rejection(behaviour.error_code, "the sandbox refuses this number")
    if behaviour.reaction is Reaction.BUSY:
        return Deferral(_PAUSE, "the sandbox's network is congested", behaviour.error_code)
    known = await find_delivery(tx, submission.message_sid)
    tries = known.tries + 1 if known else 1
    throttled = behaviour.reaction is Reaction.THROTTLE and tries <= THROTTLED
    if known is None:
        await insert(tx, _delivery(tx, submission, arrived=not throttled))
    else:
        await hand_over_again(tx, known.id, arrived=not throttled)
    if throttled:
        return Deferral(_PAUSE, "the sandbox throttles this number", counts=False)
    if known is None or not known.arrived:
        await _reply(tx, submission, behaviour)
    if behaviour.reaction is Reaction.UNKNOWN and tries == 1:
        return UnknownOutcome("the sandbox lost the response")
    await _enqueue_receipts(tx, submission, behaviour)
    return Acceptance(_ids(submission))


async def _reply(tx: Tx, submission: Submission, behaviour: Behaviour) -> None:
    """Send the phone's reply, if it has one; an alphanumeric sender gets none."""
    if submission.sender_kind is SenderKind.ALPHANUMERIC:
        return
    text = "".join(submission.segments) if behaviour.echoes else behaviour.reply
    if text:
        segments = len(submission.segments) if behaviour.echoes else 1
        message = PhoneText(text, segments)
        await send_as_phone(tx, submission.account_sid, submission.recipient, submission.sender, message)


async def _enqueue_receipts(tx: Tx, submission: Submission, behaviour: Behaviour) -> None:
    if behaviour.reaction is Reaction.SILENT:
        return
    failed = behaviour.reaction is Reaction.UNDELIVERED
    state = ReceiptState.UNDELIVERED if failed else ReceiptState.DELIVERED
    due = tx.now + int(behaviour.seconds * SECOND)
    receipts = [Receipt(NAME, id, state, behaviour.error_code or None) for id in _ids(submission)]
    account_sid = submission.account_sid
    await enqueue_many(tx, [_job(account_sid, PhoneEvent(receipt=one), due=due) for one in receipts])


def _job(account_sid: str, event: PhoneEvent, *, order_key: str = "", due: int = 0) -> Job:
    payload = msgspec.json.encode(event).decode()
    return Job(JOB, payload, order_key=order_key, due=due, account_sid=account_sid)


def _ids(submission: Submission) -> tuple[str, ...]:
    return tuple(f"{submission.message_sid}.{number}" for number in range(len(submission.segments)))


def _row(tx: Tx, account_sid: str, phone: str, peer: str) -> SandboxMessage:
    return SandboxMessage(
        id=new_token(),
        account_sid=account_sid,
        message_sid="",
        phone=phone,
        peer=peer,
        outgoing=False,
        body="",
        segments=1,
        encoding="",
        media="[]",
        tries=1,
        arrived=True,
        moment=tx.now,
    )


def _delivery(tx: Tx, submission: Submission, *, arrived: bool) -> SandboxMessage:
    return msgspec.structs.replace(
        _row(tx, submission.account_sid, submission.recipient, submission.sender),
        message_sid=submission.message_sid,
        body="".join(submission.segments),
        segments=len(submission.segments),
        encoding=submission.encoding.value,
        media=msgspec.json.encode(submission.media).decode(),
        arrived=arrived,
    )
