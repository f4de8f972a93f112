"""Opens the listening sockets of the proxy."""

from __future__ import annotations

import asyncio
import socket

BACKLOG = 1024


async def listen(host: str, port: int) -> list[socket.socket]:
    """Non-blocking listening sockets on every address of `host`, all on one port.

    Port 0 takes a free one. Raises OSError when the name does not resolve or an address is taken.
    """
    opened: list[socket.socket] = []
    try:
        for family, address in await _addresses(host):
            listener = socket.create_server((address, port or _port(opened)), family=family, backlog=BACKLOG)
            listener.setblocking(False)
            opened.append(listener)
    except BaseException:
        for listener in opened:
            listener.close()
        raise
    return opened


async def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _port(opened: list[socket.socket]) -> int:
    """The port that the first socket was given, 0 before there is one."""
    return int(opened[0].getsockname()[1]) if opened else 0
