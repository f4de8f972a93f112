"""Messages from their request to the callback that reports delivered, by each of the servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.live.tally import Tally
from benchmarks.messaging.server import sender, smpp
from benchmarks.messaging.trial import Trial, measure, post
from benchmarks.receiver import receiver
from keepalive import Caller
from smsc import Reply, Smsc, Submit

AIM = 1_500.0
"""Messages a second on one core."""

ACCEPTED, SUBMITTED, DELIVERED = "accepted", "submitted", "delivered"
CALLBACKS = 2
"""Of each message: sent and delivered."""


@dataclass
class SendingServer:
    """A sending server, and the form of its requests. ``submits`` counts what the network is handed, where
    that can be seen, ``callbacks`` what the app receives.
    """

    name: str
    pids: Sequence[int]
    caller: Caller
    request: Callable[[int], bytes]
    status: int
    submits: Tally | None
    callbacks: Tally
    requested: int = field(default=0, init=False)

    async def sample(self, messages: int) -> Trial:
        """Send so many messages. Raise TimeoutError."""
        numbers = range(self.requested, self.requested + messages)
        self.requested += messages
        stages = {} if self.submits is None else {SUBMITTED: (self.submits, messages)}
        return await measure(
            messages,
            self.pids,
            (ACCEPTED, partial(post, self.caller, self.request, numbers, self.status)),
            {**stages, DELIVERED: (self.callbacks, CALLBACKS * messages)},
        )


@asynccontextmanager
async def network(tally: Tally, receipt: str = "DELIVRD") -> AsyncIterator[Smsc]:
    """Yield an SMSC in the generator's process, which counts what it is handed and accepts all of it."""

    def respond(submit: Submit) -> Reply:
        tally.add(1)
        return Reply(message_id=str(submit.count), receipt=receipt)

    async with Smsc(respond=respond, records=False) as smsc:
        yield smsc


@asynccontextmanager
async def trunkline(folder: Path) -> AsyncIterator[SendingServer]:
    """Yield Trunkline with one SMPP bind."""
    submits, callbacks = Tally(), Tally()
    async with (
        network(submits) as smsc,
        receiver(lambda _: callbacks.add(1)) as app,
        sender(folder, smpp(smsc.port)) as made,
    ):
        await smsc.bound()
        request = partial(made.request, StatusCallback=app)
        yield SendingServer(
            "Trunkline, SMPP", [made.server.pid], made.caller, request, 201, submits, callbacks
        )


@asynccontextmanager
async def sandbox(folder: Path) -> AsyncIterator[SendingServer]:
    """Yield Trunkline without a carrier."""
    callbacks = Tally()
    async with receiver(lambda _: callbacks.add(1)) as app, sender(folder) as made:
        request = partial(made.request, StatusCallback=app)
        yield SendingServer(
            "Trunkline, sandbox", [made.server.pid], made.caller, request, 201, None, callbacks
        )
