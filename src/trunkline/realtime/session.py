"""The rules of one connection as a state machine. Pure: no input or output, no clock of its own.

Packets, results and the time go in; effects come out, in the order in which they must happen. The rules:

- ``init`` comes first, within 10 s; any other request before it closes with 417.
- Requests are handled one at a time, in order of arrival; acknowledgements and ``close`` overtake them.
- An ``update`` must bring a token of the same account, identity and Services, else 401 with 51215 and the end.
- 180 s before the token expires the client is warned, once per token; when it expires, ``close`` 410.
- Every 30 s a ``ping`` packet; a client that lets two pass without any packet is cut off.
- A message that is no packet closes with 406. After a ``close`` the client has 0.3 s to acknowledge, then 1 s to hang
  up; while the server stops, 0.3 s.

Times are microseconds. Numbers: 180 s doc; 0.3 s, 10 s, 30 s and two misses inferred.
"""

from __future__ import annotations

from collections import deque

from trunkline.api.errors import ApiError
from trunkline.core.access_tokens import Grant
from trunkline.realtime import server_packets
from trunkline.realtime.border import TooManyLogins, TunnelReply
from trunkline.realtime.client_packets import (
    ClientAcknowledgement,
    ClosePacket,
    InitPacket,
    LargeMessage,
    Telemetry,
    TunnelMessage,
    UnknownPacket,
    UpdatePacket,
)
from trunkline.realtime.effects import (
    Abort,
    Effects,
    HangUp,
    Login,
    RealtimeSessionState,
    RunRequest,
    SendFrames,
    SendPacket,
    SessionRules,
    VerifyToken,
)
from trunkline.realtime.server_packets import InitReply, PacketStatus
from trunkline.realtime.tunnel import parse_request
from trunkline.realtime.twilsock import JSON, FrameError, Packet, decode

SECOND = 1_000_000
INIT_WITHIN = 10 * SECOND
WARN_BEFORE = 180 * SECOND
PING_EVERY = 30 * SECOND
MISSES = 2
ACK_WITHIN = 3 * SECOND // 10
HANG_UP_WITHIN = SECOND
NEVER = 1 << 62

_WITHOUT_REPLY = frozenset((ClientAcknowledgement, Telemetry))
"""By far the most packets: each event is acknowledged."""


class RealtimeSession:
    """One connection. ``due`` is the time at which ``tick`` must be called next; it may move with every call."""

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

    def __init__(self, rules: SessionRules, now: int) -> None:
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
        self.state = RealtimeSessionState.WAITING
        self.closed = False
        self.grant: Grant | None = None

    @property
    def backlog(self) -> int:
        """The number of packets that wait for those before them."""
        return len(self._queue) if self._queue else 0

    def receive(self, message: bytes, now: int) -> Effects:
        """Return the effects of a binary message."""
        if self.state is RealtimeSessionState.ENDED:
            return []
        self._misses = 0
        try:
            packet = decode(message)
        except FrameError:
            return self.close(server_packets.NOT_ACCEPTABLE, now)
        header = packet.header
        if type(header) in _WITHOUT_REPLY:
            acknowledged = self.state is RealtimeSessionState.CLOSING and header.id == self._close_id
            return self._hang_up(now) if acknowledged else []
        if isinstance(header, ClosePacket):
            self.closed = True
            return self._hang_up(now)
        if self.state is RealtimeSessionState.CLOSING:
            return []
        if self._busy is None:
            return self._begin(packet, now)
        if self._queue is None:
            self._queue = deque()
        self._queue.append(packet)
        return []

    def garbage(self, now: int) -> Effects:
        """Return the effects of input that cannot be a packet, such as a text message."""
        return self.close(server_packets.NOT_ACCEPTABLE, now)

    def _begin(self, packet: Packet, now: int) -> Effects:
        header = packet.header
        if isinstance(header, InitPacket):
            return self._init(packet, header)
        if self.state is RealtimeSessionState.WAITING:
            return self.close(server_packets.PROTOCOL_ERROR, now)
        if isinstance(header, UpdatePacket):
            return self._verify(packet, header.token or "")
        if isinstance(header, TunnelMessage):
            return self._message(packet, header, now)
        if isinstance(header, LargeMessage):
            return [SendPacket(server_packets.tunnel_reply(header.id, _rejected(ApiError(20413))))]
        status = server_packets.UNKNOWN_METHOD if isinstance(header, UnknownPacket) else server_packets.OK
        return [SendPacket(server_packets.reply(header.id, status))]

    def _next(self, now: int) -> Effects:
        """Return the effects of the packets that waited, until one takes time again."""
        self._busy = None
        if self._offload_ms:
            return self.close(server_packets.OFFLOAD, now, self._offload_ms)
        effects: Effects = []
        while (
            self._queue
            and self._busy is None
            and self.state in (RealtimeSessionState.WAITING, RealtimeSessionState.OPEN)
        ):
            effects += self._begin(self._queue.popleft(), now)
        return effects

    # Packets with a token

    def _init(self, packet: Packet, header: InitPacket) -> Effects:
        registered = header.registrations or ()
        if self.state is RealtimeSessionState.WAITING:
            self._product = registered[0].product if registered else self._rules.default_product
            self._end_by = self.due = NEVER
        return self._verify(packet, header.token or "")

    def _verify(self, packet: Packet, token: str) -> Effects:
        self._busy = packet
        return [VerifyToken(token, self._product)]

    def verified(self, grant: Grant, now: int) -> Effects:
        """Return the effects of a ``VerifyToken`` that resulted in ``grant``."""
        if self._busy is None or self.state not in (RealtimeSessionState.WAITING, RealtimeSessionState.OPEN):
            return []
        if grant.expires_at <= now:
            return self.refused(server_packets.EXPIRED_EARLY, now)
        if self.grant is not None and not _same(self.grant, grant):
            return self.refused(server_packets.OTHER_GRANT, now)
        header = self._busy.header
        effects: Effects = []
        self.grant = grant
        if isinstance(header, InitPacket):
            effects += self._accept(header, grant, now)
        else:
            effects.append(SendPacket(server_packets.reply(header.id)))
        self._warned = False
        effects += self._warn(now)
        effects += self._next(now)
        self._arm()
        return effects

    def _accept(self, header: InitPacket, grant: Grant, now: int) -> Effects:
        rules = self._rules
        registrations = header.registrations or ()
        products = [one.product for one in registrations] or [self._product]
        continuation = rules.seal.resume(header.continuation_token, grant)
        content = InitReply(
            grant=grant,
            continuation=continuation,
            capabilities=tuple(
                one for one in header.capabilities or () if one in server_packets.CAPABILITIES
            ),
            registrations=registrations,
            contexts=tuple(rules.new_id() for _ in registrations),
            storage_ids={product: rules.seal.storage_id(grant, product) for product in products},
        )
        sent: Effects = [SendPacket(server_packets.init_reply(header.id, content))]
        if self.state is RealtimeSessionState.WAITING:
            self.state = RealtimeSessionState.OPEN
            self._next_ping = now + PING_EVERY
            sent.append(Login(continuation.endpoint_id))
        return sent

    def refused(self, status: PacketStatus, now: int) -> Effects:
        """Return the effects of a ``VerifyToken`` whose token is not accepted."""
        return self._refuse(status, 0, now)

    def put_off(self, why: TooManyLogins, now: int) -> Effects:
        """Return the effects of a ``VerifyToken`` that came after too many logins."""
        return self._refuse(server_packets.TOO_MANY, why.reconnect_ms, now)

    def failed(self, now: int) -> Effects:
        """Return the effects of a ``VerifyToken`` that could not be decided."""
        return self._refuse(server_packets.FAILED, 0, now)

    def _refuse(self, status: PacketStatus, reconnect_ms: int, now: int) -> Effects:
        if self._busy is None or self.state not in (RealtimeSessionState.WAITING, RealtimeSessionState.OPEN):
            return []
        sent = SendPacket(server_packets.reply(self._busy.header.id, status, reconnect_ms))
        return [sent, *self._hang_up(now)]

    # Tunnelled requests

    def _message(self, packet: Packet, header: TunnelMessage, now: int) -> Effects:
        grant = self.grant
        assert grant is not None
        if now >= grant.expires_at:
            return self.close(server_packets.TOKEN_EXPIRED, now)
        product = header.active_grant or self._product
        service_sid = grant.services.get(product)
        if service_sid is None:
            return [SendPacket(server_packets.tunnel_reply(header.id, _NO_GRANT))]
        try:
            request = parse_request(product, service_sid, header.http_request, packet.payload)
        except ApiError as error:
            return [SendPacket(server_packets.tunnel_reply(header.id, _rejected(error)))]
        self._busy = packet
        return [RunRequest(request)]

    def replied(self, reply: TunnelReply, now: int) -> Effects:
        """Return the effects of the reply to a ``RunRequest``, with the frames that follow it."""
        if self._busy is None or self.state is not RealtimeSessionState.OPEN:
            return []
        effects: Effects = [SendPacket(server_packets.tunnel_reply(self._busy.header.id, reply))]
        if reply.then:
            effects.append(SendFrames(reply.then))
        return effects + self._next(now)

    # Time

    def tick(self, now: int) -> Effects:
        """Return the effects of the time; ``due`` is the next time at which to call it."""
        if self.state is RealtimeSessionState.OPEN:
            effects = self._tick_open(now)
        elif now < self._end_by:
            effects = []
        elif self.state is RealtimeSessionState.ENDED:
            self._end_by = NEVER
            effects = [Abort()]
        else:
            effects = self._hang_up(now)
        self._arm()
        return effects

    def follow(self, now: int) -> None:
        """Take the timers back with a clock that was set back: none lies further ahead than it may. A token still
        expires at its own time."""
        if self._next_ping != NEVER:
            self._next_ping = min(self._next_ping, now + PING_EVERY)
        if self._end_by != NEVER:
            self._end_by = min(self._end_by, now + INIT_WITHIN)
        self._arm()

    def _tick_open(self, now: int) -> Effects:
        assert self.grant is not None
        if now >= self._end_by:
            return self.close(server_packets.OFFLOAD, now, self._offload_ms)
        if now >= self.grant.expires_at:
            return self.close(server_packets.TOKEN_EXPIRED, now)
        effects = self._warn(now)
        if now >= self._next_ping:
            if self._misses >= MISSES:
                self.state, self._end_by = RealtimeSessionState.ENDED, NEVER
                return [Abort()]
            self._misses += 1
            self._next_ping = now + PING_EVERY
            effects.append(SendPacket(server_packets.ping(self._packet_id())))
        return effects

    def _warn(self, now: int) -> Effects:
        if self.grant is None or self._warned or now < self.grant.expires_at - WARN_BEFORE:
            return []
        self._warned = True
        left = min(self.grant.expires_at - now, WARN_BEFORE)
        return [SendPacket(server_packets.about_to_expire(self._packet_id(), max(left // 1000, 1)))]

    def _arm(self) -> None:
        self.due = self._end_by
        if self.state is RealtimeSessionState.OPEN and self.grant is not None:
            expires = self.grant.expires_at
            self.due = min(self._end_by, self._next_ping, expires if self._warned else expires - WARN_BEFORE)

    # The end

    def close(self, status: PacketStatus, now: int, reconnect_ms: int = 0) -> Effects:
        """Return the effects that announce the end; it comes when the client has acknowledged it or 0.3 s have
        passed."""
        if self.state in (RealtimeSessionState.CLOSING, RealtimeSessionState.ENDED):
            return []
        self.state = RealtimeSessionState.CLOSING
        self._busy = self._queue = None
        self._close_id = self._packet_id()
        self._end_by = self.due = now + ACK_WITHIN
        return [SendPacket(server_packets.close(self._close_id, status, reconnect_ms))]

    @property
    def offloading(self) -> bool:
        """True from ``offload`` on."""
        return self._offload_ms > 0

    def offload(self, reconnect_ms: int, now: int, patience: int) -> Effects:
        """Return the effects of a server that stops. A running request gets its response first, if that takes
        no longer than ``patience``; requests behind it are dropped, which the client sees by the missing reply."""
        self._offload_ms = max(reconnect_ms, 1)
        if self.state is RealtimeSessionState.WAITING:
            return self._hang_up(now)
        if self.state is not RealtimeSessionState.OPEN:
            return []
        if self._busy is None:
            return self.close(server_packets.OFFLOAD, now, self._offload_ms)
        self._queue = None
        self._end_by = now + patience
        self._arm()
        return []

    def hung_up(self) -> None:
        """Record that the connection is gone."""
        self.state = RealtimeSessionState.ENDED
        self._busy = self._queue = None
        self.due = self._end_by = NEVER

    def _hang_up(self, now: int) -> Effects:
        self.state = RealtimeSessionState.ENDED
        self._busy = self._queue = None
        self._end_by = self.due = now + (ACK_WITHIN if self._offload_ms else HANG_UP_WITHIN)
        return [HangUp()]

    def _packet_id(self) -> str:
        return "TM" + self._rules.new_id()


_NO_GRANT = TunnelReply(
    403,
    {"content-type": "application/json"},
    b'{"status":403,"code":20106,"message":"Invalid Access Token grants"}',
)


def _rejected(error: ApiError) -> TunnelReply:
    return TunnelReply(error.status, {"content-type": JSON}, error.body())


def _same(one: Grant, other: Grant) -> bool:
    return (one.account_sid, one.identity, one.services) == (
        other.account_sid,
        other.identity,
        other.services,
    )
