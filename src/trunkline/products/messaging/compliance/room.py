"""The operations of compliance."""

from __future__ import annotations

from trunkline.api.operation import Operation
from trunkline.products.messaging.compliance import (
    brands,
    campaigns,
    deactivations,
    offered_usecases,
    otps,
    preregistered,
    tollfree,
    vettings,
)


def operations(at_once: bool) -> tuple[Operation, ...]:
    """All of them; with ``at_once`` registrations are approved when they are made, else they wait for the operator."""
    return (
        *brands.operations(at_once),
        *otps.operations(at_once),
        *vettings.operations(at_once),
        *campaigns.operations(at_once),
        *preregistered.operations(at_once),
        *offered_usecases.OPERATIONS,
        *tollfree.operations(at_once),
        *deactivations.OPERATIONS,
    )
