"""Scheduled messages that all fall due in the same moment: each gets its sender from a Service's pool and is sent."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from time import time

from benchmarks.live.service import post
from benchmarks.live.tally import Tally
from benchmarks.messaging.sending import network
from benchmarks.messaging.server import TEXT, Sender, beside, numbers_of, phone, sender, smpp
from benchmarks.messaging.trial import Trial, measure
from trunkline.core.clock import SECOND, system_clock
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Database, Tx
from trunkline.products.messaging.lifecycle.message import (
    Direction,
    Message,
    MessageOptions,
    MessageStatus,
    encode_options,
)
from trunkline.products.messaging.policy import MessageRules
from trunkline.products.messaging.sending.accept import accept_message

DUE, SENT = "due", "sent"

_AT_ONCE = 1_000
_AHEAD = 3
"""Seconds from what falls due being moved there; longer than the server takes to look."""
_HOUR = 3600 * SECOND


async def scheduled(folder: Path, messages: int) -> Trial:
    """Let so many fall due; ``due`` is when the first was sent. Raise TimeoutError."""
    submits = Tally()
    async with network(submits, receipt="") as smsc, sender(folder, smpp(smsc.port)) as made:
        await smsc.bound()
        service_sid = await _service(made)
        server = made.server
        await beside(server, lambda database: _fill(database, server.account_sid, service_sid, messages))
        due = time() + _AHEAD
        await beside(server, lambda database: database.write(partial(_move, due=int(due * SECOND))))
        await asyncio.sleep(due - time())

        async def first() -> None:
            while not submits.first:
                await asyncio.sleep(0.001)

        return await measure(messages, [server.pid], (DUE, first), {SENT: (submits, messages)})


async def _service(made: Sender) -> str:
    """Return a Service with all numbers in its pool."""
    service = await post(made.caller, "/messaging/v1/Services", {"FriendlyName": "of a benchmark"})
    for sid in await numbers_of(made.server):
        await post(
            made.caller, f"/messaging/v1/Services/{service['sid']}/PhoneNumbers", {"PhoneNumberSid": sid}
        )
    return str(service["sid"])


async def _fill(database: Database, account_sid: str, service_sid: str, messages: int) -> None:
    for start in range(0, messages, _AT_ONCE):

        async def write(tx: Tx, start: int = start) -> None:
            for number in range(start, min(start + _AT_ONCE, messages)):
                await accept_message(tx, _message(account_sid, service_sid, number), MessageRules())

        await database.write(write)


def _message(account_sid: str, service_sid: str, number: int) -> Message:
    now = system_clock()
    return Message(
        sid=new_sid("SM"),
        account_sid=account_sid,
        date_created=now,
        date_updated=now,
        date_sent=None,
        direction=Direction.API.value,
        status=MessageStatus.SCHEDULED.value,
        sender=None,
        recipient=phone(number),
        body=TEXT,
        service_sid=service_sid,
        options=encode_options(MessageOptions(send_at=now + _HOUR)),
    )


async def _move(tx: Tx, due: int) -> None:
    await tx.run("UPDATE message_queue SET due = :due WHERE step = 'scheduled'", due=due)
