"""The scope of an operation on Sync's objects: its Service and its actor."""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call
from trunkline.api.principal import Credential, Principal
from trunkline.core.storage.database import Tx
from trunkline.products.sync import services
from trunkline.products.sync.services import SyncService

SYSTEM = "system"
"""The name of REST credentials and expiry in place of an identity (doc)."""


class Actor(msgspec.Struct, frozen=True):
    """The author of a change. ``identity`` is an access token's, None for REST credentials and expiry; ``endpoint``
    is that of a realtime client, else empty, and ``connection`` the one that the change came over."""

    identity: str | None = None
    endpoint: str = ""
    connection: str = ""

    @property
    def name(self) -> str:
        """The name of the actor in ``created_by`` and webhooks."""
        return SYSTEM if self.identity is None else self.identity


class Scope(msgspec.Struct, frozen=True):
    """A Service and the actor in it."""

    service: SyncService
    actor: Actor


def actor(principal: Principal) -> Actor:
    """Return the actor of a principal: an access token acts as its identity, an empty one if it has none."""
    if principal.credential is not Credential.TOKEN:
        return Actor()
    return Actor(principal.identity or "", principal.endpoint or "", principal.connection)


async def enter(tx: Tx, call: Call[Any]) -> Scope:
    """Return the Service in a call's path with the caller. Raise ApiError 54050, or 54056 if another account has the
    Service or the access token is for another one."""
    principal = call.principal
    service = await services.find(tx, principal.account_sid, call.path["ServiceSid"])
    if principal.service_sid is not None and principal.service_sid != service.sid:
        raise ApiError(54056)
    return Scope(service, actor(principal))
