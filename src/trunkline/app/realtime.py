"""The door for realtime clients, put together: tokens, tunnel, subscriptions and what writes announce."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from trunkline.api.auth import Directory
from trunkline.api.dispatch import Dispatcher
from trunkline.api.errors import ApiError
from trunkline.core.clock import Clock
from trunkline.core.cluster import Cluster, Resumed
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database, StorageError, Tx
from trunkline.products.accounts.access_tokens import Finders, TokenVerifier, dead_keys
from trunkline.products.accounts.store import CredentialRevoked
from trunkline.products.chat import parents
from trunkline.products.sync import services
from trunkline.products.sync.events import SyncEvent
from trunkline.products.sync.limits import Buckets
from trunkline.products.sync.presence import Presence
from trunkline.products.sync.realtime.door import SyncTunnel
from trunkline.products.sync.realtime.live import Live
from trunkline.products.sync.services import AccessChanged
from trunkline.realtime.border import EndpointOpened, Peer
from trunkline.realtime.gateway import Gateway, Limits, Parts, event_frame

log = logging.getLogger("trunkline.realtime")

CATCH_UP_SECONDS = 2.0
"""How often subscribers are held against the log: one query for 500 objects that have subscribers."""
GATHER_SECONDS = 0.25
SWEEP_SECONDS = 5.0
"""How often connections are held against keys that another process may have revoked."""


async def _sync_service(tx: Tx, account_sid: str, name: str) -> str | None:
    try:
        return (await services.find(tx, account_sid, name)).sid
    except ApiError:
        return None


async def _chat_service(tx: Tx, account_sid: str, sid: str) -> str | None:
    try:
        await parents.require_service(tx, account_sid, sid)
    except ApiError:
        return None
    return sid


FINDERS: Finders = {"data_sync": _sync_service, "chat": _chat_service}


@dataclass(frozen=True)
class Bounds:
    """What keeps the door within bounds: who may connect, and how often one object may be used."""

    connections: Limits | None = None
    buckets: Buckets | None = None


class Realtime:
    """The realtime door of a node. Hears what its database announces from the start on."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        vault: Vault,
        clock: Clock,
        cluster: Cluster,
        bounds: Bounds | None = None,
    ) -> None:
        bounds = bounds or Bounds()
        self._database = database
        self._cluster = cluster
        self.presence = Presence(database)
        self.live = Live(database, event_frame)
        tunnel = SyncTunnel(
            Dispatcher(database, directory, vault), database, self.live, event_frame, bounds.buckets
        )
        self.verifier = TokenVerifier(database, vault, FINDERS)
        parts = Parts(self.verifier, tunnel, self, self.live.hub, clock)
        self.gateway = Gateway(parts, vault.derived("realtime continuation"), bounds.connections)
        self._tasks: list[asyncio.Task[None]] = []
        self._looking: asyncio.TimerHandle | None = None
        database.listen(self._announced)
        cluster.subscribe(self._heard)

    async def start(self) -> None:
        """Begin to look for what nobody tells this node."""
        await self.presence.start()
        self._tasks = [asyncio.create_task(self._sweep())]
        if self._database.name == "postgresql":
            self._tasks.append(asyncio.create_task(self._catch_up()))

    async def stop(self) -> None:
        """End every connection and what is done beside them."""
        if self._looking is not None:
            self._looking.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.gateway.stop()
        await self.live.stop()
        await self.presence.stop()

    def connected(self, peer: Peer) -> None:
        """A client is logged in."""
        self.live.connected(peer)
        self.presence.connected(peer)
        self._cluster.publish([EndpointOpened(peer.endpoint_id, peer.id)])

    def disconnected(self, peer: Peer) -> None:
        """A client is gone."""
        self.live.disconnected(peer)
        self.presence.disconnected(peer)

    def _announced(self, told: list[Any]) -> None:
        for one in told:
            self._hear(one, here=True)
        self._cluster.publish(told)

    def _heard(self, one: Any) -> None:
        self._hear(one, here=False)

    def _hear(self, one: Any, *, here: bool) -> None:
        match one:
            case SyncEvent():
                self.live.told(one, here=here)
            case AccessChanged():
                self.live.access_changed(one)
            case CredentialRevoked(account_sid=account_sid, key_sid=key_sid):
                self._revoke(account_sid, key_sid)
            case EndpointOpened(endpoint_id=endpoint_id, connection_id=connection_id):
                self.gateway.moved(endpoint_id, connection_id)
            case Resumed() if self._looking is None:
                # All nodes say so at about the same time: one look does.
                self._looking = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._look)

    def _look(self) -> None:
        """Nobody may have told of new events, or of rights that were lost."""
        self._looking = None
        self.live.catch_up()
        for service_sid in {peer.grant.services.get("data_sync") for peer in self.gateway.peers()}:
            if service_sid is not None:
                self.live.access_changed(AccessChanged(service_sid))

    def _revoke(self, account_sid: str, key_sid: str | None) -> None:
        self.gateway.close_where(
            lambda grant: grant.account_sid == account_sid and key_sid in (None, grant.key_sid)
        )

    async def _catch_up(self) -> None:
        """Find the events that were not told: a message of another node's was lost, or a commit whose outcome was
        unknown had been made."""
        while True:
            await asyncio.sleep(CATCH_UP_SECONDS)
            self.live.catch_up()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            keys = {peer.grant.key_sid for peer in self.gateway.peers()}
            if not keys:
                continue
            try:
                dead = await self._database.read(lambda tx, keys=keys: dead_keys(tx, keys))  # type: ignore[misc]
            except StorageError as error:
                log.warning("keys could not be looked at: %s", error)
                continue
            if dead:
                self.gateway.close_where(lambda grant, dead=dead: grant.key_sid in dead)  # type: ignore[misc]
