"""An app that takes webhooks: it answers each request of a connection at once, the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class _Receiver(asyncio.Protocol):
    """A receiver that counts requests by the ends of their bodies."""

    def __init__(self, response: bytes, handle: Callable[[bytes], None]) -> None:
        self._response = response
        self._handle = handle
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            whole = end + 4 + size
            if len(self._received) < whole:
                return
            request, self._received = self._received[:whole], self._received[whole:]
            assert self._transport is not None
            self._transport.write(self._response)
            self._handle(request)


@asynccontextmanager
async def receiver(handle: Callable[[bytes], None], response: bytes = OK) -> AsyncIterator[str]:
    """Listen on loopback and report each request; yield its URL."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: _Receiver(response, handle), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hook"
    finally:
        listening.close()
