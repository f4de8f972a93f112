"""The HTTP/2 connections to one origin, as far as libcurl leaves them to its caller.

1. A peer may allow few streams until it has sent its SETTINGS (APNs allows one until it has seen a valid token), and
   libcurl opens up to a hundred before. So one request leads over each new connection, and the gate holds back those
   that come meanwhile; the leader's response opens it.
2. A request that libcurl assigns to a connection without a response, although it does not lead, is withdrawn before
   anything is sent, and enters the gate again.
3. A leader that could not connect fails those that wait with the same error; one that lost its connection is followed
   by another leader.
4. After GOAWAY with a last stream id, streams above it were not processed; the others may still be responded to.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque

from trunkline.core.egress.failure import EgressError

_REMEMBERED = 8
"""Connections whose state is kept, the latest; two at most are open."""

_GO_AWAY = re.compile(r"received GOAWAY, error=\d+, last_stream=(\d+)")


class Gate:
    """The gate for requests while a connection is new."""

    def __init__(self) -> None:
        self._open = False
        self._leader: asyncio.Future[None] | None = None

    async def enter(self) -> bool:
        """Wait while another request leads; return whether the caller leads. Raise EgressError if the leader could
        not connect."""
        while not self._open:
            if self.lead():
                return True
            assert self._leader is not None
            await asyncio.shield(self._leader)
        return False

    def lead(self) -> bool:
        """Close the gate behind a request that opens a connection, unless another one leads; return whether it
        leads."""
        self._open = False
        if self._leader is not None:
            return False
        self._leader = asyncio.get_running_loop().create_future()
        return True

    def shut(self) -> None:
        """Close the gate: a connection was lost."""
        self._open = False

    def release(self, *, connected: bool, error: EgressError | None = None) -> None:
        """End the lead: the connection stands, or it does not; ``error`` fails those that wait."""
        leader, self._leader = self._leader, None
        self._open = connected
        if leader is None or leader.done():
            return
        if error is None:
            leader.set_result(None)
        else:
            leader.set_exception(error)
            # Nobody may be waiting for it.
            leader.exception()


Address = tuple[str, int]
"""The local address and port of a connection."""


class Http2Origin:
    """The connections to one origin: their gate, the number of requests in flight, and what is known of each."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.requests = 0
        self._ready: deque[Address] = deque(maxlen=_REMEMBERED)
        self._last_streams: deque[tuple[Address, int]] = deque(maxlen=_REMEMBERED)

    def opened(self, connection: Address) -> None:
        """Note a new connection, which may have the address of a former one."""
        self._ready = deque((one for one in self._ready if one != connection), _REMEMBERED)
        self._last_streams = deque((one for one in self._last_streams if one[0] != connection), _REMEMBERED)

    def responded(self, connection: Address) -> None:
        """Note the first response over a connection, and open the gate."""
        self._ready.append(connection)
        self.gate.release(connected=True)

    def ready(self, connection: Address) -> bool:
        """Return whether a response has come over the connection."""
        return connection in self._ready

    def trace(self, connection: Address, text: str) -> None:
        """Note a GOAWAY frame from libcurl's trace of a connection."""
        if found := _GO_AWAY.match(text):
            self._last_streams.append((connection, int(found[1])))

    def unprocessed(self, connection: Address, stream: int) -> bool:
        """Return whether a GOAWAY frame excludes that the peer has processed the stream."""
        return any(one == connection and stream > last for one, last in self._last_streams)
