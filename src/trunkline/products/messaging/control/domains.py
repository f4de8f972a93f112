"""Domains of short links: ``/_trunkline/domains``.

``GET`` lists an account's, in pages by ``PageSize`` and ``PageToken``, ``POST`` with ``Name`` adds one,
``DELETE …/{DN}`` removes one, and ``GET …/{DN}/certificate`` returns certificate and key for the proxy that terminates
TLS for the name. An account sees its own; only the operator adds and removes, naming the account by ``AccountSid``.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api import paging
from trunkline.api.errors import invalid, missing
from trunkline.api.operation import FOR_ACCOUNT, FOR_OPERATOR, Call, Empty, Operation, create, delete, fetch
from trunkline.api.paging import BEGINNING, PageParameters, TokenPage
from trunkline.api.params import Given, text
from trunkline.api.response_content import ResponseContent, in_memory
from trunkline.api.views import Json, Urls, token_page_view
from trunkline.core.blobs.store import BlobStore
from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.links import domains
from trunkline.products.messaging.links.domains import BadDomain, Domain, certificate_label
from trunkline.products.messaging.links.own_hosts import OwnHosts

_PEM = "application/x-pem-file"


class NewDomain(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a new domain."""

    name: Annotated[Given[str], text()] = UNSET


def view(domain: Domain, urls: Urls) -> Json:
    """Return a domain."""
    return {
        "sid": domain.sid,
        "name": domain.name,
        "reached_at": domain.reached / SECOND if domain.reached else None,
        "certificate": domain.certificate is not None,
        "certificate_requested": domain.certificate_managed,
        "certificate_expires_at": domain.certificate_expires / SECOND if domain.certificate_expires else None,
    }


async def list_domains(tx: Tx, call: Call[PageParameters]) -> TokenPage[Domain]:
    """Return a page of the account's domains, oldest first. Raise ApiError 21481 for a bad token."""
    size = paging.size_of(call.input.page_size)
    after = paging.start_of(call.input.page_token) or BEGINNING
    found = await domains.page_domains(tx, call.account_sid, after, size + 1)
    return paging.token_page(found, size, paging.OLDEST_FIRST.key)


async def add_domain(own: OwnHosts, tx: Tx, call: Call[NewDomain]) -> Domain:
    """Add a domain to an account. Raise ApiError 20001 for a bad name, for a host of the server's own, and for one that
    another account has."""
    if not call.account_sid:
        raise missing("AccountSid")
    try:
        return await domains.add_domain(tx, call.account_sid, call.input.name or "", own)
    except BadDomain as error:
        raise invalid("Name", str(error)) from None


async def remove_domain(tx: Tx, call: Call[Empty]) -> bool:
    """Remove a domain; return False if there is no such domain."""
    return await domains.remove_domain(tx, call.account_sid or None, call.path["Sid"])


async def fetch_certificate(tx: Tx, call: Call[Empty]) -> str | None:
    """Return the certificate and key of a domain, in PEM; None if it has none."""
    domain = await domains.find_domain(tx, call.account_sid, call.path["Sid"])
    if domain is None or domain.certificate is None:
        return None
    return call.vault.open(certificate_label(domain.sid), domain.certificate)


def _as_pem(pem: str, _: BlobStore) -> ResponseContent:
    return in_memory(_PEM, pem.encode())


def operations(own: OwnHosts) -> tuple[Operation, ...]:
    """Return the operations of domains."""
    return (
        fetch(
            "/domains",
            list_domains,
            token_page_view("domains", view),
            input=PageParameters,
            pages=True,
            **FOR_ACCOUNT,
        ),
        create("/domains", partial(add_domain, own), view, NewDomain, **FOR_OPERATOR),
        delete("/domains/{Sid}", remove_domain, **FOR_OPERATOR),
        fetch("/domains/{Sid}/certificate", fetch_certificate, None, content=_as_pem, **FOR_ACCOUNT),
    )
