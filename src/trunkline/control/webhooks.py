"""The webhook log: ``/_trunkline/webhooks``, ``…/webhooks/{sid}`` and ``POST …/webhooks/{sid}/resend``.

An entry is one attempt to deliver a webhook. It takes the account's auth token or a main key, and shows that account's
entries alone. The list is newest first; ``ServiceSid`` and ``Status`` (delivered or failed) choose, ``PageSize`` and
``PageToken`` page.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from trunkline.api import paging
from trunkline.api.auth import Directory, main_account
from trunkline.api.control import ControlAnswer, ControlRequest
from trunkline.api.errors import ApiError, invalid
from trunkline.api.headers import JSON
from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Database, Tx
from trunkline.core.webhooks import log
from trunkline.core.webhooks.log import Attempt
from trunkline.core.webhooks.webhook import Webhook, enqueue_webhook

PATH = "/webhooks"
MAX_PAGE = 100


class WebhookLog:
    """Answers the paths of the webhook log."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory

    async def __call__(self, request: ControlRequest) -> ControlAnswer | None:
        """The status, content type and body; None for an unknown path or entry. Raises ApiError 20003, 20004 and
        those of bad parameters."""
        head, _, rest = request.path.removeprefix("/").partition("/")
        if f"/{head}" != PATH:
            return None
        sid, _, action = rest.partition("/")
        if action not in ("", "resend"):
            return None
        needed = "POST" if action else "GET"
        if request.method != needed:
            raise ApiError(20004, headers={"Allow": "POST" if action else "GET, HEAD"})
        account_sid = await main_account(self._database, self._directory, request.authorization)
        if action:
            return await self._resend(account_sid, sid)
        return await (self._one(account_sid, sid) if sid else self._list(account_sid, request.query))

    async def _list(self, account_sid: str, query: str) -> ControlAnswer:
        fields = dict(parse_qsl(query))
        if fields.get("Status") not in (None, log.DELIVERED, log.FAILED):
            raise invalid("Status", "must be delivered or failed")
        window = paging.window(tuple(fields.items()), paging.NEWEST_FIRST, MAX_PAGE, paging.Codes())

        if window.cursor is not None and window.cursor.backward:
            raise ApiError(paging.Codes().token)

        async def page(tx: Tx) -> list[Attempt]:
            return await log.page(
                tx,
                account_sid,
                after=window.cursor.key if window.cursor else None,
                service_sid=fields.get("ServiceSid"),
                status=fields.get("Status"),
                most=window.size + 1,
            )

        found = await self._database.read(page)
        shown, more = found[: window.size], len(found) > window.size
        token = paging.encode(paging.Cursor((shown[-1].started, shown[-1].sid))) if more else None
        return (
            200,
            JSON,
            msgspec.json.encode({"webhooks": [_entry(one) for one in shown], "next_page_token": token}),
        )

    async def _one(self, account_sid: str, sid: str) -> ControlAnswer | None:
        found = await self._database.read(lambda tx: log.find(tx, account_sid, sid))
        return None if found is None else (200, JSON, msgspec.json.encode(_details(found)))

    async def _resend(self, account_sid: str, sid: str) -> ControlAnswer | None:
        """Send the webhook again, with its own idempotency token: it is still the same event."""

        async def again(tx: Tx) -> str | None:
            found = await log.find(tx, account_sid, sid)
            return None if found is None else await enqueue_webhook(tx, _webhook(found))

        token = await self._database.write(again)
        return None if token is None else (202, JSON, msgspec.json.encode({"idempotency_token": token}))


def _webhook(attempt: Attempt) -> Webhook:
    return msgspec.json.decode(attempt.webhook, type=Webhook)


def _entry(attempt: Attempt) -> dict[str, Any]:
    webhook = _webhook(attempt)
    return {
        "sid": attempt.sid,
        "account_sid": attempt.account_sid,
        "service_sid": attempt.service_sid or None,
        "event": webhook.event or None,
        "idempotency_token": webhook.token,
        "status": attempt.status,
        "attempt": attempt.number,
        "method": webhook.method,
        "url": attempt.url,
        "response_status": attempt.response_status,
        "error_code": attempt.error_code,
        "error_message": attempt.error_text or None,
        "started_at": attempt.started / SECOND,
        "duration_ms": attempt.duration / 1000,
    }


def _details(attempt: Attempt) -> dict[str, Any]:
    webhook = _webhook(attempt)
    return {
        **_entry(attempt),
        "parameters": webhook.parameters,
        "json": webhook.json,
        "request_headers": msgspec.Raw(attempt.request_headers.encode()),
        "response_headers": msgspec.Raw(attempt.response_headers.encode()),
        "response_body": attempt.response_body,
        "redirects": attempt.redirects,
        "address": attempt.address or None,
    }
