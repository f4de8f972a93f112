"""The rules of one connection as a state machine. Pure: no input or output, no clock of its own.

Packets, verdicts and the time go in; effects come out, in the order in which they are to happen. The rules:

- ``init`` comes first, within 10 s; any other request before it closes with 417.
- Requests are handled one at a time, in order of arrival; acknowledgements and ``close`` overtake them.
- An ``update`` must bring a token of the same account, identity and Services, else 401 with 51215 and the end.
- 180 s before the token expires the client is warned, once per token; when it expires, ``close`` 410.
- Every 30 s a ``ping`` packet; a client that lets two pass without any packet is cut off.
- What is no packet closes with 406. After a ``close`` the client has 0.3 s to acknowledge, then 1 s to hang up.

Times are microseconds. Numbers: 180 s doc; 0.3 s, 10 s, 30 s and two misses inferred.
"""

from __future__ import annotations

from collections import deque

from trunkline.core.tokens import Grant
from trunkline.realtime import answers
from trunkline.realtime.answers import Status, Welcome
from trunkline.realtime.border import TooMany, TunnelReply
from trunkline.realtime.effects import (
    Abort,
    Effects,
    HangUp,
    Opened,
    PassOn,
    Rules,
    Run,
    Send,
    State,
    Verify,
)
from trunkline.realtime.frames import FrameError, Packet, decode
from trunkline.realtime.packets import Close, Init, Message, Reply, Telemetry, Unknown, Update
from trunkline.realtime.tunnel import tunnelled

SECOND = 1_000_000
INIT_WITHIN = 10 * SECOND
WARN_BEFORE = 180 * SECOND
PING_EVERY = 30 * SECOND
MISSES = 2
ACK_WITHIN = 3 * SECOND // 10
HANG_UP_WITHIN = SECOND
NEVER = 1 << 62

_UNANSWERED = frozenset((Reply, Telemetry))
"""By far the most of what comes: each event is acknowledged."""


class Session:
    """One connection. ``due`` is when ``tick`` wants to be called next; it may move with every call."""

    __slots__ = (
        "_busy",
        "_close_id",
        "_end_by",
        "_misses",
        "_next_ping",
        "_offload_ms",
        "_product",
        "_queue",
        "_rules",
        "_warned",
        "closed",
        "due",
        "grant",
        "state",
    )

    def __init__(self, rules: Rules, now: int) -> None:
        self._rules = rules
        self._busy: Packet | None = None
        self._queue: deque[Packet] | None = None
        self._product = ""
        self._close_id = ""
        self._misses = 0
        self._warned = False
        self._offload_ms = 0
        self._next_ping = NEVER
        self._end_by = self.due = now + INIT_WITHIN
        self.state = State.WAITING
        self.closed = False
        self.grant: Grant | None = None

    @property
    def backlog(self) -> int:
        """How many packets wait for those before them."""
        return len(self._queue) if self._queue else 0

    def receive(self, message: bytes, now: int) -> Effects:
        """A binary message has arrived."""
        if self.state is State.ENDED:
            return []
        self._misses = 0
        try:
            packet = decode(message)
        except FrameError:
            return self.close(answers.NOT_ACCEPTABLE, now)
        header = packet.header
        if type(header) in _UNANSWERED:
            acknowledged = self.state is State.CLOSING and header.id == self._close_id
            return self._hang_up(now) if acknowledged else []
        if isinstance(header, Close):
            self.closed = True
            return self._hang_up(now)
        if self.state is State.CLOSING:
            return []
        if self._busy is None:
            return self._begin(packet, now)
        if self._queue is None:
            self._queue = deque()
        self._queue.append(packet)
        return []

    def garbage(self, now: int) -> Effects:
        """Something has arrived that cannot be a packet, such as a text message."""
        return self.close(answers.NOT_ACCEPTABLE, now)

    def _begin(self, packet: Packet, now: int) -> Effects:
        header = packet.header
        if isinstance(header, Init):
            return self._init(packet, header)
        if self.state is State.WAITING:
            return self.close(answers.PROTOCOL_ERROR, now)
        if isinstance(header, Update):
            return self._verify(packet, header.token or "")
        if isinstance(header, Message):
            return self._message(packet, header, now)
        status = answers.UNKNOWN_METHOD if isinstance(header, Unknown) else answers.OK
        return [Send(answers.reply(header.id, status))]

    def _next(self, now: int) -> Effects:
        """Go on with what waited, until something takes time again."""
        self._busy = None
        if self._offload_ms:
            return self.close(answers.OFFLOAD, now, self._offload_ms)
        effects: Effects = []
        while self._queue and self._busy is None and self.state in (State.WAITING, State.OPEN):
            effects += self._begin(self._queue.popleft(), now)
        return effects

    # What takes a verdict

    def _init(self, packet: Packet, header: Init) -> Effects:
        registered = header.registrations or ()
        if self.state is State.WAITING:
            self._product = registered[0].product if registered else self._rules.default_product
            self._end_by = self.due = NEVER
        return self._verify(packet, header.token or "")

    def _verify(self, packet: Packet, token: str) -> Effects:
        self._busy = packet
        return [Verify(token, self._product)]

    def verified(self, grant: Grant, now: int) -> Effects:
        """The token of the ``Verify`` in hand allows ``grant``."""
        if self._busy is None or self.state not in (State.WAITING, State.OPEN):
            return []
        if grant.expires_at <= now:
            return self.refused(answers.EXPIRED_EARLY, now)
        if self.grant is not None and not _same(self.grant, grant):
            return self.refused(answers.OTHER_GRANT, now)
        header = self._busy.header
        effects: Effects = []
        self.grant = grant
        if isinstance(header, Init):
            effects += self._welcome(header, grant, now)
        else:
            effects.append(Send(answers.reply(header.id)))
        self._warned = False
        effects += self._warn(now)
        effects += self._next(now)
        self._arm()
        return effects

    def _welcome(self, header: Init, grant: Grant, now: int) -> Effects:
        rules = self._rules
        registrations = header.registrations or ()
        products = [one.product for one in registrations] or [self._product]
        continuation = rules.seal.resume(header.continuation_token, grant)
        told = Welcome(
            grant=grant,
            continuation=continuation,
            capabilities=tuple(one for one in header.capabilities or () if one in answers.CAPABILITIES),
            registrations=registrations,
            contexts=tuple(rules.new_id() for _ in registrations),
            storage_ids={product: rules.seal.storage_id(grant, product) for product in products},
        )
        sent: Effects = [Send(answers.welcome(header.id, told))]
        if self.state is State.WAITING:
            self.state = State.OPEN
            self._next_ping = now + PING_EVERY
            sent.append(Opened(continuation.endpoint_id))
        return sent

    def refused(self, status: Status, now: int) -> Effects:
        """The token of the ``Verify`` in hand is not accepted."""
        return self._refuse(status, 0, now)

    def put_off(self, why: TooMany, now: int) -> Effects:
        """There are too many log-ins for the ``Verify`` in hand."""
        return self._refuse(answers.TOO_MANY, why.reconnect_ms, now)

    def failed(self, now: int) -> Effects:
        """The ``Verify`` in hand cannot be decided."""
        return self._refuse(answers.FAILED, 0, now)

    def _refuse(self, status: Status, reconnect_ms: int, now: int) -> Effects:
        if self._busy is None or self.state not in (State.WAITING, State.OPEN):
            return []
        sent = Send(answers.reply(self._busy.header.id, status, reconnect_ms))
        return [sent, *self._hang_up(now)]

    # Tunnelled requests

    def _message(self, packet: Packet, header: Message, now: int) -> Effects:
        grant = self.grant
        assert grant is not None
        if now >= grant.expires_at:
            return self.close(answers.TOKEN_EXPIRED, now)
        product = header.active_grant or self._product
        service_sid = grant.services.get(product)
        if service_sid is None:
            return [Send(answers.tunnel_reply(header.id, _NO_GRANT))]
        self._busy = packet
        return [Run(tunnelled(product, service_sid, header.http_request, packet.payload))]

    def replied(self, answer: TunnelReply, now: int) -> Effects:
        """The answer to the ``Run`` in hand, with what follows it."""
        if self._busy is None or self.state is not State.OPEN:
            return []
        effects: Effects = [Send(answers.tunnel_reply(self._busy.header.id, answer))]
        if answer.then:
            effects.append(PassOn(answer.then))
        return effects + self._next(now)

    # Time

    def tick(self, now: int) -> Effects:
        """Time has passed; ``due`` says when to come back."""
        if self.state is State.OPEN:
            effects = self._tick_open(now)
        elif now < self._end_by:
            effects = []
        elif self.state is State.ENDED:
            self._end_by = NEVER
            effects = [Abort()]
        else:
            effects = self._hang_up(now)
        self._arm()
        return effects

    def _tick_open(self, now: int) -> Effects:
        assert self.grant is not None
        if now >= self._end_by:
            return self.close(answers.OFFLOAD, now, self._offload_ms)
        if now >= self.grant.expires_at:
            return self.close(answers.TOKEN_EXPIRED, now)
        effects = self._warn(now)
        if now >= self._next_ping:
            if self._misses >= MISSES:
                self.state, self._end_by = State.ENDED, NEVER
                return [Abort()]
            self._misses += 1
            self._next_ping = now + PING_EVERY
            effects.append(Send(answers.ping(self._packet_id())))
        return effects

    def _warn(self, now: int) -> Effects:
        if self.grant is None or self._warned or now < self.grant.expires_at - WARN_BEFORE:
            return []
        self._warned = True
        left = min(self.grant.expires_at - now, WARN_BEFORE)
        return [Send(answers.about_to_expire(self._packet_id(), max(left // 1000, 1)))]

    def _arm(self) -> None:
        self.due = self._end_by
        if self.state is State.OPEN and self.grant is not None:
            expires = self.grant.expires_at
            self.due = min(self._end_by, self._next_ping, expires if self._warned else expires - WARN_BEFORE)

    # The end

    def close(self, status: Status, now: int, reconnect_ms: int = 0) -> Effects:
        """Announce the end, and end when the client has acknowledged it or 0.3 s have passed."""
        if self.state in (State.CLOSING, State.ENDED):
            return []
        self.state = State.CLOSING
        self._busy = self._queue = None
        self._close_id = self._packet_id()
        self._end_by = self.due = now + ACK_WITHIN
        return [Send(answers.close(self._close_id, status, reconnect_ms))]

    def offload(self, reconnect_ms: int, now: int, patience: int) -> Effects:
        """The server is going away. A request in hand is answered first, if that takes no longer than ``patience``;
        what waits behind it is dropped, and the client knows that it was not answered."""
        if self.state is State.WAITING:
            return self._hang_up(now)
        if self.state is not State.OPEN:
            return []
        self._offload_ms = max(reconnect_ms, 1)
        if self._busy is None:
            return self.close(answers.OFFLOAD, now, self._offload_ms)
        self._queue = None
        self._end_by = now + patience
        self._arm()
        return []

    def hung_up(self) -> None:
        """The connection is gone."""
        self.state = State.ENDED
        self._busy = self._queue = None
        self.due = self._end_by = NEVER

    def _hang_up(self, now: int) -> Effects:
        self.state = State.ENDED
        self._busy = self._queue = None
        self._end_by = self.due = now + HANG_UP_WITHIN
        return [HangUp()]

    def _packet_id(self) -> str:
        return "TM" + self._rules.new_id()


_NO_GRANT = TunnelReply(
    403,
    {"content-type": "application/json"},
    b'{"status":403,"code":20106,"message":"Invalid Access Token grants"}',
)


def _same(one: Grant, other: Grant) -> bool:
    return (one.account_sid, one.identity, one.services) == (
        other.account_sid,
        other.identity,
        other.services,
    )
