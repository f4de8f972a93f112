"""Services (IS…): the top-level scope of all of Programmable Chat (seed).

Versions 1 and 2 differ in what they show and take: per-event webhooks belong to version 1; media, retry counts, sounds
and badges to version 2. Deleting a Service removes everything below it.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.operation import Act, Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.api.params import given, required
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.jobs import removals
from trunkline.core.sids import new_sid
from trunkline.core.storage.account_rows import find_row, update_row
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.chat.configuration import (
    FRESH_MEDIA,
    NAME_LENGTH_V1,
    NAME_LENGTH_V2,
    OBJECTS,
    PUSH_TYPES,
    ChatLimits,
    UpdateV1,
    UpdateV2,
    encoded,
    merged,
    service_name,
)
from trunkline.products.chat.parent_service import lock_service
from trunkline.products.chat.permissions import RoleType
from trunkline.products.chat.roles import default_roles, find_role
from trunkline.products.chat.schema import SERVICE_REMOVAL

PAGE_MAXIMUM = 100
"""Services on a page, in both versions (spec)."""
MEDIA_MEGABYTES = 150
"""The largest media file (seen); cannot be set."""


class CreateV1(msgspec.Struct, frozen=True, kw_only=True):
    """A new Service; everything else is set by updates (seed)."""

    friendly_name: Annotated[str, service_name(NAME_LENGTH_V1), required(50000)]


class CreateV2(msgspec.Struct, frozen=True, kw_only=True):
    """As in version 1, with a longer name."""

    friendly_name: Annotated[str, service_name(NAME_LENGTH_V2), required(50000)]


class ChatService(Row, frozen=True):
    """A row of ``chat_services``.

    ``webhook_filters`` is a JSON list or None; ``limits``, ``webhooks``, ``notifications`` and ``media`` are JSON
    objects of the leaves that are set. Intervals are in seconds.
    """

    sid: str
    account_sid: str
    friendly_name: str
    date_created: int
    date_updated: int
    default_service_role_sid: str
    default_channel_role_sid: str
    default_channel_creator_role_sid: str
    limits: str
    read_status_enabled: bool = True
    reachability_enabled: bool = False
    typing_indicator_timeout: int = 5
    consumption_report_interval: int = 10
    pre_webhook_url: str | None = None
    post_webhook_url: str | None = None
    webhook_method: str | None = None
    webhook_filters: str | None = None
    pre_webhook_retry_count: int = 0
    post_webhook_retry_count: int = 0
    webhooks: str = "{}"
    notifications: str = "{}"
    media: str = FRESH_MEDIA


_LINKS_V1 = {"channels": "Channels", "users": "Users", "roles": "Roles"}
_LINKS_V2 = {**_LINKS_V1, "bindings": "Bindings"}


def view_v1(service: ChatService, urls: Urls) -> Json:
    """Return the Service resource of version 1 (seed)."""
    return {
        **_shared(service, urls),
        "links": urls.links(("Services", service.sid), _LINKS_V1),
        "notifications": _notifications(service, ("enabled", "template")),
        "webhooks": msgspec.json.decode(service.webhooks),
    }


def view_v2(service: ChatService, urls: Urls) -> Json:
    """Return the Service resource of version 2 (spec)."""
    media = msgspec.json.decode(service.media)
    return {
        **_shared(service, urls),
        "links": urls.links(("Services", service.sid), _LINKS_V2),
        "notifications": _notifications(service, ("enabled", "template", "sound", "badge_count_enabled")),
        "pre_webhook_retry_count": service.pre_webhook_retry_count,
        "post_webhook_retry_count": service.post_webhook_retry_count,
        "media": {
            "size_limit_mb": MEDIA_MEGABYTES,
            "compatibility_message": media.get("compatibility_message"),
        },
    }


def _shared(service: ChatService, urls: Urls) -> Json:
    filters = service.webhook_filters
    return {
        "account_sid": service.account_sid,
        "consumption_report_interval": service.consumption_report_interval,
        "date_created": iso(service.date_created),
        "date_updated": iso(service.date_updated),
        "default_channel_creator_role_sid": service.default_channel_creator_role_sid,
        "default_channel_role_sid": service.default_channel_role_sid,
        "default_service_role_sid": service.default_service_role_sid,
        "friendly_name": service.friendly_name,
        "limits": msgspec.json.decode(service.limits),
        "post_webhook_url": service.post_webhook_url,
        "pre_webhook_url": service.pre_webhook_url,
        "reachability_enabled": service.reachability_enabled,
        "read_status_enabled": service.read_status_enabled,
        "sid": service.sid,
        "typing_indicator_timeout": service.typing_indicator_timeout,
        "url": urls.to("Services", service.sid),
        "webhook_filters": filters and msgspec.json.decode(filters),
        "webhook_method": service.webhook_method or "POST",
    }


def _notifications(service: ChatService, shown: tuple[str, ...]) -> Json:
    """Return the push configuration, without templates and sounds that are not set (seen)."""
    stored = msgspec.json.decode(service.notifications)
    view: Json = {"log_enabled": stored.get("log_enabled", False)}
    for kind in PUSH_TYPES:
        leaves = {"enabled": False, **stored.get(kind, {})}
        view[kind] = {name: leaves[name] for name in shown if name in leaves}
    return view


def creating(limits: ChatLimits) -> Act:
    """Return the action that makes a Service with these limits and the roles that every Service starts with."""

    async def create_service(tx: Tx, call: Call[CreateV1 | CreateV2]) -> ChatService:
        sid = new_sid("IS")
        roles = default_roles(call.account_sid, sid, tx.now)
        defaults: dict[str, Any] = {default.column: role.sid for default, role in roles if default.column}
        service = ChatService(
            sid=sid,
            account_sid=call.account_sid,
            friendly_name=call.input.friendly_name,
            date_created=tx.now,
            date_updated=tx.now,
            limits=encoded(limits),
            **defaults,
        )
        await tx.insert("chat_services", service)
        await tx.insert_many("chat_roles", [role for _, role in roles])
        return service

    return create_service


async def fetch_service(tx: Tx, call: Call[Empty]) -> ChatService | None:
    """Return a Service."""
    return await find_service(tx, call.account_sid, call.path["Sid"])


async def page_services(tx: Tx, call: Call[Empty]) -> list[ChatService]:
    """Return the account's Services, oldest first (inferred)."""
    return await tx.all(
        ChatService,
        f"SELECT {columns(ChatService)} FROM live_chat_services WHERE account_sid = :account_sid {call.window.tail}",
        account_sid=call.account_sid,
        **call.window.values,
    )


async def update_service(tx: Tx, call: Call[msgspec.Struct]) -> ChatService | None:
    """Change the given settings, leaf by leaf; with none given nothing changes (seen). Raise ApiError 50100, 50101 or
    50102 for a default role that does not exist or has the other type."""
    changes = given(call.input)
    await lock_service(tx, call.path["Sid"])
    service = await find_service(tx, call.account_sid, call.path["Sid"])
    if service is None or not changes:
        return service
    await _check_roles(tx, service, changes)
    if filters := changes.get("webhook_filters"):
        changes["webhook_filters"] = encoded(list(dict.fromkeys(filters)))
    values = merged({name: getattr(service, name) for name in OBJECTS}, changes)
    values["date_updated"] = tx.now
    await update_row(tx, "chat_services", service.account_sid, service.sid, values)
    return msgspec.structs.replace(service, **values)


async def delete_service(tx: Tx, call: Call[Empty]) -> bool:
    """Remove a Service and everything below it."""
    await lock_service(tx, call.path["Sid"])
    return await removals.delete(tx, SERVICE_REMOVAL, call.account_sid, call.path["Sid"])


async def find_service(tx: Tx, account_sid: str, sid: str) -> ChatService | None:
    """Return a Service of this account."""
    return await find_row(tx, ChatService, "live_chat_services", account_sid, sid)


_DEFAULTS = {
    "default_service_role_sid": (RoleType.DEPLOYMENT, 50100, 50102),
    "default_channel_role_sid": (RoleType.CHANNEL, 50101, 50101),
    "default_channel_creator_role_sid": (RoleType.CHANNEL, 50101, 50101),
}
"""Of each default its type, and the errors for a role that is not there and for one of the other type."""


async def _check_roles(tx: Tx, service: ChatService, changes: dict[str, Any]) -> None:
    for field, (kind, unknown, other) in _DEFAULTS.items():
        if field not in changes:
            continue
        role = await find_role(tx, service.account_sid, service.sid, changes[field])
        if role is None:
            raise ApiError(unknown)
        if role.type != kind:
            raise ApiError(other)


def operations_v1(limits: ChatLimits) -> tuple[Operation, ...]:
    """Return the operations of version 1. New Services get ``limits``."""
    return (
        create("/Services", creating(limits), view_v1, CreateV1),
        listing("/Services", "services", page_services, view_v1, maximum=PAGE_MAXIMUM),
        fetch("/Services/{Sid}", fetch_service, view_v1),
        update("/Services/{Sid}", update_service, view_v1, UpdateV1),
        delete("/Services/{Sid}", delete_service),
    )


def operations_v2(limits: ChatLimits) -> tuple[Operation, ...]:
    """Return the operations of version 2. New Services get ``limits``."""
    return (
        create("/Services", creating(limits), view_v2, CreateV2),
        listing("/Services", "services", page_services, view_v2, maximum=PAGE_MAXIMUM),
        fetch("/Services/{Sid}", fetch_service, view_v2),
        update("/Services/{Sid}", update_service, view_v2, UpdateV2),
        delete("/Services/{Sid}", delete_service),
    )
