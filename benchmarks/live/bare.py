"""The least that can spread: uvloop, and a frame for every connection but the one that orders it."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import cast

import uvloop

_FRAME = b"\x82\x7e" + (600).to_bytes(2, "big") + b"x" * 600
_HELLO = b"\x82\x01x"


class _Connection(asyncio.Protocol):
    connections: set[asyncio.Transport] = set()  # noqa: RUF012

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.connections.add(self._transport)
        self._transport.write(_HELLO)

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        frames = _FRAME * int(data)
        for connection in self.connections:
            if connection is not self._transport:
                connection.write(frames)


async def _serve(number: int) -> None:
    listening = socket.socket(fileno=number)
    server = await asyncio.get_running_loop().create_server(_Connection, sock=listening)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
