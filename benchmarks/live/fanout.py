"""Fan-out: how fast one write, or a burst of them, reaches all subscribers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Protocol

from benchmarks.live.tally import Tally
from benchmarks.machine import cpu_seconds

PATIENCE = 20.0
"""Seconds until a fan-out that is not complete counts as failed."""


class Publisher(Protocol):
    """A server with subscribers to one thing. All their messages go to one tally."""

    name: str
    pid: int
    tally: Tally

    async def write(self, burst: int) -> None:
        """Write so many times at once, and return when the last write is answered."""
        ...


@dataclass(frozen=True)
class Spread:
    """Some fan-outs of one kind; times in seconds, one for each. ``spreading`` is from the first subscriber to the
    last, ``behind`` from the write's answer to the last subscriber, and 0 when the answer came later."""

    frames: int
    spreading: list[float]
    behind: list[float]
    whole: list[float]
    cpu: float
    generator: float

    @property
    def rate(self) -> float:
        """Frames a second while they were spread."""
        return self.frames * len(self.spreading) / sum(self.spreading)

    @property
    def capacity(self) -> float:
        """Frames a second that the generator could read at most."""
        return self.frames * len(self.spreading) / self.generator


async def measure(publisher: Publisher, subscribers: int, burst: int, times: int) -> Spread:
    """Write and wait until all have it, some times. Raise TimeoutError."""
    frames = subscribers * burst
    spreading: list[float] = []
    behind: list[float] = []
    whole: list[float] = []
    used, own = cpu_seconds(publisher.pid), process_time()
    for _ in range(times):
        complete = publisher.tally.expect(frames)
        start = perf_counter()
        await publisher.write(burst)
        answered = perf_counter()
        async with asyncio.timeout(PATIENCE):
            await complete
        spreading.append(max(publisher.tally.last - publisher.tally.first, 1e-6))
        behind.append(max(publisher.tally.last - answered, 0.0))
        whole.append(publisher.tally.last - start)
    done = frames * times
    return Spread(
        frames, spreading, behind, whole, (cpu_seconds(publisher.pid) - used) / done, process_time() - own
    )
