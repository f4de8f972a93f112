"""Submits over one bind, storage aside: by Trunkline's carrier and by ``smpplib``, to the same network.

The ESME has the servers' core, so each is a process of its own: ``python -m benchmarks.messaging.bind``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from time import perf_counter, process_time
from typing import NamedTuple

import uvloop
from smpplib.client import Client

from benchmarks.machine import SERVER_CORE, on_core
from benchmarks.messaging.codec import FIELDS, OURS, SMPPLIB
from benchmarks.messaging.server import TEXT, phone, smpp
from smsc import Smsc
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

_UNDER_WAY = 500
"""Messages that are handed over at once, as a sender's queue does."""


class Brought(NamedTuple):
    """Segments a second that were answered, and the processor time of one in seconds."""

    rate: float
    cpu: float


class _Deaf:
    """A receiver that ignores everything."""

    async def receipt(self, receipt: Receipt) -> None:
        """Do nothing."""

    async def awaits(self, receipt: Receipt, phone: str, number: str) -> bool:
        """Return False."""
        return False

    async def inbound(self, inbound: InboundMessage) -> bool:
        """Do nothing."""
        return True

    async def problem(self, problem: CarrierProblem) -> None:
        """Do nothing."""


async def sample(who: str, window: int, seconds: float) -> Brought:
    """Let one of them submit for so long, to an SMSC in this process."""
    async with Smsc(records=False) as smsc:
        arguments = [who, str(smsc.port), str(window), str(seconds)]
        with on_core(SERVER_CORE):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", __spec__.name, *arguments, stdout=asyncio.subprocess.PIPE
            )
        output, _ = await process.communicate()
    return Brought(*json.loads(output))


async def _by_carrier(port: int, window: int, seconds: float) -> Brought:
    carrier = SmppCarrier(SmppRoute(**{**smpp(port), "window": window}), clock=system_clock)
    await carrier.start(_Deaf())
    while not carrier.ready:
        await asyncio.sleep(0)
    count, stop = 0, perf_counter() + seconds

    async def sender(number: int) -> None:
        nonlocal count
        message = Submission(
            "SM0", "AC0", "+15005550006", SenderKind.NUMBER, phone(number), Encoding.GSM7, (TEXT,)
        )
        while perf_counter() < stop:
            await carrier.submit(message)
            count += 1

    begun, cpu = perf_counter(), process_time()
    await asyncio.gather(*map(sender, range(_UNDER_WAY)))
    took, used = perf_counter() - begun, process_time() - cpu
    await carrier.stop()
    return Brought(count / took, used / count)


def _by_smpplib(port: int, window: int, seconds: float) -> Brought:
    client = Client("127.0.0.1", port, timeout=10)
    client.set_message_sent_handler(lambda pdu: None)
    client.connect()
    client.bind_transceiver(system_id="trunkline", password="secret")
    count, sent, begun, cpu = 0, 0, perf_counter(), process_time()
    while perf_counter() - begun < seconds:
        while sent - count < window:
            client.send_message(**FIELDS)
            sent += 1
        client.read_once()
        count += 1
    took, used = perf_counter() - begun, process_time() - cpu
    while count < sent:
        client.read_once()
        count += 1
    client.unbind()
    client.disconnect()
    return Brought(count / took, used / count)


def main() -> None:
    """Submit as the arguments state, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("who", choices=[OURS, SMPPLIB])
    parser.add_argument("port", type=int)
    parser.add_argument("window", type=int)
    parser.add_argument("seconds", type=float)
    chosen = parser.parse_args()
    where = (chosen.port, chosen.window, chosen.seconds)
    print(json.dumps(uvloop.run(_by_carrier(*where)) if chosen.who == OURS else _by_smpplib(*where)))


if __name__ == "__main__":
    main()
