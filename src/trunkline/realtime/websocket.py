"""A WebSocket connection as uvicorn's protocol class: frames in, frames out, bounds, and the end.

Rules (RFC 6455, and bounds of our own):

- Client frames are masked, at most 1 MiB a message (else 1009); control frames have a reply, fragments joined.
- Until ``widen``, which is called when a client has logged in, a message has at most 32 KiB, and everything together,
  control frames included, 64 KiB (else 1009). The longest token has 16 KiB; clients send 1 to 2 KiB (captured).
- ``send`` accepts whole server frames, so that one frame is built once for all receivers. Frames are joined and
  written once per turn of the loop. While the client does not read, they wait: at most 4 MiB or 1,000 frames, then the
  connection is aborted, and the client catches up by replay.
- ``close`` sends the close frame; the connection ends when the client responds, or by ``abort``.
- Input of more than 16 KiB is read in pieces, a few of all connections between two turns of the loop; meanwhile no more
  is read from the client.
- ``drained`` waits on a future of the connection, which is resolved when the client reads again or is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, cast

from uvicorn.server import ServerState
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Close, CloseCode, Opcode

from trunkline.api.errors import ApiError
from trunkline.core.anonymous_connections import AnonymousConnections
from trunkline.realtime.flusher import Flusher
from trunkline.realtime.handshake import BadHandshake, parse_upgrade, rejection
from trunkline.realtime.intake import PIECE_BYTES, Intake
from trunkline.realtime.websocket_frames import ClientFrame, FrameReader, frame

MAX_MESSAGE_BYTES = 1024 * 1024
MAX_QUEUED_BYTES = 4 * 1024 * 1024
MAX_QUEUED_FRAMES = 1000
MAX_EARLY_MESSAGE_BYTES = 32 * 1024
MAX_EARLY_BYTES = 64 * 1024
_MAX_FRAGMENTS = 1024
_WIDE = -1


class WebSocketListener(Protocol):
    """The listener to the events of a connection."""

    def received(self, message: bytes) -> None:
        """Handle a binary message."""
        ...

    def received_text(self) -> None:
        """Handle a text message."""
        ...

    def lost(self) -> None:
        """Handle the end of the connection."""
        ...

    def drain(self) -> None:
        """End the connection soon: the server stops."""
        ...


class WebSocketOwner(Protocol):
    """The owner of WebSockets, which accepts upgrades and makes the listeners."""

    @property
    def flusher(self) -> Flusher:
        """The joining of the writes of all connections."""
        ...

    @property
    def intake(self) -> Intake:
        """The reading of much input of all connections."""
        ...

    def admit(self, path: str, origin: str | None) -> None:
        """Accept an upgrade by returning. Raise ApiError if it is refused."""
        ...

    def open(self, socket: WebSocket) -> WebSocketListener:
        """Return the listener of an accepted WebSocket."""
        ...


class WebSocket(asyncio.Protocol):
    """One connection, from the upgrade on."""

    __slots__ = (
        "_anonymous",
        "_closing",
        "_door",
        "_early_bytes",
        "_fragments",
        "_fragments_opcode",
        "_inbound",
        "_listener",
        "_max_message_bytes",
        "_paused",
        "_queue",
        "_queued_bytes",
        "_state",
        "_throttled",
        "_transport",
        "_unread",
        "_upgraded",
        "_waiters",
    )

    def __init__(
        self, door: WebSocketOwner, server_state: ServerState, anonymous: AnonymousConnections | None = None
    ) -> None:
        self._anonymous = anonymous
        self._door = door
        self._state = server_state
        self._transport: asyncio.Transport | None = None
        self._listener: WebSocketListener | None = None
        self._upgraded = False
        self._early_bytes = 0
        self._max_message_bytes = MAX_EARLY_MESSAGE_BYTES
        self._inbound: FrameReader | None = None
        self._queue: list[bytes] | None = None
        self._queued_bytes = 0
        self._fragments: list[bytes] | None = None
        self._fragments_opcode = Opcode.BINARY
        self._paused = False
        self._throttled = False
        self._unread = b""
        self._closing = False
        self._waiters: Sequence[asyncio.Future[None]] = ()

    # For uvicorn and the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the transport from the HTTP protocol."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the transport."""
        self._connections.discard(self)
        self._count_no_longer()
        self._let_go()

    def data_received(self, data: bytes) -> None:
        """Handle the head of the upgrade, whole, in the first call; then pieces of frames."""
        if self._transport is None or self._transport.is_closing():
            return
        if not self._upgraded:
            self._upgrade(data)
            return
        if self._inbound is None:
            return
        if self._early_bytes != _WIDE:
            self._early_bytes += len(data)
            if self._early_bytes > MAX_EARLY_BYTES:
                self._fail(CloseCode.MESSAGE_TOO_BIG)
                return
        if self._unread:
            self._unread += data
        elif len(data) > PIECE_BYTES:
            self._unread = data
            self._transport.pause_reading()
            self._door.intake.enqueue(self)
        else:
            self._read(data)

    def read_on(self) -> bool:
        """Read a piece of the input that waits. Return whether there is more."""
        piece, self._unread = self._unread[:PIECE_BYTES], self._unread[PIECE_BYTES:]
        self._read(piece)
        if self._inbound is None:
            self._unread = b""
        if self._unread:
            return True
        self._resume()
        return False

    def _read(self, data: bytes) -> None:
        inbound = self._inbound
        if inbound is None:
            return
        try:
            for got in inbound.feed(data):
                self._take(got)
                if self._inbound is not inbound:
                    return
        except PayloadTooBig:
            self._fail(CloseCode.MESSAGE_TOO_BIG)
        except (ProtocolError, UnicodeDecodeError):
            self._fail(CloseCode.PROTOCOL_ERROR)

    def eof_received(self) -> bool:
        """Close the transport: the client will send no more."""
        return False

    def pause_writing(self) -> None:
        """Stop writing: the client does not read."""
        self._paused = True

    def resume_writing(self) -> None:
        """Write again: the client reads."""
        self._paused = False
        self.flush()
        if not self._paused:
            self._wake()

    def shutdown(self) -> None:
        """End the connection: uvicorn stops."""
        if self._listener is not None:
            self._listener.drain()
        elif self._transport is not None:
            self._transport.close()

    # For the listener

    def send(self, frame: bytes) -> None:
        """Queue a whole frame; abort the connection if too much is queued. Do nothing after ``close``."""
        if self._closing:
            return
        if self._queue is None:
            self._queue = [frame]
            self._queued_bytes = len(frame)
            if not self._paused:
                self._door.flusher.enqueue(self)
            return
        self._queue.append(frame)
        self._queued_bytes += len(frame)
        if len(self._queue) > MAX_QUEUED_FRAMES or self._queued_bytes > MAX_QUEUED_BYTES:
            # A reader that keeps up may still get a long replay within one turn of the loop.
            self.flush()
            if self._queue is not None:
                self.abort()

    def flush(self) -> None:
        """Write the queue, unless the client does not read."""
        if self._queue is None or self._paused or self._transport is None:
            return
        queue, self._queue = self._queue, None
        self._queued_bytes = 0
        if self._transport.is_closing():
            return
        self._transport.write(queue[0] if len(queue) == 1 else b"".join(queue))

    @property
    def behind(self) -> bool:
        """True while the client has not read what was written."""
        return self._paused

    async def drained(self) -> None:
        """Wait until the client has read what was written, or is gone."""
        self.flush()
        while self._paused and self._transport is not None:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters = [*self._waiters, waiter]
            await waiter

    def close(self, code: int = CloseCode.NORMAL_CLOSURE) -> None:
        """Send the close frame behind the queue. ``lost`` of the listener is called when the connection has ended."""
        if self._closing or self._transport is None:
            return
        self.send(frame(Opcode.CLOSE, Close(code, "").serialize()))
        self._closing = True
        self.flush()

    def abort(self) -> None:
        """End the connection now; the queue is lost."""
        self._closing = True
        self._queue = None
        if self._transport is not None:
            self._transport.abort()

    def widen(self) -> None:
        """Read messages of the full size from now on, and let the connection no longer give way to others."""
        self._count_no_longer()
        self._early_bytes = _WIDE
        self._max_message_bytes = MAX_MESSAGE_BYTES
        if self._inbound is not None:
            self._inbound.max_bytes = MAX_MESSAGE_BYTES

    def pause_reading(self) -> None:
        """Read no more from the client for now."""
        self._throttled = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read from the client again."""
        self._throttled = False
        self._resume()

    # The inside

    def _resume(self) -> None:
        """Read from the client, unless what it sent before is still to be read or handled."""
        if self._unread or self._throttled:
            return
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _count_no_longer(self) -> None:
        if self._anonymous is not None and self._transport is not None:
            self._anonymous.leave(self._transport)

    @property
    def _connections(self) -> set[Any]:
        return cast("set[Any]", self._state.connections)

    def _upgrade(self, head: bytes) -> None:
        assert self._transport is not None
        try:
            upgrade = parse_upgrade(head)
            self._door.admit(upgrade.path, upgrade.origin)
        except BadHandshake as error:
            self._refuse(ApiError(20001, f"Not a WebSocket upgrade: {error}"))
            return
        except ApiError as error:
            self._refuse(error)
            return
        self._transport.write(upgrade.response)
        self._upgraded = True
        self._inbound = FrameReader(self._max_message_bytes)
        self._listener = self._door.open(self)

    def _refuse(self, error: ApiError) -> None:
        assert self._transport is not None
        self._transport.write(rejection(error))
        self._transport.close()

    def _take(self, got: ClientFrame) -> None:
        opcode, fin, data = got
        if opcode is Opcode.BINARY or opcode is Opcode.TEXT:
            if self._fragments is not None:
                raise ProtocolError("a new message within another")
            if fin:
                self._hand_on(opcode, data)
            else:
                self._fragments, self._fragments_opcode = [data], opcode
        elif opcode is Opcode.CONT:
            self._continue(data, fin)
        elif opcode is Opcode.PING:
            self.send(frame(Opcode.PONG, data))
        elif opcode is Opcode.CLOSE:
            self._closed_by_client(data)

    def _continue(self, data: bytes, fin: bool) -> None:
        if self._fragments is None:
            raise ProtocolError("a fragment of no message")
        self._fragments.append(data)
        size = sum(map(len, self._fragments))
        if size > self._max_message_bytes or len(self._fragments) > _MAX_FRAGMENTS:
            raise PayloadTooBig(size, self._max_message_bytes)
        if fin:
            whole, self._fragments = b"".join(self._fragments), None
            self._hand_on(self._fragments_opcode, whole)

    def _hand_on(self, opcode: Opcode, data: bytes) -> None:
        if self._listener is None or self._closing:
            return
        if opcode is Opcode.TEXT:
            self._listener.received_text()
        else:
            self._listener.received(data)

    def _closed_by_client(self, data: bytes) -> None:
        code = Close.parse(data).code if data else CloseCode.NORMAL_CLOSURE
        self.close(code)
        self._finish()

    def _fail(self, code: int) -> None:
        self.close(code)
        self._finish()

    def _finish(self) -> None:
        """Close the transport behind the close frame. Do not wait for a client that does not read."""
        self._inbound = None
        if self._transport is None:
            return
        if self._queue is not None:
            self.abort()
        else:
            self._transport.close()

    def _let_go(self) -> None:
        self._closing = True
        self._queue = self._fragments = self._inbound = self._transport = None
        self._unread = b""
        self._wake()
        if self._listener is not None:
            listener, self._listener = self._listener, None
            listener.lost()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, ()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
