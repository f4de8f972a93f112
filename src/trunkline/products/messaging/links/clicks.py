"""The redirects of short links, and the event of a click (doc)."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

import msgspec

from trunkline.api.public import PublicRequest, PublicResponse
from trunkline.core.clock import SECOND, has_passed
from trunkline.core.dates import iso
from trunkline.core.egress.target import locate
from trunkline.core.storage.database import Database, Tx
from trunkline.core.webhooks.webhook import Webhook, enqueue_webhook
from trunkline.products.accounts.facade import record_alert
from trunkline.products.messaging.lifecycle.message import find_message, visible_recipient
from trunkline.products.messaging.links.domains import Domain, domain_by_name, note_reached
from trunkline.products.messaging.links.own_hosts import OwnHosts
from trunkline.products.messaging.links.shortening import ShortLink, find_short_link

TO_FALLBACK = 30104
"""A short link that is unknown led to the domain's fallback URL (doc)."""

UNKNOWN_LINK = 30105
"""A short link leads nowhere, and the domain has no fallback URL (doc)."""

QUIET = 60 * SECOND
"""Microseconds after a warning of an unknown link in which a domain gets no other: anybody can cause them."""

PROOF = 3600 * SECOND
"""Microseconds between two records that a domain was reached."""

_PATH = re.compile(rb"/[^/]*")
_CODE = re.compile(r"/([A-Za-z0-9]{10})")
_HOST = re.compile(r"([a-z0-9][a-z0-9.-]{0,252}?)\.?(:[0-9]{1,5})?")
_AGENT = 512
_SAFE = "%!$&'()*+,/:;=?@-._~"


class _Visit(msgspec.Struct, frozen=True):
    """A request over a domain, for the link ``code`` if its path has that form; ``link`` is its row."""

    domain: Domain
    code: str
    link: ShortLink | None
    request: PublicRequest


class Clicks:
    """The short links of all domains, and the unknown paths beside them. Implements ``trunkline.api.public.Public``."""

    def __init__(self, database: Database, own: OwnHosts) -> None:
        self._database = database
        self._own = own
        self._warned: dict[str, int] = {}

    def claims(self, raw_path: bytes) -> bool:
        """Return whether the path may be a short link's, or one beside it."""
        return _PATH.fullmatch(raw_path) is not None

    async def respond(self, request: PublicRequest) -> PublicResponse | None:
        """Return a redirect to the link's address, else to the domain's fallback URL; None if the Host is no domain, or
        the server's own, which an account may have had before the settings named it. A HEAD gets the same response,
        but is no click: previews send it (inferred)."""
        named = _HOST.fullmatch(request.authority.lower())
        if request.method != "GET" or named is None:
            return None
        host, port = named[1], named[2] or ""
        if self._own.reason(host):
            return None
        matched = _CODE.fullmatch(request.path)
        code = matched[1] if matched else ""

        async def find(tx: Tx) -> tuple[_Visit, bool] | None:
            domain = await domain_by_name(tx, host + port)
            if domain is None and port:
                domain = await domain_by_name(tx, host)
            if domain is None:
                return None
            visit = _Visit(
                domain, code, await find_short_link(tx, domain.sid, code) if code else None, request
            )
            return visit, self._is_news(visit, tx.now)

        found = await self._database.read(find)
        if found is None:
            return None
        visit, news = found
        if news:
            await self._database.write(lambda tx: self._note(tx, visit))
        if visit.link is not None:
            return _redirect(_location(visit.link.url))
        return _redirect(visit.domain.fallback_url) if visit.domain.fallback_url else _nowhere()

    def _is_news(self, visit: _Visit, now: int) -> bool:
        """Return whether a visit is recorded at all: a write costs more than the redirect."""
        return _proves(visit.domain, now) or _is_click(visit) or self._is_warned(visit, now)

    def _is_warned(self, visit: _Visit, now: int) -> bool:
        last = self._warned.get(visit.domain.sid)
        return bool(visit.code) and visit.link is None and (last is None or has_passed(last, QUIET, now))

    async def _note(self, tx: Tx, visit: _Visit) -> None:
        if _proves(visit.domain, tx.now):
            await note_reached(tx, visit.domain)
        if visit.link is not None and _is_click(visit):
            await _notify(tx, visit.domain, visit.link, visit.request.user_agent[:_AGENT])
        if self._is_warned(visit, tx.now):
            self._warned[visit.domain.sid] = tx.now
            await _warn(tx, visit)


def _proves(domain: Domain, now: int) -> bool:
    return domain.reached is None or has_passed(domain.reached, PROOF, now)


def _is_click(visit: _Visit) -> bool:
    return visit.link is not None and bool(visit.domain.callback_url) and not visit.request.head


def _redirect(url: str) -> PublicResponse:
    return PublicResponse(302, {"Location": url, "Cache-Control": "no-store", "Content-Length": "0"})


def _location(url: str) -> str:
    """Return the address as a header holds it: in ASCII, with the credentials and the fragment that it had."""
    target = locate(url)
    scheme, _, rest = target.url.partition("://")
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    fragment = f"#{quote(target.fragment, safe=_SAFE)}" if target.fragment else ""
    return f"{scheme}://{quote(user, safe=_SAFE)}{at}{rest}{fragment}"


def _nowhere() -> PublicResponse:
    body = msgspec.json.encode({"code": UNKNOWN_LINK, "message": "The link leads nowhere.", "status": 404})
    return PublicResponse(404, {"Content-Type": "application/json", "Content-Length": str(len(body))}, body)


async def _notify(tx: Tx, domain: Domain, link: ShortLink, user_agent: str) -> None:
    message = await find_message(tx, link.account_sid, link.message_sid)
    event = {
        "event_type": "click",
        "sms_sid": link.message_sid,
        "account_sid": link.account_sid,
        "messaging_service_sid": link.service_sid,
        "to": visible_recipient(message) if message else None,
        "from": message.sender if message else None,
        "link": link.url,
        "click_time": iso(tx.now),
        "user_agent": user_agent,
    }
    webhook = Webhook(
        account_sid=link.account_sid,
        url=domain.callback_url or "",
        json=msgspec.json.encode(event).decode(),
        service_sid=link.service_sid,
        event="link.click",
    )
    await enqueue_webhook(tx, webhook)


async def _warn(tx: Tx, visit: _Visit) -> None:
    domain = visit.domain
    await record_alert(
        tx,
        domain.account_sid,
        TO_FALLBACK if domain.fallback_url else UNKNOWN_LINK,
        "a short link is unknown, or older than 90 days",
        level="warning",
        resource_sid=domain.sid,
        request_url=f"https://{domain.name}/{visit.code}",
        request_method="GET",
    )
