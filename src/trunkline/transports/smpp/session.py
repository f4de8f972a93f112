"""The session of an ESME on one SMPP connection, as a state machine. Pure.

1. It begins with a bind. Until its response nothing else is sent, and the SMSC's requests are rejected.
2. At most ``window`` requests are outstanding. A response belongs to the request with its sequence number; one that
   belongs to none, or comes twice, is ignored.
3. A request without a response in time closes the session, as does a silence that an enquire_link does not break, a
   PDU that does not end, and an impossible length. The outcome of the requests outstanding then is unknown.
4. The SMSC's unbind is acknowledged; responses to outstanding requests may still come until a grace period ends.

Times are handed in, in seconds of any clock that never goes back.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from trunkline.transports.smpp.commands import MAX_SEQUENCE, RESPONSE, Command, CommandStatus
from trunkline.transports.smpp.pdu import BadPdu, Pdu, decode, encode_body, frame
from trunkline.transports.smpp.pdu_bodies import (
    BindRequest,
    BindResponse,
    DataMessage,
    MessageResponse,
    ShortMessage,
)
from trunkline.transports.smpp.stream import Splitter

GRACE = 5.0
"""The seconds in which responses may come after an unbind, and the response to ours."""

NEVER = float("inf")
_SUBMIT_RESPONSE = Command.SUBMIT_SM | RESPONSE


class SmppSessionState(Enum):
    """The state of a session."""

    BINDING = "binding"
    BOUND = "bound"
    UNBINDING = "unbinding"
    """One side has sent unbind: nothing new is sent."""
    CLOSED = "closed"


class SessionTimeouts(msgspec.Struct, frozen=True):
    """The timeouts in seconds: ``link`` for a bind, an enquire_link or the rest of a PDU, ``response`` for a request,
    ``silence`` without any PDU before an enquire_link is sent."""

    link: float
    response: float
    silence: float


class BindSuccess(msgspec.Struct, frozen=True):
    """The bind was accepted."""

    system_id: str


class BindRejection(msgspec.Struct, frozen=True):
    """The bind was rejected; the session is closed."""

    status: int


class SubmitResult(msgspec.Struct, frozen=True):
    """The response to a submit_sm. ``message_id`` is as the network wrote it, empty without one."""

    sequence: int
    status: int
    message_id: str


class DeliverRequest(msgspec.Struct, frozen=True):
    """A deliver_sm or data_sm, to which ``respond`` must respond."""

    command: int
    sequence: int
    body: ShortMessage | DataMessage


class SessionEnd(msgspec.Struct, frozen=True):
    """The connection must be closed, once the output is sent. ``lost`` are the requests whose outcome is unknown."""

    reason: str
    lost: tuple[int, ...] = ()


SessionEvent = BindSuccess | BindRejection | SubmitResult | DeliverRequest | SessionEnd


class SmppSession:
    """The session of one connection. ``take_output`` must be called after every other method."""

    def __init__(
        self, command: Command, bind: BindRequest, timing: SessionTimeouts, window: int, now: float
    ) -> None:
        self.state = SmppSessionState.BINDING
        self._timing = timing
        self._window = window
        self._splitter = Splitter()
        self._outgoing: list[bytes] = []
        self._outstanding: dict[int, float] = {}
        """The deadline of each outstanding request, the earliest first."""
        self._sequence = 0
        self._received_at = now
        self._begun: float | None = None
        """The time at which the incomplete PDU began."""
        self._enquired: float | None = None
        self._deadline = now + timing.link
        """The deadline of a bind or an unbind."""
        self._unbound_by_peer = False
        """True if the SMSC has sent unbind."""
        self._bind = command
        self._events: list[SessionEvent] = []
        self._request(command, encode_body(command, bind))

    @property
    def free(self) -> int:
        """The number of requests that may be sent now."""
        return self._window - len(self._outstanding) if self.state is SmppSessionState.BOUND else 0

    def take_output(self) -> bytes:
        """Return the octets to send, and clear them."""
        if not self._outgoing:
            return b""
        out, self._outgoing = self._outgoing, []
        return b"".join(out)

    def submit(self, body: bytes, now: float) -> int:
        """Send a submit_sm with this encoded body; return its sequence number. The window must not be full."""
        assert self.free > 0, "the window is full"
        sequence = self._request(Command.SUBMIT_SM, body)
        self._outstanding[sequence] = now + self._timing.response
        return sequence

    def respond(self, request: DeliverRequest, status: int) -> None:
        """Respond to a request of the SMSC, unless the session is closed."""
        if self.state is not SmppSessionState.CLOSED:
            self._outgoing.append(frame(request.command | RESPONSE, status, request.sequence, b"\0"))

    def unbind(self, now: float) -> list[SessionEvent]:
        """Send unbind; responses may still come until the grace period ends."""
        if self.state is SmppSessionState.BOUND:
            self.state = SmppSessionState.UNBINDING
            self._deadline = now + GRACE
            self._request(Command.UNBIND, b"")
        elif self.state is SmppSessionState.BINDING:
            self._end("stopped while binding")
        return self._drain_events()

    def received(self, data: bytes, now: float) -> list[SessionEvent]:
        """Process octets from the network."""
        self._received_at = now
        self._enquired = None
        pdus = self._splitter.feed(data)
        for whole in pdus:
            if self.state is SmppSessionState.CLOSED:
                break
            try:
                self._process(decode(whole), now)
            except BadPdu as bad:
                self._bad(bad, now)
        if self._splitter.broken is not None and self.state is not SmppSessionState.CLOSED:
            self._bad(self._splitter.broken, now)
            self._end(str(self._splitter.broken))
        if not self._splitter.begun:
            self._begun = None
        elif pdus or self._begun is None:
            self._begun = now
        return self._drain_events()

    def expire(self, now: float) -> list[SessionEvent]:
        """Handle the timeouts that are due at ``now``."""
        timing = self._timing
        if self.state is SmppSessionState.CLOSED:
            return []
        if self.state in (SmppSessionState.BINDING, SmppSessionState.UNBINDING) and now >= self._deadline:
            self._end("the bind had no response" if self.state is SmppSessionState.BINDING else "unbound")
        elif now >= self._oldest:
            self._end("a request had no response")
        elif self._begun is not None and now >= self._begun + timing.link:
            self._end("a PDU did not end")
        elif self._enquired is not None and now >= self._enquired + timing.link:
            self._end("the SMSC is silent")
        elif (
            self.state is SmppSessionState.BOUND
            and self._enquired is None
            and now >= self._received_at + timing.silence
        ):
            self._enquired = now
            self._request(Command.ENQUIRE_LINK, b"")
        return self._drain_events()

    def lost(self, reason: str) -> list[SessionEvent]:
        """Close the session: the connection was lost."""
        if self.state is not SmppSessionState.CLOSED:
            self._end(reason)
        return self._drain_events()

    @property
    def due(self) -> float:
        """The time at which the next timeout is due."""
        if self.state is SmppSessionState.CLOSED:
            return NEVER
        link = self._timing.link
        times = [self._oldest]
        if self.state is not SmppSessionState.BOUND:
            times.append(self._deadline)
        elif self._enquired is None:
            times.append(self._received_at + self._timing.silence)
        if self._enquired is not None:
            times.append(self._enquired + link)
        if self._begun is not None:
            times.append(self._begun + link)
        return min(times)

    @property
    def _oldest(self) -> float:
        """The deadline of the oldest request."""
        return next(iter(self._outstanding.values()), NEVER)

    def _drain_events(self) -> list[SessionEvent]:
        if not self._events:
            return []
        events, self._events = self._events, []
        return events

    def _request(self, command: int, body: bytes) -> int:
        self._sequence = self._sequence + 1 if self._sequence < MAX_SEQUENCE else 1
        self._outgoing.append(frame(command, 0, self._sequence, body))
        return self._sequence

    def _bad(self, bad: BadPdu, now: float) -> None:
        """Respond to a request that cannot be decoded; of a response the status still counts."""
        if bad.response is not None:
            self._outgoing.append(bad.response)
        else:
            self._process(bad.head, now)

    def _process(self, pdu: Pdu, now: float) -> None:
        command = pdu.command
        if command == _SUBMIT_RESPONSE or command == Command.GENERIC_NACK:
            self._responded(
                pdu.sequence, pdu.status, pdu.body.message_id if isinstance(pdu.body, MessageResponse) else ""
            )
        elif command in (Command.DELIVER_SM, Command.DATA_SM):
            assert isinstance(pdu.body, ShortMessage | DataMessage)
            request = DeliverRequest(command, pdu.sequence, pdu.body)
            if self.state is SmppSessionState.BOUND:
                self._events.append(request)
            else:
                binding = self.state is SmppSessionState.BINDING
                self.respond(request, CommandStatus.RINVBNDSTS if binding else CommandStatus.RX_T_APPN)
        elif command == Command.ENQUIRE_LINK:
            self._outgoing.append(frame(command | RESPONSE, 0, pdu.sequence))
        elif command == Command.UNBIND:
            self._outgoing.append(frame(command | RESPONSE, 0, pdu.sequence))
            self._unbound(now)
        elif command == self._bind | RESPONSE:
            self._bound(pdu)
        elif command == Command.UNBIND | RESPONSE:
            if self.state is SmppSessionState.UNBINDING:
                self._end("unbound")
        elif not command & RESPONSE and command != Command.ALERT_NOTIFICATION:
            self._outgoing.append(frame(Command.GENERIC_NACK, CommandStatus.RINVCMDID, pdu.sequence))

    def _responded(self, sequence: int, status: int, message_id: str) -> None:
        if self.state is SmppSessionState.BINDING and sequence == self._sequence:
            self._rejected(status)
        elif self._outstanding.pop(sequence, None) is not None:
            self._events.append(SubmitResult(sequence, status, message_id))
            self._leave_when_done()

    def _bound(self, pdu: Pdu) -> None:
        if self.state is not SmppSessionState.BINDING or pdu.sequence != self._sequence:
            return
        if pdu.status:
            self._rejected(pdu.status)
            return
        self.state = SmppSessionState.BOUND
        self._events.append(BindSuccess(pdu.body.system_id if isinstance(pdu.body, BindResponse) else ""))

    def _rejected(self, status: int) -> None:
        self.state = SmppSessionState.CLOSED
        self._events.append(BindRejection(status or CommandStatus.RBINDFAIL))

    def _unbound(self, now: float) -> None:
        if self.state is not SmppSessionState.BOUND:
            self._end("the SMSC unbound")
            return
        self.state = SmppSessionState.UNBINDING
        self._deadline = now + GRACE
        self._unbound_by_peer = True
        self._leave_when_done()

    def _leave_when_done(self) -> None:
        if self._unbound_by_peer and self.state is SmppSessionState.UNBINDING and not self._outstanding:
            self._end("the SMSC unbound")

    def _end(self, reason: str) -> None:
        self.state = SmppSessionState.CLOSED
        lost = tuple(self._outstanding)
        self._outstanding.clear()
        self._events.append(SessionEnd(reason, lost))
