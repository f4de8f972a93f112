"""One TCP or TLS connection to an SMSC: octets in and out of a session, its timers, and flow control.

What a turn of the loop has to send is written at once. While the peer does not read, nothing is submitted and nothing
is read, so that neither side's backlog grows without bound.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol, cast

import msgspec

from trunkline.transports.smpp.bodies import Bind
from trunkline.transports.smpp.commands import Command, status_name
from trunkline.transports.smpp.session import (
    NEVER,
    Answered,
    Asked,
    Event,
    Opened,
    Over,
    Refused,
    Session,
    State,
    Timing,
)


class Owner(Protocol):
    """Who uses a connection."""

    def told(self, connection: Connection, event: Answered | Asked | Over) -> None:
        """Something happened."""
        ...

    def turned(self, connection: Connection) -> None:
        """All that came at once was told, or there is room to write again."""
        ...


class BindRefused(Exception):
    """The SMSC refused a bind with ``status``."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the SMSC refuses the bind: {status_name(status)}")
        self.status = status


class BindFailed(Exception):
    """The connection ended before its bind was answered; the text says why."""


class Place(msgspec.Struct, frozen=True):
    """Where an SMSC is; without a ``context`` it is spoken to in the clear."""

    host: str
    port: int
    context: ssl.SSLContext | None = None
    server_name: str = ""


class Binding(msgspec.Struct, frozen=True):
    """How a session begins."""

    command: Command
    bind: Bind
    timing: Timing
    window: int


class Connection(asyncio.Protocol):
    """A connection and its session. The owner hears ``Over`` once, whatever ends it."""

    session: Session

    def __init__(self, binding: Binding, owner: Owner) -> None:
        self._loop = asyncio.get_running_loop()
        self._binding = binding
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flush_is_due = False
        self._writable = True
        self._readable = True
        self._reading = True
        self.opened: asyncio.Future[None] = self._loop.create_future()
        """Is done when the bind is answered, with BindRefused or BindFailed when it failed."""
        self.closed: asyncio.Future[None] = self._loop.create_future()
        """Is done when the socket is closed."""

    @property
    def room(self) -> int:
        """How many requests may be sent now."""
        return self.session.room if self._writable else 0

    def submit(self, body: bytes) -> int:
        """Send a submit_sm with this encoded body; answers its sequence number. There must be room."""
        sequence = self.session.submit(body, self._loop.time())
        self._flush_soon()
        return sequence

    def answer(self, asked: Asked, status: int) -> None:
        """Answer what the SMSC asked."""
        self.session.answer(asked, status)
        self._flush_soon()

    def unbind(self) -> None:
        """Say good-bye."""
        self._tell(self.session.unbind(self._loop.time()))
        self._flush()

    def abort(self, reason: str) -> None:
        """Close at once."""
        if self._transport is not None:
            self._tell(self.session.lost(reason))
            self._transport.abort()

    def hold_reading(self, hold: bool) -> None:
        """Read no more for a while, or again."""
        self._readable = not hold
        self._regulate()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the session with its bind."""
        self._transport = cast(asyncio.Transport, transport)
        binding = self._binding
        self.session = Session(
            binding.command, binding.bind, binding.timing, binding.window, self._loop.time()
        )
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Hear what came, and send what follows from it."""
        self._tell(self.session.received(data, self._loop.time()))
        self._owner.turned(self)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        reason = f"the connection broke: {exc}" if exc else "the SMSC closed the connection"
        self._tell(self.session.lost(reason))
        if self._timer is not None:
            self._timer.cancel()
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """The peer does not read."""
        self._writable = False
        self._regulate()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._writable = True
        self._regulate()
        self._owner.turned(self)

    def _regulate(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        wanted = self._readable and self._writable
        if wanted and not self._reading:
            self._transport.resume_reading()
        elif self._reading and not wanted:
            self._transport.pause_reading()
        self._reading = wanted

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Opened():
                    self._settle(None)
                case Refused(status):
                    self._settle(BindRefused(status))
                case Over(reason):
                    self._settle(BindFailed(reason))
                    self._owner.told(self, event)
                case _:
                    self._owner.told(self, event)
            if self.session.state is State.OVER:
                self._flush_soon()

    def _settle(self, error: Exception | None) -> None:
        if self.opened.done():
            return
        if error is None:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(error)
            # Whoever waited may be gone; the failure is no news then.
            self.opened.exception()

    def _flush_soon(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if out := self.session.take():
            transport.write(out)
        if self.session.state is State.OVER:
            transport.close()
            # A peer that does not read must not keep the socket open.
            self._arm_at(self._loop.time() + self._binding.timing.link, transport.abort)
        else:
            self._arm()

    def _arm(self) -> None:
        due = self.session.due
        if due is not NEVER and (self._timer is None or due < self._timer.when()):
            self._arm_at(due, self._ring)

    def _arm_at(self, when: float, callback: Callable[[], object]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, callback)

    def _ring(self) -> None:
        self._timer = None
        self._tell(self.session.passed(self._loop.time()))
        self._flush()


async def connect(place: Place, binding: Binding, owner: Owner) -> Connection:
    """Connect and send the bind. Raises OSError, ssl.SSLError and TimeoutError."""
    async with asyncio.timeout(binding.timing.link):
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(binding, owner),
            place.host,
            place.port,
            ssl=place.context,
            server_hostname=(place.server_name or place.host) if place.context else None,
        )
    return connection
