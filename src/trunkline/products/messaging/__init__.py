"""Messaging: Services whose senders and rules apply to every message that is sent through them."""

from __future__ import annotations

from trunkline.api.operation import Mount, Operation, Product, Style
from trunkline.products.messaging import schema, services, usecases
from trunkline.products.messaging.compliance import room as compliance_room
from trunkline.products.messaging.compliance import schema as compliance_schema
from trunkline.products.messaging.lifecycle import schema as messages_schema
from trunkline.products.messaging.links import associations, certificates, configs
from trunkline.products.messaging.links import schema as links_schema
from trunkline.products.messaging.media import links as media_links
from trunkline.products.messaging.media import schema as media_schema
from trunkline.products.messaging.messages import feedback, media, messages
from trunkline.products.messaging.numbers import room as numbers_room
from trunkline.products.messaging.numbers import schema as numbers_schema
from trunkline.products.messaging.opt_outs import schema as opt_outs_schema
from trunkline.products.messaging.policy import Policy
from trunkline.products.messaging.receiving import schema as receiving_schema
from trunkline.products.messaging.senders import room as senders_room
from trunkline.products.messaging.senders import schema as senders_schema


def product(policy: Policy | None = None) -> Product:
    """The manifest."""
    policy = policy or Policy()
    return Product(
        name="messaging",
        mounts=(
            Mount("messaging", "v1", _operations(policy)),
            Mount("api", "2010-04-01", _older_operations(policy), style=Style.FLAT, suffix=True),
        ),
        migrations=(
            *schema.MIGRATIONS,
            *messages_schema.MIGRATIONS,
            *numbers_schema.MIGRATIONS,
            *senders_schema.MIGRATIONS,
            *media_schema.MIGRATIONS,
            *media_links.MIGRATIONS,
            *links_schema.MIGRATIONS,
            *compliance_schema.MIGRATIONS,
            *opt_outs_schema.MIGRATIONS,
            *receiving_schema.MIGRATIONS,
        ),
    )


def _operations(policy: Policy) -> tuple[Operation, ...]:
    return (
        *services.OPERATIONS,
        *usecases.OPERATIONS,
        *senders_room.operations(policy.max_senders, policy.rules.blocked_senders),
        *compliance_room.operations(policy.approve_at_once),
        *associations.OPERATIONS,
        *configs.OPERATIONS,
        *certificates.OPERATIONS,
    )


def _older_operations(policy: Policy) -> tuple[Operation, ...]:
    """Those of the 2010 API."""
    return (
        *messages.operations(policy.rules),
        *media.OPERATIONS,
        *feedback.OPERATIONS,
        *numbers_room.OPERATIONS,
    )
