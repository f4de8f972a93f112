"""A webhook, and the job that delivers it."""

from __future__ import annotations

import msgspec

from trunkline.core.egress.target import BadUrl, locate
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.sids import new_token
from trunkline.core.storage.database import Tx
from trunkline.core.webhooks.overrides import RetryPolicy

KIND = "webhook"
"""The kind of the job that delivers a webhook."""


class Webhook(msgspec.Struct, frozen=True):
    """A request to a URL that a customer configured. ``parameters`` are a form, or the query for GET; ``json`` is a
    body instead of a form. ``token`` is the idempotency token, the same on every attempt; made when empty.
    ``policy`` applies without overrides in the URL; ``counter`` names a parameter with the number of the retry, from 0;
    ``cookie`` is the Cookie header, for the URL's own server alone. ``attempt_sid`` is the SID of the first attempt
    where it was promised to a caller."""

    account_sid: str
    url: str
    method: str = "POST"
    parameters: tuple[tuple[str, str], ...] = ()
    json: str | None = None
    service_sid: str = ""
    event: str = ""
    token: str = ""
    policy: RetryPolicy = RetryPolicy()
    counter: str = ""
    cookie: str = ""
    attempt_sid: str = ""


def with_token(webhook: Webhook) -> Webhook:
    """Return the webhook with its idempotency token, a UUID (doc)."""
    if webhook.token:
        return webhook
    return msgspec.structs.replace(webhook, token=_uuid(new_token()))


def _uuid(digits: str) -> str:
    """Return the random UUID (version 4) of 32 hex digits."""
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


async def enqueue_webhook(tx: Tx, webhook: Webhook, order_key: str = "") -> str:
    """Enqueue the webhook in the transaction, and return its idempotency token. Webhooks with one ``order_key``, such
    as the SID of the object that they are about, are sent one after the other."""
    webhook = with_token(webhook)
    payload = msgspec.json.encode(webhook).decode()
    order = order_key and f"{webhook.account_sid} {order_key}"
    job = Job(KIND, payload, order, _lane(webhook.url), account_sid=webhook.account_sid)
    await enqueue(tx, job)
    return webhook.token


def _lane(url: str) -> str:
    try:
        return locate(url).origin
    except BadUrl:
        return ""
