"""Raw bytes to and from a server on a loopback socket, for what no HTTP client can be made to send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

from trunkline.api.request_bodies import BodyMemory
from trunkline.api.uvicorn_protocol import HttpProtocol
from trunkline.core.anonymous_connections import AnonymousConnections

WAIT_SECONDS = 10.0
"""The time limit of a response; one that does not come fails its test."""


class Reply(NamedTuple):
    """An answer as it came."""

    status: int
    fields: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class WireConnection:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send each piece in a segment of its own."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(0)

    async def reply(self, *, bodiless: bool = False) -> Reply:
        """Return the next response; ``bodiless`` when it is one to HEAD. Check that nothing of it is repeated."""
        async with asyncio.timeout(WAIT_SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            start, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            pairs = [
                (name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
            ]
            fields = dict(pairs)
            assert len(fields) == len(pairs), f"a header is repeated: {pairs}"
            assert "transfer-encoding" not in fields
            length = 0 if bodiless else int(fields.get("content-length", "0"))
            return Reply(int(start.split()[1]), fields, await self._reader.readexactly(length))

    async def interim(self) -> bytes:
        """Return the head of an interim answer such as 100."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def closed(self) -> bool:
        """Return whether the server closes, and sends no more."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._reader.read() == b""

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


class Server:
    """A listening server: ``connect`` makes lines to it."""

    def __init__(self, port: int, state: ServerState) -> None:
        self._port = port
        self._state = state
        self.lines: list[WireConnection] = []

    async def connect(self) -> WireConnection:
        """Return a new connection."""
        self.lines.append(
            WireConnection(*await asyncio.open_connection("127.0.0.1", self._port, limit=2**20))
        )
        return self.lines[-1]

    @property
    def clocks(self) -> int:
        """The number of connections that are being timed."""
        return sum(protocol._deadline is not None for protocol in self._protocols())

    async def run_out(self, *, in_head: bool = False) -> None:
        """Let the time run out of the connection that is being timed, with ``in_head`` once it has begun a head."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                for protocol in self._protocols():
                    if protocol._deadline is not None and protocol._head_open is in_head:
                        protocol._stop_clock()
                        protocol._too_slow()
                        return
                await asyncio.sleep(0)

    def _protocols(self) -> list[Any]:
        return list(self._state.connections)


@asynccontextmanager
async def serving(
    application: Any,
    *,
    head_seconds: float = 30.0,
    memory: BodyMemory | None = None,
    anonymous: AnonymousConnections | None = None,
) -> AsyncIterator[Server]:
    """Serve an ASGI application on a free loopback port."""
    attributes = {
        "head_seconds": head_seconds,
        "memory": memory or BodyMemory(),
        "anonymous": AnonymousConnections(1000, 1000) if anonymous is None else anonymous,
    }
    protocol = type("Protocol", (HttpProtocol,), attributes)
    config = uvicorn.Config(
        application, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False, loop="none"
    )
    config.load()
    state = ServerState()
    listening = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    server = Server(listening.sockets[0].getsockname()[1], state)
    try:
        yield server
    finally:
        for line in server.lines:
            line.close()
        listening.close()
        for connection in list(state.connections):
            connection.shutdown()
        for task in state.tasks:
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)
        for connection in list(state.connections):
            connection.transport.abort()
        while state.connections:
            await asyncio.sleep(0)
