"""The control API below ``/_trunkline``: operations that belong to no single product, a module a resource.

Health and metrics are open. An account's credentials reach the account's webhook log and inbox. The operator's token
reaches carriers and jobs. Products add operations of their own by their manifests.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trunkline.api.addressing import CONTROL
from trunkline.api.operation import Mount, Operation, Product
from trunkline.control import inbox, jobs, webhooks
from trunkline.control.carriers import CarrierResource
from trunkline.control.health import Health
from trunkline.transports.base import Carrier
from trunkline.transports.sandbox.carrier import Sandbox


def control_product(health: Health, carriers: Sequence[Carrier], of_products: Iterable[Operation]) -> Product:
    """Return the control API as the router sees it."""
    operations = (
        *health.operations(),
        *CarrierResource(carriers).operations(),
        *jobs.OPERATIONS,
        *webhooks.OPERATIONS,
        *(inbox.OPERATIONS if any(isinstance(one, Sandbox) for one in carriers) else ()),
        *of_products,
    )
    return Product("control", (Mount(CONTROL, "", operations, private=True),))
