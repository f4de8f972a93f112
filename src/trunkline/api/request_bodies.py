"""Request bodies, read whole or streamed, within bounds of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from trunkline.api.errors import ApiError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MIN_RATE = 64 * 1024
"""Bytes a second: a streamed body may take as long as it would take at this rate, beside the time for any body."""


def check_length(headers: Mapping[bytes, bytes], limit: int) -> None:
    """Raise ApiError 20413 if the request announces a body of more than ``limit`` bytes."""
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > limit:
        raise ApiError(20413)


async def read_body(receive: Receive, limit: int, seconds: float) -> bytes:
    """Return a whole body. Raise ApiError 20413 if it has more than ``limit`` bytes, 20408 if it takes more than
    ``seconds``."""
    chunks, size, more = [], 0, True
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ApiError(20408)
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > limit:
                    raise ApiError(20413)
                chunks.append(chunk)
                more = message.get("more_body", False)
    except TimeoutError:
        raise ApiError(20408, headers={"Connection": "close"}) from None
    return b"".join(chunks)


async def stream_body(receive: Receive, limit: int, seconds: float) -> AsyncIterator[bytes]:
    """Yield a body in the pieces in which it arrives. Raise ApiError 20413 if it has more than ``limit`` bytes, 20408
    if it ends early, or arrives at less than ``MIN_RATE`` after ``seconds``."""
    loop = asyncio.get_running_loop()
    deadline, size, more = loop.time() + seconds, 0, True
    while more:
        try:
            async with asyncio.timeout_at(deadline + size / MIN_RATE):
                message = await receive()
        except TimeoutError:
            raise ApiError(20408, headers={"Connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise ApiError(20408)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise ApiError(20413, headers={"Connection": "close"})
        more = message.get("more_body", False)
        if chunk:
            yield chunk
