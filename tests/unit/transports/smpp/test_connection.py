"""A connection's flow control and joined writes, over a transport that only records its calls."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from trunkline.transports.smpp.commands import RESPONSE, Command
from trunkline.transports.smpp.connection import BindFailed, Binding, BindRefused, SmscConnection
from trunkline.transports.smpp.pdu import Pdu, encode, frame
from trunkline.transports.smpp.pdu_bodies import BindRequest, BindResponse
from trunkline.transports.smpp.session import DeliverRequest, SessionEnd, SessionTimeouts, SubmitResult
from trunkline.transports.smpp.stream import Splitter

BINDING = Binding(Command.BIND_TRANSCEIVER, BindRequest("me", "pw"), SessionTimeouts(10, 30, 60), 1000)
BOUND = encode(Pdu(Command.BIND_TRANSCEIVER | RESPONSE, 0, 1, BindResponse("SMSC")))


class Transport(asyncio.Transport):
    """Notes what is done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.calls: list[str] = []

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (1, 0), "what the peer does not read is kept in the process"

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")

    def is_closing(self) -> bool:
        return "close" in self.calls

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")


class Listener:
    """A listener that records what it receives."""

    def __init__(self) -> None:
        self.events: list[SubmitResult | DeliverRequest | SessionEnd] = []
        self.turns = 0

    def on_event(self, connection: SmscConnection, event: SubmitResult | DeliverRequest | SessionEnd) -> None:
        self.events.append(event)

    def on_ready(self, connection: SmscConnection) -> None:
        self.turns += 1


async def _opened() -> tuple[SmscConnection, Transport, Listener]:
    owner, transport = Listener(), Transport()
    connection = SmscConnection(BINDING, owner)
    connection.connection_made(transport)
    connection.data_received(BOUND)
    await connection.bound
    transport.writes.clear()
    return connection, transport, owner


def test_what_one_turn_sends_is_written_at_once() -> None:
    async def scenario() -> None:
        connection, transport, _ = await _opened()
        for _ in range(100):
            connection.submit(bytes(40))
        assert transport.writes == []
        await asyncio.sleep(0)
        (written,) = transport.writes
        assert len(Splitter().feed(written)) == 100
        connection.abort("the test is over")

    asyncio.run(scenario())


def test_a_peer_that_does_not_read_is_neither_written_to_nor_read_from() -> None:
    async def scenario() -> None:
        connection, transport, owner = await _opened()
        before = owner.turns
        connection.pause_writing()
        connection.pause_writing()
        assert (connection.free, transport.calls) == (0, ["pause"])
        connection.resume_writing()
        assert (connection.free, transport.calls) == (1000, ["pause", "resume"])
        assert owner.turns == before + 1
        connection.abort("the test is over")

    asyncio.run(scenario())


def test_reading_goes_on_when_neither_side_is_behind() -> None:
    async def scenario() -> None:
        connection, transport, _ = await _opened()
        connection.hold_reading(True)
        connection.pause_writing()
        connection.hold_reading(False)
        assert transport.calls == ["pause"]
        connection.resume_writing()
        assert transport.calls == ["pause", "resume"]
        connection.abort("the test is over")

    asyncio.run(scenario())


def test_the_last_answer_is_written_before_it_closes() -> None:
    async def scenario() -> None:
        connection, transport, owner = await _opened()
        connection.data_received(frame(Command.UNBIND, 0, 5))
        assert transport.writes == [frame(Command.UNBIND | RESPONSE, 0, 5)]
        assert transport.calls == ["close"]
        connection.connection_lost(None)
        assert [type(event) for event in owner.events] == [SessionEnd]
        assert connection.closed.done()

    asyncio.run(scenario())


def test_a_peer_that_keeps_the_socket_open_is_cut() -> None:
    async def scenario() -> None:
        owner, transport = Listener(), Transport()
        binding = Binding(
            Command.BIND_TRANSCEIVER, BindRequest("me", "pw"), SessionTimeouts(0.01, 30, 60), 10
        )
        connection = SmscConnection(binding, owner)
        connection.connection_made(transport)
        with pytest.raises(BindFailed, match="the bind had no response"):
            await connection.bound
        async with asyncio.timeout(5):
            while transport.calls != ["close", "abort"]:
                await asyncio.sleep(0)

    asyncio.run(scenario())


def test_a_refused_bind_is_told_once() -> None:
    async def scenario() -> None:
        owner, transport = Listener(), Transport()
        connection = SmscConnection(BINDING, owner)
        connection.connection_made(transport)
        connection.data_received(frame(Command.BIND_TRANSCEIVER | RESPONSE, 0x0E, 1))
        with pytest.raises(BindRefused, match="ESME_RINVPASWD"):
            await connection.bound
        connection.connection_lost(OSError("reset"))
        assert owner.events == []

    asyncio.run(scenario())
