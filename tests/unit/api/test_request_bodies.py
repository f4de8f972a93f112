"""Request bodies within their bounds, read whole and streamed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest

from trunkline.api import request_bodies
from trunkline.api.errors import ApiError
from trunkline.api.request_bodies import BodyMemory, HeldBody, Upload


class Arrivals:
    """A body that arrives in pieces; None never arrives, ``disconnect`` is the client's end."""

    def __init__(self, *pieces: bytes | str | None, ends: bool = True) -> None:
        self._pieces = list(pieces)
        self._ends = ends

    async def __call__(self) -> MutableMapping[str, Any]:
        piece = self._pieces.pop(0)
        # A turn of the loop, in which a deadline that is over takes effect.
        await asyncio.sleep(0)
        if piece is None:
            await asyncio.Event().wait()
        if piece == "disconnect":
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces) or not self._ends}


async def joined(content: AsyncIterator[bytes]) -> list[bytes]:
    return [piece async for piece in content]


def whole(arrivals: Arrivals, limit: int = 100, seconds: float = 30, memory: int = 1000) -> bytes:
    async def reading() -> bytes:
        held = HeldBody(BodyMemory(memory))
        body = await request_bodies.read_body(arrivals, limit, seconds, held)
        assert held.memory.held == held.size == len(body)
        return body

    return asyncio.run(reading())


def streamed(arrivals: Arrivals, limit: int = 100, seconds: float = 30, memory: int = 1000) -> list[bytes]:
    async def reading() -> list[bytes]:
        held = HeldBody(BodyMemory(memory))
        pieces = []
        async for piece in Upload(arrivals, limit, seconds, held):
            assert held.memory.held == held.size == len(piece)
            pieces.append(piece)
        assert held.memory.held == 0
        return pieces

    return asyncio.run(reading())


def read_upload(arrivals: Arrivals, limit: int = 100, seconds: float = 30, memory: int = 1000) -> bytes:
    async def reading() -> bytes:
        held = HeldBody(BodyMemory(memory))
        body = await Upload(arrivals, limit, seconds, held).read()
        assert held.memory.held == held.size == len(body)
        return body

    return asyncio.run(reading())


def test_a_body_is_read_in_its_pieces() -> None:
    assert whole(Arrivals(b"ab", b"", b"c")) == b"abc"
    assert streamed(Arrivals(b"ab", b"", b"c")) == [b"ab", b"c"]
    assert streamed(Arrivals(b"")) == []
    assert read_upload(Arrivals(b"ab", b"", b"c")) == b"abc"


@pytest.mark.parametrize("read", [whole, streamed, read_upload])
def test_a_body_has_its_bounds(read: Any) -> None:
    assert read(Arrivals(b"a" * 60, b"b" * 40))
    for arrivals, seconds, status in (
        (Arrivals(b"a" * 60, b"b" * 41), 30, 413),
        (Arrivals(b"a", "disconnect"), 30, 408),
        (Arrivals(b"a", None), 0.01, 408),
        (Arrivals(None), 0, 408),
    ):
        with pytest.raises(ApiError) as error:
            read(arrivals, seconds=seconds)
        assert error.value.status == status


def test_a_streamed_body_gets_more_time_with_what_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count one byte as a second here, or as nothing; the time without it is over after the first piece."""

    async def scenario(rate: int, *rest: bytes | None) -> list[bytes]:
        monkeypatch.setattr(request_bodies, "MIN_RATE", rate)
        loop = asyncio.get_running_loop()
        steady = loop.time
        held = HeldBody(BodyMemory())
        content = aiter(Upload(Arrivals(b"a" * 50, *rest), 100, 5, held))
        pieces = [await anext(content)]
        monkeypatch.setattr(loop, "time", lambda: steady() + 20)
        return [*pieces, *await joined(content)]

    assert asyncio.run(scenario(1, b"b")) == [b"a" * 50, b"b"]
    with pytest.raises(ApiError) as error:
        asyncio.run(scenario(1 << 40, None))
    assert error.value.status == 408


def test_an_announced_length_is_checked_before_anything_is_read() -> None:
    request_bodies.check_length({}, 10)
    request_bodies.check_length({b"content-length": b"10"}, 10)
    request_bodies.check_length({b"content-length": b"x"}, 10)
    with pytest.raises(ApiError) as error:
        request_bodies.check_length({b"content-length": b"11"}, 10)
    assert error.value.status == 413


def test_a_streamed_body_holds_one_piece_at_a_time() -> None:
    assert streamed(Arrivals(b"a" * 40, b"b" * 40), memory=40) == [b"a" * 40, b"b" * 40]


@pytest.mark.parametrize("read", [whole, read_upload])
def test_a_body_without_room_is_refused(read: Any) -> None:
    assert read(Arrivals(b"a" * 40, b"b" * 20), memory=60)
    with pytest.raises(ApiError) as error:
        read(Arrivals(b"a" * 40, b"b" * 20), memory=59)
    assert (error.value.status, error.value.headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize("streams", [False, True])
def test_a_body_that_trickles_gives_way(streams: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two bodies wait for more, one of which has brought little in its time; the third needs the room."""

    async def wait(held: HeldBody, size: int) -> None:
        given = (Arrivals(b"a" * size, None), 1 << 30, 60, held)
        await (Upload(*given).read() if streams else request_bodies.read_body(*given))

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        memory, began = BodyMemory(600_000), loop.time()
        slow, quick, third = (HeldBody(memory) for _ in range(3))
        tasks = [asyncio.create_task(wait(slow, 100_000)), asyncio.create_task(wait(quick, 400_000))]
        while memory.held < 500_000:
            await asyncio.sleep(0)
        with pytest.raises(ApiError):
            third.resize(150_000)
        monkeypatch.setattr(loop, "time", lambda: began + 3)
        third.resize(150_000)
        assert (slow.size, memory.held) == (0, 550_000)
        with pytest.raises(ApiError) as error:
            await tasks[0]
        assert error.value.status == 408
        # They are looked for once a second only.
        monkeypatch.setattr(loop, "time", lambda: began + 3.9)
        with pytest.raises(ApiError):
            third.resize(300_000)
        assert quick.size == 400_000
        tasks[1].cancel()
        third.release()
        quick.release()
        assert memory.held == 0

    asyncio.run(scenario())


def test_a_body_without_a_log_in_gives_way_to_others() -> None:
    """Let two anonymous bodies wait for more; the younger one asks first, then a caller that has logged in."""

    async def scenario() -> None:
        memory = BodyMemory(100)
        first, second, known = (
            HeldBody(memory, anonymous=True),
            HeldBody(memory, anonymous=True),
            HeldBody(memory),
        )
        tasks = []
        for held in (first, second):
            reading = request_bodies.read_body(Arrivals(b"a" * 40, None), 1000, 60, held)
            tasks.append(asyncio.create_task(reading))
            while not held.size:
                await asyncio.sleep(0)
        # The oldest does not push out the younger ones.
        with pytest.raises(ApiError):
            first.resize(70)
        second.resize(60)
        assert (first.size, second.size) == (40, 60)
        second.resize(70)
        assert (first.size, second.size) == (0, 70)
        known.resize(90)
        assert (second.size, memory.held) == (0, 90)
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(error, ApiError)
            assert error.status == 408

    asyncio.run(scenario())


def test_a_body_that_has_arrived_gives_way_to_nobody() -> None:
    async def scenario(streams: bool) -> None:
        memory = BodyMemory(100)
        given = (Arrivals(b"a" * 60), 1000, 60, held := HeldBody(memory, anonymous=True))
        await (Upload(*given).read() if streams else request_bodies.read_body(*given))
        with pytest.raises(ApiError):
            HeldBody(memory).resize(50)
        assert held.size == 60
        held.release()

    for streams in (False, True):
        asyncio.run(scenario(streams))
