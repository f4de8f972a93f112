"""Connections that only stand, and how they come back after all were cut at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.live.service import DATA, gone, in_turns, service
from benchmarks.live.tally import Tally
from benchmarks.live.twilsock import Client, subscribe
from benchmarks.machine import cpu_seconds, resident_megabytes

AIM_KILOBYTES = 15.0
MISSED = 10
"""Events that each client missed, and gets by replay."""

_PATIENCE = 60.0
_KB = 1024


@dataclass(frozen=True)
class Idle:
    """The number of connections that stood, the memory of each in KB when logged in and when subscribed to
    one Document as well, and the processor time that one costs in a second when nothing happens.
    """

    connections: int
    logged_in: float
    subscribed: float
    cpu: float


@dataclass(frozen=True)
class Storm:
    """All clients come back at once. ``times`` is how long each took until it had all that it missed, in seconds;
    ``cpu`` is the server's processor time for one."""

    clients: int
    seconds: float
    times: list[float]
    cpu: float
    generator: float


async def idle(folder: Path, connections: int, seconds: float) -> Idle:
    """Let so many connections stand."""
    async with service(folder) as on:
        sid = await on.make("Documents")
        await gone(await on.clients(10))
        before = resident_megabytes(on.pid)
        clients = await on.clients(connections)
        logged_in = resident_megabytes(on.pid)
        frame = subscribe(sid, "document", 0)
        await in_turns([partial(one.follow, frame) for one in clients])
        subscribed = resident_megabytes(on.pid)
        used = cpu_seconds(on.pid)
        await asyncio.sleep(seconds)
        used = cpu_seconds(on.pid) - used
        await gone(clients)
    each = [(now - before) * _KB / connections for now in (logged_in, subscribed)]
    return Idle(connections, each[0], each[1], used / seconds / connections)


async def storm(folder: Path, many: int) -> Storm:
    """Cut so many subscribers of a List, push items to it, and let all come back at the same moment.

    Raise OSError, ConnectionLost, TimeoutError when one does not get back, or not all that it missed.
    """
    async with service(folder) as on:
        sid = await on.make("Lists")
        clients = await on.clients(many)
        frame = subscribe(sid, "list", -1)
        await in_turns([partial(one.follow, frame) for one in clients])
        await gone(clients)
        connection = await on.caller.connect()
        for _ in range(MISSED):
            push = on.caller.request("POST", f"{on.path}/Lists/{sid}/Items", {"Data": DATA})
            assert (await connection.send(push)).status == 201
        tally = Tally()
        back = [Client(tally) for _ in range(many)]
        replayed = tally.expect(many * MISSED)
        used, own, start = cpu_seconds(on.pid), process_time(), perf_counter()

        async def come_back(one: Client) -> float:
            await one.log_in(on.url, on.token)
            await one.follow(frame)
            return perf_counter() - start

        async with asyncio.timeout(_PATIENCE):
            times = sorted(await asyncio.gather(*(come_back(one) for one in back)))
            await replayed
        took = perf_counter() - start
        used, own = cpu_seconds(on.pid) - used, process_time() - own
        await gone(back)
    return Storm(many, took, times, used / many, own / took)
