"""A TCP or TLS connection to an SMSC: the octets of a session, its timers, and flow control.

1. The protocol object owns the transport and the session; nothing here awaits but ``connect``, and all runs on one
   event loop.
2. The output of a turn of the loop is written in one piece. While the peer does not read, nothing is submitted and
   nothing is read, so that neither side's backlog grows without bound.
3. One timer runs, for the session's next timeout. It is not moved when that becomes later: it expires early and is
   set anew, which is cheaper than a timer a PDU.
4. ``bound`` is done with the response to the bind, or fails with BindRefused or BindFailed; ``closed`` is done when
   the socket is closed. The listener gets ``SessionEnd`` exactly once, whatever ends the session.
5. A closed session closes the transport once its output is written, and aborts it when the peer does not read.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol, cast

import msgspec

from trunkline.core.late_timers import LateTimer, patient_timeout
from trunkline.transports.smpp.commands import Command, status_name
from trunkline.transports.smpp.pdu_bodies import BindRequest
from trunkline.transports.smpp.session import (
    NEVER,
    BindRejection,
    BindSuccess,
    DeliverRequest,
    SessionEnd,
    SessionEvent,
    SessionTimeouts,
    SmppSession,
    SmppSessionState,
    SubmitResult,
)

_NEVER_SECONDS = 24 * 3600.0


class SmscConnectionListener(Protocol):
    """The user of a connection."""

    def on_event(self, connection: SmscConnection, event: SubmitResult | DeliverRequest | SessionEnd) -> None:
        """Handle an event of the session."""
        ...

    def on_ready(self, connection: SmscConnection) -> None:
        """Continue sending: all that was received at once is handled, or the peer reads again."""
        ...


class BindRefused(Exception):
    """The SMSC rejected a bind with ``status``."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the SMSC refuses the bind: {status_name(status)}")
        self.status = status


class BindFailed(Exception):
    """The connection ended before the response to its bind; the text is the reason."""


class SmscAddress(msgspec.Struct, frozen=True):
    """The address of an SMSC; without a ``context`` the connection is not encrypted."""

    host: str
    port: int
    context: ssl.SSLContext | None = None
    server_name: str = ""


class Binding(msgspec.Struct, frozen=True):
    """The parameters of a bind and its session."""

    command: Command
    bind: BindRequest
    timing: SessionTimeouts
    window: int


class SmscConnection(asyncio.Protocol):
    """A connection and its session."""

    session: SmppSession

    def __init__(self, binding: Binding, listener: SmscConnectionListener) -> None:
        self._loop = asyncio.get_running_loop()
        self._binding = binding
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._timer: LateTimer | None = None
        self._flush_is_due = False
        self._writable = True
        self._readable = True
        self._reading = True
        self.bound: asyncio.Future[None] = self._loop.create_future()
        """The response to the bind; BindRefused or BindFailed if it failed."""
        self.closed: asyncio.Future[None] = self._loop.create_future()
        """The end of the socket."""

    @property
    def free(self) -> int:
        """The number of requests that may be sent now."""
        return self.session.free if self._writable else 0

    def submit(self, body: bytes) -> int:
        """Send a submit_sm with this encoded body; return its sequence number. The window must not be full."""
        sequence = self.session.submit(body, self._loop.time())
        self._flush_soon()
        return sequence

    def respond(self, request: DeliverRequest, status: int) -> None:
        """Respond to a request of the SMSC."""
        self.session.respond(request, status)
        self._flush_soon()

    def unbind(self) -> None:
        """Send unbind."""
        self._dispatch(self.session.unbind(self._loop.time()))
        self._flush()

    def abort(self, reason: str) -> None:
        """Close at once."""
        if self._transport is not None:
            self._dispatch(self.session.lost(reason))
            self._transport.abort()

    def hold_reading(self, hold: bool) -> None:
        """Stop reading, or resume it."""
        self._readable = not hold
        self._regulate()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the session with its bind."""
        self._transport = cast(asyncio.Transport, transport)
        # What waits in the process is sent whatever becomes of its lease: let it be one turn's output at most.
        # With TLS a limit of 0 would pause even without any.
        self._transport.set_write_buffer_limits(1, 0)
        binding = self._binding
        self.session = SmppSession(
            binding.command, binding.bind, binding.timing, binding.window, self._loop.time()
        )
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Process the octets, and send the responses."""
        self._dispatch(self.session.received(data, self._loop.time()))
        self._listener.on_ready(self)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the session: the socket is closed."""
        reason = f"the connection broke: {exc}" if exc else "the SMSC closed the connection"
        self._dispatch(self.session.lost(reason))
        if self._timer is not None:
            self._timer.cancel()
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """Stop submitting and reading: the peer does not read."""
        self._writable = False
        self._regulate()

    def resume_writing(self) -> None:
        """Resume: the peer reads again."""
        self._writable = True
        self._regulate()
        self._listener.on_ready(self)

    def _regulate(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        wanted = self._readable and self._writable
        if wanted and not self._reading:
            self._transport.resume_reading()
        elif self._reading and not wanted:
            self._transport.pause_reading()
        self._reading = wanted

    def _dispatch(self, events: list[SessionEvent]) -> None:
        for event in events:
            match event:
                case BindSuccess():
                    self._settle(None)
                case BindRejection(status):
                    self._settle(BindRefused(status))
                case SessionEnd(reason):
                    self._settle(BindFailed(reason))
                    self._listener.on_event(self, event)
                case _:
                    self._listener.on_event(self, event)
            if self.session.state is SmppSessionState.CLOSED:
                self._flush_soon()

    def _settle(self, error: Exception | None) -> None:
        if self.bound.done():
            return
        if error is None:
            self.bound.set_result(None)
        else:
            self.bound.set_exception(error)
            # The caller may be gone, and nobody retrieve the exception.
            self.bound.exception()

    def _flush_soon(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if out := self.session.take_output():
            transport.write(out)
        if self.session.state is SmppSessionState.CLOSED:
            transport.close()
            # A peer that does not read must not keep the socket open.
            self._arm_at(self._loop.time() + self._binding.timing.link, transport.abort)
        else:
            self._arm()

    def _arm(self) -> None:
        due = self.session.due
        if due is not NEVER and (self._timer is None or due < self._timer.when()):
            self._arm_at(due, self._expire)

    def _arm_at(self, when: float, callback: Callable[[], object]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = LateTimer(self._loop, when, callback)

    def _expire(self) -> None:
        self._timer = None
        self._dispatch(self.session.expire(self._loop.time()))
        self._flush()


async def connect(address: SmscAddress, binding: Binding, listener: SmscConnectionListener) -> SmscConnection:
    """Connect and send the bind. Raise OSError, ssl.SSLError or TimeoutError if there is no connection."""
    async with patient_timeout(binding.timing.link):
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: SmscConnection(binding, listener),
            address.host,
            address.port,
            ssl=address.context,
            server_hostname=(address.server_name or address.host) if address.context else None,
            ssl_handshake_timeout=_NEVER_SECONDS if address.context else None,
        )
    return connection
