"""Reading of a request head from a raw socket, exactly to its end and no byte further.

The client may send its TLS hello right behind the head, and the TLS layer that gets the socket afterwards must find it
there. So each read first peeks at the bytes without consuming them, parses them, and then consumes only those of the
head. A peek does not block: if nothing is there yet, the reader waits until the event loop reports the socket readable.
There is no time limit here; the caller sets one and closes the socket on every failure.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress

from trunkline.core.host_patterns import HostPattern
from trunkline.switch.request_parser import MAX_HEAD, HeadOutcome, parse_head

_DRAIN_BYTES = 64 * 1024


async def read_head(sock: socket.socket, passthrough: Sequence[HostPattern] = ()) -> HeadOutcome | None:
    """Return the outcome of the head on the non-blocking socket, or None if the client closed before its end. The hosts
    of `passthrough` are let through.

    Raise OSError if the connection breaks.
    """
    consumed = b""
    while True:
        peeked = await _peek(sock, MAX_HEAD - len(consumed))
        if not peeked:
            return None
        head = parse_head(consumed + peeked, passthrough)
        if head is not None:
            _consume(sock, head.length - len(consumed))
            return head.outcome
        consumed += _consume(sock, len(peeked))


async def drain(sock: socket.socket) -> None:
    """Discard what the client still sends, up to 64 KiB or its end.

    Closing a socket with unread bytes resets the connection, and a client may lose the response to that.
    """
    loop = asyncio.get_running_loop()
    left = _DRAIN_BYTES
    while left > 0:
        found = await loop.sock_recv(sock, left)
        if not found:
            return
        left -= len(found)


async def _peek(sock: socket.socket, limit: int) -> bytes:
    while True:
        with suppress(BlockingIOError, InterruptedError):
            return sock.recv(limit, socket.MSG_PEEK)
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


def _consume(sock: socket.socket, length: int) -> bytes:
    """Read bytes that were peeked at: they are there, so this does not block."""
    consumed = b""
    while len(consumed) < length:
        consumed += sock.recv(length - len(consumed))
    return consumed
