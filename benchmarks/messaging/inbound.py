"""Messages from phones: from the deliver_sm to the app's webhook, and the reply that its TwiML requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.live.tally import Tally
from benchmarks.messaging.sending import network
from benchmarks.messaging.server import NUMBERS, TEXT, Sender, phone, sender, smpp
from benchmarks.messaging.trial import Trial, measure
from benchmarks.receiver import receiver
from smsc import Smsc, mobile
from trunkline.transports.smpp.commands import Command

ACCEPTED, NOTIFIED, REPLIED = "taken", "told", "replied"
UNDER_WAY = 100
"""The number of messages that the SMSC sends without having a response."""

_TWIML = b"<Response><Message>Thank you</Message></Response>"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_TWIML),
    _TWIML,
)


class Phones:
    """Phones that write to a server's numbers, each to one, and an app that answers each."""

    def __init__(self, made: Sender, smsc: Smsc, webhooks: Tally, replied: Tally) -> None:
        self._made = made
        self._smsc = smsc
        self._webhooks = webhooks
        self._replied = replied
        self._number = 0

    async def sample(self, messages: int) -> Trial:
        """Write so many messages. Raise TimeoutError."""
        numbers = iter(range(self._number, self._number + messages))
        self._number += messages

        async def write() -> None:
            for number in numbers:
                ours = NUMBERS[number % len(NUMBERS)].strip("+")
                body = mobile(phone(number).strip("+"), ours, TEXT)
                assert await self._smsc.receiver.request(Command.DELIVER_SM, body) == 0

        async def begin() -> None:
            await asyncio.gather(*(write() for _ in range(UNDER_WAY)))

        stages = {NOTIFIED: (self._webhooks, messages), REPLIED: (self._replied, messages)}
        return await measure(messages, [self._made.server.pid], (ACCEPTED, begin), stages)


@asynccontextmanager
async def phones(folder: Path) -> AsyncIterator[Phones]:
    """Yield a server with one bind, and an app that replies with a text."""
    webhooks, replied = Tally(), Tally()
    async with (
        network(replied) as smsc,
        receiver(lambda _: webhooks.add(1), RESPONSE) as app,
        sender(folder, smpp(smsc.port), app=app) as made,
    ):
        await smsc.bound()
        yield Phones(made, smsc, webhooks, replied)
