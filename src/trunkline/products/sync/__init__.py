"""Sync: state that many clients share."""

from __future__ import annotations

from functools import partial

from trunkline.api.operation import Mount, Operation, Product
from trunkline.api.paging import PagingCodes
from trunkline.core.clock import Clock
from trunkline.products.manifest import Context, Manifest, Runtime
from trunkline.products.sync import (
    collections,
    documents,
    list_items,
    map_items,
    permission_resource,
    services,
    streams,
)
from trunkline.products.sync.event_types import SyncEvent
from trunkline.products.sync.expiry import Sweeper
from trunkline.products.sync.limits import Buckets, limited
from trunkline.products.sync.realtime.product import SyncRealtime, find_service
from trunkline.products.sync.schema import MIGRATIONS, REMOVALS, RETENTION
from trunkline.realtime.objects.types import ObjectKind
from trunkline.settings.sync import SyncSettings

OPERATIONS: tuple[Operation, ...] = (
    *services.OPERATIONS,
    *documents.OPERATIONS,
    *permission_resource.operations(ObjectKind.DOCUMENT),
    *collections.operations(ObjectKind.LIST),
    *list_items.OPERATIONS,
    *permission_resource.operations(ObjectKind.LIST),
    *collections.operations(ObjectKind.MAP),
    *map_items.OPERATIONS,
    *permission_resource.operations(ObjectKind.MAP),
    *streams.OPERATIONS,
)


def manifest(settings: SyncSettings, clock: Clock) -> Manifest:
    """Return Sync's manifest. The documented limits hold for each object over all of its operations."""
    operations = OPERATIONS
    buckets = Buckets(clock) if settings.sync_limits else None
    if buckets is not None:
        operations = tuple(limited(operation, buckets) for operation in OPERATIONS)
    codes = PagingCodes(size=54454, token=54453)
    mount = Mount("sync", "v1", operations, codes=codes, names_version=False)
    announcements = (SyncEvent, services.AccessChanged)
    return Manifest(
        Product("sync", (mount,)),
        MIGRATIONS,
        announcements,
        run=partial(run, buckets),
        finders={"data_sync": find_service},
        removals=REMOVALS,
        retention=RETENTION,
    )


def run(buckets: Buckets | None, context: Context) -> Runtime:
    """Return Sync on a node."""
    realtime = SyncRealtime(context.database, context.frame, buckets)
    return Runtime(
        components=(Sweeper(context.database, context.clock),),
        realtime=realtime.product,
        handle=realtime.handle,
    )
