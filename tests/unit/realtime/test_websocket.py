"""The WebSocket layer by raw bytes: the upgrade, framing at every split, bounds, and readers that do not read."""

from __future__ import annotations

import asyncio
import json
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.frames import Close, Frame, Opcode

from trunkline.api.uvicorn_protocol import HttpProtocol
from trunkline.core.access_tokens import MAX_LENGTH
from trunkline.core.anonymous_connections import AnonymousConnections
from trunkline.realtime import websocket as module
from trunkline.realtime.intake import PIECE_BYTES, PIECES_AT_ONCE
from trunkline.realtime.websocket import (
    MAX_EARLY_BYTES,
    MAX_EARLY_MESSAGE_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_QUEUED_FRAMES,
)
from trunkline.realtime.websocket_frames import binary_frame
from unit.realtime.conftest import Run
from unit.realtime.running import TIMEOUT, World, blocked_socket, client, clients, event, world
from unit.realtime.wire import init, packet, parse

HEAD = (
    b"GET /v3/wsconnect HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
)


def masked(opcode: int, data: bytes, fin: bool = True) -> bytes:
    """Return a client's frame."""
    return Frame(Opcode(opcode), data, fin).serialize(mask=True)


class Raw:
    """A client that sends bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def frame(self) -> tuple[int, bytes]:
        """Return the server's next frame: first byte and payload."""
        async with asyncio.timeout(TIMEOUT):
            first, size = await self.reader.readexactly(2)
            assert size < 128, "a server does not mask"
            if size == 126:
                [size] = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                [size] = struct.unpack("!Q", await self.reader.readexactly(8))
            return first, await self.reader.readexactly(size)

    async def close_code(self, behind: int = 0) -> int:
        """Return the code of the close frame that comes next, or after frames that begin with ``behind``; after it the
        connection ends."""
        first, data = await self.frame()
        while first == behind:
            first, data = await self.frame()
        assert first == 0x88
        async with asyncio.timeout(TIMEOUT):
            assert await self.reader.read() == b""
        return int(Close.parse(data).code)

    async def code(self) -> Any:
        """Return the status of the packet that comes next."""
        first, data = await self.frame()
        assert first == 0x82
        return parse(data).header["status"]["code"]


@asynccontextmanager
async def raw(to: World, head: bytes = HEAD) -> AsyncIterator[Raw]:
    """Yield a raw client; with the whole head, the upgrade has been accepted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", to.port)
    writer.write(head)
    one = Raw(reader, writer)
    if head == HEAD:
        async with asyncio.timeout(TIMEOUT):
            response = await reader.readuntil(b"\r\n\r\n")
        assert response.startswith(b"HTTP/1.1 101 ")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in response
        assert b"extensions" not in response.lower()
    try:
        yield one
    finally:
        writer.close()


def test_much_input_is_read_in_pieces_between_everything_else(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledgement = masked(2, packet("reply", "TM1"))
    per_piece = PIECE_BYTES // len(acknowledgement) + 1
    many = 20 * per_piece
    handled: Counter[int] = Counter()
    turn = 0
    hand_on = module.WebSocket._hand_on

    def counted(self: module.WebSocket, opcode: Opcode, data: bytes) -> None:
        handled[turn] += 1
        hand_on(self, opcode, data)

    monkeypatch.setattr(module.WebSocket, "_hand_on", counted)

    async def test() -> None:
        nonlocal turn
        async with world() as made, raw(made) as one, raw(made) as two:
            for client in (one, two):
                client.writer.write(masked(2, init("alice")))
                assert await client.code() == 200
            for client in (one, two):
                client.writer.write(acknowledgement * many + masked(2, packet("ping", "TM2")))
            while handled.total() < 2 * many + 4:
                turn += 1
                await asyncio.sleep(0)
            # Everything was handled, in order, and reading goes on.
            for client in (one, two):
                assert await client.code() == 400
                client.writer.write(masked(2, packet("ping", "TM3")))
                assert await client.code() == 400

    run(test())
    assert max(handled.values()) <= (PIECES_AT_ONCE + 2) * per_piece


def test_input_behind_the_end_is_dropped(run: Run) -> None:
    async def test() -> None:
        async with world() as made, raw(made) as one:
            one.writer.write(masked(2, init("alice")))
            assert await one.code() == 200
            one.writer.write(
                masked(2, b"garbage") + masked(2, packet("reply", "TM1")) * 2000 + masked(8, b"") * 50
            )
            assert await one.close_code(0x82) == 1000
            await made.until(lambda: not made.state.connections)

    run(test())


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 70000])
def test_a_frame_carries_its_size(size: int) -> None:
    data = b"x" * size
    assert binary_frame(data) == Frame(Opcode.BINARY, data).serialize(mask=False)


@pytest.mark.parametrize(
    "change",
    [
        (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b""),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"short"),
        (b"Version: 13", b"Version: 8"),
        (b"Host: localhost\r\n", b"Host: localhost\r\nOrigin: http://a\r\nOrigin: http://b\r\n"),
    ],
)
def test_a_bad_upgrade_is_refused_in_json(run: Run, change: tuple[bytes, bytes]) -> None:
    async def test() -> None:
        async with world() as made, raw(made, HEAD.replace(*change)) as one:
            async with asyncio.timeout(TIMEOUT):
                response = await one.reader.read()
            head, _, body = response.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n")
            assert json.loads(body)["code"] == 20001
            await made.until(lambda: not made.state.connections)

    run(test())


def test_an_upgrade_keeps_the_rules_of_any_head(run: Run) -> None:
    async def test() -> None:
        async with world() as made:
            for sent, put, status in (
                (b"Host: localhost\r\n", b"", 400),
                (b"Host: localhost\r\n", b"Host: localhost\r\nHost: localhost\r\n", 400),
                (b"Host: localhost", b"Host: local host", 400),
                (b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\nabc", 400),
                (b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                (b"\r\n\r\n", b"\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
                (b"\r\n\r\n", b"\r\n\r\n\x82\x80\0\0\0\0", 400),
            ):
                async with raw(made, HEAD.replace(sent, put)) as one, asyncio.timeout(TIMEOUT):
                    assert (await one.reader.read()).startswith(b"HTTP/1.1 %d " % status)
            assert len(made.gateway) == 0

    run(test())


def test_an_upgrade_may_name_its_host_in_the_target(run: Run) -> None:
    async def test() -> None:
        head = HEAD.replace(b"GET /v3", b"GET http://other/v3")
        async with world() as made, raw(made, head) as one, asyncio.timeout(TIMEOUT):
            assert (await one.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")

    run(test())


def test_http_1_0_has_no_upgrade(run: Run) -> None:
    async def test() -> None:
        async with world() as made, raw(made, HEAD.replace(b"HTTP/1.1", b"HTTP/1.0")) as one:
            async with asyncio.timeout(TIMEOUT):
                assert not (await one.reader.read()).startswith(b"HTTP/1.1 101 ")
            assert len(made.gateway) == 0

    run(test())


def test_bytes_may_come_one_at_a_time(run: Run) -> None:
    async def test() -> None:
        async with world() as made, raw(made) as one:
            message = init("alice")
            frames = (
                masked(2, message[:7], fin=False)
                + masked(9, b"between")
                + masked(0, message[7:50], fin=False)
                + masked(0, b"", fin=False)
                + masked(0, message[50:])
            )
            [connection] = made.state.connections
            for byte in frames:
                connection.data_received(bytes([byte]))
            assert await one.frame() == (0x8A, b"between")
            assert await one.code() == 200

    run(test())


def test_many_packets_may_come_at_once(run: Run) -> None:
    async def test() -> None:
        async with world() as made, raw(made) as one:
            one.writer.write(
                masked(2, init("alice")) + masked(2, packet("telemetry.v1")) * 500 + masked(9, b"x")
            )
            frames = [await one.frame(), await one.frame()]
            assert sorted(first for first, _ in frames) == [0x82, 0x8A]

    run(test())


def test_empty_messages_are_garbage_however_many(run: Run) -> None:
    async def test() -> None:
        async with world() as made, raw(made) as one:
            one.writer.write(masked(2, b"") * 10_000)
            assert await one.code() == 406
            made.advance(0.4)
            one.writer.write(masked(8, struct.pack("!H", 1000)))
            assert await one.close_code() == 1000

    run(test())


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (binary_frame(b"unmasked"), 1002),
        (b"\xc2\x80\0\0\0\0", 1002),
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\x09\x80\0\0\0\0", 1002),
        (masked(0, b"of nothing"), 1002),
        (masked(2, b"one", fin=False) + masked(2, b"two"), 1002),
        (b"\x89\xfe\0\x7e\0\0\0\0" + b"x" * 126, 1002),
        (b"\x88\x81\0\0\0\0x", 1002),
        (b"\x82\xff" + struct.pack("!Q", MAX_EARLY_MESSAGE_BYTES + 1), 1009),
        (b"\x82\xfe" + struct.pack("!H", MAX_EARLY_MESSAGE_BYTES + 1), 1009),
        (b"\x82\xff" + b"\xff" * 8, 1009),
        (masked(2, b"x" * 20_000, fin=False) + masked(0, b"x" * 20_000), 1009),
        (masked(9, b"x" * 125) * (MAX_EARLY_BYTES // 131 + 1), 1009),
        (masked(2, b"x", fin=False) + masked(0, b"x", fin=False) * 2000, 1009),
        (masked(8, struct.pack("!H", 1001)), 1001),
        (masked(8, b""), 1000),
    ],
    # Masks are random, names must not be.
    ids=[f"case{number}" for number in range(16)],
)
def test_what_ends_the_connection(run: Run, frames: bytes, code: int) -> None:
    async def test() -> None:
        async with world() as made, raw(made) as one:
            one.writer.write(frames)
            assert await one.close_code(behind=0x8A) == code
            await made.until(lambda: len(made.gateway) == 0)
            assert made.state.connections == set()

    run(test())


@pytest.mark.parametrize(
    "frames",
    [
        b"\x82\xff" + struct.pack("!Q", MAX_MESSAGE_BYTES + 1),
        masked(2, b"x" * 600_000, fin=False) + masked(0, b"x" * 600_000),
    ],
    ids=["one frame", "fragments"],
)
def test_a_client_that_has_logged_in_sends_at_most_a_mebibyte(run: Run, frames: bytes) -> None:
    async def test() -> None:
        async with world() as made, raw(made) as one:
            one.writer.write(masked(2, init("alice")))
            assert await one.code() == 200
            one.writer.write(frames)
            assert await one.close_code() == 1009

    run(test())


def test_a_client_whose_token_is_being_verified_has_not_logged_in(run: Run) -> None:
    async def test() -> None:
        async with world() as made, raw(made) as one:
            made.verifying = asyncio.Event()
            one.writer.write(masked(2, init("alice")) + masked(2, packet("x", payload=b"x" * 20_000)) * 4)
            assert await one.close_code() == 1009
            made.verifying.set()

    run(test())


def test_a_client_that_has_not_logged_in_gives_way(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        anonymous = AnonymousConnections(2, 100)
        monkeypatch.setattr(HttpProtocol, "anonymous", anonymous)
        async with world() as made, raw(made) as known, raw(made) as oldest:
            known.writer.write(masked(2, init("alice")))
            assert await known.code() == 200
            async with raw(made) as second, raw(made) as third:
                async with asyncio.timeout(TIMEOUT):
                    with suppress(ConnectionResetError):
                        assert await oldest.reader.read() == b""
                for one, name in ((second, "bob"), (third, "carol")):
                    one.writer.write(masked(2, init(name)))
                    assert await one.code() == 200
                assert len(anonymous) == 0
            assert [peer.grant.identity for peer in made.gateway.peers()][:1] == ["alice"]

    run(test())


def test_the_longest_token_may_log_in(run: Run) -> None:
    async def test() -> None:
        async with world() as made, raw(made) as one:
            one.writer.write(masked(2, init("a" * MAX_LENGTH, continuation_token="c" * 8_000)))
            assert await one.code() == 200

    run(test())


def test_a_message_of_a_mebibyte_is_read(run: Run) -> None:
    async def test() -> None:
        async with world() as made, clients(made, "alice") as [one]:
            body = "x" * 1_000_000
            assert (await one.request("POST", "/x", body)).payload == body

    run(test())


def test_frames_of_one_turn_are_written_at_once_and_in_order(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with world() as made, clients(made, "alice") as [one]:
            [peer] = made.gateway.peers()
            [socket] = made.state.connections
            writes: list[bytes] = []
            transport: Any = socket._transport  # type: ignore[union-attr]

            class Spy:
                is_closing, abort, close = transport.is_closing, transport.abort, transport.close

                def write(self, data: bytes) -> None:
                    writes.append(data)
                    transport.write(data)

            monkeypatch.setattr(socket, "_transport", Spy())
            frames = [event(str(number)) for number in range(100)]
            for one_frame in frames:
                peer.send(one_frame)
            assert [(await one.receive()).payload for _ in frames] == [str(number) for number in range(100)]
            assert writes == [b"".join(frames)]

    run(test())


def test_a_burst_to_a_client_that_reads_is_no_reason_to_cut_it(run: Run) -> None:
    async def test() -> None:
        async with world() as made, clients(made, "alice") as [one]:
            [peer] = made.gateway.peers()
            for number in range(3 * MAX_QUEUED_FRAMES):
                peer.send(event(str(number)))
            for number in range(3 * MAX_QUEUED_FRAMES):
                assert (await one.receive()).payload == str(number)

    run(test())


def test_a_replay_may_be_as_long_as_it_likes_if_it_waits(run: Run) -> None:
    async def test() -> None:
        async with world() as made, clients(made, "alice") as [one]:
            [peer] = made.gateway.peers()
            text = "x" * 100_000
            number = 200

            async def replay() -> None:
                for _ in range(number):
                    peer.send(event(text))
                    await peer.drained()

            sending = asyncio.create_task(replay())
            for _ in range(number):
                assert len((await one.receive()).payload) == len(text)
            await sending

    run(test())


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_client_that_does_not_read_is_cut(run: Run, size: int) -> None:
    async def test() -> None:
        async with world() as made:
            socket = blocked_socket(made.port)
            try:
                socket.sendall(HEAD)
                await made.until(lambda: len(made.gateway) == 1)
                socket.sendall(masked(2, init("alice")))
                await made.until(lambda: len(made.gateway.peers()) == 1)
                [peer] = made.gateway.peers()
                [protocol] = made.state.connections
                waiting = asyncio.create_task(_until_drained(peer, protocol))
                frame, sent = event("x" * size), 0
                async with asyncio.timeout(TIMEOUT):
                    while made.gateway.peers():
                        peer.send(frame)
                        sent += len(frame)
                        queued: Any = protocol
                        assert queued._queued_bytes <= module.MAX_QUEUED_BYTES + len(frame)
                        assert len(queued._queue or ()) <= MAX_QUEUED_FRAMES
                        await asyncio.sleep(0)
                    await waiting
                assert made.presence[-1] == ("disconnected", "alice")
                peer.send(frame)
            finally:
                socket.close()

    run(test())


async def _until_drained(peer: Any, protocol: Any) -> None:
    while not protocol._paused and protocol._transport is not None:
        await asyncio.sleep(0)
    await peer.drained()


def test_a_client_that_answers_no_close_is_dropped(run: Run) -> None:
    async def test() -> None:
        async with world() as made, raw(made) as one:
            made.advance(11)
            assert await one.frame() == (0x88, struct.pack("!H", 1000))
            made.advance(1.2)
            await made.until(lambda: len(made.gateway) == 0)

    run(test())


def test_a_client_that_vanishes_is_forgotten(run: Run) -> None:
    async def test() -> None:
        async with world() as made, client(made) as one:
            await one.login()
            one.socket.transport.abort()
            await made.until(lambda: len(made.gateway) == 0)
            assert made.presence[-1] == ("disconnected", "alice")
            assert made.state.connections == set()

    run(test())
