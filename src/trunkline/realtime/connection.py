"""One client's connection, which carries out the effects of its session.

A token is verified, and a tunnelled request run, in a task of its own; the session handles one packet at a time, so
there is one such task at most. While more than 64 packets wait for it, reading is paused. A connection that is closed
while its token is verified is refused as soon as the grant is there. After the end of a connection the results of its
tasks have no effect.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from trunkline.api.errors import ApiError
from trunkline.api.failures import rejection_of
from trunkline.core.access_tokens import Grant, InvalidToken
from trunkline.core.clock import Clock
from trunkline.core.storage.database import LOGGED_ONCE
from trunkline.realtime.border import RequestTunnel, TooManyLogins, TunnelReply, Verifier
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
from trunkline.realtime.server_packets import PacketStatus, unauthorized
from trunkline.realtime.session import NEVER, RealtimeSession
from trunkline.realtime.timer_wheel import NOWHERE
from trunkline.realtime.twilsock import JSON
from trunkline.realtime.websocket import WebSocket
from trunkline.realtime.websocket_frames import binary_frame

log = logging.getLogger("trunkline.realtime")

MOST_WAITING = 64
"""Packets that may wait before no more are read; a quarter of it when reading goes on."""

DRAIN_PATIENCE = 5_000_000
"""Microseconds that a request in hand has when the server stops."""

Predicate = Callable[[Grant], bool]


class ConnectionOwner(Protocol):
    """The gateway of a connection."""

    @property
    def rules(self) -> SessionRules:
        """The rules that all connections share."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock of the node."""
        ...

    @property
    def verifier(self) -> Verifier:
        """The verifier of tokens."""
        ...

    @property
    def tunnel(self) -> RequestTunnel:
        """The handler of tunnelled requests."""
        ...

    def arm(self, connection: RealtimeConnection, due: int) -> None:
        """Call ``tick`` of the connection when ``due`` has come."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work beside everything else."""
        ...

    def opened(self, connection: RealtimeConnection) -> None:
        """Record that a client is logged in."""
        ...

    def lost(self, connection: RealtimeConnection) -> None:
        """Forget a connection that is gone."""
        ...

    def reconnect_ms(self) -> int:
        """Return the milliseconds after which the next client reconnects when the server stops."""
        ...


class RealtimeConnection:
    """A client's connection. Implements ``Peer`` for products and ``WebSocketListener`` for its WebSocket."""

    __slots__ = ("_gateway", "_session", "_socket", "_throttled", "_vetoes", "endpoint_id", "id", "slot")

    def __init__(self, gateway: ConnectionOwner, socket: WebSocket, id: str) -> None:
        self._gateway = gateway
        self._socket = socket
        self._session = RealtimeSession(gateway.rules, gateway.clock())
        self._throttled = False
        self._vetoes: list[tuple[Predicate, PacketStatus]] | None = None
        self.id = id
        self.endpoint_id = ""
        self.slot = NOWHERE
        self._perform([])

    # For products

    @property
    def grant(self) -> Grant:
        """The grant of the newest accepted token."""
        assert self._session.grant is not None
        return self._session.grant

    @property
    def closed(self) -> bool:
        """True if the client ended the connection itself."""
        return self._session.closed

    def send(self, frame: bytes) -> None:
        """Queue a whole frame."""
        self._socket.send(frame)

    async def drained(self) -> None:
        """Wait until the client reads, or is gone."""
        await self._socket.drained()

    # For the WebSocket

    def received(self, message: bytes) -> None:
        """Handle a binary message."""
        effects = self._session.receive(message, self._gateway.clock())
        # After an acknowledgement, which comes for every event, there is nothing to do.
        if effects or self._session.backlog:
            self._perform(effects)

    def received_text(self) -> None:
        """Handle a text message."""
        self._perform(self._session.garbage(self._gateway.clock()))

    def lost(self) -> None:
        """Handle the end of the WebSocket."""
        self._session.hung_up()
        self._gateway.lost(self)

    def drain(self) -> None:
        """Send the client away: the server stops. Do nothing the second time."""
        if self._session.offloading:
            return
        reconnect_ms = self._gateway.reconnect_ms()
        self._perform(self._session.offload(reconnect_ms, self._gateway.clock(), DRAIN_PATIENCE))

    # For the gateway

    def tick(self, now: int) -> None:
        """Let the session handle the time."""
        self._perform(self._session.tick(now))

    def follow(self, now: int) -> None:
        """Take the session's timers back with a clock that was set back, and arm the gateway's."""
        self._session.follow(now)
        self._gateway.arm(self, self._session.due)

    def close_if(self, predicate: Predicate, status: PacketStatus) -> None:
        """Close the connection if its grant fits, or the grant of the token that is being verified."""
        if self._vetoes is not None:
            self._vetoes.append((predicate, status))
        grant = self._session.grant
        if grant is not None and predicate(grant):
            self._perform(self._session.close(status, self._gateway.clock()))

    def abort(self) -> None:
        """End now."""
        self._socket.abort()

    # The inside

    def _perform(self, effects: Effects) -> None:
        for effect in effects:
            match effect:
                case SendPacket(packet=packet):
                    self._socket.send(binary_frame(packet))
                case SendFrames(frames=frames):
                    for frame in frames:
                        self._socket.send(frame)
                case VerifyToken():
                    self._gateway.spawn(self._verify(effect))
                case RunRequest():
                    self._gateway.spawn(self._run(effect))
                case Login(endpoint_id=endpoint_id):
                    self.endpoint_id = endpoint_id
                    self._socket.widen()
                    self._gateway.opened(self)
                case HangUp():
                    self._socket.close()
                case Abort():
                    self._socket.abort()
        if self._session.due != NEVER:
            self._gateway.arm(self, self._session.due)
        self._throttle()

    def _throttle(self) -> None:
        waiting = self._session.backlog
        if self._throttled and waiting <= MOST_WAITING // 4:
            self._throttled = False
            self._socket.resume_reading()
        elif not self._throttled and waiting > MOST_WAITING:
            self._throttled = True
            self._socket.pause_reading()

    async def _verify(self, effect: VerifyToken) -> None:
        session, gateway = self._session, self._gateway
        self._vetoes = []
        try:
            grant = await gateway.verifier.verify(effect.token, effect.product)
        except InvalidToken as error:
            status = unauthorized(error.rule.connection_code, error.rule.description)
            effects = session.refused(status, gateway.clock())
        except TooManyLogins as why:
            effects = session.put_off(why, gateway.clock())
        except Exception as error:
            if not isinstance(error, LOGGED_ONCE):
                log.exception("a token could not be verified")
            effects = session.failed(gateway.clock())
        else:
            veto = self._veto(grant)
            now = gateway.clock()
            effects = session.refused(veto, now) if veto else session.verified(grant, now)
        finally:
            self._vetoes = None
        self._perform(effects)

    def _veto(self, grant: Grant) -> PacketStatus | None:
        for predicate, status in self._vetoes or ():
            if predicate(grant):
                return unauthorized(status.error_code, status.description)
        return None

    async def _run(self, effect: RunRequest) -> None:
        if self._socket.behind:
            # Responses may be long, and clients ask for many at once: whoever reads slowly is not cut off for that.
            await self._socket.drained()
            if self._session.state is not RealtimeSessionState.OPEN:
                return
        try:
            reply = await self._gateway.tunnel.request(self, effect.request)
        except Exception as error:
            reply = _refused(rejection_of(error, log, "a tunnelled request", connection=self.id))
        self._perform(self._session.replied(reply, self._gateway.clock()))


def _refused(error: ApiError) -> TunnelReply:
    headers = {name.lower(): value for name, value in error.headers.items()}
    return TunnelReply(error.status, {**headers, "content-type": JSON}, error.body())
