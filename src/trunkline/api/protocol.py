"""uvicorn's HTTP/1.1 protocol with bounds in bytes and in time, and JSON for what it refuses.

A head over 64 KiB is 413, one that does not arrive in time is 408, anything that is not HTTP is 400; each closes the
connection. So does, in silence, a body that trickles in after its request was answered. The rest is uvicorn's.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trunkline.api import headers
from trunkline.api.errors import ApiError

MAX_HEAD_BYTES = 64 * 1024
"""Bound on a head, and again on what a chunked body carries beside its data, such as trailers."""

LINGER_SECONDS = 2.0
"""How long what a refused client still sends is read and dropped: to close earlier would reset the connection, and
take the answer away with it."""


class HttpProtocol(HttpToolsProtocol):
    """One connection. ``head_seconds`` is set by the server that makes the class its own."""

    head_seconds = 30.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._message_open = False
        self._head_open = False
        self._overhead = 0
        self._body_seen = False
        self._refused = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first head."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then look at what is still open."""
        if self._refused or self.transport.is_closing():
            return
        # A piece in which a head begins may hold an earlier body too; it counts when the head is whole.
        counts = self._message_open
        self._body_seen = False
        super().data_received(data)
        if self._refused or not self._message_open:
            return
        if self._body_seen:
            self._overhead = 0
        elif counts:
            self._overhead += len(data)
        if self._overhead > MAX_HEAD_BYTES:
            self._refuse(ApiError(20413, "Request header fields too large"))
        elif self._head_open and self._deadline is None:
            self._start_clock()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._message_open = self._head_open = True
        self._overhead = 0

    def on_headers_complete(self) -> None:
        """A head is whole: hand the request on, unless it is too large."""
        self._head_open = False
        self._overhead = 0
        self._stop_clock()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES:
            self._refuse(ApiError(20413, "Request header fields too large"))
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body, unless the request was refused."""
        self._body_seen = True
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole, unless the request was refused."""
        self._message_open = False
        self._stop_clock()
        if not self._refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Give a body that nobody waits for any more its time to end."""
        super().on_response_complete()
        if self._message_open and self._deadline is None and not self.transport.is_closing():
            self._start_clock()

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP is refused in JSON too."""
        self._refuse(ApiError(20001, msg))

    def _unsupported_upgrade_warning(self) -> None:
        """An offer to upgrade is passed over, as HTTP allows, and is no event."""

    def _start_clock(self) -> None:
        self._stop_clock()
        self._deadline = self.loop.call_later(self.head_seconds, self._too_slow)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self._head_open:
            self._refuse(ApiError(20408))
        else:
            self.transport.close()

    def _refuse(self, error: ApiError) -> None:
        """Answer with ``error`` and close. Answers are told apart by their order alone, so a request that came
        before and is still at work gets its own answer instead, and then the connection closes."""
        self._refused = True
        self._stop_clock()
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._answer(error)
        elif not cycle.more_body:
            cycle.keep_alive = False
        elif self.pipeline or cycle.response_started:
            self.transport.close()
        else:
            # It is this request's own body that is broken: it is over as if the client had gone.
            cycle.disconnected = True
            cycle.message_event.set()
            self._answer(error)

    def _answer(self, error: ApiError) -> None:
        body = error.body()
        lines = headers.standard(headers.new_request_id()) + headers.content(headers.JSON, len(body))
        status = HTTPStatus(error.status)
        head = [b"HTTP/1.1 %d %s" % (status, status.phrase.encode()), b"connection: close"]
        head += [name + b": " + value for name, value in (*self.server_state.default_headers, *lines)]
        self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._deadline = self.loop.call_later(min(LINGER_SECONDS, self.head_seconds), self.transport.close)
