"""The realtime door of a node, put together from the products behind it, and the announcements that it handles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trunkline.api.operation import Product
from trunkline.api.principal import CredentialRevoked
from trunkline.api.router import Router
from trunkline.app.foundation import Foundation
from trunkline.core.cluster import MessageGap
from trunkline.core.jobs.outcomes import Handler
from trunkline.products.manifest import Runtime
from trunkline.realtime import endpoints
from trunkline.realtime.border import EndpointOpened, Peer
from trunkline.realtime.door import DoorServices, RealtimeDoor
from trunkline.realtime.gateway import ConnectionLimits
from trunkline.realtime.presence import Presence
from trunkline.settings.realtime import RealtimeSettings


class Realtime:
    """The realtime door of a node, with presence. Handles announcements from the start on."""

    def __init__(
        self,
        foundation: Foundation,
        routed: Sequence[Product],
        runtimes: Sequence[Runtime],
        settings: RealtimeSettings,
    ) -> None:
        self._database = database = foundation.database
        self._cluster = foundation.cluster
        self._handlers = [runtime.handle for runtime in runtimes if runtime.handle]
        products = [runtime.realtime for runtime in runtimes if runtime.realtime]
        self.presence = Presence(database, products)
        self.router = Router((*routed, *(Product(one.name, one.mounts) for one in products)))
        door = DoorServices(
            database=database,
            executor=foundation.executor,
            router=self.router,
            verifier=foundation.accounts.verifier,
            dead_keys=foundation.accounts.dead_keys,
            clock=foundation.clock,
            listeners=(self.presence, self),
        )
        limits = ConnectionLimits(
            origins=settings.allowed_origins(), max_connections=settings.max_connections
        )
        key = foundation.vault.derived("realtime continuation")
        self.door = RealtimeDoor(door, key, products, limits)
        self.gateway = self.door.gateway
        database.listen(self._announced)
        foundation.cluster.subscribe(lambda announcement: self._handle(announcement, here=False))

    def job_handlers(self) -> dict[str, Handler]:
        """Return the handlers of presence's jobs, by kind."""
        return {endpoints.KIND: endpoints.handler(self._database, self.presence.listeners)}

    async def start(self) -> None:
        """Start presence and the door."""
        await self.presence.start()
        await self.door.start()

    async def stop(self) -> None:
        """Stop the door and presence."""
        await self.door.stop()
        await self.presence.stop()

    def connected(self, peer: Peer) -> None:
        """Announce a login to the other nodes."""
        self._cluster.publish([EndpointOpened(peer.endpoint_id, peer.id)])

    def disconnected(self, peer: Peer) -> None:
        """Do nothing: no other node has the connection."""

    def _announced(self, announcements: list[Any]) -> None:
        for announcement in announcements:
            self._handle(announcement, here=True)
        self._cluster.publish(announcements)

    def _handle(self, announcement: Any, *, here: bool) -> None:
        match announcement:
            case CredentialRevoked():
                self.door.revoke(announcement)
            case EndpointOpened(endpoint_id=endpoint_id, connection_id=connection_id):
                self.gateway.moved(endpoint_id, connection_id)
            case MessageGap():
                self.door.resume()
            case _:
                for handle in self._handlers:
                    handle(announcement, here)
