"""The door for realtime clients, put together: tokens, tunnel, subscriptions and what writes announce."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from trunkline.api.auth import Directory
from trunkline.api.dispatch import Dispatcher
from trunkline.api.errors import ApiError
from trunkline.core import tokens
from trunkline.core.clock import Clock
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database, StorageError, Tx
from trunkline.products.accounts.access_tokens import Finders, TokenVerifier, dead_keys
from trunkline.products.accounts.store import CredentialRevoked
from trunkline.products.chat import parents
from trunkline.products.sync import services
from trunkline.products.sync.events import SyncEvent
from trunkline.products.sync.realtime.door import SyncTunnel
from trunkline.products.sync.realtime.live import Live
from trunkline.products.sync.services import AccessChanged
from trunkline.realtime.border import Grant, Peer, TokenRefused
from trunkline.realtime.gateway import Gateway, Parts, event_frame

log = logging.getLogger("trunkline.realtime")

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


class _Verifier:
    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def verify(self, token: str, product: str) -> Grant:
        try:
            found = await self._verifier.verify(token, product)
        except tokens.TokenRefused as refused:
            raise TokenRefused(refused.rule.connection_code, refused.rule.description) from refused
        return Grant(found.account_sid, dict(found.services), found.identity, found.key_sid, found.expires_at)


class Realtime:
    """The realtime door of a node. Hears what its database announces from the start on."""

    def __init__(self, database: Database, directory: Directory, vault: Vault, clock: Clock) -> None:
        self._database = database
        self.live = Live(database, event_frame)
        tunnel = SyncTunnel(Dispatcher(database, directory, vault), database, self.live, event_frame)
        verifier = _Verifier(TokenVerifier(database, vault, FINDERS))
        parts = Parts(verifier, tunnel, self, self.live.hub, clock)
        self.gateway = Gateway(parts, vault.derived("realtime continuation"))
        self._sweeping: asyncio.Task[None] | None = None
        database.listen(self._hear)

    async def start(self) -> None:
        """Begin to look for revoked keys."""
        self._sweeping = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """End every connection and what is done beside them."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping
        await self.gateway.stop()
        await self.live.stop()

    def connected(self, peer: Peer) -> None:
        """A client is logged in."""
        self.live.connected(peer)

    def disconnected(self, peer: Peer) -> None:
        """A client is gone."""
        self.live.disconnected(peer)

    def _hear(self, told: list[Any]) -> None:
        for one in told:
            if isinstance(one, SyncEvent):
                self.live.told(one)
            elif isinstance(one, AccessChanged):
                self.live.access_changed(one)
            elif isinstance(one, CredentialRevoked):
                self._revoke(one.account_sid, one.key_sid)

    def _revoke(self, account_sid: str, key_sid: str | None) -> None:
        self.gateway.close_where(
            lambda grant: grant.account_sid == account_sid and key_sid in (None, grant.key_sid)
        )

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
