"""The list of products, the schema of the database, and the pieces of a node that a product's settings describe."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable

from trunkline.core import mutation_claims
from trunkline.core.blobs import store as blobs
from trunkline.core.clock import Clock, system_clock
from trunkline.core.jobs import queue as jobs_queue
from trunkline.core.jobs import schema as jobs
from trunkline.core.secrets import Vault
from trunkline.core.storage import retention as storage_retention
from trunkline.core.storage.database import Database
from trunkline.core.storage.holds import Hold
from trunkline.core.storage.inspection import first_row
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.retention import Retention
from trunkline.core.webhooks import attempts
from trunkline.products import accounts, chat, messaging, notify, sync
from trunkline.products.accounts.facade import SEALED_TOKEN, check_sealed_token
from trunkline.products.accounts.node_accounts import NodeAccounts
from trunkline.products.manifest import Manifest, PublicAddress, ServiceFinder
from trunkline.realtime import schema as realtime
from trunkline.settings import OPTIONS, Settings
from trunkline.transports import carriers
from trunkline.transports.base import Carriers


def products(settings: Settings, clock: Clock = system_clock) -> tuple[Manifest, ...]:
    """Return the manifests of all products, in the order in which they start. Only those that run need ``clock``."""
    return (
        accounts.manifest(settings.accounts),
        chat.manifest(settings.chat),
        messaging.manifest(settings.messaging, (settings.server.host, socket.gethostname())),
        notify.manifest(settings.notify),
        sync.manifest(settings.sync, clock),
    )


def migrations(manifests: Iterable[Manifest]) -> list[Migration]:
    """Return the steps of the whole schema: those of the core, of each product, and of the carriers."""
    groups = [
        storage_retention.MIGRATIONS,
        jobs.MIGRATIONS,
        attempts.MIGRATIONS,
        mutation_claims.MIGRATIONS,
        blobs.MIGRATIONS,
        realtime.MIGRATIONS,
        *(manifest.migrations for manifest in manifests),
        carriers.MIGRATIONS,
    ]
    return [migration for group in groups for migration in group]


def holds(manifests: Iterable[Manifest]) -> list[Hold]:
    """Return the stored moments that hold work back: those of the core, of each product, and of the carriers."""
    groups = [
        jobs_queue.HOLDS,
        mutation_claims.HOLDS,
        realtime.HOLDS,
        *(manifest.holds for manifest in manifests),
        carriers.HOLDS,
    ]
    return [hold for group in groups for hold in group]


def retention(settings: Settings, manifests: Iterable[Manifest]) -> Retention:
    """Return what governs each table: those of the core, of each product, and of the carriers."""
    groups = [
        *(manifest.retention for manifest in manifests),
        carriers.RETENTION,
        realtime.RETENTION,
        attempts.RETENTION,
        mutation_claims.RETENTION,
        jobs.RETENTION,
        blobs.RETENTION,
        storage_retention.RETENTION,
    ]
    options = {name: settings.value(name) for name in OPTIONS}
    return Retention(tuple(table for group in groups for table in group), options)


def service_finders(manifests: Iterable[Manifest]) -> dict[str, ServiceFinder]:
    """Return the finders of the Services that access tokens name, by grant."""
    return {grant: find for manifest in manifests for grant, find in manifest.finders.items()}


def open_accounts(
    settings: Settings,
    database: Database,
    vault: Vault,
    manifests: Iterable[Manifest],
    operator_token: str = "",
) -> NodeAccounts:
    """Return the accounts, against which every request, token and connection is checked."""
    return NodeAccounts(settings.accounts, database, vault, service_finders(manifests), operator_token)


async def master_key_check(url: str) -> Callable[[Vault], None] | None:
    """Return what raises BadMasterKey for a vault that does not open the secrets of the database at ``url``, None if it
    has none. No file is made or changed. Raise StorageError."""
    row = await first_row(url, SEALED_TOKEN)
    return None if row is None else lambda vault: check_sealed_token(vault, (row[0], row[1]))


def open_carriers(settings: Settings, database: Database) -> Carriers:
    """Return the carriers. They are the node's, since the control API and every product may use them; their options
    stand in Messaging's table."""
    found, routes = settings.messaging.carriers, settings.messaging.carrier_routes
    return carriers.open_carriers(found, routes, database, settings.webhooks.egress_ca_file)


def public_address(settings: Settings) -> PublicAddress:
    """Return the configured public address, if there is one. Its option stands in Messaging's table."""
    return PublicAddress(settings.messaging.public_url.rstrip("/"))
