"""Reads from a raw socket exactly as far as a request head goes, and no byte further.

The TLS layer that takes over the socket finds there whatever the client sent after its head.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from trunkline.switch.refusal import Refusal
from trunkline.switch.request import MAX_HEAD, Tunnel, read_head

_DRAIN_BYTES = 64 * 1024


async def take_head(sock: socket.socket) -> Tunnel | Refusal | None:
    """What the head asks for, taken off the non-blocking socket; None when the client closed before its end.

    Raises OSError when the connection breaks. Sets no time limit.
    """
    taken = b""
    while True:
        seen = await _peek(sock, MAX_HEAD - len(taken))
        if not seen:
            return None
        head = read_head(taken + seen)
        if head is not None:
            _take(sock, head.length - len(taken))
            return head.outcome
        taken += _take(sock, len(seen))


async def drain(sock: socket.socket) -> None:
    """Throw away what the client still sends, up to 64 KiB or its end.

    Closing a socket with unread bytes resets the connection, and a client may lose an answer to that.
    """
    loop = asyncio.get_running_loop()
    left = _DRAIN_BYTES
    while left > 0:
        found = await loop.sock_recv(sock, left)
        if not found:
            return
        left -= len(found)


async def _peek(sock: socket.socket, most: int) -> bytes:
    while True:
        with suppress(BlockingIOError, InterruptedError):
            return sock.recv(most, socket.MSG_PEEK)
        await _readable(sock)


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(sock, _resolve, ready)
    try:
        await ready
    finally:
        loop.remove_reader(sock)


def _resolve(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _take(sock: socket.socket, length: int) -> bytes:
    """Take bytes that were seen: they are there, so this does not block."""
    taken = b""
    while len(taken) < length:
        taken += sock.recv(length - len(taken))
    return taken
