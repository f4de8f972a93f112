"""Messaging's part of the control API: approvals, deactivated numbers, domains, the inventory and opt-outs."""

from __future__ import annotations

from trunkline.api.operation import Operation
from trunkline.products.messaging.control import approvals, deactivations, domains, inventory, opt_outs

OPERATIONS: tuple[Operation, ...] = (
    *approvals.OPERATIONS,
    *deactivations.OPERATIONS,
    *domains.OPERATIONS,
    *inventory.OPERATIONS,
    *opt_outs.OPERATIONS,
)
"""The operations below ``/_trunkline``."""
