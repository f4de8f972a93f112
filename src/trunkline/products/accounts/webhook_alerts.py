"""The alerts of failed webhooks, and of bad overrides in their URLs.

An alert is recorded in the transaction that settles the webhook's attempt: both are written, or neither.
"""

from __future__ import annotations

import msgspec

from trunkline.core.egress.target import without_credentials
from trunkline.core.storage.database import Tx
from trunkline.core.webhooks.delivery import WebhookAlert
from trunkline.core.webhooks.request import form
from trunkline.products.accounts import alerts
from trunkline.products.accounts.alerts import AlertContext

_SUBJECTS = ("MessageSid", "ResourceSid")
"""Parameters of webhooks that name their resource."""


async def record_webhook_alert(tx: Tx, alert: WebhookAlert) -> None:
    """Record an alert: an error for a failed attempt at a webhook, a warning for a bad override in its URL."""
    webhook, attempt = alert.webhook, alert.attempt
    given = dict(webhook.parameters)
    about = AlertContext(
        resource_sid=next((given[name] for name in _SUBJECTS if name in given), ""),
        service_sid=webhook.service_sid,
        request_url=without_credentials(webhook.url) if attempt is None else attempt.url,
        request_method=webhook.method,
        request_variables=form(webhook.parameters) if webhook.json is None else webhook.json,
        request_headers="" if attempt is None else lines(attempt.request_headers),
        response_headers="" if attempt is None else lines(attempt.response_headers),
        response_body="" if attempt is None else attempt.response_body,
    )
    level = "warning" if attempt is None else "error"
    await alerts.record(tx, webhook.account_sid, alert.code, alert.text, level, about)


def lines(headers: str) -> str:
    """Return headers, a JSON list of pairs, as lines."""
    pairs = msgspec.json.decode(headers, type=list[tuple[str, str]])
    return "\n".join(f"{name}: {value}" for name, value in pairs)
