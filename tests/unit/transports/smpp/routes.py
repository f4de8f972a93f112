"""Routes and messages that the tests of the SMPP carrier begin with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from trunkline.core.clock import system_clock
from trunkline.transports.base import (
    CarrierProblem,
    Encoding,
    InboundMessage,
    Receipt,
    SenderKind,
    Submission,
)
from trunkline.transports.smpp.carrier import SmppCarrier
from trunkline.transports.smpp.settings import SmppRoute


def route(**options: Any) -> SmppRoute:
    """Return a route with these options."""
    fields = {"name": "main", "host": "127.0.0.1", "system_id": "trunkline", "password": "secret", **options}
    return SmppRoute(**fields)


def submission(*parts: str, **more: Any) -> Submission:
    """Return a message of these segments."""
    fields: dict[str, Any] = {
        "message_sid": "SM1",
        "account_sid": "AC1",
        "sender": "+15005550006",
        "sender_kind": SenderKind.NUMBER,
        "recipient": "+15005550100",
        "encoding": Encoding.GSM7,
        "segments": parts or ("Hi €",),
        "reference": 7,
        **more,
    }
    return Submission(**fields)


FAST: dict[str, Any] = {
    "reconnect_first": 0.001,
    "reconnect_most": 0.01,
    "throttle_first": 0.005,
    "throttle_most": 0.01,
}
"""Pauses that tests can wait for."""


class Recorder:
    """A receiver that keeps what it receives. ``failures`` is the number of calls that fail first; ``gate``,
    when it is set to an event, holds calls up until it is set.
    """

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.inbounds: list[InboundMessage] = []
        self.problems: list[CarrierProblem] = []
        self.awaited: set[str] = set()
        """The ids that messages wait for."""
        self.addresses: list[tuple[str, str]] = []
        """The phones and numbers that a receipt has to fit."""
        self.failures = 0
        self.keeps = True
        self.gate: asyncio.Event | None = None
        self.calls = 0
        self._changed = asyncio.Event()

    async def receipt(self, receipt: Receipt) -> None:
        """Keep a receipt."""
        await self._take()
        self.receipts.append(receipt)

    async def awaits(self, receipt: Receipt, phone: str, number: str) -> bool:
        """Return whether one of its ids is awaited."""
        self.addresses.append((phone, number))
        return not self.awaited.isdisjoint(receipt.ids)

    async def inbound(self, inbound: InboundMessage) -> bool:
        """Keep a message."""
        await self._take()
        self.inbounds.append(inbound)
        return self.keeps

    async def problem(self, problem: CarrierProblem) -> None:
        """Keep a problem."""
        await self._take()
        self.problems.append(problem)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so that a call changes."""
        async with asyncio.timeout(20):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def _take(self) -> None:
        self.calls += 1
        self._changed.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is full")
        self._changed.set()


async def turns(condition: Callable[[], object]) -> None:
    """Let the loop turn until something is so."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)


@asynccontextmanager
async def running(port: int, **options: Any) -> AsyncIterator[tuple[SmppCarrier, Recorder]]:
    """Yield a carrier that binds to an SMSC, and what it receives."""
    carrier, recorder = SmppCarrier(route(port=port, **{**FAST, **options}), clock=system_clock), Recorder()
    await carrier.start(recorder)
    try:
        yield carrier, recorder
    finally:
        await carrier.stop()
