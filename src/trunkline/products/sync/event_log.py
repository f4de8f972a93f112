"""The log of events: an event is logged in the transaction of its change and announced once that is durable.

Events with an id stay in the log ``sync_events`` for a day at least; creations and removals of collections, Streams
and their messages have no id and are only announced.
"""

from __future__ import annotations

from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Row, Tx
from trunkline.core.webhooks.webhook import Webhook, enqueue_webhook
from trunkline.products.sync import webhooks
from trunkline.products.sync.event_types import Expiry, SyncEvent
from trunkline.products.sync.services import SyncService

RETENTION = 24 * 3600 * SECOND
"""The time for which the log keeps an event, for clients that were away (inferred)."""


class LoggedEvent(Row, frozen=True):
    """A row of ``sync_events``. ``identity`` is None for REST credentials and expiry."""

    object_sid: str
    event_id: int
    type: str
    item_index: int | None
    item_key: str | None
    data: str | None
    date_created: int
    date_expires: int | None
    identity: str | None
    endpoint: str


async def record(tx: Tx, service: SyncService, event: SyncEvent) -> None:
    """Log an event and announce it after the commit. Every change of an object passes here, with its Service."""
    if event.event_id is not None:
        await tx.insert(
            "sync_events",
            LoggedEvent(
                object_sid=event.object_sid,
                event_id=event.event_id,
                type=event.type.value,
                item_index=event.item_index,
                item_key=event.item_key,
                data=event.data,
                date_created=event.date,
                date_expires=event.date_expires,
                identity=event.actor.identity,
                endpoint=event.actor.endpoint,
            ),
        )
    tx.announce(event)
    if service.webhook_url is not None and webhooks.is_due(service, event):
        webhook = Webhook(
            account_sid=event.account_sid,
            url=service.webhook_url,
            parameters=tuple(webhooks.parameters(event)),
            service_sid=event.service_sid,
            event=event.type.value,
        )
        await enqueue_webhook(tx, webhook, event.object_sid)


def announce_expiry(tx: Tx, date: int | None) -> None:
    """Announce another expiry date."""
    if date is not None:
        tx.announce(Expiry(date))


async def trim(tx: Tx, limit: int) -> int:
    """Remove at most ``limit`` of the events that are older than the log must keep. Return how many."""
    return await tx.run(
        "DELETE FROM sync_events WHERE (object_sid, event_id) IN (SELECT object_sid, event_id FROM sync_events"
        " WHERE date_created < :oldest ORDER BY date_created LIMIT :row_limit)",
        oldest=tx.now - RETENTION,
        row_limit=limit,
    )
