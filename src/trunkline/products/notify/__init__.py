"""Notify: one notification to people's devices and phones, whatever the channel."""

from __future__ import annotations

from trunkline.api.operation import Mount, Product
from trunkline.products.notify import services
from trunkline.products.notify.schema import MIGRATIONS


def product(max_services: int) -> Product:
    """The manifest; ``max_services`` is how many Services an account may have.

    Paths may end in ``.json`` (doc) and the text of a 404 names the path without its version (seen on the real
    service).
    """
    operations = services.operations(max_services)
    return Product(
        name="notify",
        mounts=(Mount("notify", "v1", operations, suffix=True, names_version=False),),
        migrations=MIGRATIONS,
    )
