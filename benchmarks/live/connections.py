"""Connections to brokers: greeted once, then messages of one size that are counted, or orders that are answered."""

from __future__ import annotations

import asyncio

from benchmarks.live.tally import Tally

_NATS_PING = b"PING\r\n"


class BrokerConnection(asyncio.Protocol):
    """One connection. ``greeting`` is sent at once, ``ready`` when ``greeted`` has come; after that ``tally`` counts
    messages of ``size`` bytes, each the same."""

    def __init__(self, greeting: bytes, greeted: bytes, size: int, tally: Tally | None) -> None:
        self._greeting = greeting
        self._size = size
        self._tally = tally
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._expected = greeted
        self._rest = 0
        self.closed = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the greeting."""
        # Not an asyncio.Transport by class on uvloop.
        self._transport = transport  # type: ignore[assignment]
        self._send(self._greeting)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the broker is gone."""
        self.closed = True
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("closed by the broker"))

    def order(self, message: bytes, reply: bytes) -> asyncio.Future[None]:
        """Send something; the future is done when ``reply`` has come."""
        self._received, self._expected = b"", reply
        self.ready = asyncio.get_running_loop().create_future()
        self._send(message)
        return self.ready

    def abort(self) -> None:
        """Close without a farewell."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Count, or wait for what is expected."""
        if data.startswith(_NATS_PING):
            self._send(b"PONG\r\n")
            data = data[len(_NATS_PING) :]
        if self.ready.done():
            if self._tally is not None:
                messages, self._rest = divmod(self._rest + len(data), self._size)
                self._tally.add(messages)
            return
        self._received += data
        if self._received.endswith(self._expected):
            self.ready.set_result(None)

    def _send(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)
