"""The sandbox as a carrier: takes each message at once and durably, and tells its receipt by a job."""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.jobs.outcome import Claimed, Done, Handler
from trunkline.core.jobs.outcome import Outcome as JobOutcome
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.sids import new_token
from trunkline.core.storage.database import Database, StorageError, Tx
from trunkline.transports.base import (
    Deferred,
    Inbound,
    Outcome,
    Receipt,
    ReceiptState,
    Receiver,
    Rejected,
    Submission,
    Submitted,
    Unknown,
)
from trunkline.transports.sandbox.behaviour import Behaviour, Reaction, behaviour_of
from trunkline.transports.sandbox.phones import SandboxMessage, count_try, find_delivery, keep

NAME = "sandbox"
JOB = "sandbox.phone"
"""The kind of the job by which a phone tells something: a receipt or an answer."""

_THROTTLED = 2
_PAUSE = 1.0


class Told(msgspec.Struct, frozen=True):
    """A job's payload: one of both."""

    receipt: Receipt | None = None
    inbound: Inbound | None = None


class Sandbox:
    """Implements ``Carrier`` on the node's own database."""

    name = NAME
    carries_media = True
    carries_channels = True
    resends_unknown = True
    ready = True
    window = 500

    def __init__(self, database: Database) -> None:
        self._database = database
        self._receiver: Receiver | None = None

    def shown(self) -> dict[str, Any]:
        """Nothing can be wrong with it."""
        return {"name": self.name, "kind": "sandbox", "ready": True}

    async def start(self, receiver: Receiver) -> None:
        """Tell what phones say to ``receiver``."""
        self._receiver = receiver

    async def stop(self) -> None:
        """Nothing to close."""

    async def submit(self, submission: Submission) -> Outcome:
        """Put the message into its phone."""
        try:
            return await self._database.write(lambda tx: _receive(tx, submission))
        except StorageError as error:
            return Deferred(_PAUSE, str(error), ids=submission.taken, counts=False)

    def handler(self) -> Handler:
        """Runs the jobs of ``JOB``."""
        return Handler(self._tell, concurrency=200)

    async def _tell(self, job: Claimed) -> JobOutcome:
        told = msgspec.json.decode(job.payload, type=Told)
        assert self._receiver is not None, "the sandbox was not started"
        if told.receipt is not None:
            await self._receiver.receipt(told.receipt)
        if told.inbound is not None:
            await self._receiver.inbound(told.inbound)
        return Done()


async def send_as_phone(tx: Tx, account_sid: str, phone: str, peer: str, body: str, segments: int = 1) -> str:
    """Have a phone send a message to one of our numbers; answers the id of its line in the conversation."""
    line = _line(tx, account_sid, "", phone, peer)
    line = msgspec.structs.replace(line, outgoing=True, body=body, segments=segments)
    await keep(tx, line)
    inbound = Inbound(NAME, phone, peer, body, parts=segments, id=line.id)
    await enqueue(
        tx, Job(JOB, msgspec.json.encode(Told(inbound=inbound)).decode(), order_key=f"phone {phone}")
    )
    return line.id


async def _receive(tx: Tx, submission: Submission) -> Outcome:
    behaviour = behaviour_of(submission.recipient)
    if behaviour.reaction is Reaction.REJECT:
        return Rejected(behaviour.error_code, "the sandbox refuses this number")
    if behaviour.reaction is Reaction.BUSY:
        return Deferred(_PAUSE, "the sandbox's network is congested", behaviour.error_code)
    known = await find_delivery(tx, submission.message_sid)
    tries = known.tries + 1 if known else 1
    if known is None:
        known = _line(
            tx, submission.account_sid, submission.message_sid, submission.recipient, submission.sender
        )
        throttled = behaviour.reaction is Reaction.THROTTLE
        text = "" if throttled else "".join(submission.parts)
        await keep(tx, _filled(known, submission, text))
    else:
        await count_try(tx, known.id)
    if behaviour.reaction is Reaction.THROTTLE:
        if tries <= _THROTTLED:
            return Deferred(_PAUSE, "the sandbox throttles this number", counts=False)
        await tx.run(
            "UPDATE sandbox_messages SET body = :body WHERE id = :id",
            body="".join(submission.parts),
            id=known.id,
        )
    if behaviour.reaction is Reaction.UNKNOWN and tries == 1:
        return Unknown("the sandbox lost the answer")
    await _answer(tx, submission, behaviour)
    return Submitted(_ids(submission))


async def _answer(tx: Tx, submission: Submission, behaviour: Behaviour) -> None:
    """Have the phone tell its receipts and its answer."""
    due = tx.now + int(behaviour.seconds * SECOND)
    if behaviour.reaction is not Reaction.SILENT:
        state = ReceiptState.DELIVERED
        if behaviour.reaction is Reaction.UNDELIVERED:
            state = ReceiptState.UNDELIVERED
        for id in _ids(submission):
            receipt = Receipt(NAME, id, state, behaviour.error_code or None)
            await enqueue(tx, Job(JOB, msgspec.json.encode(Told(receipt=receipt)).decode(), due=due))
    text = "".join(submission.parts) if behaviour.echoes else behaviour.answers
    if text:
        await send_as_phone(tx, submission.account_sid, submission.recipient, submission.sender, text)


def _ids(submission: Submission) -> tuple[str, ...]:
    return tuple(f"{submission.message_sid}.{number}" for number in range(len(submission.parts)))


def _line(tx: Tx, account_sid: str, message_sid: str, phone: str, peer: str) -> SandboxMessage:
    return SandboxMessage(
        id=new_token(),
        account_sid=account_sid,
        message_sid=message_sid,
        phone=phone,
        peer=peer,
        outgoing=False,
        body="",
        segments=1,
        encoding="",
        media="[]",
        tries=1,
        date_created=tx.now,
    )


def _filled(line: SandboxMessage, submission: Submission, text: str) -> SandboxMessage:
    return msgspec.structs.replace(
        line,
        body=text,
        segments=len(submission.parts),
        encoding=submission.encoding.value,
        media=msgspec.json.encode(submission.media).decode(),
    )
