"""The domain over which a Service's links lead: at most one a Service (spec)."""

from __future__ import annotations

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty, create, delete, fetch
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx, columns
from trunkline.products.messaging import services
from trunkline.products.messaging.links.domains import Association, find_domain

IN_OTHER_DOMAIN = 30130
"""The Service's links lead over another domain already (doc)."""


def view(association: Association, urls: Urls) -> Json:
    """Return the association below its domain (spec)."""
    return {
        "domain_sid": association.domain_sid,
        "messaging_service_sid": association.service_sid,
        "url": urls.to(
            "LinkShortening",
            "Domains",
            association.domain_sid,
            "MessagingServices",
            association.service_sid,
        ),
    }


def service_view(association: Association, urls: Urls) -> Json:
    """Return the association below its Service (spec)."""
    return {
        **view(association, urls),
        "url": urls.to("LinkShortening", "MessagingServices", association.service_sid, "Domain"),
    }


async def associate(tx: Tx, call: Call[Empty]) -> Association | None:
    """Associate a Service with a domain. Raise ApiError 30130 if its links lead over another one (doc)."""
    domain = await find_domain(tx, call.account_sid, call.path["DomainSid"])
    service = await services.find_service(tx, call.account_sid, call.path["MessagingServiceSid"])
    if domain is None or service is None:
        return None
    await tx.lock(f"links of {service.sid}")
    known = await _find(tx, call.account_sid, service.sid)
    if known is not None and known.domain_sid != domain.sid:
        raise ApiError(IN_OTHER_DOMAIN)
    if known is None:
        known = Association(service.sid, domain.sid, call.account_sid, tx.now)
        # The Service may still stand below a deleted domain.
        await tx.run("DELETE FROM link_domain_services WHERE service_sid = :sid", sid=service.sid)
        await tx.insert("link_domain_services", known)
    return known


async def dissociate(tx: Tx, call: Call[Empty]) -> bool:
    """End an association; links that were sent keep leading over the domain."""
    if await find_domain(tx, call.account_sid, call.path["DomainSid"]) is None:
        return False
    return bool(
        await tx.run(
            "DELETE FROM link_domain_services"
            " WHERE account_sid = :account_sid AND domain_sid = :domain_sid AND service_sid = :service_sid",
            account_sid=call.account_sid,
            domain_sid=call.path["DomainSid"],
            service_sid=call.path["MessagingServiceSid"],
        )
    )


async def fetch_association(tx: Tx, call: Call[Empty]) -> Association | None:
    """Return the domain over which a Service's links lead. Raise ApiError 20404 for an unknown Service."""
    service_sid = call.path["MessagingServiceSid"]
    if await services.find_service(tx, call.account_sid, service_sid) is None:
        raise ApiError(20404)
    return await _find(tx, call.account_sid, service_sid)


async def _find(tx: Tx, account_sid: str, service_sid: str) -> Association | None:
    return await tx.one(
        Association,
        f"SELECT {columns(Association)} FROM live_link_domain_services"
        " WHERE account_sid = :account_sid AND service_sid = :service_sid",
        account_sid=account_sid,
        service_sid=service_sid,
    )


_ONE = "/LinkShortening/Domains/{DomainSid}/MessagingServices/{MessagingServiceSid}"

OPERATIONS = (
    create(_ONE, associate, view, Empty),
    delete(_ONE, dissociate),
    fetch("/LinkShortening/MessagingServices/{MessagingServiceSid}/Domain", fetch_association, service_view),
)
