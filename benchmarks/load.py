"""The load: so many connections, each with one request at a time, for so many seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, process_time

from benchmarks.machine import cpu_seconds
from keepalive import Caller, Connection, ConnectionClosed, ConnectionLost


@dataclass(frozen=True)
class Sample:
    """One measurement. ``cpu`` is the server's processor time for one request, in seconds.

    ``generator`` is how busy the generator was, from 0 to 1: near 1 it may have been what held things up.
    """

    done: int
    errors: int
    seconds: float
    cpu: float
    slowest_percent: float
    generator: float = 0.0

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.done / self.seconds


@dataclass(frozen=True)
class Request:
    """A request, and the status of a right response."""

    content: bytes
    status: int


Send = Callable[[], Awaitable[bool]]
"""A function that sends one request and returns whether the response was right; it may raise ConnectionClosed or
ConnectionLost.
"""


async def measure(caller: Caller, pid: int, request: Request, connections: int, seconds: float) -> Sample:
    """Load a server with one request and return its figures. Other statuses count as errors."""
    opened = [await caller.connect() for _ in range(connections)]
    sample = await load([sending(one, request) for one in opened], pid, seconds)
    for one in opened:
        one.close()
    return sample


def sending(connection: Connection, request: Request) -> Send:
    """Return a function that sends a request on a connection."""

    async def send() -> bool:
        return (await connection.send(request.content)).status == request.status

    return send


async def load(sends: Sequence[Send], pid: int, seconds: float) -> Sample:
    """Send all of them over and over, beside each other, each one response after the other."""
    warm = perf_counter() + seconds / 10
    await asyncio.gather(*(_repeat(one, lambda: perf_counter() < warm) for one in sends))
    used, own, start = cpu_seconds(pid), process_time(), perf_counter()
    end = start + seconds
    results = await asyncio.gather(*(_repeat(one, lambda: perf_counter() < end) for one in sends))
    took = perf_counter() - start
    own, used = process_time() - own, cpu_seconds(pid) - used
    times = sorted(time for times, _ in results for time in times)
    return Sample(
        done=len(times),
        errors=sum(errors for _, errors in results),
        seconds=took,
        cpu=used / max(len(times), 1),
        slowest_percent=times[len(times) * 99 // 100] if times else 0.0,
        generator=own / took,
    )


async def _repeat(send: Send, going: Callable[[], bool]) -> tuple[list[float], int]:
    times: list[float] = []
    errors = 0
    while going():
        start = perf_counter()
        try:
            right = await send()
        except (ConnectionClosed, ConnectionLost):
            return times, errors + 1
        if right:
            times.append(perf_counter() - start)
        else:
            errors += 1
    return times, errors
