"""The realtime door of a node: connections, tunnelled requests, and the subscribers of all products.

A login is announced to every product's delivery and to the other nodes, which drop an older connection of the same
client. Two tasks repair what no announcement reached: one closes the connections of keys that another process
revoked, the other, where several processes write one database, reads the events that were not announced to this node.
After a gap on the bus both rights and events are read once, shortly after, because all nodes report the gap at about
the same time. A failed read is logged and repeated at the next turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from trunkline.api.execution import OperationExecutor
from trunkline.api.principal import CredentialRevoked
from trunkline.api.router import Router
from trunkline.core.clock import Clock
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.database import Database, Tx
from trunkline.realtime.border import Peer, PeerListener, Verifier
from trunkline.realtime.gateway import ConnectionLimits, GatewayServices, RealtimeGateway
from trunkline.realtime.product import RealtimeProduct
from trunkline.realtime.tunnel_dispatcher import TunnelDispatcher

CATCH_UP_SECONDS = 2.0
"""The pause between two comparisons of subscribers with the log: one query for 500 objects with subscribers."""
GATHER_SECONDS = 0.25
SWEEP_SECONDS = 5.0
"""The pause between two checks of the keys of connections, which another process may have revoked."""


class DeadKeys(Protocol):
    """The check of API keys."""

    def __call__(self, tx: Tx, key_sids: Iterable[str], /) -> Awaitable[set[str]]:
        """Return those of the keys that may no longer sign."""
        ...


@dataclass(frozen=True)
class DoorServices:
    """The services that the door uses, and the listeners to clients that come and go."""

    database: Database
    executor: OperationExecutor
    router: Router
    verifier: Verifier
    dead_keys: DeadKeys
    clock: Clock
    listeners: tuple[PeerListener, ...] = ()


class RealtimeDoor:
    """The realtime door of a node. ``key`` signs continuation tokens; nodes that share clients share it."""

    def __init__(
        self,
        services: DoorServices,
        key: bytes,
        products: Sequence[RealtimeProduct],
        limits: ConnectionLimits | None = None,
    ) -> None:
        self._services = services
        self._products = products
        self._deliveries = [product.delivery for product in products if product.delivery]
        tunnel = TunnelDispatcher(services.executor, services.router, products)
        self.gateway = RealtimeGateway(
            GatewayServices(services.verifier, tunnel, self, services.clock), key, limits
        )
        self._tasks = [
            PeriodicTask("checks of keys", self._check_keys, SWEEP_SECONDS, SWEEP_SECONDS, due_by=None)
        ]
        if services.database.name == "postgresql":
            catching_up = PeriodicTask(
                "missed events", self._catch_up, CATCH_UP_SECONDS, CATCH_UP_SECONDS, due_by=None
            )
            self._tasks.append(catching_up)
        self._resuming: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Start the tasks that repair what no announcement reached."""
        for task in self._tasks:
            task.start()

    async def stop(self) -> None:
        """End every connection and all tasks."""
        if self._resuming is not None:
            self._resuming.cancel()
        for task in self._tasks:
            await task.stop()
        await self.gateway.stop()
        for delivery in self._deliveries:
            await delivery.stop()

    def connected(self, peer: Peer) -> None:
        """Record that a client is logged in."""
        for delivery in self._deliveries:
            delivery.connected(peer)
        for listener in self._services.listeners:
            listener.connected(peer)

    def disconnected(self, peer: Peer) -> None:
        """Record that a client is gone."""
        for delivery in self._deliveries:
            delivery.disconnected(peer)
        for listener in self._services.listeners:
            listener.disconnected(peer)

    def revoke(self, revoked: CredentialRevoked) -> None:
        """Close the connections of a key, or of all keys of an account and its subaccounts."""
        self.gateway.close_where(revoked.ends)

    def resume(self) -> None:
        """Read events and rights anew soon: announcements of other nodes may have been lost."""
        if self._resuming is None:
            self._resuming = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._resume)

    # The inside

    def _resume(self) -> None:
        self._resuming = None
        peers = self.gateway.peers()
        for product in self._products:
            if product.delivery is None:
                continue
            product.delivery.catch_up()
            services = {peer.grant.services.get(grant) for peer in peers for grant in product.grants}
            for service_sid in services - {None}:
                assert service_sid is not None
                product.delivery.recheck(service_sid)

    async def _catch_up(self) -> None:
        for delivery in self._deliveries:
            delivery.catch_up()

    async def _check_keys(self) -> None:
        keys = {peer.grant.key_sid for peer in self.gateway.peers()}
        if not keys:
            return
        dead = await self._services.database.query(lambda tx: self._services.dead_keys(tx, keys))
        if dead:
            self.gateway.close_where(lambda grant: grant.key_sid in dead)
