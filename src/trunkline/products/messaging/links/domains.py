"""Domains (DN…): the names that short links lead over. The operator gives an account its domains, since whoever
serves a name has to own it; the API has no way to add one (spec)."""

from __future__ import annotations

import re

import msgspec

from trunkline.core.jobs import removals
from trunkline.core.sids import new_sid
from trunkline.core.storage.account_rows import find_row, update_row
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.links.own_hosts import OwnHosts
from trunkline.products.messaging.links.schema import DOMAIN_REMOVAL

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(
    rf"(?=[^:]{{1,254}}(:|$))(?P<host>{_LABEL}(\.{_LABEL})*)\.?(:(?P<port>[1-9][0-9]{{0,4}}))?"
)
_MAX_HOST = 253
_MAX_PORT = 65_535


class BadDomain(ValueError):
    """The text is no domain name, or another account has it."""


class DomainName(msgspec.Struct, frozen=True):
    """A domain's name as it is stored, in lower case, and the host in it. They differ by a port."""

    name: str
    host: str


class Domain(Row, frozen=True):
    """A row of ``link_domains``. ``reached`` is when a request last came over the name; ``certificate`` is sealed."""

    sid: str
    account_sid: str
    name: str
    date_created: int
    date_updated: int
    reached: int | None = None
    certificate_sid: str | None = None
    certificate: bytes | None = None
    certificate_managed: bool = False
    certificate_expires: int | None = None
    certificate_created: int | None = None
    certificate_updated: int | None = None
    config_sid: str | None = None
    fallback_url: str | None = None
    callback_url: str | None = None
    continue_on_failure: bool = False
    disable_https: bool = False
    config_created: int | None = None
    config_updated: int | None = None


class Association(Row, frozen=True):
    """A row of ``link_domain_services``: the Service's links lead over the domain."""

    service_sid: str
    domain_sid: str
    account_sid: str
    date_created: int


_COLUMNS = columns(Domain)


def certificate_label(sid: str) -> str:
    """Return the label under which a domain's certificate is sealed."""
    return f"link domain certificate {sid}"


def read_name(text: str) -> DomainName:
    """Return the name of a domain, however it is written. Raise BadDomain if the text is none; one beyond ASCII is
    written as DNS has it, ``xn--…``."""
    read = _NAME.fullmatch(text.strip().lower())
    if read is None or len(read["host"]) > _MAX_HOST or int(read["port"] or 1) > _MAX_PORT:
        raise BadDomain("a domain is a host name, with a port where it is not the usual one")
    host, port = read["host"], read["port"]
    return DomainName(f"{host}:{port}" if port else host, host)


_CLAIMED = """
SELECT sid FROM live_link_domains
WHERE (name = :host OR (name > :with_port AND name < :behind_ports)) AND account_sid <> :account_sid LIMIT 1
"""


async def add_domain(tx: Tx, account_sid: str, name: str, own: OwnHosts) -> Domain:
    """Give an account a domain; return the one that it has already. Raise BadDomain for a bad name, for one of the
    server's own hosts, and for a host that another account has, under whatever port."""
    read = read_name(name)
    if reason := own.reason(read.host):
        raise BadDomain(reason)
    await tx.lock(f"link domain {read.host}")
    names = {"host": read.host, "with_port": f"{read.host}:", "behind_ports": f"{read.host};"}
    if await tx.value(_CLAIMED, account_sid=account_sid, **names) is not None:
        raise BadDomain("another account has this domain")
    known = await domain_by_name(tx, read.name)
    if known is not None:
        return known
    domain = Domain(new_sid("DN"), account_sid, read.name, tx.now, tx.now)
    await tx.insert("link_domains", domain)
    return domain


async def remove_domain(tx: Tx, account_sid: str | None, sid: str) -> bool:
    """Remove a domain of an account, or of any; its links lead nowhere from then on."""
    if account_sid is None:
        account_sid = await tx.value("SELECT account_sid FROM live_link_domains WHERE sid = :sid", sid=sid)
    return account_sid is not None and await removals.delete(tx, DOMAIN_REMOVAL, account_sid, sid)


async def note_reached(tx: Tx, domain: Domain) -> None:
    """Record that a request came over the domain's name."""
    await update_row(tx, "link_domains", domain.account_sid, domain.sid, {"reached": tx.now})


_PAGE = f"""
SELECT {_COLUMNS} FROM live_link_domains
WHERE account_sid = :account_sid AND (date_created, sid) > (:date_created, :sid)
ORDER BY date_created, sid LIMIT :limit
"""


async def page_domains(tx: Tx, account_sid: str, after: tuple[int, str], limit: int) -> list[Domain]:
    """Return up to ``limit`` domains of the account, oldest first: those behind the creation time and SID ``after``."""
    date_created, sid = after
    return await tx.all(
        Domain, _PAGE, account_sid=account_sid, date_created=date_created, sid=sid, limit=limit
    )


async def find_domain(tx: Tx, account_sid: str, sid: str) -> Domain | None:
    """Return the account's domain with this SID."""
    return await find_row(tx, Domain, "live_link_domains", account_sid, sid)


async def domain_by_name(tx: Tx, name: str) -> Domain | None:
    """Return the domain with this name, of any account."""
    return await tx.one(Domain, f"SELECT {_COLUMNS} FROM live_link_domains WHERE name = :name", name=name)


async def domain_of_service(tx: Tx, account_sid: str, service_sid: str) -> Domain | None:
    """Return the domain over which the links of a Service lead."""
    return await tx.one(
        Domain,
        f"SELECT {columns(Domain, 'd')} FROM live_link_domains d"
        " JOIN live_link_domain_services s ON s.domain_sid = d.sid"
        " WHERE d.account_sid = :account_sid AND s.service_sid = :service_sid",
        account_sid=account_sid,
        service_sid=service_sid,
    )
