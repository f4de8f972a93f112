"""Notify Services (IS…): the top-level scope of all other resources in Notify (seed).

An account may have 10 (seed), or ``max_notify_services``. Deleting one removes everything below it. The
Messaging Service that a Service names has to be the
account's own at that moment; when it is deleted later its SID stays here, and SMS deliveries fail.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError, invalid
from trunkline.api.operation import Act, Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.api.params import Given, Parser, boolean, choice, given, sid, text
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.jobs import removals
from trunkline.core.sids import new_sid
from trunkline.core.storage.account_rows import find_row, update_row
from trunkline.core.storage.database import Row, Tx
from trunkline.core.storage.list_query import ListQuery, WalkResult
from trunkline.core.storage.walks import walk
from trunkline.products.messaging import facade as messaging
from trunkline.products.notify.schema import SERVICE_REMOVAL

DEFAULT_VERSION = "3"


def _version() -> Parser:
    return choice("1", "2", "3", "4")


class NotifyServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of create and update; names, patterns and the limit of the friendly name are the seed's, its
    code 20002 the vendor's (doc).

    - Credential SIDs need the right form only: an account has no Credential resource yet, so that a delivery is
      what finds out whether one is usable.
    - Protocol versions are 1 to 4: "3" is documented as current, and the vendor announced "4" (doc).
    - ``delivery_callback_url`` is any text, since the seed's sample shows ``Hello``; up to 2,048 characters, and
      the identifiers of the two deprecated channels up to 255 (inferred).
    """

    friendly_name: Annotated[Given[str | None], text(0, 64, code=20002, clears=True)] = UNSET
    apn_credential_sid: Annotated[Given[str | None], sid("CR")] = UNSET
    gcm_credential_sid: Annotated[Given[str | None], sid("CR")] = UNSET
    fcm_credential_sid: Annotated[Given[str | None], sid("CR")] = UNSET
    messaging_service_sid: Annotated[Given[str | None], sid("MG")] = UNSET
    facebook_messenger_page_id: Annotated[Given[str | None], text(0, 255, clears=True)] = UNSET
    alexa_skill_id: Annotated[Given[str | None], text(0, 255, clears=True)] = UNSET
    default_apn_notification_protocol_version: Annotated[Given[str], _version()] = UNSET
    default_gcm_notification_protocol_version: Annotated[Given[str], _version()] = UNSET
    default_fcm_notification_protocol_version: Annotated[Given[str], _version()] = UNSET
    default_alexa_notification_protocol_version: Annotated[Given[str], _version()] = UNSET
    log_enabled: Annotated[Given[bool], boolean()] = UNSET
    delivery_callback_url: Annotated[Given[str | None], text(0, 2048, clears=True)] = UNSET
    delivery_callback_enabled: Annotated[Given[bool], boolean()] = UNSET


class NotifyServiceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The filter of the list: the exact friendly name (spec); an empty one filters nothing (inferred)."""

    friendly_name: Annotated[Given[str | None], text(clears=True)] = UNSET


class NotifyService(Row, frozen=True):
    """A row of ``notify_services``; ``log_enabled`` and ``delivery_callback_enabled`` have the seed's defaults, the
    versions those of its samples."""

    sid: str
    account_sid: str
    date_created: int
    date_updated: int
    friendly_name: str | None = None
    apn_credential_sid: str | None = None
    gcm_credential_sid: str | None = None
    fcm_credential_sid: str | None = None
    messaging_service_sid: str | None = None
    facebook_messenger_page_id: str | None = None
    alexa_skill_id: str | None = None
    default_apn_notification_protocol_version: str = DEFAULT_VERSION
    default_gcm_notification_protocol_version: str = DEFAULT_VERSION
    default_fcm_notification_protocol_version: str = DEFAULT_VERSION
    default_alexa_notification_protocol_version: str = DEFAULT_VERSION
    log_enabled: bool = True
    delivery_callback_url: str | None = None
    delivery_callback_enabled: bool = False


_LINKS = {
    "bindings": "Bindings",
    "notifications": "Notifications",
    "segments": "Segments",
    "users": "Users",
}


def view(service: NotifyService, urls: Urls) -> Json:
    """Return the Service resource (seed); ``type`` is ``S`` in every sample."""
    return {
        "sid": service.sid,
        "account_sid": service.account_sid,
        "friendly_name": service.friendly_name,
        "date_created": iso(service.date_created),
        "date_updated": iso(service.date_updated),
        "apn_credential_sid": service.apn_credential_sid,
        "gcm_credential_sid": service.gcm_credential_sid,
        "fcm_credential_sid": service.fcm_credential_sid,
        "messaging_service_sid": service.messaging_service_sid,
        "facebook_messenger_page_id": service.facebook_messenger_page_id,
        "alexa_skill_id": service.alexa_skill_id,
        "default_apn_notification_protocol_version": service.default_apn_notification_protocol_version,
        "default_gcm_notification_protocol_version": service.default_gcm_notification_protocol_version,
        "default_fcm_notification_protocol_version": service.default_fcm_notification_protocol_version,
        "default_alexa_notification_protocol_version": service.default_alexa_notification_protocol_version,
        "log_enabled": service.log_enabled,
        "type": "S",
        "delivery_callback_url": service.delivery_callback_url,
        "delivery_callback_enabled": service.delivery_callback_enabled,
        "url": urls.to("Services", service.sid),
        "links": urls.links(("Services", service.sid), _LINKS),
    }


def creating(max_services: int) -> Act:
    """Return the action that makes a Service while the account has fewer than ``max_services``."""

    async def create_service(tx: Tx, call: Call[NotifyServiceSettings]) -> NotifyService:
        """Make a Service. Raise ApiError 20403 if the account may not have another one (seed: 10; the code is
        inferred), 20001 for an unknown Messaging Service (inferred)."""
        await _check_messaging_service(tx, call)
        await tx.lock(f"notify services {call.account_sid}")
        if await _count(tx, call.account_sid) >= max_services:
            raise ApiError(20403, f"An account may have at most {max_services} Notify Services")
        service = NotifyService(
            sid=new_sid("IS"),
            account_sid=call.account_sid,
            date_created=tx.now,
            date_updated=tx.now,
            **given(call.input),
        )
        await tx.insert("notify_services", service)
        return service

    return create_service


async def fetch_service(tx: Tx, call: Call[Empty]) -> NotifyService | None:
    """Return one of the account's Services."""
    return await find(tx, call.account_sid, call.path["Sid"])


async def page_services(tx: Tx, call: Call[NotifyServiceFilter]) -> WalkResult[NotifyService]:
    """Return the account's Services, oldest first (inferred)."""
    held, values = ["account_sid = :account_sid"], {"account_sid": call.account_sid}
    if call.input.friendly_name:
        held.append("friendly_name = :friendly_name")
        values["friendly_name"] = call.input.friendly_name
    return await walk(
        tx, NotifyService, ListQuery("live_notify_services", tuple(held)), call.window.span, **values
    )


async def update_service(tx: Tx, call: Call[NotifyServiceSettings]) -> NotifyService | None:
    """Change the given settings and no others; with none given nothing changes (inferred). Raise ApiError 20001 for an
    unknown Messaging Service (inferred)."""
    name, changes = call.path["Sid"], given(call.input)
    service = await find(tx, call.account_sid, name)
    if service is None or not changes:
        return service
    await _check_messaging_service(tx, call)
    changes["date_updated"] = tx.now
    await update_row(tx, "notify_services", call.account_sid, name, changes)
    return await find(tx, call.account_sid, name)


async def delete_service(tx: Tx, call: Call[Empty]) -> bool:
    """Remove a Service and everything below it."""
    return await removals.delete(tx, SERVICE_REMOVAL, call.account_sid, call.path["Sid"])


async def find(tx: Tx, account_sid: str, sid: str) -> NotifyService | None:
    """Return the account's Service with this SID."""
    return await find_row(tx, NotifyService, "live_notify_services", account_sid, sid)


async def _check_messaging_service(tx: Tx, call: Call[NotifyServiceSettings]) -> None:
    name = call.input.messaging_service_sid
    if name and not await messaging.service_exists(tx, call.account_sid, name):
        raise invalid("MessagingServiceSid", "the account has no such Messaging Service")


async def _count(tx: Tx, account_sid: str) -> int:
    count: int = await tx.value(
        "SELECT count(*) FROM live_notify_services WHERE account_sid = :account_sid", account_sid=account_sid
    )
    return count


def operations(max_services: int) -> tuple[Operation, ...]:
    """Return the operations, for accounts that may have ``max_services`` Services."""
    return (
        create("/Services", creating(max_services), view, NotifyServiceSettings),
        listing("/Services", "services", page_services, view, input=NotifyServiceFilter),
        fetch("/Services/{Sid}", fetch_service, view),
        update("/Services/{Sid}", update_service, view, NotifyServiceSettings),
        delete("/Services/{Sid}", delete_service),
    )
