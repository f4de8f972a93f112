"""Webhooks: how many a second are sent and booked durably while Documents are updated."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.live.service import DATA, service
from benchmarks.live.tally import Tally
from benchmarks.machine import cpu_seconds
from benchmarks.receiver import receiver

AIM = 2_000.0
"""Webhooks a second on one core, beside the updates that cause them."""

WRITERS = 32
_PATIENCE = 30.0


@dataclass(frozen=True)
class DeliveryFigures:
    """So many webhooks, from the first update until the last had come; ``cpu`` is the server's processor time for an
    update and its webhook."""

    webhooks: int
    updating: float
    seconds: float
    cpu: float
    generator: float

    @property
    def rate(self) -> float:
        """Webhooks a second."""
        return self.webhooks / self.seconds


async def measure(folder: Path, webhooks: int) -> DeliveryFigures:
    """Update Documents so often and wait for the webhook of each. Raise TimeoutError."""
    tally = Tally()
    async with receiver(lambda _: tally.add(1)) as url, service(folder, "--dev") as on:
        # Documents first: their creation is an event too.
        sids = [await on.make("Documents") for _ in range(WRITERS)]
        connections = [await on.caller.connect() for _ in range(WRITERS)]
        wanted = {"WebhookUrl": url, "WebhooksFromRestEnabled": "true"}
        assert (await connections[0].send(on.caller.request("POST", on.path, wanted))).status == 200
        arrived = tally.expect(webhooks)
        used, own, start = cpu_seconds(on.pid), process_time(), perf_counter()

        async def update(number: int) -> None:
            request = on.caller.request("POST", f"{on.path}/Documents/{sids[number]}", {"Data": DATA})
            for _ in range(number, webhooks, WRITERS):
                assert (await connections[number].send(request)).status == 200

        await asyncio.gather(*(update(number) for number in range(WRITERS)))
        updating = perf_counter() - start
        async with asyncio.timeout(_PATIENCE):
            await arrived
        took = perf_counter() - start
        used, own = cpu_seconds(on.pid) - used, process_time() - own
    return DeliveryFigures(webhooks, updating, took, used / webhooks, own / took)
