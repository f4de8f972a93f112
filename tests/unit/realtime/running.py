"""The realtime door behind the HTTP protocol on a loopback socket, with stand-ins for all that it asks, and clients."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import uvicorn
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection, connect

from trunkline.api.uvicorn_protocol import HttpProtocol
from trunkline.core.access_tokens import Grant, InvalidToken, Rule
from trunkline.realtime.border import Peer, TooManyLogins, TunnelReply, TunnelRequest
from trunkline.realtime.gateway import ConnectionLimits, GatewayServices, RealtimeGateway, event_frame
from trunkline.realtime.objects.hub import Hub
from unit.realtime.wire import ReceivedPacket, init, packet, parse, request

SECOND = 1_000_000
START = 1_000 * SECOND
TIMEOUT = 20.0
Handler = Callable[[Peer, TunnelRequest], Awaitable[TunnelReply]]


async def _echo(peer: Peer, incoming: TunnelRequest) -> TunnelReply:
    return TunnelReply(200, {"content-type": "application/json"}, incoming.body or b"{}")


class World:
    """A door with its stand-ins: verifier, tunnel, lifecycle and clock at once."""

    def __init__(self, limits: ConnectionLimits | None = None) -> None:
        self.now = START
        self.handler: Handler = _echo
        self.verifying: asyncio.Event | None = None
        self.presence: list[tuple[str, str]] = []
        self.notified = asyncio.Event()
        self.missed: list[tuple[str, int]] = []
        self.hub = Hub(lambda topic, after: self.missed.append((topic, after)))
        self.gateway = RealtimeGateway(GatewayServices(self, self, self, lambda: self.now), b"key", limits)
        self.state = ServerState()
        self.config = uvicorn.Config(_app, ws=self.gateway.protocol, lifespan="off", log_config=None)  # type: ignore[arg-type]
        self.config.load()
        self.port = 0

    async def verify(self, token: str, product: str) -> Grant:
        """Accept ``identity`` or ``identity/seconds`` as a token; refuse a few words."""
        if self.verifying is not None:
            await self.verifying.wait()
        if token == "bad":
            raise InvalidToken(Rule.SIGNATURE, "bad")
        if token == "busy":
            raise TooManyLogins(2500)
        if token == "bug":
            raise ZeroDivisionError
        identity, _, seconds = token.partition("/")
        return Grant("AC1", {product: "IS1"}, identity, "SK1", self.now + int(seconds or 3600) * SECOND)

    async def request(self, peer: Peer, incoming: TunnelRequest) -> TunnelReply:
        """Run whatever the test needs."""
        return await self.handler(peer, incoming)

    def connected(self, peer: Peer) -> None:
        """Keep it."""
        self._note("connected", peer)

    def disconnected(self, peer: Peer) -> None:
        """Keep it."""
        self.hub.leave(peer)
        self._note("disconnected", peer)

    def _note(self, what: str, peer: Peer) -> None:
        self.presence.append((what, peer.grant.identity))
        self.notified.set()

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(TIMEOUT):
            while not done():
                await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * SECOND)
        self.gateway.tick()

    def protocol(self) -> asyncio.Protocol:
        """Return a fresh connection's protocol."""
        return HttpProtocol(config=self.config, server_state=self.state, app_state={})


async def _app(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("no request comes here")


class Client:
    """A client of the door."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._id = 0

    async def send(self, message: bytes) -> None:
        """Send a packet."""
        await self.socket.send(message)

    async def receive(self) -> ReceivedPacket:
        """Return the server's next packet."""
        async with asyncio.timeout(TIMEOUT):
            message = await self.socket.recv()
        assert isinstance(message, bytes)
        return parse(message)

    async def login(self, token: str = "alice", **fields: Any) -> ReceivedPacket:
        """Send init; the answer."""
        await self.send(init(token, **fields))
        return await self.receive()

    async def request(self, method: str, path: str, body: Any = None, **fields: Any) -> ReceivedPacket:
        """Send a request; its answer."""
        self._id += 1
        await self.send(request(method, path, f"TM{self._id}", body, **fields))
        got = await self.receive()
        assert got.header["id"] == f"TM{self._id}"
        return got

    async def acknowledge(self, got: ReceivedPacket) -> None:
        """Acknowledge a packet as clients do."""
        await self.send(packet("reply", got.header["id"], status={"code": 200, "status": "OK"}))

    async def ended(self) -> int | None:
        """Wait for the end; the code of the close frame."""
        async with asyncio.timeout(TIMEOUT):
            await self.socket.wait_closed()
        return self.socket.close_code


@asynccontextmanager
async def world(limits: ConnectionLimits | None = None) -> AsyncIterator[World]:
    """Yield a door that listens, until the end of the test."""
    made = World(limits)
    listening = await asyncio.get_running_loop().create_server(made.protocol, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listening.close()
        await made.gateway.stop(0.1)


@asynccontextmanager
async def client(to: World, path: str = "/v3/wsconnect", **options: Any) -> AsyncIterator[Client]:
    """Yield a client on a WebSocket of its own."""
    settings = {"proxy": None, "max_size": None, "ping_interval": None, "close_timeout": 1, **options}
    async with connect(f"ws://127.0.0.1:{to.port}{path}", **settings) as connection:
        yield Client(connection)


@asynccontextmanager
async def clients(to: World, *tokens: str) -> AsyncIterator[list[Client]]:
    """Yield clients that are logged in."""
    async with AsyncExitStack() as stack:
        found = [await stack.enter_async_context(client(to)) for _ in tokens]
        for one, token in zip(found, tokens, strict=True):
            await one.login(token)
        yield found


def blocked_socket(port: int) -> socket.socket:
    """Return a plain connection with a small receive buffer, for a client that does not read."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(("127.0.0.1", port))
    return made


def event(text: str) -> bytes:
    """Return an event's frame."""
    return event_frame("twilio.sync.event", f'"{text}"'.encode())
