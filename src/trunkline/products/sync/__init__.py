"""Sync: state that many clients share."""

from __future__ import annotations

from trunkline.api.operation import Mount, Product
from trunkline.api.paging import Codes
from trunkline.products.sync import services
from trunkline.products.sync.schema import MIGRATIONS

PRODUCT = Product(
    name="sync",
    mounts=(Mount("sync", "v1", services.OPERATIONS, codes=Codes(size=54454, token=54453)),),
    migrations=MIGRATIONS,
)
