"""A domain's configuration (ZK…): the targets of unknown links and of click events, and the effect of a failure."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call, Empty, create, fetch
from trunkline.api.params import Given, boolean, given, url
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.sids import new_sid
from trunkline.core.storage.account_rows import update_row
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.links.domains import Domain, domain_of_service, find_domain


class ConfigSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters (spec). ``continue_on_failure`` sends a message with its own links when they cannot be
    shortened; ``disable_https`` leaves the scheme out of the short links in a text."""

    fallback_url: Annotated[Given[str | None], url()] = UNSET
    callback_url: Annotated[Given[str | None], url()] = UNSET
    continue_on_failure: Annotated[Given[bool], boolean()] = UNSET
    disable_https: Annotated[Given[bool], boolean()] = UNSET


class _ServiceConfig(msgspec.Struct, frozen=True):
    """A domain together with the Service by which it was requested."""

    domain: Domain
    service_sid: str


def view(domain: Domain, urls: Urls) -> Json:
    """Return the configuration (spec)."""
    return {
        "domain_sid": domain.sid,
        "config_sid": domain.config_sid,
        "fallback_url": domain.fallback_url,
        "callback_url": domain.callback_url,
        "continue_on_failure": domain.continue_on_failure,
        "date_created": iso(domain.config_created or 0),
        "date_updated": iso(domain.config_updated or 0),
        "url": urls.to("LinkShortening", "Domains", domain.sid, "Config"),
        "disable_https": domain.disable_https,
    }


def service_view(configured: _ServiceConfig, urls: Urls) -> Json:
    """Return the configuration below a Service (spec)."""
    shown = view(configured.domain, urls)
    del shown["disable_https"]
    shown["url"] = urls.to("LinkShortening", "MessagingService", configured.service_sid, "DomainConfig")
    return {**shown, "messaging_service_sid": configured.service_sid}


async def configure(tx: Tx, call: Call[ConfigSettings]) -> Domain | None:
    """Make the configuration, or change what was given of it."""
    domain = await find_domain(tx, call.account_sid, call.path["DomainSid"])
    if domain is None:
        return None
    changes = given(call.input) | {"config_updated": tx.now}
    if domain.config_sid is None:
        changes |= {"config_sid": new_sid("ZK"), "config_created": tx.now}
    await update_row(tx, "link_domains", call.account_sid, domain.sid, changes)
    return await find_domain(tx, call.account_sid, domain.sid)


async def fetch_config(tx: Tx, call: Call[Empty]) -> Domain | None:
    """Return a domain's configuration, once there is one."""
    domain = await find_domain(tx, call.account_sid, call.path["DomainSid"])
    return domain if domain is not None and domain.config_sid is not None else None


async def fetch_service_config(tx: Tx, call: Call[Empty]) -> _ServiceConfig | None:
    """Return the configuration of the domain over which a Service's links lead."""
    service_sid = call.path["MessagingServiceSid"]
    domain = await domain_of_service(tx, call.account_sid, service_sid)
    return (
        _ServiceConfig(domain, service_sid) if domain is not None and domain.config_sid is not None else None
    )


_CONFIG = "/LinkShortening/Domains/{DomainSid}/Config"

OPERATIONS = (
    create(_CONFIG, configure, view, ConfigSettings),
    fetch(_CONFIG, fetch_config, view),
    fetch(
        "/LinkShortening/MessagingService/{MessagingServiceSid}/DomainConfig",
        fetch_service_config,
        service_view,
    ),
)
