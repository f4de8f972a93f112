"""Outgoing requests and the delivery of webhooks, as configured: for a node, and for the command line without one."""

from __future__ import annotations

from trunkline.core.clock import Clock
from trunkline.core.egress.client import Egress
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.storage.database import Database
from trunkline.core.webhooks.delivery import AlertWriter, Delivery, DeliveryOptions
from trunkline.core.webhooks.signing_tokens import SigningToken
from trunkline.settings import Settings


def open_egress(settings: Settings) -> Egress:
    """Return the client of outgoing requests, which reaches the configured networks."""
    guard = AddressGuard(allow_private=settings.server.dev, allowed=settings.webhooks.reachable_networks())
    return Egress(guard, ca_file=settings.webhooks.egress_ca_file)


def open_delivery(
    settings: Settings,
    database: Database,
    egress: Egress,
    signing_token: SigningToken,
    alerts: AlertWriter,
    clock: Clock,
) -> Delivery:
    """Return the delivery of webhooks, whose failures are alerts."""
    options = DeliveryOptions(schedule=settings.webhooks.retry_delays())
    return Delivery(database, egress, signing_token, clock, options, alerts)
