"""Messaging Services (MG…): the settings for sending and receiving with a pool of senders (seed).

A Service is addressed by its SID. Deleting one removes everything below it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError, missing
from trunkline.api.operation import Call, Empty, create, delete, fetch, listing, update
from trunkline.api.params import Given, boolean, choice, given, http_method, integer, text, url
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.jobs import removals
from trunkline.core.sids import new_sid
from trunkline.core.storage.account_rows import find_row, update_row
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.campaign_usecases import compatible
from trunkline.products.messaging.schema import SERVICE_REMOVAL
from trunkline.products.messaging.service_usecases import USECASES

MAX_VALIDITY = 36_000
"""Seconds that a message may wait to be sent: the maximum and the default (seed)."""


class MessagingServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of create and update; names, values and ranges are the seed's.

    Codes 21205, 21209 and 21713 are the vendor's for a bad URL, method and use case (doc). Methods and use cases
    may be in any case (inferred). ``validity_period`` is in seconds, 1 to 36,000."""

    friendly_name: Annotated[Given[str], text(1, 64)] = UNSET
    inbound_request_url: Annotated[Given[str | None], url(code=21205)] = UNSET
    inbound_method: Annotated[Given[str], http_method(21209)] = UNSET
    fallback_url: Annotated[Given[str | None], url(code=21205)] = UNSET
    fallback_method: Annotated[Given[str], http_method(21209)] = UNSET
    status_callback: Annotated[Given[str | None], url(code=21205)] = UNSET
    sticky_sender: Annotated[Given[bool], boolean()] = UNSET
    mms_converter: Annotated[Given[bool], boolean()] = UNSET
    smart_encoding: Annotated[Given[bool], boolean()] = UNSET
    scan_message_content: Annotated[Given[str], choice("inherit", "enable", "disable")] = UNSET
    fallback_to_long_code: Annotated[Given[bool], boolean()] = UNSET
    area_code_geomatch: Annotated[Given[bool], boolean()] = UNSET
    validity_period: Annotated[Given[int], integer(1, MAX_VALIDITY)] = UNSET
    synchronous_validation: Annotated[Given[bool], boolean()] = UNSET
    usecase: Annotated[Given[str], choice(*(one.usecase for one in USECASES), code=21713, fold=True)] = UNSET
    use_inbound_webhook_on_number: Annotated[Given[bool], boolean()] = UNSET


class MessagingService(Row, frozen=True):
    """A row of ``messaging_services``. The defaults are those of the vendor's guides for a new Service (doc); of
    ``fallback_to_long_code``, ``usecase`` and the two reserved settings they are inferred.
    ``us_app_to_person_registered`` is true if the Service has a verified campaign; the campaign updates it."""

    sid: str
    account_sid: str
    friendly_name: str
    date_created: int
    date_updated: int
    inbound_request_url: str | None = None
    inbound_method: str = "POST"
    fallback_url: str | None = None
    fallback_method: str = "POST"
    status_callback: str | None = None
    sticky_sender: bool = True
    mms_converter: bool = True
    smart_encoding: bool = True
    scan_message_content: str = "inherit"
    fallback_to_long_code: bool = False
    area_code_geomatch: bool = True
    validity_period: int = MAX_VALIDITY
    synchronous_validation: bool = False
    usecase: str = "undeclared"
    use_inbound_webhook_on_number: bool = False
    us_app_to_person_registered: bool = False


_LINKS = {
    "phone_numbers": "PhoneNumbers",
    "short_codes": "ShortCodes",
    "alpha_senders": "AlphaSenders",
    "messages": "Messages",
    "us_app_to_person": "Compliance/Usa2p",
    "us_app_to_person_usecases": "Compliance/Usa2p/Usecases",
    "channel_senders": "ChannelSenders",
    "destination_alpha_senders": "DestinationAlphaSenders",
}


def view(service: MessagingService, urls: Urls) -> Json:
    """Return the Service resource (seed)."""
    return {
        "account_sid": service.account_sid,
        "sid": service.sid,
        "date_created": iso(service.date_created),
        "date_updated": iso(service.date_updated),
        "friendly_name": service.friendly_name,
        "inbound_request_url": service.inbound_request_url,
        "inbound_method": service.inbound_method,
        "fallback_url": service.fallback_url,
        "fallback_method": service.fallback_method,
        "status_callback": service.status_callback,
        "sticky_sender": service.sticky_sender,
        "smart_encoding": service.smart_encoding,
        "mms_converter": service.mms_converter,
        "fallback_to_long_code": service.fallback_to_long_code,
        "scan_message_content": service.scan_message_content,
        "area_code_geomatch": service.area_code_geomatch,
        "validity_period": service.validity_period,
        "synchronous_validation": service.synchronous_validation,
        "usecase": service.usecase,
        "us_app_to_person_registered": service.us_app_to_person_registered,
        "use_inbound_webhook_on_number": service.use_inbound_webhook_on_number,
        "links": urls.links(("Services", service.sid), _LINKS),
        "url": urls.to("Services", service.sid),
    }


async def create_service(tx: Tx, call: Call[MessagingServiceSettings]) -> MessagingService:
    """Create a Service. Raise ApiError 20001 if it has no friendly name (seed: required)."""
    if call.input.friendly_name is UNSET:
        raise missing("FriendlyName")
    service = MessagingService(
        sid=new_sid("MG"),
        account_sid=call.account_sid,
        date_created=tx.now,
        date_updated=tx.now,
        **given(call.input),
    )
    await tx.insert("messaging_services", service)
    return service


async def fetch_service(tx: Tx, call: Call[Empty]) -> MessagingService | None:
    """Return one of the account's Services."""
    return await find_service(tx, call.account_sid, call.path["Sid"])


async def page_services(tx: Tx, call: Call[Empty]) -> list[MessagingService]:
    """Return the account's Services, oldest first (inferred)."""
    return await tx.all(
        MessagingService,
        f"SELECT {columns(MessagingService)} FROM live_messaging_services"
        f" WHERE account_sid = :account_sid {call.window.tail}",
        account_sid=call.account_sid,
        **call.window.values,
    )


async def update_service(tx: Tx, call: Call[MessagingServiceSettings]) -> MessagingService | None:
    """Change the given settings and no others (seed); without any nothing changes (inferred). Raise ApiError 21719
    if the use case is not compatible with the campaign's (doc)."""
    sid, changes = call.path["Sid"], given(call.input)
    if "usecase" in changes and not compatible(changes["usecase"], await _campaign_usecase(tx, call, sid)):
        raise ApiError(21719)
    if changes:
        changes["date_updated"] = tx.now
        await update_row(tx, "messaging_services", call.account_sid, sid, changes)
    return await find_service(tx, call.account_sid, sid)


async def _campaign_usecase(tx: Tx, call: Call[MessagingServiceSettings], sid: str) -> str | None:
    usecase: str | None = await tx.value(
        "SELECT usecase FROM a2p_campaigns WHERE service_sid = :sid AND account_sid = :account_sid",
        sid=sid,
        account_sid=call.account_sid,
    )
    return usecase


async def delete_service(tx: Tx, call: Call[Empty]) -> bool:
    """Delete a Service and everything below it."""
    return await removals.delete(tx, SERVICE_REMOVAL, call.account_sid, call.path["Sid"])


async def find_service(tx: Tx, account_sid: str, sid: str) -> MessagingService | None:
    """Return the account's Service with this SID."""
    return await find_row(tx, MessagingService, "live_messaging_services", account_sid, sid)


OPERATIONS = (
    create("/Services", create_service, view, MessagingServiceSettings),
    listing("/Services", "services", page_services, view),
    fetch("/Services/{Sid}", fetch_service, view),
    update("/Services/{Sid}", update_service, view, MessagingServiceSettings),
    delete("/Services/{Sid}", delete_service),
)
