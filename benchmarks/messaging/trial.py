"""One measurement: so many messages, and when the last of them had come how far."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter, process_time

from benchmarks.live.tally import Tally
from benchmarks.machine import cpu_seconds
from keepalive import Caller

CONNECTIONS = 64
PATIENCE = 120.0
"""Seconds until what has not come is taken for lost."""


@dataclass(frozen=True)
class Trial:
    """So many messages: the seconds until the last had come through each stage; ``cpu`` is the server's processor time
    for one in seconds, ``generator`` how busy the generator was, from 0 to 1."""

    messages: int
    stages: dict[str, float]
    cpu: float
    generator: float

    def rate(self, stage: str) -> float:
        """Return messages a second that came through a stage."""
        return self.messages / self.stages[stage]


async def measure(
    messages: int,
    pids: Sequence[int],
    begin: tuple[str, Callable[[], Awaitable[None]]],
    stages: Mapping[str, tuple[Tally, int]],
) -> Trial:
    """Begin, and wait until each stage's tally has counted so many. ``begin`` is a stage too, which ends when
    that returns. Raise TimeoutError.
    """
    expected = [tally.expect(many) for tally, many in stages.values()]
    used, own, start = sum(map(cpu_seconds, pids)), process_time(), perf_counter()
    async with asyncio.timeout(PATIENCE):
        await begin[1]()
        took = {begin[0]: perf_counter() - start}
        for one in expected:
            await one
    took |= {name: tally.last - start for name, (tally, _) in stages.items()}
    busy = (process_time() - own) / (perf_counter() - start)
    return Trial(messages, took, (sum(map(cpu_seconds, pids)) - used) / messages, busy)


async def post(caller: Caller, requests: Callable[[int], bytes], numbers: range, status: int = 201) -> None:
    """Send requests for messages, over some connections beside each other."""

    async def work(first: int) -> None:
        connection = await caller.connect()
        for number in numbers[first::CONNECTIONS]:
            async with asyncio.timeout(PATIENCE):
                response = await connection.send(requests(number))
            assert response.status == status, response
        connection.close()

    await asyncio.gather(*map(work, range(CONNECTIONS)))
