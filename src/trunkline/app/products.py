"""The list of products, and the whole schema of the database."""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.core import mutations
from trunkline.core.blobs import store as blobs
from trunkline.core.clock import Clock, system_clock
from trunkline.core.jobs import schema as jobs
from trunkline.core.storage.migrate import Migration
from trunkline.core.webhooks import attempts
from trunkline.products import accounts, chat, messaging, notify, sync
from trunkline.products.manifest import Manifest, ServiceFinder
from trunkline.realtime import schema as realtime
from trunkline.settings import Settings
from trunkline.transports import carriers


def products(settings: Settings, clock: Clock = system_clock) -> tuple[Manifest, ...]:
    """Return the manifests of all products, in the order in which they start."""
    return (
        accounts.manifest(settings.accounts),
        chat.manifest(settings.chat),
        messaging.manifest(settings.messaging),
        notify.manifest(settings.notify),
        sync.manifest(settings.sync, clock),
    )


def migrations(manifests: Iterable[Manifest]) -> list[Migration]:
    """Return the steps of the whole schema: those of the core, of each product, and of the carriers."""
    groups = [
        jobs.MIGRATIONS,
        attempts.MIGRATIONS,
        mutations.MIGRATIONS,
        blobs.MIGRATIONS,
        realtime.MIGRATIONS,
        *(manifest.migrations for manifest in manifests),
        carriers.MIGRATIONS,
    ]
    return [migration for group in groups for migration in group]


def service_finders(manifests: Iterable[Manifest]) -> dict[str, ServiceFinder]:
    """Return the finders of the Services that access tokens name, by grant."""
    return {grant: find for manifest in manifests for grant, find in manifest.finders.items()}
