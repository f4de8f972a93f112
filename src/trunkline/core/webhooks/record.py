"""How an attempt ended, and how that is put on record: bounded in size, headers without credentials."""

from __future__ import annotations

import msgspec

from trunkline.core.egress.failure import Failure
from trunkline.core.egress.message import Headers, Incoming
from trunkline.core.jobs.claims import clipped
from trunkline.core.sids import new_sid
from trunkline.core.webhooks.log import DELIVERED, FAILED, Attempt
from trunkline.core.webhooks.webhook import Webhook

MAX_BODY = 16 * 1024
"""Characters of an answer's body that are kept."""

MAX_HEADERS = 8 * 1024
"""Characters of an answer's headers that are kept."""

_HIDDEN = ("authorization", "cookie", "set-cookie")


class Finished(msgspec.Struct, frozen=True):
    """How an attempt ended: with an ``answer``, a ``failure`` or, after redirects, both. ``error_code`` is the
    debugger's, none for a delivery. Times in microseconds."""

    number: int
    started: int
    url: str
    request_headers: Headers = ()
    redirects: int = 0
    answer: Incoming | None = None
    failure: Failure | None = None
    error_code: int | None = None
    error_text: str = ""
    duration: int = 0

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.error_code is None


def attempt_of(webhook: Webhook, finished: Finished) -> Attempt:
    """The row of an attempt."""
    answer = finished.answer if finished.failure is None else None
    return Attempt(
        sid=new_sid("WA"),
        account_sid=webhook.account_sid,
        service_sid=webhook.service_sid,
        status=DELIVERED if finished.delivered else FAILED,
        started=finished.started,
        webhook=msgspec.json.encode(webhook).decode(),
        number=finished.number,
        url=finished.url,
        request_headers=_headers(finished.request_headers),
        response_status=answer.status if answer else None,
        response_headers=_headers(answer.headers if answer else ()),
        response_body=_text(answer.body)[:MAX_BODY] if answer else "",
        error_code=finished.error_code,
        error_text=clipped(finished.error_text),
        address=answer.address if answer else "",
        redirects=finished.redirects,
        duration=finished.duration,
    )


def _headers(headers: Headers) -> str:
    """As many of the headers as there is room for, as JSON."""
    kept, size = [], 0
    for name, value in headers:
        shown = "…" if name.lower() in _HIDDEN else value
        size += len(name) + len(shown)
        if size > MAX_HEADERS:
            break
        kept.append((name, shown))
    return msgspec.json.encode(kept).decode()


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
