"""The realtime door itself: all connections of this node, their one timer, and what is asked of the rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from uvicorn.server import ServerState

from trunkline.api.errors import ApiError, not_found
from trunkline.core.clock import Clock
from trunkline.core.sids import new_token
from trunkline.realtime import answers
from trunkline.realtime.answers import Status
from trunkline.realtime.border import Lifecycle, Peer, Tunnel, Verifier
from trunkline.realtime.connection import Connection, Predicate
from trunkline.realtime.continuation import Seal
from trunkline.realtime.effects import Rules
from trunkline.realtime.flusher import Flusher
from trunkline.realtime.websocket import WebSocket, binary_frame
from trunkline.realtime.wheel import SLOT, Wheel

log = logging.getLogger("trunkline.realtime")

PATH = "/v3/wsconnect"
RECONNECT_FIRST_MS = 1000
RECONNECT_STEP_MS = 2
RECONNECT_SPREAD_MS = 60_000
"""When the server stops, clients are asked to come back 2 ms apart, from 1 s on, the 30,001st with the first."""


@dataclass(frozen=True)
class Parts:
    """Who does the work behind the door."""

    verifier: Verifier
    tunnel: Tunnel
    lifecycle: Lifecycle
    clock: Clock


@dataclass(frozen=True)
class Limits:
    """Who may come in: the paths, the origins of browsers (empty: any), and how many connections."""

    paths: frozenset[str] = frozenset({PATH})
    origins: frozenset[str] = frozenset()
    max_connections: int = 100_000


def event_frame(message_type: str, payload: bytes) -> bytes:
    """The frame of a notification; ``payload`` is JSON. Made once, it may go to any number of connections."""
    return binary_frame(answers.notification("TM" + new_token(), message_type, payload))


class Gateway:
    """All connections of this node. ``key`` signs continuation tokens; nodes that share clients share it."""

    def __init__(self, parts: Parts, key: bytes, limits: Limits | None = None) -> None:
        self.rules = Rules(Seal(key, new_token), new_token)
        self.verifier = parts.verifier
        self.tunnel = parts.tunnel
        self.clock = parts.clock
        self._lifecycle = parts.lifecycle
        self._limits = limits or Limits()
        self._connections: set[Connection] = set()
        self._endpoints: dict[str, Connection] = {}
        self._wheel: Wheel[Connection] = Wheel()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._flusher: Flusher | None = None
        self._drained = 0

    def __len__(self) -> int:
        """How many connections stand, logged in or not."""
        return len(self._connections)

    def protocol(self, config: Any, server_state: ServerState, app_state: Any = None) -> WebSocket:
        """A WebSocket for uvicorn, which takes this method as its ``ws``."""
        return WebSocket(self, server_state)

    def peers(self) -> tuple[Peer, ...]:
        """Who is logged in."""
        return tuple(self._endpoints.values())

    def close_where(self, predicate: Predicate, status: Status = answers.WITHDRAWN) -> None:
        """Close every connection whose grant fits, at once; one whose token is being verified is refused."""
        for connection in tuple(self._connections):
            connection.close_if(predicate, status)

    def moved(self, endpoint_id: str, connection_id: str) -> None:
        """An endpoint has a connection to another node: one that it has here is one that it lost, and is dropped."""
        older = self._endpoints.get(endpoint_id)
        if older is not None and older.id != connection_id:
            older.abort()

    async def stop(self, seconds: float = 2.0) -> None:
        """Give what is in hand this long to finish, end every connection, and stop the timer."""
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
        """See to all connections that are due. The door's own timer calls this ten times a second."""
        now = self.clock()
        for connection in self._wheel.due(now):
            connection.tick(now)

    # What WebSockets ask: the Door

    @property
    def flusher(self) -> Flusher:
        """Joins the writes of all connections."""
        if self._flusher is None:
            self._flusher = Flusher(asyncio.get_running_loop())
        return self._flusher

    def admit(self, path: str, origin: str | None) -> None:
        """Accept an upgrade by returning. Raises ApiError: 404 for another path, 403 for an origin that is not
        allowed, 503 when there are too many connections or the server stops."""
        if path not in self._limits.paths:
            raise not_found(path)
        if self._limits.origins and origin is not None and origin not in self._limits.origins:
            raise ApiError(20403, "Origin not allowed")
        if self._drained or len(self._connections) >= self._limits.max_connections:
            raise ApiError(20503)

    def open(self, socket: WebSocket) -> Connection:
        """A connection stands."""
        connection = Connection(self, socket, new_token())
        self._connections.add(connection)
        return connection

    # What connections ask

    def arm(self, connection: Connection, due: int) -> None:
        """Let the connection know when ``due`` has come."""
        self._wheel.put(connection, due)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SLOT / 1e6, self._turn)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this beside everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def opened(self, connection: Connection) -> None:
        """A client is logged in. An older connection of the same endpoint is one that it lost: it is dropped."""
        older = self._endpoints.get(connection.endpoint_id)
        self._endpoints[connection.endpoint_id] = connection
        self._tell(self._lifecycle.connected, connection)
        if older is not None:
            older.abort()

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        self._wheel.remove(connection)
        if not connection.endpoint_id:
            return
        if self._endpoints.get(connection.endpoint_id) is connection:
            del self._endpoints[connection.endpoint_id]
        self._tell(self._lifecycle.disconnected, connection)

    def reconnect_ms(self) -> int:
        """When the next of the clients that are sent away shall come back, in milliseconds."""
        spread = self._drained * RECONNECT_STEP_MS % RECONNECT_SPREAD_MS
        self._drained += 1
        return RECONNECT_FIRST_MS + spread

    # The inside

    def _turn(self) -> None:
        self._timer = None
        self.tick()
        if self._wheel and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SLOT / 1e6, self._turn)

    def _tell(self, whom: Callable[[Peer], None], connection: Connection) -> None:
        try:
            whom(connection)
        except Exception:
            log.exception("a change of presence could not be told")
