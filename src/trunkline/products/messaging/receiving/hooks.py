"""Who is told of a message that came in: the Service's URL, or the number's, or those of the number's application."""

from __future__ import annotations

import msgspec

from trunkline.core.storage.database import Tx
from trunkline.products.messaging import services
from trunkline.products.messaging.applications import find_application
from trunkline.products.messaging.numbers.owned import Owned
from trunkline.products.messaging.services import Service


class Hook(msgspec.Struct, frozen=True):
    """A webhook's address."""

    url: str
    method: str = "POST"


class Hooks(msgspec.Struct, frozen=True):
    """Who is told, and who is asked when that fails. ``drops`` tells that the message is not even to be stored."""

    first: Hook | None = None
    fallback: Hook | None = None
    drops: bool = False


async def service_of(tx: Tx, owned: Owned) -> Service | None:
    """The Service in whose pool a number is."""
    return await services.find(tx, owned.account_sid, owned.service_sid) if owned.service_sid else None


async def hooks_of(tx: Tx, owned: Owned, service: Service | None) -> Hooks:
    """Who is told of the messages to a number (doc): in a Service its URL, without which messages are dropped; when
    the Service defers to the number, or there is none, the number's application, else the number's own URL, without
    which a message is stored and nobody is told (inferred)."""
    if service is not None and not service.use_inbound_webhook_on_number:
        return Hooks(
            _hook(service.inbound_request_url, service.inbound_method),
            _hook(service.fallback_url, service.fallback_method),
            drops=not service.inbound_request_url,
        )
    if owned.sms_application_sid:
        found = await find_application(tx, owned.account_sid, owned.sms_application_sid)
        if found is not None:
            return Hooks(
                _hook(found.sms_url, found.sms_method),
                _hook(found.sms_fallback_url, found.sms_fallback_method),
            )
    return Hooks(
        _hook(owned.sms_url, owned.sms_method), _hook(owned.sms_fallback_url, owned.sms_fallback_method)
    )


def _hook(url: str | None, method: str) -> Hook | None:
    return Hook(url, method) if url else None
