"""Sync: state that many clients share."""

from __future__ import annotations

from trunkline.api.operation import Mount, Operation, Product
from trunkline.api.paging import Codes
from trunkline.products.sync import (
    collections,
    documents,
    list_items,
    map_items,
    permissions,
    services,
    streams,
)
from trunkline.products.sync.limits import Buckets, limited
from trunkline.products.sync.objects import ObjectKind
from trunkline.products.sync.schema import MIGRATIONS

OPERATIONS: tuple[Operation, ...] = (
    *services.OPERATIONS,
    *documents.OPERATIONS,
    *permissions.operations(ObjectKind.DOCUMENT),
    *collections.operations(ObjectKind.LIST),
    *list_items.OPERATIONS,
    *permissions.operations(ObjectKind.LIST),
    *collections.operations(ObjectKind.MAP),
    *map_items.OPERATIONS,
    *permissions.operations(ObjectKind.MAP),
    *streams.OPERATIONS,
)


def product(buckets: Buckets | None) -> Product:
    """The manifest; with ``buckets`` the documented limits hold."""
    operations = OPERATIONS
    if buckets is not None:
        operations = tuple(limited(operation, buckets) for operation in OPERATIONS)
    mount = Mount("sync", "v1", operations, codes=Codes(size=54454, token=54453))
    return Product("sync", (mount,), MIGRATIONS)
