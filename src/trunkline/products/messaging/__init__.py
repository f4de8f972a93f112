"""Messaging: Services whose senders and rules apply to every message that is sent through them."""

from __future__ import annotations

from functools import partial

from trunkline.api.operation import Mount, Operation, Product, Style
from trunkline.products.manifest import Manifest
from trunkline.products.messaging import control, runtime, schema, services, usecases
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
from trunkline.products.messaging.policy import Rules, read_rules
from trunkline.products.messaging.receiving import schema as receiving_schema
from trunkline.products.messaging.senders import room as senders_room
from trunkline.products.messaging.senders import schema as senders_schema
from trunkline.settings.messaging import MessagingSettings

MIGRATIONS = (
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
)


def manifest(settings: MessagingSettings) -> Manifest:
    """Return Messaging's manifest."""
    rules = read_rules(settings)
    mounts = (
        Mount("messaging", "v1", _operations(settings, rules)),
        Mount("api", "2010-04-01", _older_operations(rules), style=Style.FLAT, suffix=True),
    )
    return Manifest(
        Product("messaging", mounts),
        MIGRATIONS,
        blob_references=media_schema.BLOBS,
        control=control.OPERATIONS,
        run=partial(runtime.run, settings),
    )


def _operations(settings: MessagingSettings, rules: Rules) -> tuple[Operation, ...]:
    return (
        *services.OPERATIONS,
        *usecases.OPERATIONS,
        *senders_room.operations(settings.max_service_senders, rules.blocked_senders),
        *compliance_room.operations(settings.compliance_approval == "auto"),
        *associations.OPERATIONS,
        *configs.OPERATIONS,
        *certificates.OPERATIONS,
    )


def _older_operations(rules: Rules) -> tuple[Operation, ...]:
    """Return the operations of the 2010 API."""
    return (
        *messages.operations(rules),
        *media.OPERATIONS,
        *feedback.OPERATIONS,
        *numbers_room.OPERATIONS,
    )
