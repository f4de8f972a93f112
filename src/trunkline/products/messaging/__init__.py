"""Messaging: Services whose senders and rules apply to every message that is sent through them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from trunkline.api.operation import Mount, Operation, Product, Style
from trunkline.products.manifest import Manifest
from trunkline.products.messaging import applications, control, runtime, schema, service_usecases, services
from trunkline.products.messaging.compliance import (
    brands,
    campaigns,
    deactivations,
    offered_usecases,
    preregistered,
    tollfree,
    vettings,
)
from trunkline.products.messaging.compliance import schema as compliance_schema
from trunkline.products.messaging.lifecycle import schema as messages_schema
from trunkline.products.messaging.links import associations, certificates, configs
from trunkline.products.messaging.links import schema as links_schema
from trunkline.products.messaging.links.own_hosts import own_hosts
from trunkline.products.messaging.media import addresses as media_addresses
from trunkline.products.messaging.media import schema as media_schema
from trunkline.products.messaging.messages import feedback, media, messages, old_messages
from trunkline.products.messaging.numbers import available_phone_numbers, incoming_phone_numbers, short_codes
from trunkline.products.messaging.numbers import schema as numbers_schema
from trunkline.products.messaging.numbers.owned_numbers import STICKY_REMOVAL
from trunkline.products.messaging.opt_outs import schema as opt_outs_schema
from trunkline.products.messaging.policy import MessageRules, read_rules
from trunkline.products.messaging.receiving import schema as receiving_schema
from trunkline.products.messaging.retention import RETENTION
from trunkline.products.messaging.senders import (
    alpha_senders,
    channel_senders,
    destination_alpha_senders,
    number_senders,
)
from trunkline.products.messaging.senders import schema as senders_schema
from trunkline.settings.messaging import MessagingSettings

MIGRATIONS = (
    *schema.MIGRATIONS,
    *messages_schema.MIGRATIONS,
    *numbers_schema.MIGRATIONS,
    *senders_schema.MIGRATIONS,
    *media_schema.MIGRATIONS,
    *media_addresses.MIGRATIONS,
    *links_schema.MIGRATIONS,
    *compliance_schema.MIGRATIONS,
    *opt_outs_schema.MIGRATIONS,
    *receiving_schema.MIGRATIONS,
    *old_messages.MIGRATIONS,
)


def manifest(settings: MessagingSettings, hosts: Sequence[str] = ()) -> Manifest:
    """Return Messaging's manifest. ``hosts`` are the names of the machine and its listener, over which no short link
    leads, as over the public address and the carriers'."""
    rules = read_rules(settings)
    own = own_hosts((settings.public_url, *settings.carrier_hosts, *hosts))
    mounts = (
        Mount("messaging", "v1", _operations(settings, rules)),
        Mount("api", "2010-04-01", _older_operations(rules), style=Style.FLAT, suffix=True),
    )
    return Manifest(
        Product("messaging", mounts),
        MIGRATIONS,
        blob_references=media_schema.BLOBS,
        control=control.operations(own),
        run=partial(runtime.run, settings, own),
        holds=messages_schema.HOLDS,
        removals=(
            schema.SERVICE_REMOVAL,
            STICKY_REMOVAL,
            links_schema.DOMAIN_REMOVAL,
            applications.APPLICATION_REMOVAL,
        ),
        retention=RETENTION,
    )


def _operations(settings: MessagingSettings, rules: MessageRules) -> tuple[Operation, ...]:
    return (
        *services.OPERATIONS,
        *service_usecases.OPERATIONS,
        *number_senders.operations(settings.max_service_senders),
        *alpha_senders.operations(rules.blocked_senders),
        *destination_alpha_senders.operations(rules.blocked_senders),
        *channel_senders.OPERATIONS,
        *_compliance_operations(settings.compliance_approval == "auto"),
        *associations.OPERATIONS,
        *configs.OPERATIONS,
        *certificates.OPERATIONS,
    )


def _older_operations(rules: MessageRules) -> tuple[Operation, ...]:
    """Return the operations of the 2010 API."""
    return (
        *messages.operations(rules),
        *media.OPERATIONS,
        *feedback.OPERATIONS,
        *incoming_phone_numbers.OPERATIONS,
        *available_phone_numbers.OPERATIONS,
        *short_codes.OPERATIONS,
        *applications.OPERATIONS,
    )


def _compliance_operations(at_once: bool) -> tuple[Operation, ...]:
    """Return the operations on registrations, which are approved when they are made if ``at_once``, else by the
    operator."""
    return (
        *brands.operations(at_once),
        *vettings.operations(at_once),
        *campaigns.operations(at_once),
        *preregistered.operations(at_once),
        *offered_usecases.OPERATIONS,
        *tollfree.operations(at_once),
        *deactivations.OPERATIONS,
    )
