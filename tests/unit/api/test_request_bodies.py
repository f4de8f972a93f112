"""Request bodies within their bounds, read whole and streamed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest

from trunkline.api import request_bodies
from trunkline.api.errors import ApiError


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


def whole(arrivals: Arrivals, limit: int = 100, seconds: float = 30) -> bytes:
    return asyncio.run(request_bodies.read_body(arrivals, limit, seconds))


def streamed(arrivals: Arrivals, limit: int = 100, seconds: float = 30) -> list[bytes]:
    return asyncio.run(joined(request_bodies.stream_body(arrivals, limit, seconds)))


def test_a_body_is_read_in_its_pieces() -> None:
    assert whole(Arrivals(b"ab", b"", b"c")) == b"abc"
    assert streamed(Arrivals(b"ab", b"", b"c")) == [b"ab", b"c"]
    assert streamed(Arrivals(b"")) == []


@pytest.mark.parametrize("read", [whole, streamed])
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

    async def scenario(rate: int) -> list[bytes]:
        monkeypatch.setattr(request_bodies, "MIN_RATE", rate)
        loop = asyncio.get_running_loop()
        began = loop.time()
        content = request_bodies.stream_body(Arrivals(b"a" * 50, b"b"), 100, 5)
        pieces = [await anext(content)]
        monkeypatch.setattr(loop, "time", lambda: began + 20)
        return [*pieces, *await joined(content)]

    assert asyncio.run(scenario(1)) == [b"a" * 50, b"b"]
    with pytest.raises(ApiError) as error:
        asyncio.run(scenario(1 << 40))
    assert error.value.status == 408


def test_an_announced_length_is_checked_before_anything_is_read() -> None:
    request_bodies.check_length({}, 10)
    request_bodies.check_length({b"content-length": b"10"}, 10)
    request_bodies.check_length({b"content-length": b"x"}, 10)
    with pytest.raises(ApiError) as error:
        request_bodies.check_length({b"content-length": b"11"}, 10)
    assert error.value.status == 413
