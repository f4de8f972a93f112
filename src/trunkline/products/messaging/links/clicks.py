"""Serving short links: the redirect, and the event that tells of the click (doc)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec

from trunkline.api.public import PublicAnswer, PublicRequest
from trunkline.api.views import iso
from trunkline.core.storage.database import Database, Tx
from trunkline.core.webhooks.webhook import Webhook, enqueue_webhook
from trunkline.products.messaging.links.domains import Domain, domain_by_name
from trunkline.products.messaging.links.shortening import ShortLink, find_short_link
from trunkline.products.messaging.messages.message import find_message

UNKNOWN_LINK = 30105
"""A short link leads nowhere, and the domain has no fallback URL (doc)."""

_PATH = re.compile(rb"/[A-Za-z0-9]{10}")
_AGENT = 512


class Clicks:
    """Answers the short links of all domains."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claims(self, raw_path: bytes) -> bool:
        """Whether the path may be a short link's."""
        return _PATH.fullmatch(raw_path) is not None

    async def answer(self, request: PublicRequest) -> PublicAnswer | None:
        """A redirect to the link's address, else to the domain's fallback URL; None where the Host is no domain."""
        if request.method != "GET":
            return None
        authority = request.authority.lower()

        async def click(tx: Tx) -> PublicAnswer | None:
            domain = await domain_by_name(tx, authority)
            if domain is None:
                domain = await domain_by_name(tx, urlsplit(f"//{authority}").hostname or "")
            if domain is None:
                return None
            await tx.run(
                "UPDATE link_domains SET reached = :now WHERE account_sid = :account_sid AND sid = :sid",
                now=tx.now,
                account_sid=domain.account_sid,
                sid=domain.sid,
            )
            link = await find_short_link(tx, domain.sid, request.path[1:])
            if link is None:
                return _unknown(domain)
            await _tell(tx, domain, link, request.user_agent[:_AGENT])
            return PublicAnswer(302, {"Location": link.url, "Cache-Control": "no-store"})

        return await self._database.write(click)


def _unknown(domain: Domain) -> PublicAnswer:
    if domain.fallback_url:
        return PublicAnswer(302, {"Location": domain.fallback_url, "Cache-Control": "no-store"})
    body = msgspec.json.encode({"code": UNKNOWN_LINK, "message": "The link leads nowhere.", "status": 404})
    return PublicAnswer(404, {"Content-Type": "application/json"}, body)


async def _tell(tx: Tx, domain: Domain, link: ShortLink, user_agent: str) -> None:
    message = await find_message(tx, link.account_sid, link.message_sid)
    if not domain.callback_url:
        return
    event = {
        "event_type": "click",
        "sms_sid": link.message_sid,
        "account_sid": link.account_sid,
        "messaging_service_sid": link.service_sid,
        "to": message.recipient if message else None,
        "from": message.sender if message else None,
        "link": link.url,
        "click_time": iso(tx.now),
        "user_agent": user_agent,
    }
    webhook = Webhook(
        account_sid=link.account_sid,
        url=domain.callback_url,
        json=msgspec.json.encode(event).decode(),
        service_sid=link.service_sid,
        event="link.click",
    )
    await enqueue_webhook(tx, webhook)
