"""Peers whose responses lie in the sockets of a process that stood still: none of them counts as silent.

The event loop has a clock that jumps, and as uvloop it calls timers before it reads.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from trunkline.core import late_timers
from trunkline.core.anonymous_connections import AnonymousConnections
from trunkline.core.egress.client import Egress
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.nats_bus import NatsBus
from trunkline.core.open_files import OpenFiles
from trunkline.realtime.session import MISSES
from trunkline.switch import passthrough
from trunkline.switch.authority import Authority
from trunkline.switch.proxy import ConnectProxy, ProxyBounds
from trunkline.transports.base import Acceptance
from trunkline.transports.http.carrier import HttpCarrier
from trunkline.transports.http.settings import HttpRoute
from trunkline.transports.smpp.commands import RESPONSE, Command
from trunkline.transports.smpp.connection import Binding, SmscAddress, SmscConnection, connect
from trunkline.transports.smpp.pdu import frame
from trunkline.transports.smpp.pdu_bodies import BindRequest
from trunkline.transports.smpp.session import DeliverRequest, SessionEnd, SessionTimeouts, SubmitResult
from trunkline.transports.smpp.stream import Splitter
from unit.core.egress.peers import peer
from unit.realtime.running import world
from unit.realtime.test_websocket import masked, raw
from unit.realtime.wire import init, packet, parse, request
from unit.switch.running import LOG, EchoDoor, connect_head, strict_context
from unit.transports.smpp.routes import Recorder, submission
from wire import serving

PATIENCE = 20.0
LONG = 3600.0
"""Seconds for which the process stands still."""


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers come before its sockets, with a clock that is ``ahead``."""

    ahead = 0.0

    def __init__(self) -> None:
        self._reported: set[int] = set()
        super().__init__()

    def time(self) -> float:
        """Return the time of the jumping clock."""
        return super().time() + self.ahead

    def stand_still(self, seconds: float = LONG) -> None:
        """Let the time pass, in which peers have sent what they sent and nothing was read."""
        self.ahead += seconds

    def _process_events(self, event_list: Any) -> None:
        # Called before the timers that are due. What is called soon from there comes behind them; until it has been
        # read, the selector reports it again.
        handles = [(key, mask) for key, mask in event_list if key.fd not in self._reported]
        if handles:
            self._reported |= {key.fd for key, _ in handles}
            self.call_soon(self._read, handles)

    def _read(self, handles: Any) -> None:
        kept = [(key, mask) for key, mask in handles if not any(one and one._cancelled for one in key.data)]
        super()._process_events(kept)  # type: ignore[misc]
        self.call_soon(self._reported.difference_update, {key.fd for key, _ in handles})


Play = Callable[[Callable[[JumpingLoop], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Run a scenario on such a loop."""
    monkeypatch.setattr(late_timers, "READING", 0.01)

    def go(scenario: Callable[[JumpingLoop], Coroutine[Any, Any, None]]) -> None:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, JumpingLoop)
            runner.run(scenario(loop))

    return go


@pytest.mark.parametrize("sent", ["reply", "request"])
def test_a_realtime_client_that_replied_stays_connected(play: Play, sent: str) -> None:
    async def scenario(loop: JumpingLoop) -> None:
        async with world() as made, raw(made) as one:
            one.writer.write(masked(2, init("alice")))
            assert await one.code() == 200
            pings = []
            for _ in range(MISSES):
                made.advance(30)
                pings.append(parse((await one.frame())[1]).header)
            assert [header["method"] for header in pings] == ["ping"] * MISSES
            mine = packet("reply", pings[-1]["id"]) if sent == "reply" else request("GET", "/v3/x", "TM1")
            one.writer.write(masked(2, mine))
            # The token of the client lasts longer.
            loop.stand_still(90)
            made.now += 90_000_000
            headers = [parse((await one.frame())[1]).header for _ in range(1 + (sent == "request"))]
            assert headers[-1]["method"] == "ping"
            assert len(made.gateway) == 1

    play(scenario)


def test_the_next_request_of_an_idle_http_client_gets_its_response(play: Play) -> None:
    async def scenario(loop: JumpingLoop) -> None:
        async with serving(_respond) as server:
            line = await server.connect()
            for _ in range(2):
                await line.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                assert (await line.reply()).status == 204
            # Without a turn of the loop between the request and the jump.
            line._writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            loop.stand_still()
            assert (await line.reply()).status == 204
            loop.stand_still()
            assert await line.closed()

    play(scenario)


def test_a_head_and_a_body_that_have_arrived_are_read(play: Play) -> None:
    async def scenario(loop: JumpingLoop) -> None:
        async with serving(_respond) as server:
            line = await server.connect()
            await line.send(b"POST / HTTP/1.1\r\n")
            while not any(protocol._head_open for protocol in server._protocols()):
                await asyncio.sleep(0)
            line._writer.write(b"Host: h\r\nContent-Length: 2\r\n\r\nok")
            loop.stand_still()
            assert (await line.reply()).status == 204

    play(scenario)


async def _respond(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def test_a_half_closed_tunnel_passes_on_what_has_arrived(play: Play) -> None:
    async def scenario(loop: JumpingLoop) -> None:
        pairs = socket.socketpair(), socket.socketpair()
        client, near, far, host = [
            passthrough.TunnelEnd(*await asyncio.open_connection(sock=sock))
            for sock in (*pairs[0], *pairs[1])
        ]
        relay = asyncio.create_task(passthrough.relay(near, far))
        client.writer.write_eof()
        assert await host.reader.read() == b""
        for _ in range(2):
            host.writer.write(b"piece")
            loop.stand_still()
            assert await client.reader.readexactly(5) == b"piece"
        loop.stand_still()
        async with asyncio.timeout(PATIENCE):
            await relay
        for end in (client, host):
            end.writer.transport.abort()

    play(scenario)


def test_a_tunnel_whose_host_has_accepted_is_opened(play: Play) -> None:
    async def scenario(loop: JumpingLoop) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            opening = asyncio.create_task(
                passthrough.connect("127.0.0.1", listening.getsockname()[1], frozenset())
            )
            await asyncio.sleep(0)
            loop.stand_still()
            end = await opening
            end.writer.transport.abort()

    play(scenario)


def test_a_handshake_with_the_proxy_that_has_arrived_is_finished(play: Play, tmp_path: Path) -> None:
    async def scenario(loop: JumpingLoop) -> None:
        proxy = ConnectProxy(
            Authority.open(tmp_path),
            EchoDoor,
            log=LOG,
            bounds=ProxyBounds(AnonymousConnections(9, 9), OpenFiles()),
        )
        await proxy.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(connect_head())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        context = strict_context(tmp_path / "ca.pem")
        handshake = writer.start_tls(
            context, server_hostname="sync.twilio.com", ssl_handshake_timeout=100 * LONG
        )
        shaking = asyncio.ensure_future(handshake)
        await asyncio.sleep(0)
        loop.stand_still()
        await shaking
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"HELLO"
        writer.transport.abort()
        await proxy.stop()

    play(scenario)


class Listener:
    """The user of a connection to an SMSC: ``events`` are those of the session."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[SubmitResult | DeliverRequest | SessionEnd] = asyncio.Queue()

    def on_event(self, connection: SmscConnection, event: SubmitResult | DeliverRequest | SessionEnd) -> None:
        """Keep an event."""
        self.events.put_nowait(event)

    def on_ready(self, connection: SmscConnection) -> None:
        """Send nothing more."""


def test_an_smsc_that_responded_keeps_its_session(play: Play) -> None:
    async def scenario(loop: JumpingLoop) -> None:
        requests: list[int] = []
        checked = asyncio.Event()
        writers: list[asyncio.StreamWriter] = []

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            splitter = Splitter()
            while octets := await reader.read(65536):
                for _, command, _, sequence in map(struct.Struct(">4L").unpack_from, splitter.feed(octets)):
                    requests.append(command)
                    body = {Command.BIND_TRANSCEIVER: b"SMSC\0", Command.SUBMIT_SM: b"1\0"}.get(command, b"")
                    writer.write(frame(command | RESPONSE, 0, sequence, body))
                    if command == Command.ENQUIRE_LINK:
                        checked.set()
                    loop.stand_still(timing.response + timing.link)

        timing = SessionTimeouts(link=10, response=30, silence=LONG)
        binding = Binding(Command.BIND_TRANSCEIVER, BindRequest("me", "pw"), timing, 10)
        listener = Listener()
        async with await asyncio.start_server(converse, "127.0.0.1", 0) as server:
            address = SmscAddress(*server.sockets[0].getsockname())
            connecting = asyncio.create_task(connect(address, binding, listener))
            await asyncio.sleep(0)
            loop.stand_still(2 * timing.link)
            connection = await connecting
            await connection.bound
            for _ in range(2):
                connection.submit(b"\0" * 17)
                assert isinstance(await listener.events.get(), SubmitResult)
                checked.clear()
                loop.stand_still(timing.silence)
                await checked.wait()
            connection.abort("the test is over")
            writers[0].transport.abort()
        assert requests.count(Command.ENQUIRE_LINK) == 2

    play(scenario)


def test_a_bus_whose_pong_has_arrived_is_not_lost(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NatsBus, "MISSED_PINGS", 1)

    async def scenario(loop: JumpingLoop) -> None:
        pings = asyncio.Semaphore(0)
        writers: list[asyncio.StreamWriter] = []
        started = False

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            writer.write(b'INFO {"max_payload":1048576}\r\n')
            while line := await reader.readline():
                if line.startswith(b"PING"):
                    writer.write(b"PONG\r\n")
                    if started:
                        pings.release()
                        loop.stand_still(90)

        async with await asyncio.start_server(converse, "127.0.0.1", 0) as server:
            bus = NatsBus(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            await bus.start()
            started = True
            # The watch over the connection sleeps now.
            await asyncio.sleep(0)
            loop.stand_still(bus.PING_SECONDS)
            for _ in range(5):
                await pings.acquire()
                assert bus.connected
            started = False
            await bus.stop()
            writers[0].transport.abort()
        assert len(writers) == 1

    play(scenario)


def test_a_message_waits_for_a_gateway_that_has_responded(play: Play) -> None:
    async def scenario(loop: JumpingLoop) -> None:
        waiting = asyncio.Event()

        async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await waiting.wait()
            writer.write(b'HTTP/1.1 202 X\r\nContent-Length: 12\r\n\r\n{"id": "g1"}')
            if not stood_still:
                stood_still.append(True)
                loop.stand_still(LONG)

        stood_still: list[bool] = []
        async with peer(respond) as gateway:
            route = HttpRoute(
                name="gate", url=gateway.url("/sms"), secret="a secret of the gateway", window=1
            )
            carrier = HttpCarrier(route, Egress(AddressGuard(allow_private=True)))
            await carrier.start(Recorder())
            outcomes: list[Awaitable[Any]] = [
                asyncio.create_task(carrier.submit(submission(message_sid=f"SM{number}")))
                for number in range(2)
            ]
            await gateway.received.wait()
            waiting.set()
            for outcome in outcomes:
                assert isinstance(await outcome, Acceptance)
            await carrier.stop()

    play(scenario)
