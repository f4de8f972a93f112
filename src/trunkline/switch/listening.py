"""Opens the listening sockets of the proxy."""

from __future__ import annotations

import asyncio
import socket

BACKLOG = 1024


async def listen(host: str, port: int) -> list[socket.socket]:
    """Non-blocking listening sockets on every address of `host`, all on one port.

    Port 0 takes a free one. Raises OSError when the name does not resolve or an address is taken.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    opened: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
            listener = socket.create_server(
                (address[0], port or _port(opened), *address[2:]), family=family, backlog=BACKLOG
            )
            listener.setblocking(False)
            opened.append(listener)
    except BaseException:
        for listener in opened:
            listener.close()
        raise
    return opened


def _port(opened: list[socket.socket]) -> int:
    """The port that the first socket was given, 0 before there is one."""
    return int(opened[0].getsockname()[1]) if opened else 0
