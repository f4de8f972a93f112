"""A domain's TLS certificate (CW…), and whether its name leads here.

Trunkline does not end TLS itself: it keeps the certificate for whoever does, and the control API hands it out. A
managed certificate is one that the operator sees to; asking for it is noted for the operator.
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
from trunkline.core.storage.database import Tx, assignments
from trunkline.products.messaging.links.domains import Domain, certificate_label, find_domain
from trunkline.products.messaging.links.pem import BadPem, expiry

MAX_PEM = 64 * 1024
"""Characters of a certificate with its key (inferred)."""


class CertificateInput(msgspec.Struct, frozen=True, kw_only=True):
    """The parameter: certificate and private key in PEM (spec)."""

    tls_cert: Annotated[str, text(1, MAX_PEM), required()]


def view(domain: Domain, urls: Urls) -> Json:
    """The certificate (spec); its secret is not shown."""
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
    """The managed certificate (spec)."""
    shown = view(domain, urls)
    del shown["cert_in_validation"]
    shown["url"] = urls.to("LinkShortening", "Domains", domain.sid, "RequestManagedCert")
    return {**shown, "managed": True, "requesting": domain.certificate is None}


def dns_view(domain: Domain, urls: Urls) -> Json:
    """Whether the name leads here (spec): a request that came over it is the proof."""
    valid = domain.reached is not None
    return {
        "domain_sid": domain.sid,
        "is_valid": valid,
        "reason": "" if valid else "no request for this name has reached this server yet",
        "url": urls.to("LinkShortening", "Domains", domain.sid, "ValidateDns"),
    }


async def put_certificate(tx: Tx, call: Call[CertificateInput]) -> Domain | None:
    """Keep a certificate in place of the one there was. Raises ApiError 20001 for what is none, has no key, is for
    another name or has run out."""
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
    """Ask the operator for a certificate."""
    return await _change(tx, call, certificate_managed=True)


async def fetch_certificate(tx: Tx, call: Call[Empty]) -> Domain | None:
    """The certificate, once there is one or was asked for one."""
    domain = await find_domain(tx, call.account_sid, call.path["DomainSid"])
    return domain if domain is not None and domain.certificate_sid is not None else None


async def fetch_dns(tx: Tx, call: Call[Empty]) -> Domain | None:
    """Whether the domain's name leads here."""
    return await find_domain(tx, call.account_sid, call.path["DomainSid"])


async def delete_certificate(tx: Tx, call: Call[Empty]) -> bool:
    """Forget the certificate."""
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
    await tx.run(
        f"UPDATE link_domains SET {assignments(tuple(changes))}"
        " WHERE account_sid = :account_sid AND sid = :sid",
        account_sid=call.account_sid,
        sid=domain.sid,
        **changes,
    )
    return await find_domain(tx, call.account_sid, domain.sid)


_CERTIFICATE = "/LinkShortening/Domains/{DomainSid}/Certificate"

OPERATIONS = (
    create(_CERTIFICATE, put_certificate, view, CertificateInput),
    fetch(_CERTIFICATE, fetch_certificate, view),
    delete(_CERTIFICATE, delete_certificate),
    create("/LinkShortening/Domains/{DomainSid}/RequestManagedCert", request_managed, managed_view, Empty),
    fetch("/LinkShortening/Domains/{DomainSid}/ValidateDns", fetch_dns, dns_view),
)
