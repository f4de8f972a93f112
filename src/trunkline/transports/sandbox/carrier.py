"""The sandbox as a carrier: takes each message at once and durably, and tells its receipt by a job.

1. What a phone got, its receipts and its answer are one transaction.
2. A message that is handed over again, because its answer got lost, is not put into the phone a second time, and
   answered once.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.jobs.outcomes import ClaimedJob, Handler, JobOutcome, Retry, Success
from trunkline.core.jobs.queue import Job, enqueue, enqueue_many
from trunkline.core.sids import new_token
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
)
from trunkline.transports.sandbox.behaviour import THROTTLED, Behaviour, Reaction, behaviour_of
from trunkline.transports.sandbox.phones import SandboxMessage, find_delivery, hand_over_again, keep

NAME = "sandbox"
JOB = "sandbox.phone"
"""The kind of the job by which a phone tells something: a receipt or an answer."""

_PAUSE = 1.0
_MMS = ("+1", "+61")


class Told(msgspec.Struct, frozen=True):
    """A job's payload: one of both."""

    receipt: Receipt | None = None
    inbound: InboundMessage | None = None


class Said(msgspec.Struct, frozen=True):
    """What a phone sends."""

    text: str
    segments: int = 1
    media: tuple[InboundMedia, ...] = ()


class Sandbox:
    """Implements ``Carrier`` on the node's own database."""

    name = NAME
    carries_channels = True
    resends_unknown = True
    ready = True

    def __init__(self, database: Database) -> None:
        self._database = database
        self._receiver: CarrierListener | None = None
        self._started = asyncio.Event()

    def carries_media(self, recipient: str) -> bool:
        """On a channel, and where phones take MMS from abroad: in North America and Australia, as with the vendor
        (inferred)."""
        return ":" in recipient or recipient.startswith(_MMS)

    def shown(self) -> dict[str, Any]:
        """Nothing can be wrong with it."""
        return {"name": self.name, "kind": "sandbox", "ready": True}

    async def start(self, receiver: CarrierListener) -> None:
        """Tell what phones say to ``receiver``."""
        self._receiver = receiver
        self._started.set()

    async def stop(self) -> None:
        """There is nothing to close; nobody waits for a start any more."""
        self._started.set()

    async def submit(self, submission: Submission) -> Outcome:
        """Put the message into its phone."""
        try:
            return await self._database.write(lambda tx: _receive(tx, submission))
        except StorageError as error:
            return Deferral(_PAUSE, str(error), ids=submission.accepted_ids, counts=False)

    def handler(self) -> Handler:
        """Runs the jobs of ``JOB``."""
        return Handler(self._tell, concurrency=200)

    async def _tell(self, job: ClaimedJob) -> JobOutcome:
        told = msgspec.json.decode(job.payload, type=Told)
        # A node takes up the jobs that it finds before it starts its carriers.
        await self._started.wait()
        if self._receiver is None:
            return Retry(_PAUSE, "the sandbox was stopped before it was started")
        if told.receipt is not None:
            await self._receiver.receipt(told.receipt)
        if told.inbound is not None:
            await self._receiver.inbound(told.inbound)
        return Success()


async def send_as_phone(tx: Tx, account_sid: str, phone: str, peer: str, said: Said) -> str:
    """Have a phone send a message to one of our numbers; answers the id of its line in the conversation."""
    line = _line(tx, account_sid, phone, peer)
    kinds = [{"url": "", "content_type": one.content_type} for one in said.media]
    # What is answered at once stands behind what it answers.
    line = msgspec.structs.replace(
        line,
        outgoing=True,
        body=said.text,
        segments=said.segments,
        media=msgspec.json.encode(kinds).decode(),
        moment=tx.now + 1,
    )
    await keep(tx, line)
    inbound = InboundMessage(
        NAME, phone, peer, said.text, segments=said.segments, media=said.media, id=line.id
    )
    await enqueue(tx, _job(Told(inbound=inbound), order_key=f"phone {phone}"))
    return line.id


async def _receive(tx: Tx, submission: Submission) -> Outcome:
    behaviour = behaviour_of(submission.recipient)
    if behaviour.reaction is Reaction.REJECT:
        return Rejection(behaviour.error_code, "the sandbox refuses this number")
    if behaviour.reaction is Reaction.BUSY:
        return Deferral(_PAUSE, "the sandbox's network is congested", behaviour.error_code)
    known = await find_delivery(tx, submission.message_sid)
    tries = known.tries + 1 if known else 1
    throttled = behaviour.reaction is Reaction.THROTTLE and tries <= THROTTLED
    if known is None:
        await keep(tx, _delivery(tx, submission, arrived=not throttled))
    else:
        await hand_over_again(tx, known.id, arrived=not throttled)
    if throttled:
        return Deferral(_PAUSE, "the sandbox throttles this number", counts=False)
    if known is None or not known.arrived:
        await _answer(tx, submission, behaviour)
    if behaviour.reaction is Reaction.UNKNOWN and tries == 1:
        return UnknownOutcome("the sandbox lost the answer")
    await _tell_receipts(tx, submission, behaviour)
    return Acceptance(_ids(submission))


async def _answer(tx: Tx, submission: Submission, behaviour: Behaviour) -> None:
    """Have the phone write back, if it does; to a sender that is a word nobody can."""
    if submission.sender_kind is SenderKind.ALPHANUMERIC:
        return
    text = "".join(submission.segments) if behaviour.echoes else behaviour.answers
    if text:
        segments = len(submission.segments) if behaviour.echoes else 1
        said = Said(text, segments)
        await send_as_phone(tx, submission.account_sid, submission.recipient, submission.sender, said)


async def _tell_receipts(tx: Tx, submission: Submission, behaviour: Behaviour) -> None:
    if behaviour.reaction is Reaction.SILENT:
        return
    failed = behaviour.reaction is Reaction.UNDELIVERED
    state = ReceiptState.UNDELIVERED if failed else ReceiptState.DELIVERED
    due = tx.now + int(behaviour.seconds * SECOND)
    receipts = [Receipt(NAME, id, state, behaviour.error_code or None) for id in _ids(submission)]
    await enqueue_many(tx, [_job(Told(receipt=receipt), due=due) for receipt in receipts])


def _job(told: Told, *, order_key: str = "", due: int = 0) -> Job:
    return Job(JOB, msgspec.json.encode(told).decode(), order_key=order_key, due=due)


def _ids(submission: Submission) -> tuple[str, ...]:
    return tuple(f"{submission.message_sid}.{number}" for number in range(len(submission.segments)))


def _line(tx: Tx, account_sid: str, phone: str, peer: str) -> SandboxMessage:
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
        _line(tx, submission.account_sid, submission.recipient, submission.sender),
        message_sid=submission.message_sid,
        body="".join(submission.segments),
        segments=len(submission.segments),
        encoding=submission.encoding.value,
        media=msgspec.json.encode(submission.media).decode(),
        arrived=arrived,
    )
