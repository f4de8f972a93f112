"""Messaging's part of the control API: approvals, deactivated numbers, domains, inventory, opt-outs, retention."""

from __future__ import annotations

from trunkline.api.operation import Operation
from trunkline.products.messaging.control import (
    approvals,
    deactivations,
    domains,
    inventory,
    opt_outs,
    retention,
)
from trunkline.products.messaging.links.own_hosts import OwnHosts


def operations(own: OwnHosts) -> tuple[Operation, ...]:
    """Return the operations below ``/_trunkline``; ``own`` are the hosts that no account may have as a domain."""
    return (
        *approvals.OPERATIONS,
        *deactivations.OPERATIONS,
        *domains.operations(own),
        *inventory.OPERATIONS,
        *opt_outs.OPERATIONS,
        *retention.OPERATIONS,
    )
