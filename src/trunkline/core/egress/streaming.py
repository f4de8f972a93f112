"""A response whose body is read while it arrives, so that it is never in memory as a whole.

1. A task of its own sends the request. libcurl's callbacks put the head and the pieces of the body into the stream;
   the caller takes the pieces out. Everything runs on one event loop, so there is no lock.
2. A stream that holds ``BUFFER`` bytes accepts no more: libcurl pauses the transfer, and the peer waits. The caller
   resumes it when it finds the stream empty.
3. The caller awaits one event, which is set by the head, by a piece and by the end of the task.
4. The end of the task is the end of the body. If it failed, the caller gets the EgressError behind the last piece.
5. When the caller leaves the block, the task is cancelled, which closes a connection whose body was not read to its
   end. While the transfer is paused, no time limit of the request runs: a caller that is slow, as its disk may be, is
   no failure of the peer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from trunkline.core.egress.http_message import EgressRequest, EgressResponse, Headers, find_header

BUFFER = 64 * 1024
"""Bytes from which on a stream accepts no more; the piece that reaches it has at most 16 KiB."""

Send = Callable[[EgressRequest], Coroutine[Any, Any, EgressResponse]]


class ResponseStream:
    """The head of a response, and its body as an iterator that can be read once. It implements ``BodySink``."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Headers = ()
        self._pieces: list[bytes] = []
        self._size = 0
        self._resume: Callable[[], None] | None = None
        self._changed = asyncio.Event()
        self._sending: asyncio.Task[EgressResponse] | None = None

    def header(self, name: str) -> str | None:
        """Return the first value of a header, whose ``name`` is in lower case; None without one."""
        return find_header(self.headers, name)

    def begin(self, status: int, headers: Headers) -> None:
        """Set the head."""
        self.status, self.headers = status, headers
        self._changed.set()

    def receive(self, piece: bytes, resume: Callable[[], None]) -> bool:
        """Append a piece of the body. Return False if the stream is full: then the same piece comes again after
        ``resume``."""
        if self._size >= BUFFER:
            self._resume = resume
            return False
        self._pieces.append(piece)
        self._size += len(piece)
        self._changed.set()
        return True

    async def open(self, send: Send, request: EgressRequest) -> None:
        """Send the request and wait for the head. Raise EgressError if there is no response."""
        self._sending = asyncio.create_task(send(msgspec.structs.replace(request, sink=self)))
        self._sending.add_done_callback(lambda _: self._changed.set())
        while not self.status and not self._sending.done():
            await self._wait(self._sending)
        if not self.status:
            response = self._sending.result()
            self.begin(response.status, response.headers)

    async def close(self) -> None:
        """Abort the transfer if it has not ended."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the iterator of the body, which is the stream itself."""
        return self

    async def __anext__(self) -> bytes:
        """Return all that has arrived of the body. Raise EgressError if the body breaks off."""
        assert self._sending is not None, "the stream is not open"
        while not self._pieces:
            if self._sending.done():
                self._sending.result()
                raise StopAsyncIteration
            await self._wait(self._sending)
        pieces, self._pieces, self._size = self._pieces, [], 0
        return b"".join(pieces)

    async def _wait(self, sending: asyncio.Task[EgressResponse]) -> None:
        """Resume a paused transfer, and wait for the head, a piece or the end."""
        resume, self._resume = self._resume, None
        if resume is not None and not sending.done():
            resume()
        if not self._pieces and not sending.done():
            await self._changed.wait()
        self._changed.clear()


@asynccontextmanager
async def open_stream(send: Send, request: EgressRequest) -> AsyncIterator[ResponseStream]:
    """Send a request and yield its response, once its head is there. Raise EgressError if there is none."""
    stream = ResponseStream()
    try:
        await stream.open(send, request)
        yield stream
    finally:
        await stream.close()
