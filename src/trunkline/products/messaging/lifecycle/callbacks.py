"""Status callbacks: the changes that are reported, their addresses and their parameters (doc)."""

from __future__ import annotations

from trunkline.core.storage.database import Tx
from trunkline.core.webhooks.webhook import Webhook, enqueue_webhook
from trunkline.products.messaging import services
from trunkline.products.messaging.applications import find_application
from trunkline.products.messaging.lifecycle.error_texts import error_text
from trunkline.products.messaging.lifecycle.message import Message, MessageStatus, visible_recipient

API_VERSION = "2010-04-01"


async def enqueue_callback(tx: Tx, message: Message, done_date: str = "") -> None:
    """Enqueue a callback with the message's present status: to its own address, else its Service's, else its
    application's (doc). ``done_date`` is the receipt's. The callbacks of one message are sent in their order."""
    found = await _address(tx, message)
    if found is None:
        return
    url, method = found
    webhook = Webhook(
        account_sid=message.account_sid,
        url=url,
        method=method,
        parameters=callback_parameters(message, done_date),
        service_sid=message.service_sid or "",
        event=f"message.{message.status}",
    )
    await enqueue_webhook(tx, webhook, order_key=message.sid)


async def _address(tx: Tx, message: Message) -> tuple[str, str] | None:
    if message.status_callback:
        return message.status_callback, message.callback_method
    if message.service_sid:
        service = await services.find_service(tx, message.account_sid, message.service_sid)
        if service is not None and service.status_callback:
            return service.status_callback, "POST"
    if message.application_sid:
        application = await find_application(tx, message.account_sid, message.application_sid)
        if application is not None:
            url = application.message_status_callback or application.sms_status_callback
            return (url, "POST") if url else None
    return None


def callback_parameters(message: Message, done_date: str = "") -> tuple[tuple[str, str], ...]:
    """Return the parameters of a status callback (doc). ``done_date`` is the receipt's."""
    named: list[tuple[str, str | None]] = [
        ("SmsSid", message.sid),
        ("SmsStatus", message.status),
        ("MessageStatus", message.status),
        ("To", visible_recipient(message)),
        ("MessagingServiceSid", message.service_sid),
        ("MessageSid", message.sid),
        ("AccountSid", message.account_sid),
        ("From", message.sender),
    ]
    if message.status in (MessageStatus.FAILED, MessageStatus.UNDELIVERED) and message.error_code is not None:
        named += [("ErrorCode", str(message.error_code)), ("ErrorMessage", error_text(message.error_code))]
    named += [("RawDlrDoneDate", done_date or None), ("ApiVersion", API_VERSION)]
    return tuple((name, value) for name, value in named if value)
