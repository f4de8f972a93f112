"""The operations on a Service's senders."""

from __future__ import annotations

from trunkline.api.operation import Operation
from trunkline.products.messaging.senders import (
    alpha_senders,
    channel_senders,
    destination_alpha_senders,
    numbered,
)


def operations(most: int, blocked: frozenset[str]) -> tuple[Operation, ...]:
    """All of them; ``most`` is how many numbers and short codes together a Service may have, ``blocked`` are
    alphanumeric senders, in small letters, that the operator does not allow."""
    return (
        *numbered.operations(most),
        *alpha_senders.operations(blocked),
        *destination_alpha_senders.operations(blocked),
        *channel_senders.OPERATIONS,
    )
