"""uvicorn's HTTP/1.1 protocol with bounds in bytes and in time, strict framing, and JSON errors.

A head over 64 KiB is 413, one that does not arrive in time is 408, anything that is not HTTP is 400; each closes the
connection. So does, in silence, a body that trickles in after the response. Trailers are dropped: they are no header
fields. An offer to upgrade to anything but a WebSocket is ignored, with its body read as that of any request. The rest
is uvicorn's.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trunkline.api import headers
from trunkline.api.errors import ApiError
from trunkline.api.request_heads import announced_body, checked_target, unknown_coding

MAX_HEAD_BYTES = 64 * 1024
"""Bound on a head, and again on what a chunked body carries beside its data, such as trailers."""

LINGER_SECONDS = 2.0
"""Seconds for which the rest of a rejected request is read and dropped: to close earlier would reset the connection,
and discard the response with it."""


CODINGS = {
    "Empty Transfer-Encoding",
    "Invalid `Transfer-Encoding` header value",
    "Request has invalid `Transfer-Encoding`",
}
"""The parser's words for a Transfer-Encoding that it refuses itself."""


class HttpProtocol(HttpToolsProtocol):
    """One connection. ``head_seconds`` is set by the server that makes the class its own."""

    head_seconds = 30.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._message_open = False
        self._head_open = False
        self._overhead = 0
        self._body_seen = False
        self._unread: tuple[bytes, bytes] | None = None
        self._resuming = False
        self._rejected = False
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
        """Feed the parser, then check the message that is still open."""
        if self._rejected or self.transport.is_closing():
            return
        # A piece in which a head begins may hold an earlier body too; it counts when the head is whole.
        counts = self._message_open
        self._body_seen = False
        self._unset_keepalive_if_required()
        self._feed(data)
        if self._rejected or not self._message_open:
            return
        if self._body_seen:
            self._overhead = 0
        elif counts:
            self._overhead += len(data)
        if self._overhead > MAX_HEAD_BYTES:
            self._reject(ApiError(20413, "Request header fields too large"))
        elif self._head_open and self._deadline is None:
            self._start_clock()

    def on_message_begin(self) -> None:
        """Record that a head begins."""
        super().on_message_begin()
        self._message_open = self._head_open = True
        self._overhead = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header field; drop a trailer."""
        if self._head_open:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand a complete head on, unless it breaks a rule."""
        self._head_open = False
        self._overhead = 0
        if self._resuming:
            return
        self._stop_clock()
        version = self.parser.get_http_version()
        try:
            if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
                raise ApiError(20413, "Request header fields too large")
            self.url = checked_target(version, self.parser.get_method(), self.url, self.headers)
        except ApiError as error:
            self._reject(error)
            return
        if version == "1.0":
            # Such a client knows neither interim responses nor upgrades (RFC 9110, sections 7.8 and 10.1.1).
            self.expect_100_continue = False
        if self.parser.should_upgrade():
            self._unread = announced_body(self.headers)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body on, unless the request was rejected."""
        self._body_seen = True
        if not self._rejected:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Hand the end of the body on, unless the request was rejected."""
        if self._unread:
            # The parser reads no body behind an offer to upgrade.
            return
        self._message_open = False
        self._stop_clock()
        if not self._rejected:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Limit the time of a body that arrives after its response."""
        super().on_response_complete()
        if self._message_open and self._deadline is None and not self.transport.is_closing():
            self._start_clock()

    def abort_idle(self) -> None:
        """End a connection whose client does not end it, unless a response is on its way."""
        if (
            self.cycle is None or self.cycle.response_complete
        ) and not self.transport.get_write_buffer_size():
            self.transport.abort()

    def _should_upgrade(self) -> bool:
        return super()._should_upgrade() and self.parser.get_http_version() != "1.0"

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if not self._rejected:
                self._end_of_offer(data[offer.args[0] :])
        except httptools.HttpParserError as error:
            if not self._rejected:
                self._reject(
                    unknown_coding() if str(error) in CODINGS else ApiError(20001, f"Not HTTP: {error}")
                )

    def _end_of_offer(self, rest: bytes) -> None:
        """Go on behind a head that offers to upgrade. The parser takes ``rest`` for another protocol; unless it is a
        WebSocket, a new parser reads it: as the body that the head announces, or as the next request."""
        unread, self._unread = self._unread, None
        if self._should_upgrade():
            if rest or unread:
                self._reject(
                    ApiError(20001, "An upgrade has no body, and nothing follows it before its response")
                )
            else:
                self.handle_websocket_upgrade()
            return
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        if unread:
            self._resuming = True
            self.parser.feed_data(b"POST / HTTP/1.1\r\n%b: %b\r\n\r\n" % unread)
            self._resuming = False
        if rest:
            self._feed(rest)

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
            self._reject(ApiError(20408))
        else:
            self.transport.close()

    def _reject(self, error: ApiError) -> None:
        """Respond with ``error`` and close. Responses have nothing but their order, so an earlier request that is
        still in progress gets its own response instead, and then the connection closes."""
        self._rejected = True
        self._stop_clock()
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._respond(error)
        elif not cycle.more_body:
            cycle.keep_alive = False
        elif self.pipeline or cycle.response_started:
            self.transport.close()
        else:
            # It is this request's own body that is broken: it is over as if the client had gone.
            cycle.disconnected = True
            cycle.message_event.set()
            self._respond(error)

    def _respond(self, error: ApiError) -> None:
        body = error.body()
        lines = headers.standard(headers.new_request_id()) + headers.content(headers.JSON, len(body))
        status = HTTPStatus(error.status)
        head = [b"HTTP/1.1 %d %s" % (status, status.phrase.encode()), b"connection: close"]
        head += [name + b": " + value for name, value in (*self.server_state.default_headers, *lines)]
        self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._deadline = self.loop.call_later(min(LINGER_SECONDS, self.head_seconds), self.transport.close)
