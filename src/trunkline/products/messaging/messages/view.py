"""The Message resource of the 2010 API (spec, and recorded responses of the real service)."""

from __future__ import annotations

import msgspec

from trunkline.api.views import Json, Urls
from trunkline.core.dates import rfc2822
from trunkline.products.messaging.lifecycle.error_texts import error_text
from trunkline.products.messaging.lifecycle.message import Message, visible_recipient


def message_uri(account_sid: str, sid: str, version: str) -> str:
    """Return the path of a message, without ``.json``."""
    return f"/{version}/Accounts/{account_sid}/Messages/{sid}"


def view(message: Message, urls: Urls) -> Json:
    """Return the Message resource. Counts and price are texts, the error code is a number; URIs are relative."""
    uri = message_uri(message.account_sid, message.sid, urls.version)
    code = message.error_code
    return {
        "account_sid": message.account_sid,
        "api_version": urls.version,
        "body": message.body,
        "date_created": rfc2822(message.date_created),
        "date_sent": None if message.date_sent is None else rfc2822(message.date_sent),
        "date_updated": rfc2822(message.date_updated),
        "direction": message.direction,
        "error_code": code,
        "error_message": None if code is None else error_text(code),
        "from": message.sender,
        "messaging_service_sid": message.service_sid,
        "num_media": str(message.num_media),
        "num_segments": str(message.num_segments),
        "price": message.price,
        "price_unit": message.price_unit,
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": f"{uri}/Media.json", "feedback": f"{uri}/Feedback.json"},
        "tags": None if message.tags is None else msgspec.Raw(message.tags.encode()),
        "to": visible_recipient(message),
        "uri": f"{uri}.json",
    }
