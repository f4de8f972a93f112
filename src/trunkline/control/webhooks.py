"""The webhook log: ``/_trunkline/webhooks``, ``…/webhooks/{sid}`` and ``POST …/webhooks/{sid}/resend``.

An entry is one attempt to deliver a webhook. An account sees its own entries alone. The list is newest first;
``ServiceSid`` and ``Status`` (delivered or failed) choose, ``PageSize`` and ``PageToken`` page.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api import paging
from trunkline.api.errors import invalid
from trunkline.api.operation import FOR_ACCOUNT, Call, Empty, Operation, fetch, update
from trunkline.api.paging import Cursor, Order, TokenPage, Window
from trunkline.api.params import Given, text
from trunkline.api.views import Json, Urls, token_page_view
from trunkline.core.clock import SECOND
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.core.webhooks import attempts as attempt_table
from trunkline.core.webhooks.attempts import Attempt
from trunkline.core.webhooks.webhook import Webhook, enqueue_webhook

MAX_PAGE = 100
LATEST_FIRST = Order("started", descending=True)


class AttemptFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of the list."""

    service_sid: Annotated[Given[str], text()] = UNSET
    status: Annotated[Given[str], text()] = UNSET
    page_size: Annotated[Given[str], text()] = UNSET
    page_token: Annotated[Given[str], text()] = UNSET


async def list_attempts(tx: Tx, call: Call[AttemptFilter]) -> TokenPage[Attempt]:
    """Return a page of the account's attempts, newest first. Raise ApiError 20001 for a bad filter, 21481 for a bad
    token."""
    given = call.input
    if given.status and given.status not in (attempt_table.DELIVERED, attempt_table.FAILED):
        raise invalid("Status", "must be delivered or failed")
    requested = (("PageSize", given.page_size),) if given.page_size else ()
    size = paging.window(requested, paging.NEWEST_FIRST, MAX_PAGE, paging.PagingCodes()).size
    start = paging.start_of(given.page_token)
    window = Window(LATEST_FIRST, size, cursor=start and Cursor(start))
    found = await attempt_table.page(
        tx,
        call.account_sid,
        window.span,
        service_sid=given.service_sid or None,
        status=given.status or None,
    )
    return paging.token_page_of(window.page(found))


async def fetch_attempt(tx: Tx, call: Call[Empty]) -> Attempt | None:
    """Return one of the account's attempts."""
    return await attempt_table.find(tx, call.account_sid, call.path["Sid"])


async def resend(tx: Tx, call: Call[Empty]) -> Webhook | None:
    """Enqueue the webhook again, with its own idempotency token: it is still the same event. Return it with the SID of
    its new attempt."""
    found = await attempt_table.find(tx, call.account_sid, call.path["Sid"])
    if found is None:
        return None
    webhook = msgspec.structs.replace(_webhook(found), attempt_sid=new_sid(attempt_table.PREFIX))
    await enqueue_webhook(tx, webhook)
    return webhook


def _webhook(attempt: Attempt) -> Webhook:
    return msgspec.json.decode(attempt.webhook, type=Webhook)


def entry(attempt: Attempt, urls: Urls) -> Json:
    """Return an attempt as lists show it."""
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


def details(attempt: Attempt, urls: Urls) -> Json:
    """Return an attempt with the request and the response."""
    webhook = _webhook(attempt)
    return {
        **entry(attempt, urls),
        "parameters": webhook.parameters,
        "json": webhook.json,
        "request_headers": msgspec.Raw(attempt.request_headers.encode()),
        "response_headers": msgspec.Raw(attempt.response_headers.encode()),
        "response_body": attempt.response_body,
        "redirects": attempt.redirects,
        "address": attempt.address or None,
    }


OPERATIONS: tuple[Operation, ...] = (
    fetch(
        "/webhooks",
        list_attempts,
        token_page_view("webhooks", entry),
        input=AttemptFilter,
        pages=True,
        **FOR_ACCOUNT,
    ),
    fetch("/webhooks/{Sid}", fetch_attempt, details, **FOR_ACCOUNT),
    update(
        "/webhooks/{Sid}/resend",
        resend,
        lambda webhook, _urls: {"sid": webhook.attempt_sid, "idempotency_token": webhook.token},
        Empty,
        status=202,
        **FOR_ACCOUNT,
    ),
)
"""The operations of the webhook log."""
