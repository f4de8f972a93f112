"""Reachability: the webhooks ``endpoint_connected`` and ``endpoint_disconnected`` of Sync's Services.

Sync listens to presence (``realtime.presence``); the rules (seed):

- Every connection is reported at once. Without debouncing so is every disconnection.
- With debouncing, losing one endpoint while the identity has another is not reported; losing the last one is reported
  after the window, unless the identity is back by then, with any endpoint.
- An identity's events are sent one after the other, in their order (inferred).
"""

from __future__ import annotations

import enum
from collections.abc import Collection

from trunkline.core.storage.database import Tx
from trunkline.core.webhooks.webhook import Webhook, enqueue_webhook
from trunkline.products.sync import services
from trunkline.products.sync.services import SyncService
from trunkline.realtime.product import Endpoint


class ReachabilityEvent(enum.Enum):
    """The vendor's names of the two events (client)."""

    CONNECTED = "endpoint_connected"
    DISCONNECTED = "endpoint_disconnected"


# The rule


def on_connect(replaces: bool, window: int | None) -> tuple[ReachabilityEvent, ...]:
    """Return the events of an endpoint that connects, which may replace its older connection; ``window`` is None
    without debouncing."""
    if replaces and window is None:
        return (ReachabilityEvent.DISCONNECTED, ReachabilityEvent.CONNECTED)
    return (ReachabilityEvent.CONNECTED,)


def on_disconnect(others: int, window: int | None) -> int | None:
    """Return the milliseconds after which the loss of an endpoint is reported, ``others`` of its identity being
    connected still; None for never."""
    if window is None:
        return 0
    return None if others else window


def window_of(service: SyncService) -> int | None:
    """Return the debouncing window in milliseconds; None without debouncing."""
    return service.reachability_debouncing_window if service.reachability_debouncing_enabled else None


def is_watched(service: SyncService | None) -> bool:
    """Return whether the Service has reachability webhooks."""
    return service is not None and service.webhook_url is not None and service.reachability_webhooks_enabled


# The listener


class Reachability:
    """Sync's listener to presence; implements ``PresenceListener``."""

    async def watched(self, tx: Tx, service_sids: Collection[str]) -> set[str]:
        """Return the Services with reachability webhooks."""
        return {sid for sid in service_sids if is_watched(await services.by_sid(tx, sid))}

    async def connected(self, tx: Tx, endpoint: Endpoint, *, replaced: bool) -> None:
        """Enqueue the webhooks of an endpoint that has connected."""
        service = await services.by_sid(tx, endpoint.service_sid)
        if service is not None:
            for event in on_connect(replaced, window_of(service)):
                await _enqueue(tx, service, event, endpoint)

    async def disconnected(self, tx: Tx, endpoint: Endpoint, *, others: int, closed: bool) -> int | None:
        """Enqueue the webhook of an endpoint that is gone, or return the debouncing window."""
        service = await services.by_sid(tx, endpoint.service_sid)
        if service is None or not is_watched(service):
            return None
        pause = on_disconnect(others, window_of(service))
        if pause == 0:
            await _enqueue(tx, service, ReachabilityEvent.DISCONNECTED, endpoint)
        return pause or None

    async def absent(self, tx: Tx, endpoint: Endpoint) -> None:
        """Enqueue the webhook of an endpoint whose identity did not return in the window."""
        service = await services.by_sid(tx, endpoint.service_sid)
        if service is not None:
            await _enqueue(tx, service, ReachabilityEvent.DISCONNECTED, endpoint)


async def _enqueue(tx: Tx, service: SyncService, event: ReachabilityEvent, endpoint: Endpoint) -> None:
    if service.webhook_url is None or not is_watched(service):
        return
    parameters = (
        ("AccountSid", endpoint.account_sid),
        ("ServiceSid", endpoint.service_sid),
        ("EventType", event.value),
        ("Identity", endpoint.identity),
        ("EndpointId", endpoint.endpoint_id),
    )
    webhook = Webhook(
        account_sid=endpoint.account_sid,
        url=service.webhook_url,
        parameters=parameters,
        service_sid=endpoint.service_sid,
        event=event.value,
    )
    await enqueue_webhook(tx, webhook, endpoint.order)
