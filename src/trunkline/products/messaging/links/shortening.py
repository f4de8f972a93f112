"""Shortening the links of a message: each becomes the domain's name and ten letters and digits (doc)."""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence
from urllib.parse import urlsplit

from trunkline.core.clock import SECOND
from trunkline.core.egress.target import BadUrl, locate
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.lifecycle.message import Message
from trunkline.products.messaging.links.domains import Domain, domain_of_service, read_name
from trunkline.products.messaging.links.own_hosts import OwnHosts
from trunkline.products.messaging.text.urls import TextUrl, find_urls, replace_urls

LENGTH = 10
"""Letters and digits of a short link (doc)."""

LIFETIME = 90 * 24 * 3600 * SECOND
"""Microseconds for which a short link leads somewhere (doc)."""

RAN_OUT = 30102
"""The domain's certificate ran out (doc)."""

FAILED = 30103
"""Links could not be shortened (doc)."""

BAD_LINK = 30139
"""A link is no URL (doc)."""

_SIGNS = string.ascii_letters + string.digits


class ShorteningFailed(Exception):
    """The links of a message cannot be shortened; the message fails with ``code``."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class ShortLink(Row, frozen=True):
    """A row of ``short_links``."""

    domain_sid: str
    code: str
    account_sid: str
    message_sid: str
    service_sid: str
    url: str
    date_created: int


async def shorten(tx: Tx, message: Message, body: str, own: OwnHosts) -> str:
    """Return the body with short links; one that leads over the domain already stays. Raise ShorteningFailed if the
    Service has no domain, and if the domain is a host of the server's own, its certificate has expired or a link is no
    URL; in the latter cases the domain's configuration may have the body returned unchanged instead."""
    links = find_urls(body)
    if not links:
        return body
    domain = await domain_of_service(tx, message.account_sid, message.service_sid or "")
    if domain is None:
        raise ShorteningFailed(FAILED)
    code = FAILED if own.reason(read_name(domain.name).host) else _obstacle(domain, links, tx.now)
    if code is not None:
        if domain.continue_on_failure:
            return body
        raise ShorteningFailed(code)
    short: dict[str, str] = {}
    for link in links:
        if link.url not in short:
            short[link.url] = await _short(tx, message, domain, link.url)
    return replace_urls(body, short.__getitem__)


async def find_short_link(tx: Tx, domain_sid: str, code: str) -> ShortLink | None:
    """Return the row of a short link; None if there is none, or if it has expired."""
    link = await tx.one(
        ShortLink,
        f"SELECT {columns(ShortLink)} FROM short_links WHERE domain_sid = :domain_sid AND code = :code",
        domain_sid=domain_sid,
        code=code,
    )
    return link if link is not None and link.date_created + LIFETIME > tx.now else None


async def _short(tx: Tx, message: Message, domain: Domain, url: str) -> str:
    if urlsplit(url).netloc.rpartition("@")[2].lower() == domain.name:
        return url
    code = "".join(secrets.choice(_SIGNS) for _ in range(LENGTH))
    link = ShortLink(
        domain.sid, code, message.account_sid, message.sid, message.service_sid or "", url, tx.now
    )
    await tx.insert("short_links", link)
    return f"{'' if domain.disable_https else 'https://'}{domain.name}/{code}"


def _obstacle(domain: Domain, links: Sequence[TextUrl], now: int) -> int | None:
    if _expired(domain, now):
        return RAN_OUT
    try:
        for link in links:
            locate(link.url)
    except BadUrl:
        return BAD_LINK
    return None


def _expired(domain: Domain, now: int) -> bool:
    return (
        not domain.disable_https
        and domain.certificate_expires is not None
        and domain.certificate_expires <= now
    )
