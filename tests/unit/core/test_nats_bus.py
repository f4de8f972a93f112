"""The bus between nodes, on a real NATS server: its receivers, its order, and the effects of an outage."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from nats.errors import SlowConsumerError

from nats_server import NatsServer, nats_server
from trunkline.core.nats_bus import BusUnreachable, LocalBus, NatsBus, open_bus

__all__ = ["nats_server"]

PATIENCE = 15.0


class Peer:
    """A peer that speaks enough of the server's side to report in which order it got what. It ignores pings
    once it is ``mute``, and reads nothing any more once it is ``gone``.
    """

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.mute = False
        self.gone = False
        self.connections = 0
        self.over = asyncio.Event()

    @property
    def answered(self) -> list[bytes]:
        """Everything that it got up to the last ping that it answered."""
        return self.got[: len(self.got) - self.got[::-1].index(b"PING")]

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b'INFO {"max_payload":1048576}\r\n')
        while line := await reader.readline():
            if self.gone:
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                await self.over.wait()
                writer.transport.abort()
                return
            verb, *words = line.split()
            if verb == b"PUB":
                self.got.append((await reader.readexactly(int(words[-1]) + 2))[:-2])
            elif verb == b"PING" and not self.mute:
                self.got.append(verb)
                writer.write(b"PONG\r\n")
            elif verb == b"SUB":
                self.got.append(b"SUB " + words[0])
        writer.close()


@asynccontextmanager
async def peer_and_node() -> AsyncIterator[tuple[Peer, Node]]:
    peer = Peer()
    async with await asyncio.start_server(peer.converse, "127.0.0.1", 0) as server:
        node = Node(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await node.bus.start()
        try:
            yield peer, node
        finally:
            await node.bus.stop()
            peer.over.set()


class Node:
    """A bus, and the messages that it received."""

    def __init__(self, url: str) -> None:
        self.bus = NatsBus(url)
        self.received: list[bytes] = []
        self.gaps = 0
        self.changed = asyncio.Event()
        self.bus.subscribe("told", self._receive)
        self.bus.on_gap(self._gap)

    def _receive(self, payload: bytes) -> None:
        self.received.append(payload)
        self.changed.set()

    def _gap(self) -> None:
        self.gaps += 1
        self.changed.set()

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not done():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def nodes(url: str, count: int) -> AsyncIterator[list[Node]]:
    made = [Node(url) for _ in range(count)]
    for node in made:
        await node.bus.start()
    try:
        yield made
    finally:
        for node in made:
            await node.bus.stop()


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def test_the_others_hear_all_in_order_and_the_speaker_nothing(nats_server: NatsServer) -> None:
    async def scenario() -> None:
        async with nodes(nats_server.url, 3) as (one, two, three):
            for payload in numbered(500):
                one.bus.publish("told", payload)
            one.bus.publish("other", b"nobody listens")
            await two.until(lambda: len(two.received) >= 500)
            await three.until(lambda: len(three.received) >= 500)
            two.bus.publish("told", b"last")
            await one.until(lambda: bool(one.received))
            assert two.received == numbered(500)
            await three.until(lambda: len(three.received) > 500)
            assert three.received == [*numbered(500), b"last"]
            assert one.received == [b"last"]

    asyncio.run(scenario())


def test_what_was_published_before_a_stop_is_sent(nats_server: NatsServer) -> None:
    async def scenario() -> None:
        async with nodes(nats_server.url, 2) as (one, two):
            for payload in numbered(100):
                one.bus.publish("told", payload)
            await one.bus.stop()
            await two.until(lambda: len(two.received) >= 100)
            assert two.received == numbered(100)

    asyncio.run(scenario())


def test_a_start_returns_when_the_server_has_the_subscriptions() -> None:
    async def scenario() -> None:
        async with peer_and_node() as (peer, _):
            assert b"SUB told" in peer.answered

    asyncio.run(scenario())


def test_a_stop_returns_when_the_server_has_the_messages(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with peer_and_node() as (peer, node):
            for payload in numbered(100):
                node.bus.publish("told", payload)
            await node.bus.stop()
            assert [got for got in peer.answered if got.isdigit()] == numbered(100)

    asyncio.run(scenario())
    assert not caplog.records


def test_a_stop_ends_although_the_server_is_mute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(NatsBus, "STOP_SECONDS", 0.05)

    async def scenario() -> None:
        async with peer_and_node() as (peer, node):
            peer.mute = True
            node.bus.publish("told", b"last")
            async with asyncio.timeout(PATIENCE):
                await node.bus.stop()

    asyncio.run(scenario())
    assert [record.getMessage() for record in caplog.records] == [
        "the last messages for other nodes may be lost: TimeoutError"
    ]


@pytest.mark.parametrize("unsent", [0, 3000])
def test_a_connection_over_which_nothing_comes_is_lost(
    unsent: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Send nothing, or so much that the client itself neither pings nor closes: its queue is full, and no socket
    accepts it."""
    monkeypatch.setattr(NatsBus, "PING_SECONDS", 0.1)
    monkeypatch.setattr(NatsBus, "RECONNECT_SECONDS", 0.01)

    async def scenario() -> None:
        async with peer_and_node() as (peer, node):
            peer.mute, peer.gone = True, bool(unsent)
            for _ in range(unsent):
                node.bus.publish("told", bytes(8192))
            async with asyncio.timeout(PATIENCE):
                while node.bus.connected:
                    await asyncio.sleep(0)
            node.bus._waiting.clear()
            peer.mute = peer.gone = False
            await node.until(lambda: node.gaps > 0)
            assert (node.bus.connected, peer.connections) == (True, 2)

    asyncio.run(scenario())
    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [
        ("the connection to the bus is lost: its server does not respond", None),
        ("the connection to the bus is back", None),
    ]


def test_seconds_without_a_reply_end_a_connection_within_five() -> None:
    assert NatsBus.PING_SECONDS * (1 + NatsBus.MISSED_PINGS) < 5


def test_what_the_client_logs_by_itself_has_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        logging.getLogger("nats.aio.client").error("nats: encountered %s", "an error", exc_info=error)
    [record] = caplog.records
    assert record.getMessage() == "nats: encountered an error: ZeroDivisionError"
    assert record.exc_info is None


def test_a_node_that_is_too_slow_has_one_gap_and_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(NatsBus, "GAP_SECONDS", 0.001)

    async def scenario() -> None:
        node = Node("nats://127.0.0.1")
        slow = SlowConsumerError("told", "reply", 1, None)  # type: ignore[arg-type]
        for _ in range(1000):
            await node.bus._failed(slow)
        await node.until(lambda: node.gaps > 0)
        assert node.gaps == 1

    asyncio.run(scenario())
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_after_an_outage_there_is_a_gap_and_the_bus_works(nats_server: NatsServer) -> None:
    async def scenario() -> None:
        async with nodes(nats_server.url, 2) as (one, two):
            assert one.bus.connected
            nats_server.kill()
            async with asyncio.timeout(PATIENCE):
                while one.bus.connected or two.bus.connected:
                    await asyncio.sleep(0)
            assert not one.gaps
            one.bus.publish("told", b"in the outage")
            nats_server.start()
            await one.until(lambda: one.gaps > 0)
            await two.until(lambda: two.gaps > 0)
            assert (one.bus.connected, one.gaps, two.gaps) == (True, 1, 1)
            one.bus.publish("told", b"after it")
            await two.until(lambda: b"after it" in two.received)

    asyncio.run(scenario())


def test_a_bus_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NatsBus, "CONNECT_SECONDS", 1)
    with socket.socket() as listener:
        # Bound, but nobody listens: the port refuses, and nobody else gets it.
        listener.bind(("127.0.0.1", 0))
        bus = NatsBus(f"nats://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(BusUnreachable, match="does not respond"):
            asyncio.run(bus.start())
    assert not bus.connected


def test_without_an_address_the_node_is_alone() -> None:
    assert isinstance(open_bus(""), LocalBus)
    assert open_bus("").alone
    assert not open_bus("nats://127.0.0.1").alone
