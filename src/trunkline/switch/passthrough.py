"""Tunnels to hosts that the operator lets through: bytes in both directions, which nothing here reads.

One task owns a tunnel. It copies in both directions until both are at their end or one breaks; the end of one direction
is passed on while the other goes on, until it is idle for a while: a client that does not close its end would keep that
of the host half closed for ever. However the task ends, also when the proxy cancels it, both connections are
closed: with what is still to be sent if the tunnel came to its end, at once in every other case. A connection that
leads back to the proxy itself is refused: a client could otherwise make one connection into any number.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple

from trunkline.core.late_timers import LateTimer, patient_timeout

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 10.0
"""The time in which the far side must read the end of a tunnel."""
HALF_CLOSED_SECONDS = 30.0
"""The time without a byte in the other direction, after the end of one."""
_PIECE = 64 * 1024


class LeadsBack(OSError):
    """A target that is this proxy itself."""


class TunnelEnd(NamedTuple):
    """A connection at one end of a tunnel."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


async def connect(host: str, port: int, own_ports: Collection[int]) -> TunnelEnd:
    """Return a connection to a host. Raise OSError if there is none within 10 s, LeadsBack if it leads to this machine
    and one of the proxy's own ports."""
    async with patient_timeout(CONNECT_SECONDS):
        end = TunnelEnd(*await asyncio.open_connection(host, port))
    near, far = (end.writer.get_extra_info(name) for name in ("sockname", "peername"))
    if far is None or (near[0] == far[0] and far[1] in own_ports):
        end.writer.transport.abort()
        raise LeadsBack(f"{host}:{port} is this proxy")
    return end


async def accept(sock: socket.socket) -> TunnelEnd:
    """Return a client's connection as the end of a tunnel. The event loop owns the socket from here on."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock)
    return TunnelEnd(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


async def relay(one: TunnelEnd, other: TunnelEnd) -> None:
    """Pass on what each end sends, until both are at their end. Close both."""
    writers = (one.writer, other.writer)
    try:
        async with asyncio.timeout(None) as scope:
            limit = _IdleLimit(scope)
            try:
                async with asyncio.TaskGroup() as both:
                    for reader, writer in ((one.reader, other.writer), (other.reader, one.writer)):
                        both.create_task(_copy(reader, writer, limit)).add_done_callback(limit.begin)
            finally:
                limit.end()
        async with patient_timeout(CLOSE_SECONDS):
            for writer in writers:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except* (OSError, TimeoutError):
        pass
    finally:
        for writer in writers:
            writer.transport.abort()


class _IdleLimit:
    """The limit on the idle time of the direction that is left, once the other one is at its end. It ends ``scope``."""

    def __init__(self, scope: asyncio.Timeout) -> None:
        self._scope = scope
        self._timer: LateTimer | None = None

    def begin(self, _: object = None) -> None:
        """Limit the idle time from now on."""
        self.end()
        loop = asyncio.get_running_loop()
        self._timer = LateTimer(
            loop, loop.time() + HALF_CLOSED_SECONDS, lambda: self._scope.reschedule(loop.time())
        )

    def passed(self) -> None:
        """Begin anew, if it has begun: a piece has passed."""
        if self._timer is not None:
            self.begin()

    def end(self) -> None:
        """Limit nothing any more."""
        if self._timer is not None:
            self._timer.cancel()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: _IdleLimit) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
        limit.passed()
    writer.write_eof()
