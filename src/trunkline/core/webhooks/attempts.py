"""The attempts to deliver webhooks: the result of each, and its row, bounded in size and without credentials."""

from __future__ import annotations

import msgspec

from trunkline.core.egress.failure import Failure
from trunkline.core.egress.http_message import EgressResponse, Headers
from trunkline.core.jobs.claims import clipped
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.core.storage.list_query import ListQuery, Span, WalkResult
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.walks import walk
from trunkline.core.webhooks.webhook import Webhook

MIGRATIONS = (
    Migration(
        "webhooks",
        1,
        (
            """CREATE TABLE webhook_attempts (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL,
                service_sid TEXT NOT NULL,
                status TEXT NOT NULL,
                started BIGINT NOT NULL,
                webhook TEXT NOT NULL,
                number BIGINT NOT NULL,
                url TEXT NOT NULL,
                request_headers TEXT NOT NULL,
                response_status BIGINT,
                response_headers TEXT NOT NULL,
                response_body TEXT NOT NULL,
                error_code BIGINT,
                error_text TEXT NOT NULL,
                address TEXT NOT NULL,
                redirects BIGINT NOT NULL,
                duration BIGINT NOT NULL
            )""",
            # page
            "CREATE INDEX webhook_attempts_by_start ON webhook_attempts (account_sid, started, sid)",
            # prune
            "CREATE INDEX webhook_attempts_by_age ON webhook_attempts (started)",
        ),
    ),
    Migration(
        "webhooks",
        2,
        (
            # page, by what the filters name
            "CREATE INDEX webhook_attempts_failed ON webhook_attempts (account_sid, started, sid)"
            " WHERE status = 'failed'",
            "CREATE INDEX webhook_attempts_by_service"
            " ON webhook_attempts (account_sid, service_sid, started, sid) WHERE service_sid <> ''",
            "CREATE INDEX webhook_attempts_failed_by_service"
            " ON webhook_attempts (account_sid, service_sid, started, sid)"
            " WHERE status = 'failed' AND service_sid <> ''",
        ),
    ),
)

PREFIX = "WA"
"""The prefix of an attempt's SID."""

MAX_BODY = 16 * 1024
"""Characters of a response's body that are kept."""

MAX_HEADERS = 8 * 1024
"""Characters of a response's headers that are kept."""

_HIDDEN = ("authorization", "cookie", "set-cookie")

DELIVERED = "delivered"
FAILED = "failed"


class Attempt(Row, frozen=True):
    """A row of ``webhook_attempts``. ``status`` is delivered or failed; ``webhook`` is its JSON, ``number`` counts
    from 1 within one run; the headers are JSON lists of pairs; ``error_code`` is the debugger's; ``started`` is in
    microseconds since 1970 UTC, ``duration`` in microseconds."""

    sid: str
    account_sid: str
    service_sid: str
    status: str
    started: int
    webhook: str
    number: int
    url: str
    request_headers: str
    response_status: int | None
    response_headers: str
    response_body: str
    error_code: int | None
    error_text: str
    address: str
    redirects: int
    duration: int


_FIND = f"SELECT {columns(Attempt)} FROM webhook_attempts WHERE sid = :sid AND account_sid = :account_sid"
_PRUNE = """
DELETE FROM webhook_attempts WHERE sid IN (
    SELECT sid FROM webhook_attempts WHERE started < :before ORDER BY started LIMIT :limit
)
"""


async def record(tx: Tx, attempt: Attempt, *, promised: bool = False) -> Attempt:
    """Add an attempt and return it. One whose SID was ``promised`` gets another if the job runs a second time, and its
    first run has used that."""
    if promised and await find(tx, attempt.account_sid, attempt.sid) is not None:
        attempt = msgspec.structs.replace(attempt, sid=new_sid(PREFIX))
    await tx.insert("webhook_attempts", attempt)
    return attempt


async def prune(tx: Tx, before: int, limit: int) -> int:
    """Delete up to ``limit`` attempts that started ``before`` a time, the oldest first; return how many."""
    return await tx.run(_PRUNE, before=before, limit=limit)


async def find(tx: Tx, account_sid: str, sid: str) -> Attempt | None:
    """Return an attempt of the account; None if it has none with this SID."""
    return await tx.one(Attempt, _FIND, account_sid=account_sid, sid=sid)


async def page(
    tx: Tx, account_sid: str, span: Span, *, service_sid: str | None = None, status: str | None = None
) -> WalkResult[Attempt]:
    """Return the account's attempts in a span over ``started`` and ``sid``: those of a Service and a status, if they
    are given."""
    held, checked = ["account_sid = :account_sid"], []
    if service_sid is not None:
        held += ["service_sid = :service_sid", "service_sid <> ''"]
    # Few fail as a rule: an index holds these alone, and the others are checked among all.
    if status == FAILED:
        held.append("status = 'failed'")
    elif status is not None:
        checked.append("status = :status")
    query = ListQuery("webhook_attempts", tuple(held), tuple(checked))
    return await walk(
        tx, Attempt, query, span, account_sid=account_sid, service_sid=service_sid, status=status
    )


class AttemptResult(msgspec.Struct, frozen=True):
    """The result of an attempt: a ``response``, a ``failure`` or, after redirects, both. ``error_code`` is the
    debugger's, none for a delivery. Times are in microseconds."""

    number: int
    started: int
    url: str
    request_headers: Headers = ()
    redirects: int = 0
    response: EgressResponse | None = None
    failure: Failure | None = None
    error_code: int | None = None
    error_text: str = ""
    duration: int = 0

    @property
    def delivered(self) -> bool:
        """True if the receiver accepted it."""
        return self.error_code is None


def attempt_of(webhook: Webhook, result: AttemptResult) -> Attempt:
    """Return the row of an attempt; the first has the SID that the webhook names, if it names one."""
    response = result.response if result.failure is None else None
    return Attempt(
        sid=(webhook.attempt_sid if result.number == 1 else "") or new_sid(PREFIX),
        account_sid=webhook.account_sid,
        service_sid=webhook.service_sid,
        status=DELIVERED if result.delivered else FAILED,
        started=result.started,
        webhook=msgspec.json.encode(webhook).decode(),
        number=result.number,
        url=result.url,
        request_headers=_headers(result.request_headers),
        response_status=response.status if response else None,
        response_headers=_headers(response.headers if response else ()),
        response_body=_text(response.body)[:MAX_BODY] if response else "",
        error_code=result.error_code,
        error_text=clipped(result.error_text),
        address=response.address if response else "",
        redirects=result.redirects,
        duration=result.duration,
    )


def _headers(headers: Headers) -> str:
    """Return as many of the headers as fit, as JSON."""
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
