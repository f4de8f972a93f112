"""All connections of a node, and their one timer.

Everything here runs on one event loop. A connection exists from its upgrade on; from its login on it is the one of its
endpoint, and an older one of that endpoint, which the client lost, is aborted. One timer turns ten times a second
while a connection has something due; when it is late, what the clients have sent is read first. Work that takes time,
such as verifying a token, runs in tasks that ``stop`` waits for and then cancels. When the server stops, each
connection gets once the time at which to reconnect, and no new one is accepted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from uvicorn.server import ServerState

from trunkline.api.errors import ApiError, not_found
from trunkline.core.clock import JUMP, Clock
from trunkline.core.late_timers import LateTimer
from trunkline.core.sids import new_packet_id, new_token
from trunkline.realtime import server_packets
from trunkline.realtime.border import Peer, PeerListener, RequestTunnel, Verifier
from trunkline.realtime.connection import Predicate, RealtimeConnection
from trunkline.realtime.continuation_tokens import Seal
from trunkline.realtime.effects import SessionRules
from trunkline.realtime.flusher import Flusher
from trunkline.realtime.intake import Intake
from trunkline.realtime.server_packets import PacketStatus
from trunkline.realtime.timer_wheel import SLOT, TimerWheel
from trunkline.realtime.websocket import WebSocket
from trunkline.realtime.websocket_frames import binary_frame

log = logging.getLogger("trunkline.realtime")

PATH = "/v3/wsconnect"
RECONNECT_FIRST_MS = 1000
RECONNECT_STEP_MS = 2
RECONNECT_SPREAD_MS = 60_000
"""Reconnects when the server stops: 2 ms apart, from 1 s on, the 30,001st with the first."""


@dataclass(frozen=True)
class GatewayServices:
    """The services behind the connections."""

    verifier: Verifier
    tunnel: RequestTunnel
    lifecycle: PeerListener
    clock: Clock


@dataclass(frozen=True)
class ConnectionLimits:
    """The limits of connections: the paths, the origins of browsers (empty: any), and their number."""

    paths: frozenset[str] = frozenset({PATH})
    origins: frozenset[str] = frozenset()
    max_connections: int = 100_000


def event_frame(message_type: str, payload: bytes) -> bytes:
    """Return the frame of a notification; ``payload`` is JSON. Made once, it may go to any number of connections."""
    return binary_frame(server_packets.notification(new_packet_id(), message_type, payload))


class RealtimeGateway:
    """All connections of this node. ``key`` signs continuation tokens; nodes that share clients share it."""

    def __init__(self, services: GatewayServices, key: bytes, limits: ConnectionLimits | None = None) -> None:
        self.rules = SessionRules(Seal(key, new_token), new_token)
        self.verifier = services.verifier
        self.tunnel = services.tunnel
        self.clock = services.clock
        self._lifecycle = services.lifecycle
        self._limits = limits or ConnectionLimits()
        self._connections: set[RealtimeConnection] = set()
        self._endpoints: dict[str, RealtimeConnection] = {}
        self._wheel: TimerWheel[RealtimeConnection] = TimerWheel()
        self._timer: LateTimer | None = None
        self._ticked_at = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._flusher: Flusher | None = None
        self._intake: Intake | None = None
        self._drained = 0

    def __len__(self) -> int:
        """Return the number of connections, logged in or not."""
        return len(self._connections)

    def protocol(self, config: Any, server_state: ServerState, app_state: Any = None) -> WebSocket:
        """Return a WebSocket for uvicorn, which gets this method as its ``ws``."""
        return WebSocket(self, server_state, (app_state or {}).get("anonymous"))

    def peers(self) -> tuple[Peer, ...]:
        """Return the clients that are logged in."""
        return tuple(self._endpoints.values())

    def close_where(self, predicate: Predicate, status: PacketStatus = server_packets.WITHDRAWN) -> None:
        """Close every connection whose grant fits, at once; refuse one whose token is being verified."""
        for connection in tuple(self._connections):
            connection.close_if(predicate, status)

    def moved(self, endpoint_id: str, connection_id: str) -> None:
        """Abort the connection of an endpoint that has one to another node: the client lost it."""
        older = self._endpoints.get(endpoint_id)
        if older is not None and older.id != connection_id:
            older.abort()

    async def stop(self, seconds: float = 2.0) -> None:
        """Wait this long for tasks, end every connection, and stop the timer."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in tuple(self._tasks):
            task.cancel()
        for connection in tuple(self._connections):
            connection.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def tick(self) -> None:
        """Let all connections that are due handle the time. The timer calls this ten times a second."""
        now = self.clock()
        if now <= self._ticked_at - JUMP:
            self._follow(now)
        self._ticked_at = now
        for connection in self._wheel.due(now):
            connection.tick(now)

    def _follow(self, now: int) -> None:
        """Take the timers of all connections back with a clock that was set back."""
        for connection in self._connections:
            self._wheel.remove(connection)
            connection.follow(now)

    # For WebSockets

    @property
    def flusher(self) -> Flusher:
        """The joining of the writes of all connections."""
        if self._flusher is None:
            self._flusher = Flusher(asyncio.get_running_loop())
        return self._flusher

    @property
    def intake(self) -> Intake:
        """The reading of much input of all connections."""
        if self._intake is None:
            self._intake = Intake(asyncio.get_running_loop())
        return self._intake

    def admit(self, path: str, origin: str | None) -> None:
        """Accept an upgrade by returning. Raise ApiError: 404 for another path, 403 for an origin that is not allowed,
        503 if there are too many connections or the server stops."""
        if path not in self._limits.paths:
            raise not_found(path)
        if self._limits.origins and origin is not None and origin not in self._limits.origins:
            raise ApiError(20403, "Origin not allowed")
        if self._drained or len(self._connections) >= self._limits.max_connections:
            raise ApiError(20503)

    def open(self, socket: WebSocket) -> RealtimeConnection:
        """Return the connection of an accepted WebSocket."""
        connection = RealtimeConnection(self, socket, new_token())
        self._connections.add(connection)
        return connection

    # For connections

    def arm(self, connection: RealtimeConnection, due: int) -> None:
        """Call ``tick`` of the connection when ``due`` has come."""
        self._wheel.put(connection, due)
        if self._timer is None:
            self._start_timer()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work beside everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def opened(self, connection: RealtimeConnection) -> None:
        """Record that a client is logged in. Abort an older connection of the same endpoint, which the client lost."""
        older = self._endpoints.get(connection.endpoint_id)
        self._endpoints[connection.endpoint_id] = connection
        self._notify(self._lifecycle.connected, connection)
        if older is not None:
            older.abort()

    def lost(self, connection: RealtimeConnection) -> None:
        """Forget a connection that is gone."""
        self._connections.discard(connection)
        self._wheel.remove(connection)
        if not connection.endpoint_id:
            return
        if self._endpoints.get(connection.endpoint_id) is connection:
            del self._endpoints[connection.endpoint_id]
        self._notify(self._lifecycle.disconnected, connection)

    def reconnect_ms(self) -> int:
        """Return the milliseconds after which the next client reconnects when the server stops."""
        spread = self._drained * RECONNECT_STEP_MS % RECONNECT_SPREAD_MS
        self._drained += 1
        return RECONNECT_FIRST_MS + spread

    # The inside

    def _turn(self) -> None:
        self._timer = None
        self.tick()
        if self._wheel and self._timer is None:
            self._start_timer()

    def _start_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = LateTimer(loop, loop.time() + SLOT / 1e6, self._turn)

    def _notify(self, handle: Callable[[Peer], None], connection: RealtimeConnection) -> None:
        try:
            handle(connection)
        except Exception:
            log.exception("a listener failed")
