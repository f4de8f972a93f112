"""The alerts of failed webhooks, and the removal of old alerts.

1. ``record_webhook_alert`` runs in the transaction that settles the webhook's attempt: both are written, or neither.
2. A start removes the alerts that are older than the configured days; then a task does so once an hour.
3. A removal is a transaction of up to 500 rows, repeated until fewer are found, so that the writer is free in between.
4. Nodes that remove at the same time find what the others have left; nothing is locked.
5. A removal that fails is logged and tried again an hour later. Until then old alerts are still listed.
"""

from __future__ import annotations

import msgspec

from trunkline.core.clock import permits_due_work
from trunkline.core.egress.target import without_credentials
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.database import Database, Tx
from trunkline.core.webhooks.delivery import WebhookAlert
from trunkline.core.webhooks.request import form
from trunkline.products.accounts import alerts
from trunkline.products.accounts.alerts import AlertContext

EVERY = 3600.0
"""Seconds between two removals of old alerts."""

_BATCH = 500
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


class AlertSweeper:
    """The periodic removal of alerts older than ``days``."""

    def __init__(self, database: Database, days: int) -> None:
        self._database = database
        self._days = days
        self._task = PeriodicTask("old alerts", self.sweep, EVERY, retry_seconds=EVERY, due_by=database.clock)

    async def start(self) -> None:
        """Remove what is too old, then go on in the background. Raise StorageError when that fails."""
        if permits_due_work(self._database.clock):
            await self.sweep()
        self._task.start()

    async def stop(self) -> None:
        """End the background work."""
        await self._task.stop()

    async def sweep(self) -> None:
        """Remove what is too old now. Raise StorageError when that fails."""
        while await self._database.write(lambda tx: alerts.prune(tx, self._days, _BATCH)) == _BATCH:
            pass
