"""Request bodies, read whole or streamed, within bounds of size, time and memory.

All bodies together have a bounded memory: what has arrived counts, from its first byte until the request has its
response. When there is no room, clients that have not logged in give way, the one that has held memory longest first.
Then a body that arrives at less than ``MIN_RATE`` is cut (408), so that nobody holds the memory by sending little; if
no body is that slow, the one that needs the room is refused (503).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

from trunkline.api.errors import ApiError
from trunkline.core.late_timers import patient_timeout

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MIN_RATE = 64 * 1024
"""Bytes a second: a streamed body may take as long as it would take at this rate, beside the time for any body."""

GRACE_SECONDS = 1.0
"""The time after which a body is slow if it has arrived at less than ``MIN_RATE``."""

MAX_MEMORY = 64 * 1024 * 1024
"""The memory of all bodies, unless an option sets another."""


class BodyMemory:
    """The memory of all bodies of a node, in bytes."""

    def __init__(self, limit: int = MAX_MEMORY) -> None:
        self._limit = limit
        self._arriving: dict[HeldBody, asyncio.Timeout] = {}
        self._anonymous: dict[Hashable, Callable[[], object]] = {}
        self._next_cut = 0.0
        self.held = 0

    def change(self, size: int, holder: Hashable) -> None:
        """Let ``holder`` hold ``size`` bytes more, or fewer. Raise ApiError 20503 if there is no room."""
        if size > 0 and self.held + size > self._limit:
            self._free_memory(size, holder)
            if self.held + size > self._limit:
                raise memory_full()
        self.held += size

    def let_give_way(self, holder: Hashable, end: Callable[[], object]) -> None:
        """Record that ``end`` releases what ``holder`` has, which no client that has logged in has sent."""
        self._anonymous.setdefault(holder, end)

    def keep(self, holder: Hashable) -> None:
        """Let ``holder`` give way no longer."""
        self._anonymous.pop(holder, None)

    def _free_memory(self, size: int, holder: Hashable) -> None:
        while self.held + size > self._limit:
            oldest = next(iter(self._anonymous), holder)
            if oldest is holder:
                break
            self._anonymous.pop(oldest)()
        if self._anonymous.keys() <= {holder}:
            self.cut_slow()

    def cut_slow(self) -> None:
        """End the wait for every body that is slow, at most once a second."""
        now = asyncio.get_running_loop().time()
        if now < self._next_cut:
            return
        self._next_cut = now + GRACE_SECONDS
        for body in tuple(self._arriving):
            seconds = now - body.since
            if seconds > GRACE_SECONDS and body.arrived < seconds * MIN_RATE:
                self.cut(body)

    def cut(self, body: HeldBody) -> None:
        """End the wait for a body, if it is waited for."""
        if wait := self._arriving.get(body):
            # The deadline takes effect in the next turn of the loop, and the memory is free by then.
            wait.reschedule(asyncio.get_running_loop().time())
            body.release()

    @contextmanager
    def waiting(self, body: HeldBody, wait: asyncio.Timeout) -> Iterator[None]:
        """Let ``wait``, in which the body arrives, be ended when the body is slow."""
        self._arriving[body] = wait
        try:
            yield
        finally:
            del self._arriving[body]


class HeldBody:
    """The part of the memory that one request holds: ``size`` of the ``arrived`` bytes of its body. ``kept`` bytes are
    its reader's. One of an ``anonymous`` client gives way until it has arrived."""

    __slots__ = ("anonymous", "arrived", "kept", "memory", "since", "size")

    def __init__(self, memory: BodyMemory, *, anonymous: bool = False) -> None:
        self.memory = memory
        self.anonymous = anonymous
        self.since = asyncio.get_running_loop().time()
        self.arrived = 0
        self.kept = 0
        self.size = 0

    def resize(self, size: int) -> None:
        """Hold ``size`` bytes in all. Raise ApiError 20503 if there is no room for them."""
        self.memory.change(size - self.size, self)
        self.size = size
        if size and self.anonymous:
            self.memory.let_give_way(self, lambda: self.memory.cut(self))
        else:
            self.memory.keep(self)

    def end(self) -> None:
        """Record that the whole body has arrived."""
        self.anonymous = False
        self.memory.keep(self)

    def release(self) -> None:
        """Hold nothing any more."""
        self.resize(0)


def memory_full() -> ApiError:
    """Return the error for a request that the memory has no room for."""
    return ApiError(20503, "Too many requests have bodies", headers={"Retry-After": "1"})


def check_length(headers: Mapping[bytes, bytes], limit: int) -> None:
    """Raise ApiError 20413 if the request announces a body of more than ``limit`` bytes."""
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > limit:
        raise ApiError(20413)


async def read_body(receive: Receive, limit: int, seconds: float, held: HeldBody) -> bytes:
    """Return a whole body. Raise ApiError 20413 if it has more than ``limit`` bytes, 20408 if it takes more than
    ``seconds``, and as ``HeldBody.resize``."""
    chunks, size, more = [], 0, True
    try:
        async with patient_timeout(seconds) as wait:
            with held.memory.waiting(held, wait):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ApiError(20408)
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    if size > limit:
                        raise ApiError(20413)
                    held.arrived = size
                    held.resize(size)
                    chunks.append(chunk)
                    more = message.get("more_body", False)
    except TimeoutError:
        raise ApiError(20408, headers={"Connection": "close"}) from None
    held.end()
    return b"".join(chunks)


class Upload:
    """A body that is streamed: an iterator over the pieces in which it arrives. Only the piece that was yielded last
    counts as held, unless the body is read whole."""

    def __init__(self, receive: Receive, limit: int, seconds: float, held: HeldBody) -> None:
        self._pieces = _stream_body(receive, limit, seconds, held)
        self._held = held

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces

    async def read(self) -> bytes:
        """Return the whole body. Raise ApiError as the iteration does."""
        pieces = []
        async for piece in self._pieces:
            self._held.kept += len(piece)
            pieces.append(piece)
        return b"".join(pieces)


async def _stream_body(receive: Receive, limit: int, seconds: float, held: HeldBody) -> AsyncIterator[bytes]:
    """Yield a body in the pieces in which it arrives. Raise ApiError 20413 if it has more than ``limit`` bytes, 20408
    if it ends early, or arrives at less than ``MIN_RATE`` after ``seconds``, and as ``HeldBody.resize``."""
    loop = asyncio.get_running_loop()
    deadline, more = loop.time() + seconds, True
    while more:
        try:
            left = deadline + held.arrived / MIN_RATE - loop.time()
            async with patient_timeout(max(left, 0.0)) as wait:
                with held.memory.waiting(held, wait):
                    message = await receive()
        except TimeoutError:
            raise ApiError(20408, headers={"Connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise ApiError(20408)
        chunk = message.get("body", b"")
        held.arrived += len(chunk)
        if held.arrived > limit:
            raise ApiError(20413, headers={"Connection": "close"})
        more = message.get("more_body", False)
        if chunk:
            held.resize(held.kept + len(chunk))
            yield chunk
            held.resize(held.kept)
    held.end()
