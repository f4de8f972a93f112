"""uvicorn's HTTP/1.1 protocol with bounds in bytes and in time, strict framing, and JSON errors.

A head over 64 KiB is 413, one that does not arrive in time is 408, anything that is not HTTP is 400; each closes the
connection. So does, in silence, a body that trickles in after the response; one that is long is not read to its end for
nothing: the connection closes after the response. Heads and bodies that nobody has read yet count in the memory of all
bodies, where those of a client that has not logged in give way. Trailers are dropped: they are no header fields. An
offer to upgrade to anything but a WebSocket is ignored, with its body read as that of any request. The rest is
uvicorn's.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from trunkline.api import headers
from trunkline.api.errors import ApiError
from trunkline.api.request_bodies import BodyMemory, memory_full
from trunkline.api.request_heads import announced_body, checked_target, unknown_coding
from trunkline.core.anonymous_connections import AnonymousConnections
from trunkline.core.late_timers import LateTimer

MAX_HEAD_BYTES = 64 * 1024
"""Bound on a head, and again on what a chunked body carries beside its data, such as trailers."""

LINGER_SECONDS = 2.0
MAX_LINGER_BYTES = 1024 * 1024
"""Seconds, and bytes, for which the rest of a rejected request is read and dropped: to close earlier would reset the
connection, and discard the response with it."""

MAX_ANONYMOUS = 10_000
"""Connections of clients that have not logged in, unless an option sets another number."""

MAX_DROPPED_BYTES = 64 * 1024
"""Bytes of a body up to which it is dropped after the response, so that the connection stays open."""


CODINGS = {
    "Empty Transfer-Encoding",
    "Invalid `Transfer-Encoding` header value",
    "Request has invalid `Transfer-Encoding`",
}
"""The parser's words for a Transfer-Encoding that it refuses itself."""


class HttpProtocol(HttpToolsProtocol):
    """One connection. The server that makes the class its own sets its attributes: the time for a head, the memory of
    bodies, and where a connection counts until its client has logged in."""

    head_seconds = 30.0
    memory = BodyMemory()
    anonymous = AnonymousConnections(MAX_ANONYMOUS, MAX_ANONYMOUS)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._message_open = False
        self._head_open = False
        self._overhead = 0
        self._first_piece = 0
        self._held = 0
        self._known = False
        self._discards = False
        self._dropped = 0
        self._keeps_alive = False
        self._body_seen = False
        self._unread: tuple[bytes, bytes] | None = None
        self._resuming = False
        self._rejected = False
        self._deadline: LateTimer | asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first head."""
        super().connection_made(transport)
        self.anonymous.enter(transport, self.client[0] if self.client else "", transport.abort)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        self._hold(0)
        self.anonymous.leave(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then check the message that is still open."""
        if self._rejected or self.transport.is_closing():
            self._dropped += len(data)
            if self._dropped > MAX_LINGER_BYTES:
                self.transport.close()
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
        else:
            self._first_piece = len(data)
        if self._overhead > MAX_HEAD_BYTES:
            self._reject(ApiError(20413, "Request header fields too large"))
        elif self._head_open:
            self._hold(self._first_piece + self._overhead)
            if self._deadline is None:
                self._start_clock()

    def on_message_begin(self) -> None:
        """Record that a head begins."""
        super().on_message_begin()
        self._message_open = self._head_open = True
        self._overhead = self._first_piece = 0

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
        self._hold(0)
        self._keeps_alive = self._discards = False
        self.anonymous.touch(self.transport)
        self.scope["logged_in"] = self.logged_in  # type: ignore[typeddict-unknown-key]
        self.scope["discard_body"] = self.discard_body  # type: ignore[typeddict-unknown-key]
        announced = announced_body(self.headers)
        if self.parser.should_upgrade():
            self._unread = announced
        super().on_headers_complete()
        if announced and not self._should_upgrade():
            self._expect_body(announced)

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body on, unless the request was rejected."""
        self._body_seen = True
        if not (self._rejected or self._discards):
            super().on_body(body)
            if not self.cycle.response_complete:
                self._hold(len(self.cycle.body))

    def on_message_complete(self) -> None:
        """Hand the end of the body on, unless the request was rejected."""
        if self._unread:
            # The parser reads no body behind an offer to upgrade.
            return
        self._message_open = False
        self._stop_clock()
        if not self._rejected:
            if self._keeps_alive and not self.cycle.response_started:
                self.cycle.keep_alive = True
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Limit the time of a body that arrives after its response."""
        if self.cycle.response_complete:
            # The request stays until the next one; what nobody has read of it must not.
            self.cycle.body = bytearray()
        self._hold(len(self.cycle.body))
        self.anonymous.touch(self.transport)
        super().on_response_complete()
        if self._message_open and self._deadline is None and not self.transport.is_closing():
            self._start_clock()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, unless the next request came while the process stood still."""
        if self.timeout_keep_alive_task is not None:
            close, due = super().timeout_keep_alive_handler, self.timeout_keep_alive_task.when()
            self.timeout_keep_alive_task = LateTimer(self.loop, due, close)  # type: ignore[assignment]

    def logged_in(self) -> None:
        """Count the connection no longer among those that give way: its client has sent credentials."""
        self._known = True
        self.memory.keep(self)
        self.anonymous.leave(self.transport)

    def discard_body(self, scope: object) -> None:
        """Drop what has arrived of the body of the request with this ``scope``, and read no more of it before the
        response."""
        if self.cycle.scope is not scope:
            return
        self.cycle.body = bytearray()
        self._hold(0)
        if self.cycle.more_body:
            self._discards = True
            self.flow.pause_reading()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection on; it counts as before until its client has logged in."""
        self.app_state = {**self.app_state, "anonymous": self.anonymous}
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        """End the connection after the response to the request in flight, at once without one."""
        self._keeps_alive = False
        cycle = self.cycle
        arrives = cycle is not None and cycle.more_body and not cycle.response_complete
        if arrives and not (self._known or self._head_open or self._rejected):
            # A client that has not logged in could make every stop wait for its body.
            self._reject(ApiError(20503, "The server stops", headers={"Retry-After": "1"}))
        else:
            super().shutdown()

    def close_after_response(self) -> None:
        """End the connection behind its last response, when the client has had the time to read it."""
        if self._message_open and not self._rejected:
            self._rejected = True
            self._linger()
        elif not self._rejected:
            self.transport.close()

    def abort_idle(self) -> None:
        """End a connection whose client does not end it, unless a response is on its way."""
        if (
            self.cycle is None or self.cycle.response_complete or self.cycle.disconnected
        ) and not self.transport.get_write_buffer_size():
            self.transport.abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        async def run(scope: Any, receive: Any, send: Any) -> None:
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:
                # The stop cuts it off, and logs that once for all.
                cycle.disconnected = True
                self.transport.abort()

        super()._start_asgi_task(cycle, run)

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

    def _expect_body(self, announced: tuple[bytes, bytes]) -> None:
        """Let the connection end with the response, if that comes before the end of a long body."""
        name, value = announced
        self.cycle.transport = _CycleTransport(self)  # type: ignore[assignment]
        if name == b"transfer-encoding" or int(value) > MAX_DROPPED_BYTES:
            self._keeps_alive, self.cycle.keep_alive = self.cycle.keep_alive, False

    def _hold(self, size: int) -> None:
        """Hold ``size`` bytes of the memory of all bodies; reject the request if there is no room."""
        if size == self._held:
            return
        try:
            self.memory.change(size - self._held, self)
        except ApiError as error:
            self._reject(error)
            return
        self._held = size
        if size and not self._known:
            self.memory.let_give_way(self, self._give_way)
        else:
            self.memory.keep(self)

    def _give_way(self) -> None:
        """Release the memory for another client. A request that nobody has read is over with it."""
        cycle = self.cycle
        if not (self._head_open or cycle.body):
            self._hold(0)
        elif cycle is None or cycle.response_complete or cycle.more_body:
            self._reject(memory_full())
        else:
            self._hold(0)
            self.transport.abort()

    def _start_clock(self) -> None:
        self._stop_clock()
        self._deadline = LateTimer(self.loop, self.loop.time() + self.head_seconds, self._too_slow)

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
        self._hold(0)
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
            cycle.body = bytearray()
            cycle.message_event.set()
            self._respond(error)

    def _respond(self, error: ApiError) -> None:
        body = error.body()
        lines = headers.standard(headers.new_request_id()) + headers.content(headers.JSON, len(body))
        lines += [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
        status = HTTPStatus(error.status)
        head = [b"HTTP/1.1 %d %s" % (status, status.phrase.encode()), b"connection: close"]
        head += [name + b": " + value for name, value in (*self.server_state.default_headers, *lines)]
        self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
        self._linger()

    def _linger(self) -> None:
        self._stop_clock()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._deadline = self.loop.call_later(min(LINGER_SECONDS, self.head_seconds), self.transport.close)


class _CycleTransport:
    """The transport of a request with a body: its end leaves the client time to read the response."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: HttpProtocol) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        """Write to the connection."""
        self._protocol.transport.write(data)

    def is_closing(self) -> bool:
        """Return whether nothing more can be written."""
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        """End the connection."""
        self._protocol.close_after_response()
