"""Messages that waited in senders' queues while the network was away, once it is back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from benchmarks.live.tally import Tally
from benchmarks.messaging.sending import network
from benchmarks.messaging.server import TEXT, Sender, sender, smpp
from benchmarks.messaging.trial import Trial, measure, post
from smsc import Smsc

AIM = 8_000.0
"""Segments a second over one bind."""

SENT = "sent"
LONG = TEXT * 30
"""1,470 characters: ten segments."""

SEGMENTS = {"of one segment": (TEXT, 1), "of ten segments": (LONG, 10)}


class Queue:
    """A server whose network comes and goes."""

    def __init__(self, made: Sender, smsc: Smsc, submits: Tally) -> None:
        self._made = made
        self._smsc = smsc
        self._submits = submits
        self._requested = 0

    async def sample(self, kind: str, segments: int) -> Trial:
        """Queue as many messages of a kind as make so many segments, then let the network come back; a
        message of the trial is a segment. Raise TimeoutError.
        """
        body, each = SEGMENTS[kind]
        await self._smsc.stop()
        many = segments // each
        numbers = range(self._requested, self._requested + many)
        self._requested += many
        await post(self._made.caller, partial(self._made.request, Body=body), numbers)
        stages = {SENT: (self._submits, many * each)}
        return await measure(many * each, [self._made.server.pid], ("back", self._back), stages)

    async def _back(self) -> None:
        await self._smsc.start()
        await self._smsc.bound()


@asynccontextmanager
async def queue(folder: Path) -> AsyncIterator[Queue]:
    """Yield a server with one bind."""
    submits = Tally()
    async with network(submits, receipt="") as smsc, sender(folder, smpp(smsc.port)) as made:
        yield Queue(made, smsc, submits)
