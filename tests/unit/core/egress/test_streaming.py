"""Responses that are read while they arrive: heads, bodies of any size, breaks, and callers that leave."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import pycurl
import pytest
import uvloop

from trunkline.core.egress.failure import EgressError, Failure
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.egress.http_message import EgressRequest, Timeouts
from trunkline.core.egress.streaming import BUFFER, ResponseStream
from trunkline.core.egress.transfer import Transfer, TransferTimer
from unit.core.egress import sending
from unit.core.egress.peers import OK, drip, hang, peer, stall
from unit.core.egress.sending import client

PATIENCE = 60.0
LARGE = 150 * 1024 * 1024
MEMORY = 4 * 1024 * 1024
BLOCK = bytes(range(256)) * 256
LONG = Timeouts(total=PATIENCE)

run = partial(sending.run, seconds=PATIENCE)


async def whole(stream: ResponseStream) -> bytes:
    return b"".join([piece async for piece in stream])


async def large(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send ``LARGE`` bytes, no faster than they are read."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
    for _block in range(LARGE // len(BLOCK)):
        writer.write(BLOCK)
        await writer.drain()


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
def test_the_head_is_there_before_the_body(runner: Callable[[Any], None]) -> None:
    async def body() -> None:
        go = asyncio.Event()

        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(
                b"HTTP/1.1 103 Early\r\nX-A: 1\r\n\r\nHTTP/1.1 404 No\r\nX-B: 2\r\nContent-Length: 3\r\n\r\n"
            )
            await go.wait()
            writer.write(b"abc")

        async with (
            client() as egress,
            peer(serve) as server,
            egress.stream(EgressRequest("GET", server.url())) as stream,
        ):
            assert (stream.status, stream.headers) == (404, (("X-B", "2"), ("Content-Length", "3")))
            assert (stream.header("x-b"), stream.header("x-a")) == ("2", None)
            go.set()
            assert await whole(stream) == b"abc"

    runner(asyncio.wait_for(body(), PATIENCE))


@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 204 No\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]
)
def test_a_response_without_a_body(reply: bytes) -> None:
    async def body() -> None:
        async with (
            client() as egress,
            peer(reply) as server,
            egress.stream(EgressRequest("GET", server.url())) as stream,
        ):
            assert stream.status in (200, 204)
            assert await whole(stream) == b""

    run(body)


def test_a_large_body_costs_no_memory() -> None:
    async def body() -> None:
        size = 0
        async with (
            client() as egress,
            peer(large) as server,
            egress.stream(EgressRequest("GET", server.url(), timeouts=LONG)) as stream,
        ):
            tracemalloc.start()
            try:
                async for piece in stream:
                    # A piece is whole blocks, or parts of two.
                    assert piece[0] == size % 256
                    size += len(piece)
                    assert len(piece) < 2 * BUFFER
                    await asyncio.sleep(0)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
        assert size == LARGE
        assert peak < MEMORY

    run(body)


def test_a_caller_that_does_not_read_holds_the_peer() -> None:
    async def body() -> None:
        sent, full = 0, asyncio.Event()

        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
            while sent < LARGE:
                writer.write(BLOCK)
                sent += len(BLOCK)
                if writer.transport.get_write_buffer_size() >= len(BLOCK):
                    full.set()
                await writer.drain()

        async with (
            client() as egress,
            peer(serve) as server,
            egress.stream(EgressRequest("GET", server.url(), timeouts=LONG)) as stream,
        ):
            await full.wait()
            for _ in range(1000):
                await asyncio.sleep(0)
            assert sent < LARGE / 2
            assert stream._size < 2 * BUFFER
            size = 0
            async for piece in stream:
                size += len(piece)
            assert size == LARGE

    run(body)


def test_a_transfer_that_the_caller_pauses_is_not_silent() -> None:
    async def body() -> None:
        transfer = Transfer(AddressGuard(), EgressRequest("GET", "http://x/"), None, leads=False)
        transfer.connected_at = 1.0
        timer = TransferTimer(partial(transfer.left_to_read, 1000.0), lambda: True)
        transfer.active_at = asyncio.get_running_loop().time() - 2000
        transfer.paused = True
        timer._check()
        assert not timer.expired
        timer.stop()
        transfer.paused = False
        timer._check()
        assert timer.expired

    run(body)


@pytest.mark.parametrize(("reply", "failure"), [(stall, Failure.READ_TIMEOUT), (OK[:-1], Failure.BROKEN_OFF)])
def test_a_body_that_breaks_off_raises_behind_its_last_piece(reply: Any, failure: Failure) -> None:
    async def body() -> None:
        pieces = []
        async with client() as egress, peer(reply, close=True) as server:
            with pytest.raises(EgressError) as caught:
                async with egress.stream(
                    EgressRequest("GET", server.url(), timeouts=Timeouts(read=0.2))
                ) as stream:
                    pieces += [piece async for piece in stream]
            async with peer() as other, egress.stream(EgressRequest("GET", other.url())) as stream:
                assert await whole(stream) == b"ok"
        assert caught.value.failure is failure

    run(body)


def test_a_transfer_that_ended_while_it_was_paused_is_not_resumed() -> None:
    """Check that its handle, which the next request gets, is not resumed by the caller of the first."""

    async def body() -> None:
        async with (
            client() as egress,
            peer(large) as server,
            peer() as other,
            egress.stream(EgressRequest("GET", server.url(), timeouts=LONG)) as stream,
        ):
            await paused(stream)
            assert stream._sending is not None
            stream._sending.cancel()
            await asyncio.wait((stream._sending,))
            assert (await egress.send(EgressRequest("GET", other.url()))).body == b"ok"
            with pytest.raises(asyncio.CancelledError):
                await whole(stream)

    run(body)


async def paused(stream: ResponseStream) -> None:
    while stream._resume is None:
        await asyncio.sleep(0)


def test_the_time_of_a_pause_does_not_count() -> None:
    size = 16 * len(BLOCK)

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        writer.write(BLOCK * 16)

    async def body() -> None:
        loop = asyncio.get_running_loop()
        async with client() as egress, peer(serve) as server:
            request = EgressRequest("GET", server.url(), timeouts=Timeouts(read=1.0, total=1.0))
            async with egress.stream(request) as stream:
                await paused(stream)
                end = loop.time() + 1.5
                while loop.time() < end:
                    await asyncio.sleep(0)
                assert len(await whole(stream)) == size

    run(body)


def test_the_limit_on_a_transfer_moves_by_its_pauses() -> None:
    async def body() -> None:
        transfer = Transfer(AddressGuard(), EgressRequest("GET", "http://x/"), None, leads=False)
        now = asyncio.get_running_loop().time()
        timer = TransferTimer(partial(transfer.left_in_total, now - 500), lambda: True)
        transfer.paused, transfer._paused_at = True, now - 400
        timer._check()
        assert not timer.expired, "it ends when its caller goes on"
        timer.stop()
        transfer._paused_at = now - 600
        transfer.active_at = now
        transfer._curl = pycurl.Curl()
        transfer._resume()
        assert transfer.left_in_total(now - 500, now) == pytest.approx(100, abs=5)
        timer._check()
        assert not timer.expired
        timer.stop()
        late = TransferTimer(partial(transfer.left_in_total, now - 700), lambda: True)
        late._check()
        assert late.expired

    run(body)


def test_a_peer_that_sends_without_end_is_left() -> None:
    async def body() -> None:
        async with client() as egress, peer(drip) as server:
            request = EgressRequest("GET", server.url(), timeouts=Timeouts(total=0.3))
            with pytest.raises(EgressError) as caught:
                async with egress.stream(request) as stream:
                    await whole(stream)
        assert caught.value.failure is Failure.TOTAL_TIMEOUT

    run(body)


def test_a_caller_that_leaves_early_closes_the_connection() -> None:
    async def body() -> None:
        async with client() as egress, peer(large) as server:
            async with egress.stream(EgressRequest("GET", server.url())) as stream:
                assert len(await anext(stream)) > 0
            await server.gone.wait()
            with pytest.raises(ZeroDivisionError):
                async with egress.stream(EgressRequest("GET", server.url())):
                    raise ZeroDivisionError
        assert server.connections == 2

    run(body)


def test_without_a_response_there_is_no_stream() -> None:
    async def body() -> None:
        async with client() as egress, client(guard=AddressGuard()) as guarded, peer(hang) as server:
            request = EgressRequest("GET", server.url(), timeouts=Timeouts(read=0.2))
            for one, failure in ((egress, Failure.READ_TIMEOUT), (guarded, Failure.ADDRESS_REFUSED)):
                with pytest.raises(EgressError) as caught:
                    async with one.stream(request):
                        raise AssertionError
                assert caught.value.failure is failure

    run(body)
