"""Messaging: Services whose senders and rules apply to every message that is sent through them."""

from __future__ import annotations

from trunkline.api.operation import Mount, Product
from trunkline.products.messaging import services, usecases
from trunkline.products.messaging.schema import MIGRATIONS

PRODUCT = Product(
    name="messaging",
    mounts=(Mount("messaging", "v1", services.OPERATIONS + usecases.OPERATIONS),),
    migrations=MIGRATIONS,
)
