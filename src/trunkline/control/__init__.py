"""The control API below ``/_trunkline``: operations that belong to no single product, a module a resource.

Health is open. An account's credentials reach the account's webhook log and inbox. The operator's token reaches
metrics, carriers and jobs. Products add operations of their own by their manifests.
"""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.api.addressing import CONTROL
from trunkline.api.operation import Mount, Operation, Product
from trunkline.control import jobs, webhooks


def control_product(of_products: Iterable[Operation], of_node: Iterable[Operation] = ()) -> Product:
    """Return the control API as the router sees it. ``of_node`` are the operations that need a running node: those of
    its health, carriers and inbox. The others need the database alone, and the command line has them, too."""
    operations = (*of_node, *jobs.OPERATIONS, *webhooks.OPERATIONS, *of_products)
    return Product("control", (Mount(CONTROL, "", operations, private=True),))


def start_product(links: Operation) -> Product:
    """Return the page at the root of a host that names no product."""
    return Product("start", (Mount("", "", (links,), private=True),))
