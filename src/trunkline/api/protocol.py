"""uvicorn's HTTP/1.1 protocol with a bound on a request's head, in bytes and in time, and JSON for what it refuses.

A head over 64 KiB is 413, one that does not arrive in time is 408, anything that is not HTTP is 400; each closes the
connection. The rest is uvicorn's.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trunkline.api import headers
from trunkline.api.errors import ApiError

MAX_HEAD_BYTES = 64 * 1024


class HttpProtocol(HttpToolsProtocol):
    """One connection. ``head_seconds`` is set by the server that makes the class its own."""

    head_seconds = 30.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_open = False
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first head."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.head_seconds, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser and look at what of the head is still open."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._head_open and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(ApiError(20413, "Request header fields too large"))
            elif self._deadline is None:
                self._deadline = self.loop.call_later(self.head_seconds, self._too_slow)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._head_open = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """A head is whole: hand the request on, unless it is too large."""
        self._head_open = False
        self._stop_clock()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES:
            self._refuse(ApiError(20413, "Request header fields too large"))
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body, unless the request was refused."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole, unless the request was refused."""
        if not self.transport.is_closing():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP is refused in JSON too."""
        self._refuse(ApiError(20001, msg))

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
        self._head_open = False
        self._stop_clock()
        body = error.body()
        lines = headers.standard(headers.new_request_id()) + headers.json_body(len(body))
        status = HTTPStatus(error.status)
        head = [b"HTTP/1.1 %d %s" % (status, status.phrase.encode()), b"connection: close"]
        head += [name + b": " + value for name, value in (*self.server_state.default_headers, *lines)]
        self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
        self.transport.close()
