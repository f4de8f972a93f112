"""The webhooks of an inbound message: of the Service, the number, or the number's application."""

from __future__ import annotations

import msgspec

from trunkline.core.storage.database import Tx
from trunkline.products.messaging import services
from trunkline.products.messaging.applications import find_application
from trunkline.products.messaging.numbers.owned_numbers import OwnedNumber
from trunkline.products.messaging.services import MessagingService


class InboundWebhook(msgspec.Struct, frozen=True):
    """The URL and method of a webhook."""

    url: str
    method: str = "POST"


class InboundWebhooks(msgspec.Struct, frozen=True):
    """The webhook of a message, and the one that is used if the first fails. ``drops`` is true if the message must
    not even be stored."""

    first: InboundWebhook | None = None
    fallback: InboundWebhook | None = None
    drops: bool = False


async def service_of(tx: Tx, owned: OwnedNumber) -> MessagingService | None:
    """Return the Service in whose pool a number is."""
    return (
        await services.find_service(tx, owned.account_sid, owned.service_sid) if owned.service_sid else None
    )


async def webhooks_of(tx: Tx, owned: OwnedNumber, service: MessagingService | None) -> InboundWebhooks:
    """Return the webhooks of the messages to a number (doc). In a Service it is the Service's URL, without which
    messages are dropped. If the Service defers to the number, or there is none, it is that of the number's
    application, else the number's own, without which a message is stored and not reported (inferred)."""
    if service is not None and not service.use_inbound_webhook_on_number:
        return InboundWebhooks(
            _webhook(service.inbound_request_url, service.inbound_method),
            _webhook(service.fallback_url, service.fallback_method),
            drops=not service.inbound_request_url,
        )
    if owned.sms_application_sid:
        found = await find_application(tx, owned.account_sid, owned.sms_application_sid)
        if found is not None:
            return InboundWebhooks(
                _webhook(found.sms_url, found.sms_method),
                _webhook(found.sms_fallback_url, found.sms_fallback_method),
            )
    return InboundWebhooks(
        _webhook(owned.sms_url, owned.sms_method), _webhook(owned.sms_fallback_url, owned.sms_fallback_method)
    )


def _webhook(url: str | None, method: str) -> InboundWebhook | None:
    return InboundWebhook(url, method) if url else None
