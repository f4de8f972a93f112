"""Notify: one notification to people's devices and phones, whatever the channel."""

from __future__ import annotations

from trunkline.api.operation import Mount, Product
from trunkline.products.manifest import Manifest
from trunkline.products.notify import services
from trunkline.products.notify.schema import MIGRATIONS, RETENTION, SERVICE_REMOVAL
from trunkline.settings.notify import NotifySettings


def manifest(settings: NotifySettings) -> Manifest:
    """Return Notify's manifest.

    Paths may end in ``.json`` (doc) and the text of a 404 names the path without its version (seen on the real
    service).
    """
    operations = services.operations(settings.max_notify_services)
    mount = Mount("notify", "v1", operations, suffix=True, names_version=False)
    return Manifest(Product("notify", (mount,)), MIGRATIONS, removals=(SERVICE_REMOVAL,), retention=RETENTION)
