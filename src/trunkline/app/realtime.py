"""The realtime door, put together: the products behind it, and the announcements that it handles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trunkline.api.auth import Directory
from trunkline.api.dispatch import Dispatcher
from trunkline.api.errors import ApiError
from trunkline.api.operation import Product
from trunkline.api.router import Router
from trunkline.core.clock import Clock
from trunkline.core.cluster import Cluster, Resumed
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database, Tx
from trunkline.products.accounts.access_tokens import TokenVerifier, dead_keys
from trunkline.products.accounts.store import CredentialRevoked
from trunkline.products.chat import parents
from trunkline.products.sync.limits import Buckets
from trunkline.products.sync.presence import Presence
from trunkline.products.sync.realtime.product import SyncRealtime
from trunkline.realtime.border import EndpointOpened, Peer
from trunkline.realtime.door import DoorParts, RealtimeDoor
from trunkline.realtime.gateway import Limits, event_frame
from trunkline.realtime.product import RealtimeProduct


async def _chat_service(tx: Tx, account_sid: str, sid: str) -> str | None:
    try:
        await parents.require_service(tx, account_sid, sid)
    except ApiError:
        return None
    return sid


CHAT = RealtimeProduct(name="chat", grants=("chat", "ip_messaging"), find_service=_chat_service)
"""Chat's clients may log in; it has no operations for them yet."""


@dataclass(frozen=True)
class RealtimeOptions:
    """The products on the router beside the door's own mounts, and the limits: of connections, and of the use of one
    object."""

    products: Sequence[Product] = ()
    connections: Limits | None = None
    buckets: Buckets | None = None


class Realtime:
    """The realtime door of a node, and the products behind it. Handles announcements from the start on."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        vault: Vault,
        clock: Clock,
        cluster: Cluster,
        options: RealtimeOptions,
    ) -> None:
        self._cluster = cluster
        self.sync = SyncRealtime(database, event_frame, options.buckets)
        self.presence = Presence(database)
        behind = (self.sync.product, CHAT)
        self.router = Router((*options.products, *(Product(one.name, one.mounts) for one in behind)))
        self.verifier = TokenVerifier(database, vault, {one.grants[0]: one.find_service for one in behind})
        parts = DoorParts(
            database=database,
            dispatcher=Dispatcher(database, directory, vault),
            router=self.router,
            verifier=self.verifier,
            dead_keys=dead_keys,
            clock=clock,
            listeners=(self.presence, self),
        )
        self.door = RealtimeDoor(parts, vault.derived("realtime continuation"), behind, options.connections)
        self.gateway = self.door.gateway
        database.listen(self._announced)
        cluster.subscribe(lambda announcement: self._handle(announcement, here=False))

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
            case Resumed():
                self.door.resume()
            case _:
                self.sync.handle(announcement, here=here)
