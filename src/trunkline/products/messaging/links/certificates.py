"""A domain's TLS certificate (CW…), and the check that its name leads here.

Trunkline does not terminate TLS itself: it stores the certificate for the server that does, and the control API
returns it. A managed certificate is one that the operator provides; the request for it is recorded for the operator.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from trunkline.api.errors import invalid
from trunkline.api.operation import Call, Empty, create, delete, fetch
from trunkline.api.params import required, text
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.sids import new_sid
from trunkline.core.storage.account_rows import update_row
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.links.domains import Domain, certificate_label, find_domain
from trunkline.products.messaging.links.pem import BadPem, expiry

MAX_PEM = 64 * 1024
"""Characters of a certificate with its key (inferred)."""


class CertificateInput(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter: certificate and private key in PEM (spec)."""

    tls_cert: Annotated[str, text(1, MAX_PEM), required()]


def view(domain: Domain, urls: Urls) -> Json:
    """Return the certificate (spec), without its secret."""
    return {
        "certificate_sid": domain.certificate_sid,
        "domain_name": f"https://{domain.name}",
        "domain_sid": domain.sid,
        "date_expires": iso(domain.certificate_expires) if domain.certificate_expires else None,
        "date_created": iso(domain.certificate_created or 0),
        "date_updated": iso(domain.certificate_updated or 0),
        "url": urls.to("LinkShortening", "Domains", domain.sid, "Certificate"),
        "cert_in_validation": None,
    }


def managed_view(domain: Domain, urls: Urls) -> Json:
    """Return the managed certificate (spec)."""
    shown = view(domain, urls)
    del shown["cert_in_validation"]
    shown["url"] = urls.to("LinkShortening", "Domains", domain.sid, "RequestManagedCert")
    return {**shown, "managed": True, "requesting": domain.certificate is None}


def dns_view(domain: Domain, urls: Urls) -> Json:
    """Return whether the name leads here (spec): a request that came over it is the proof."""
    valid = domain.reached is not None
    return {
        "domain_sid": domain.sid,
        "is_valid": valid,
        "reason": "" if valid else "no request for this name has reached this server yet",
        "url": urls.to("LinkShortening", "Domains", domain.sid, "ValidateDns"),
    }


async def put_certificate(tx: Tx, call: Call[CertificateInput]) -> Domain | None:
    """Store a certificate in place of the previous one. Raise ApiError 20001 for a text that is no certificate, and
    for one that has no key, is for another name or has expired."""
    sid = call.path["DomainSid"]
    domain = await find_domain(tx, call.account_sid, sid)
    if domain is None:
        return None
    try:
        expires = expiry(call.input.tls_cert, domain.name.partition(":")[0], tx.now)
    except BadPem as error:
        raise invalid("TlsCert", str(error)) from None
    sealed = call.vault.seal(certificate_label(sid), call.input.tls_cert)
    return await _change(tx, call, certificate=sealed, certificate_expires=expires, certificate_managed=False)


async def request_managed(tx: Tx, call: Call[Empty]) -> Domain | None:
    """Request a certificate from the operator."""
    return await _change(tx, call, certificate_managed=True)


async def fetch_certificate(tx: Tx, call: Call[Empty]) -> Domain | None:
    """Return the certificate, once there is one or one was requested."""
    domain = await find_domain(tx, call.account_sid, call.path["DomainSid"])
    return domain if domain is not None and domain.certificate_sid is not None else None


async def fetch_dns(tx: Tx, call: Call[Empty]) -> Domain | None:
    """Return whether the domain's name leads here."""
    return await find_domain(tx, call.account_sid, call.path["DomainSid"])


async def delete_certificate(tx: Tx, call: Call[Empty]) -> bool:
    """Remove the certificate."""
    if await fetch_certificate(tx, call) is None:
        return False
    await tx.run(
        "UPDATE link_domains SET certificate_sid = NULL, certificate = NULL, certificate_managed = FALSE,"
        " certificate_expires = NULL, certificate_created = NULL, certificate_updated = NULL"
        " WHERE account_sid = :account_sid AND sid = :sid",
        account_sid=call.account_sid,
        sid=call.path["DomainSid"],
    )
    return True


async def _change(tx: Tx, call: Call[CertificateInput] | Call[Empty], **changes: object) -> Domain | None:
    domain = await find_domain(tx, call.account_sid, call.path["DomainSid"])
    if domain is None:
        return None
    changes["certificate_updated"] = tx.now
    if domain.certificate_sid is None:
        changes |= {"certificate_sid": new_sid("CW"), "certificate_created": tx.now}
    await update_row(tx, "link_domains", call.account_sid, domain.sid, changes)
    return await find_domain(tx, call.account_sid, domain.sid)


_CERTIFICATE = "/LinkShortening/Domains/{DomainSid}/Certificate"

OPERATIONS = (
    create(_CERTIFICATE, put_certificate, view, CertificateInput),
    fetch(_CERTIFICATE, fetch_certificate, view),
    delete(_CERTIFICATE, delete_certificate),
    create("/LinkShortening/Domains/{DomainSid}/RequestManagedCert", request_managed, managed_view, Empty),
    fetch("/LinkShortening/Domains/{DomainSid}/ValidateDns", fetch_dns, dns_view),
)
