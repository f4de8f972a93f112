"""The realtime door of a node, put together from the products behind it, and the announcements that it handles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trunkline.api.auth import Directory
from trunkline.api.dispatch import OperationDispatcher
from trunkline.api.operation import Product
from trunkline.api.router import Router
from trunkline.core.clock import Clock
from trunkline.core.cluster import Cluster, MessageGap
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database
from trunkline.products.accounts.access_tokens import TokenVerifier, dead_keys
from trunkline.products.accounts.store import CredentialRevoked
from trunkline.products.manifest import Runtime
from trunkline.realtime.border import EndpointOpened, Peer
from trunkline.realtime.door import DoorParts, RealtimeDoor
from trunkline.realtime.gateway import Limits
from trunkline.realtime.presence import Presence


@dataclass(frozen=True)
class RealtimeParts:
    """The pieces of a node that the door uses, and what is on its router beside the door's own mounts."""

    database: Database
    directory: Directory
    vault: Vault
    clock: Clock
    cluster: Cluster
    routed: Sequence[Product]
    limits: Limits | None = None


class Realtime:
    """The realtime door of a node, with presence. Handles announcements from the start on."""

    def __init__(self, parts: RealtimeParts, runtimes: Sequence[Runtime]) -> None:
        self._cluster = parts.cluster
        self._handlers = [runtime.handle for runtime in runtimes if runtime.handle]
        products = [runtime.realtime for runtime in runtimes if runtime.realtime]
        self.presence = Presence(parts.database, products)
        self.router = Router((*parts.routed, *(Product(one.name, one.mounts) for one in products)))
        finders = {product.grants[0]: product.find_service for product in products}
        self.verifier = TokenVerifier(parts.database, parts.vault, finders)
        door = DoorParts(
            database=parts.database,
            dispatcher=OperationDispatcher(parts.database, parts.directory, parts.vault),
            router=self.router,
            verifier=self.verifier,
            dead_keys=dead_keys,
            clock=parts.clock,
            listeners=(self.presence, self),
        )
        key = parts.vault.derived("realtime continuation")
        self.door = RealtimeDoor(door, key, products, parts.limits)
        self.gateway = self.door.gateway
        parts.database.listen(self._announced)
        parts.cluster.subscribe(lambda announcement: self._handle(announcement, here=False))

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
            case CredentialRevoked(account_sid=account_sid, key_sid=key_sid):
                self.door.revoke(account_sid, key_sid)
            case EndpointOpened(endpoint_id=endpoint_id, connection_id=connection_id):
                self.gateway.moved(endpoint_id, connection_id)
            case MessageGap():
                self.door.resume()
            case _:
                for handle in self._handlers:
                    handle(announcement, here)
