"""Services (IS…): the top-level scope of all Sync objects (seed).

Each account has one Service whose unique name is ``default``; it is created at its first use (client). A Service is
addressed by SID or unique name; its unique name cannot be set over REST (seed). Deleting one removes everything below
it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty, create, delete, fetch, listing, update
from trunkline.api.params import Given, boolean, given, integer, text, url
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.jobs import removals
from trunkline.core.sids import is_sid, new_sid
from trunkline.core.storage.database import NeedsWrite, Row, Tx, assignments, columns
from trunkline.products.sync.schema import SERVICE_REMOVAL

DEFAULT_NAME = "default"
DEFAULT_WINDOW = 5000


class SyncServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that create and update take; names and ranges are the seed's, error codes the vendor's (doc).

    ``reachability_debouncing_window`` is in milliseconds, 1,000 to 30,000.
    """

    friendly_name: Annotated[Given[str], text(1, 255, code=54053)] = UNSET
    webhook_url: Annotated[Given[str | None], url(512, code=54051)] = UNSET
    webhooks_from_rest_enabled: Annotated[Given[bool], boolean()] = UNSET
    reachability_webhooks_enabled: Annotated[Given[bool], boolean()] = UNSET
    acl_enabled: Annotated[Given[bool], boolean()] = UNSET
    reachability_debouncing_enabled: Annotated[Given[bool], boolean()] = UNSET
    reachability_debouncing_window: Annotated[Given[int], integer(1_000, 30_000)] = UNSET


class SyncService(Row, frozen=True):
    """A row of ``sync_services``."""

    sid: str
    account_sid: str
    unique_name: str | None
    friendly_name: str | None
    date_created: int
    date_updated: int
    webhook_url: str | None = None
    webhooks_from_rest_enabled: bool = False
    reachability_webhooks_enabled: bool = False
    acl_enabled: bool = False
    reachability_debouncing_enabled: bool = False
    reachability_debouncing_window: int = DEFAULT_WINDOW


class AccessChanged(msgspec.Struct, frozen=True):
    """The announcement that an identity's access to an object may have changed; without object and identity, that of
    all to the whole Service, which may be gone."""

    service_sid: str
    object_sid: str = ""
    identity: str = ""


_LINKS = {"documents": "Documents", "lists": "Lists", "maps": "Maps", "streams": "Streams"}


def view(service: SyncService, urls: Urls) -> Json:
    """Return the Service resource (seed)."""
    return {
        "account_sid": service.account_sid,
        "date_created": iso(service.date_created),
        "date_updated": iso(service.date_updated),
        "friendly_name": service.friendly_name,
        "links": urls.links(("Services", service.sid), _LINKS),
        "sid": service.sid,
        "unique_name": service.unique_name,
        "url": urls.to("Services", service.sid),
        "webhook_url": service.webhook_url,
        "webhooks_from_rest_enabled": service.webhooks_from_rest_enabled,
        "reachability_webhooks_enabled": service.reachability_webhooks_enabled,
        "acl_enabled": service.acl_enabled,
        "reachability_debouncing_enabled": service.reachability_debouncing_enabled,
        "reachability_debouncing_window": service.reachability_debouncing_window,
    }


async def create_service(tx: Tx, call: Call[SyncServiceSettings]) -> SyncService:
    """Create a Service with the given settings."""
    return await _insert(tx, call.account_sid, None, call.input)


async def fetch_service(tx: Tx, call: Call[Empty]) -> SyncService:
    """Return a Service. Raise ApiError 54050, or 54056 if another account has it (doc)."""
    return await find(tx, call.account_sid, call.path["Sid"])


async def page_services(tx: Tx, call: Call[Empty]) -> list[SyncService]:
    """Return the account's Services, oldest first (inferred)."""
    return await tx.all(
        SyncService,
        f"SELECT {columns(SyncService)} FROM live_sync_services WHERE account_sid = :account_sid {call.window.tail}",
        account_sid=call.account_sid,
        **call.window.values,
    )


async def update_service(tx: Tx, call: Call[SyncServiceSettings]) -> SyncService:
    """Change the given settings; with none given nothing changes (seen). Raise ApiError 54050 or 54056."""
    changes = given(call.input)
    service = await find(tx, call.account_sid, call.path["Sid"])
    if not changes:
        return service
    changes["date_updated"] = tx.now
    await tx.run(
        f"UPDATE sync_services SET {assignments(tuple(changes))} WHERE sid = :sid", sid=service.sid, **changes
    )
    if "acl_enabled" in changes:
        tx.announce(AccessChanged(service.sid))
    return msgspec.structs.replace(service, **changes)


async def delete_service(tx: Tx, call: Call[Empty]) -> bool:
    """Remove a Service and everything below it. Raise ApiError 54050 or 54056."""
    service = await find(tx, call.account_sid, call.path["Sid"])
    tx.announce(AccessChanged(service.sid))
    return await removals.delete(tx, SERVICE_REMOVAL, call.account_sid, service.sid)


async def find(tx: Tx, account_sid: str, name: str) -> SyncService:
    """Return the Service that ``name``, a SID or unique name, addresses; create the default one if it is missing.
    Raise ApiError 54050 or 54056, and NeedsWrite."""
    if is_sid(name):
        service = await by_sid(tx, name)
        if service is None:
            raise ApiError(54050)
        if service.account_sid != account_sid:
            raise ApiError(54056)
        return service
    service = await _by_name(tx, account_sid, name)
    if service is not None:
        return service
    if name != DEFAULT_NAME:
        raise ApiError(54050)
    if not tx.writable:
        raise NeedsWrite
    await tx.lock(f"{account_sid} default sync service")
    made = await _by_name(tx, account_sid, name)
    return made or await _insert(tx, account_sid, DEFAULT_NAME, SyncServiceSettings())


async def _insert(
    tx: Tx, account_sid: str, unique_name: str | None, settings: SyncServiceSettings
) -> SyncService:
    fields = {"friendly_name": None} | given(settings)
    service = SyncService(
        sid=new_sid("IS"),
        account_sid=account_sid,
        unique_name=unique_name,
        date_created=tx.now,
        date_updated=tx.now,
        **fields,
    )
    await tx.insert("sync_services", service)
    return service


async def by_sid(tx: Tx, sid: str) -> SyncService | None:
    """Return the Service with this SID, whatever its account."""
    return await tx.one(
        SyncService, f"SELECT {columns(SyncService)} FROM live_sync_services WHERE sid = :sid", sid=sid
    )


async def _by_name(tx: Tx, account_sid: str, name: str) -> SyncService | None:
    return await tx.one(
        SyncService,
        f"SELECT {columns(SyncService)} FROM live_sync_services"
        " WHERE account_sid = :account_sid AND unique_name = :unique_name",
        account_sid=account_sid,
        unique_name=name,
    )


OPERATIONS = (
    create("/Services", create_service, view, SyncServiceSettings),
    listing("/Services", "services", page_services, view),
    fetch("/Services/{Sid}", fetch_service, view),
    update("/Services/{Sid}", update_service, view, SyncServiceSettings),
    delete("/Services/{Sid}", delete_service),
)
