"""WebSocket clients on raw connections, as cheap as the load generator needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

BINARY, TEXT = 2, 1
_PING, _PONG = 9, 10
_ZERO_MASK = bytes(4)

Take = Callable[[bytes, int, int], None]
"""A function that takes a message: its start and end in some bytes."""


def masked(payload: bytes, opcode: int = BINARY) -> bytes:
    """Return a client's frame. Its mask is zero, so that the payload stands in it as it is."""
    size = len(payload)
    head = (
        bytes((0x80 | opcode, 0x80 | size))
        if size < 126
        else b"%c\xfe%b" % (0x80 | opcode, size.to_bytes(2, "big"))
    )
    return head + _ZERO_MASK + payload


class Socket(asyncio.Protocol):
    """One WebSocket connection; ``take`` gets each message, ``sent`` frames go out as they are."""

    __slots__ = ("_rest", "_take", "_upgraded", "closed", "transport")

    def __init__(self, take: Take, upgraded: asyncio.Future[None] | None = None) -> None:
        self._take = take
        self._rest = b""
        self._upgraded = upgraded
        self.closed = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # Not an asyncio.Transport by class on uvloop.
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the server is gone."""
        self.closed = True
        if self._upgraded is not None and not self._upgraded.done():
            self._upgraded.set_exception(ConnectionError(str(exc or "closed before the upgrade")))

    def send(self, frame: bytes) -> None:
        """Send frames of ``masked``."""
        assert self.transport is not None
        self.transport.write(frame)

    def abort(self) -> None:
        """Close without a farewell."""
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take the messages that are whole."""
        if self._rest:
            data = self._rest + data
        if self._upgraded is not None:
            data = self._upgrade(data, self._upgraded)
        at, size = 0, len(data)
        while size - at >= 2:
            start, length = at + 2, data[at + 1]
            if length == 126:
                start, length = at + 4, int.from_bytes(data[at + 2 : at + 4], "big")
            elif length == 127:
                start, length = at + 10, int.from_bytes(data[at + 2 : at + 10], "big")
            end = start + length
            if end > size:
                break
            self._message(data[at] & 15, data, start, end)
            at = end
        self._rest = data[at:] if at else data

    def _message(self, opcode: int, data: bytes, start: int, end: int) -> None:
        if opcode in (BINARY, TEXT):
            self._take(data, start, end)
        elif opcode == _PING:
            self.send(masked(data[start:end], _PONG))

    def _upgrade(self, data: bytes, upgraded: asyncio.Future[None]) -> bytes:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return data
        self._upgraded = None
        if data.startswith(b"HTTP/1.1 101"):
            upgraded.set_result(None)
        else:
            upgraded.set_exception(ConnectionError(data[:end].decode("latin-1")))
        return data[end + 4 :]


async def connect(url: str, path: str, take: Take) -> Socket:
    """Return a connection that is upgraded. Raise OSError."""
    where, loop = urlsplit(url), asyncio.get_running_loop()
    upgraded: asyncio.Future[None] = loop.create_future()
    _, socket = await loop.create_connection(
        lambda: Socket(take, upgraded), where.hostname or "", where.port or 80
    )
    socket.send(
        f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    await upgraded
    return socket
