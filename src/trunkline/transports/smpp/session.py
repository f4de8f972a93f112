"""What may be said on one SMPP connection, and when: an ESME's session as a state machine. Pure.

1. It begins with a bind. Until that is answered nothing else is sent, and what the SMSC asks is refused.
2. At most ``window`` requests are without an answer. An answer belongs to the request with its sequence number; one
   that belongs to none, or comes twice, is skipped.
3. A request that is not answered in time ends the session, as does a silence that an enquire_link does not break, a
   PDU that does not end, and a length that cannot be true. What was not answered then has an unknown fate.
4. The SMSC's unbind is answered; what is still without an answer may be answered until a grace period ends.

Times are handed in, in seconds of any clock that never goes back.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from trunkline.transports.smpp.bodies import Accepted, Bind, Bound, DataMessage, ShortMessage
from trunkline.transports.smpp.commands import ANSWER, MAX_SEQUENCE, Command, Status, status_name
from trunkline.transports.smpp.pdu import BadPdu, Pdu, decode, encode_body, frame
from trunkline.transports.smpp.stream import Splitter

GRACE = 5.0
"""Seconds that answers may take after an unbind, and the answer to ours."""

NEVER = float("inf")
_SUBMIT_ANSWER = Command.SUBMIT_SM | ANSWER


class State(Enum):
    """Where a session is."""

    BINDING = "binding"
    BOUND = "bound"
    UNBINDING = "unbinding"
    """One side said good-bye: nothing new is sent."""
    OVER = "over"


class Timing(msgspec.Struct, frozen=True):
    """``link`` is how long a bind, an enquire_link or the rest of a PDU may take, ``response`` a request, ``silence``
    how long nothing may be heard before an enquire_link."""

    link: float
    response: float
    silence: float


class Opened(msgspec.Struct, frozen=True):
    """The bind was accepted."""

    system_id: str


class Refused(msgspec.Struct, frozen=True):
    """The bind was refused; the session is over."""

    status: int


class Answered(msgspec.Struct, frozen=True):
    """A request was answered. ``message_id`` is what the network wrote, empty where it wrote none."""

    sequence: int
    status: int
    message_id: str


class Asked(msgspec.Struct, frozen=True):
    """A deliver_sm or data_sm, which ``answer`` has to answer."""

    command: int
    sequence: int
    body: ShortMessage | DataMessage


class Over(msgspec.Struct, frozen=True):
    """The connection is to be closed, once what is to be sent is sent. ``lost`` are the requests whose fate is
    unknown."""

    reason: str
    lost: tuple[int, ...] = ()


Event = Opened | Refused | Answered | Asked | Over


class Session:
    """One connection's session. ``take`` is to be called after every other method for what is to be sent."""

    def __init__(self, command: Command, bind: Bind, timing: Timing, window: int, now: float) -> None:
        self.state = State.BINDING
        self._timing = timing
        self._window = window
        self._splitter = Splitter()
        self._outgoing: list[bytes] = []
        self._outstanding: dict[int, float] = {}
        """When each request without an answer is given up, the earliest first."""
        self._sequence = 0
        self._heard = now
        self._begun: float | None = None
        """When the PDU began that has not ended."""
        self._enquired: float | None = None
        self._deadline = now + timing.link
        """When a bind or an unbind has taken too long."""
        self._left = False
        """Whether the SMSC said good-bye."""
        self._bind = command
        self._events: list[Event] = []
        self._request(command, encode_body(command, bind))

    @property
    def room(self) -> int:
        """How many requests may be sent now."""
        return self._window - len(self._outstanding) if self.state is State.BOUND else 0

    def take(self) -> bytes:
        """What is to be sent now."""
        if not self._outgoing:
            return b""
        out, self._outgoing = self._outgoing, []
        return b"".join(out)

    def submit(self, body: bytes, now: float) -> int:
        """Send a submit_sm whose encoded body is ``body``; answers its sequence number. There must be room."""
        assert self.room > 0, "the window is full"
        sequence = self._request(Command.SUBMIT_SM, body)
        self._outstanding[sequence] = now + self._timing.response
        return sequence

    def answer(self, asked: Asked, status: int) -> None:
        """Answer what the SMSC asked; nothing, when the session is over."""
        if self.state is not State.OVER:
            self._outgoing.append(frame(asked.command | ANSWER, status, asked.sequence, b"\0"))

    def unbind(self, now: float) -> list[Event]:
        """Say good-bye; what has no answer may still get it until the grace period ends."""
        if self.state is State.BOUND:
            self.state = State.UNBINDING
            self._deadline = now + GRACE
            self._request(Command.UNBIND, b"")
        elif self.state is State.BINDING:
            self._end("stopped while binding")
        return self._told()

    def received(self, data: bytes, now: float) -> list[Event]:
        """Take octets from the network."""
        self._heard = now
        self._enquired = None
        pdus = self._splitter.feed(data)
        for whole in pdus:
            if self.state is State.OVER:
                break
            try:
                self._take(decode(whole), now)
            except BadPdu as bad:
                self._bad(bad, now)
        if self._splitter.broken is not None and self.state is not State.OVER:
            self._bad(self._splitter.broken, now)
            self._end(str(self._splitter.broken))
        if not self._splitter.begun:
            self._begun = None
        elif pdus or self._begun is None:
            self._begun = now
        return self._told()

    def passed(self, now: float) -> list[Event]:
        """See to what is due at ``now``."""
        timing = self._timing
        if self.state is State.OVER:
            return []
        if self.state in (State.BINDING, State.UNBINDING) and now >= self._deadline:
            self._end("the bind was not answered" if self.state is State.BINDING else "unbound")
        elif now >= self._oldest:
            self._end("a request was not answered")
        elif self._begun is not None and now >= self._begun + timing.link:
            self._end("a PDU did not end")
        elif self._enquired is not None and now >= self._enquired + timing.link:
            self._end("the SMSC is silent")
        elif self.state is State.BOUND and self._enquired is None and now >= self._heard + timing.silence:
            self._enquired = now
            self._request(Command.ENQUIRE_LINK, b"")
        return self._told()

    def lost(self, reason: str) -> list[Event]:
        """The connection broke."""
        if self.state is not State.OVER:
            self._end(reason)
        return self._told()

    @property
    def due(self) -> float:
        """When ``passed`` has something to do."""
        if self.state is State.OVER:
            return NEVER
        link = self._timing.link
        times = [self._oldest]
        if self.state is not State.BOUND:
            times.append(self._deadline)
        elif self._enquired is None:
            times.append(self._heard + self._timing.silence)
        if self._enquired is not None:
            times.append(self._enquired + link)
        if self._begun is not None:
            times.append(self._begun + link)
        return min(times)

    @property
    def _oldest(self) -> float:
        """When the request that waits longest is given up."""
        return next(iter(self._outstanding.values()), NEVER)

    def _told(self) -> list[Event]:
        if not self._events:
            return []
        told, self._events = self._events, []
        return told

    def _request(self, command: int, body: bytes) -> int:
        self._sequence = self._sequence + 1 if self._sequence < MAX_SEQUENCE else 1
        self._outgoing.append(frame(command, 0, self._sequence, body))
        return self._sequence

    def _bad(self, bad: BadPdu, now: float) -> None:
        """Answer a request that cannot be understood; of an answer the status still counts."""
        if bad.answer is not None:
            self._outgoing.append(bad.answer)
        else:
            self._take(bad.head, now)

    def _take(self, pdu: Pdu, now: float) -> None:
        command = pdu.command
        if command == _SUBMIT_ANSWER or command == Command.GENERIC_NACK:
            self._answered(
                pdu.sequence, pdu.status, pdu.body.message_id if isinstance(pdu.body, Accepted) else ""
            )
        elif command in (Command.DELIVER_SM, Command.DATA_SM):
            assert isinstance(pdu.body, ShortMessage | DataMessage)
            asked = Asked(command, pdu.sequence, pdu.body)
            if self.state is State.BOUND:
                self._events.append(asked)
            else:
                binding = self.state is State.BINDING
                self.answer(asked, Status.RINVBNDSTS if binding else Status.RX_T_APPN)
        elif command == Command.ENQUIRE_LINK:
            self._outgoing.append(frame(command | ANSWER, 0, pdu.sequence))
        elif command == Command.UNBIND:
            self._outgoing.append(frame(command | ANSWER, 0, pdu.sequence))
            self._unbound(now)
        elif command == self._bind | ANSWER:
            self._bound(pdu)
        elif command == Command.UNBIND | ANSWER:
            if self.state is State.UNBINDING:
                self._end("unbound")
        elif not command & ANSWER and command != Command.ALERT_NOTIFICATION:
            self._outgoing.append(frame(Command.GENERIC_NACK, Status.RINVCMDID, pdu.sequence))

    def _answered(self, sequence: int, status: int, message_id: str) -> None:
        if self.state is State.BINDING and sequence == self._sequence:
            self._refused(status)
        elif self._outstanding.pop(sequence, None) is not None:
            self._events.append(Answered(sequence, status, message_id))
            self._leave_when_done()

    def _bound(self, pdu: Pdu) -> None:
        if self.state is not State.BINDING or pdu.sequence != self._sequence:
            return
        if pdu.status:
            self._refused(pdu.status)
            return
        self.state = State.BOUND
        self._events.append(Opened(pdu.body.system_id if isinstance(pdu.body, Bound) else ""))

    def _refused(self, status: int) -> None:
        self.state = State.OVER
        self._events.append(Refused(status or Status.RBINDFAIL))

    def _unbound(self, now: float) -> None:
        if self.state is not State.BOUND:
            self._end("the SMSC unbound")
            return
        self.state = State.UNBINDING
        self._deadline = now + GRACE
        self._left = True
        self._leave_when_done()

    def _leave_when_done(self) -> None:
        if self._left and self.state is State.UNBINDING and not self._outstanding:
            self._end("the SMSC unbound")

    def _end(self, reason: str) -> None:
        self.state = State.OVER
        lost = tuple(self._outstanding)
        self._outstanding.clear()
        self._events.append(Over(reason, lost))


def refusal(status: int) -> str:
    """Why a bind was refused, as text."""
    return f"the SMSC refuses the bind: {status_name(status)}"
