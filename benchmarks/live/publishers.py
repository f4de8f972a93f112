"""Publishers of events to many subscribers: Trunkline, and the bare foundation beside it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from benchmarks import HOME
from benchmarks.live.service import DATA, Service, gone, in_turns, service
from benchmarks.live.sockets import Socket
from benchmarks.live.tally import Tally
from benchmarks.live.twilsock import subscribe
from benchmarks.machine import SERVER_CORE, on_core
from keepalive import Connection

OURS = "Trunkline"
MAX_BURST = 20


class Documents:
    """Subscribers to one Document, which is updated over REST."""

    def __init__(self, name: str, on: Service, sid: str, tally: Tally, writers: list[Connection]) -> None:
        self.name = name
        self.pid = on.pid
        self.tally = tally
        self._writers = writers
        self._request = on.caller.request("POST", f"{on.path}/Documents/{sid}", {"Data": DATA})

    async def write(self, burst: int) -> None:
        """Write so many updates on as many connections."""
        responses = await asyncio.gather(*(one.send(self._request) for one in self._writers[:burst]))
        assert all(response.status == 200 for response in responses), responses


@asynccontextmanager
async def trunkline(folder: Path, subscribers: int, *, acknowledge: bool) -> AsyncIterator[Documents]:
    """Yield Trunkline with so many subscribers to a Document; the SDK's clients acknowledge every event."""
    async with service(folder) as on:
        tally, sid = Tally(), await on.make("Documents")
        clients = await on.clients(subscribers, tally, acknowledge=acknowledge)
        frame = subscribe(sid, "document", 0)
        await in_turns([partial(one.follow, frame) for one in clients])
        writers = [await on.caller.connect() for _ in range(MAX_BURST)]
        name = f"{OURS}, acknowledged" if acknowledge else OURS
        yield Documents(name, on, sid, tally, writers)
        for writer in writers:
            writer.close()
        await gone(clients)


class Bare:
    """A program that writes the same frames to all its connections, and does nothing else."""

    def __init__(self, pid: int, tally: Tally, order: Socket) -> None:
        self.name = "bare uvloop"
        self.pid = pid
        self.tally = tally
        self._order = order

    async def write(self, burst: int) -> None:
        """Order a burst; there is no response."""
        self._order.send(b"%d\n" % burst)


@asynccontextmanager
async def bare(subscribers: int) -> AsyncIterator[Bare]:
    """Yield the most that the foundation can do."""
    with socket.create_server(("127.0.0.1", 0), backlog=8192) as listening:
        port = listening.getsockname()[1]
        listening.set_inheritable(True)
        command = [sys.executable, "-m", "benchmarks.live.bare", str(listening.fileno())]
        with on_core(SERVER_CORE):
            process = subprocess.Popen(command, cwd=HOME.parent, pass_fds=[listening.fileno()])
    try:
        tally, joined = Tally(), list[Socket]()
        greeted = tally.expect(subscribers + 1)

        def count(_data: bytes, _start: int, _end: int) -> None:
            tally.add(1)

        async def join() -> None:
            loop = asyncio.get_running_loop()
            joined.append((await loop.create_connection(lambda: Socket(count), "127.0.0.1", port))[1])

        await in_turns([join] * (subscribers + 1))
        await greeted
        yield Bare(process.pid, tally, joined[0])
        await gone(joined)
    finally:
        process.kill()
        process.wait()
