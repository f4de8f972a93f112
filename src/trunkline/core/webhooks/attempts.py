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
from trunkline.core.storage.retention import AgeLimit, NewestLimit, TableRetention
from trunkline.core.storage.walks import walk
from trunkline.core.webhooks.attempt_content import AttemptContent, pack, unpack
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
    Migration(
        "webhooks",
        3,
        (
            # The texts of an attempt, packed. In older rows it is empty, and their columns have the texts.
            "ALTER TABLE webhook_attempts ADD COLUMN content BLOB",
            # About the bytes that the row and its entries in the indexes take.
            "ALTER TABLE webhook_attempts ADD COLUMN size BIGINT NOT NULL DEFAULT 2048",
            "DROP INDEX webhook_attempts_by_age",
            # its retention; with the size, which is summed up over all rows
            "CREATE INDEX webhook_attempts_by_age ON webhook_attempts (started, size)",
        ),
    ),
    Migration(
        "webhooks",
        4,
        (
            # The sizes of older rows; 512 as for others.
            "UPDATE webhook_attempts SET size = 512 + octet_length(webhook) + octet_length(url)"
            " + octet_length(request_headers) + octet_length(response_headers) + octet_length(response_body)"
            " + octet_length(error_text) WHERE content IS NULL",
        ),
    ),
    Migration(
        "webhooks",
        5,
        (
            # page: PostgreSQL takes no index of the account for the order of a Service's attempts.
            "DROP INDEX webhook_attempts_by_service",
            "DROP INDEX webhook_attempts_failed_by_service",
            "CREATE INDEX webhook_attempts_by_service ON webhook_attempts (service_sid, started, sid)"
            " WHERE service_sid <> ''",
            "CREATE INDEX webhook_attempts_failed_by_service ON webhook_attempts (service_sid, started, sid)"
            " WHERE status = 'failed' AND service_sid <> ''",
        ),
    ),
)

RETENTION = (
    TableRetention(
        table="webhook_attempts",
        key=("sid",),
        limits=(
            AgeLimit("started", "webhook_log_days"),
            NewestLimit("started", "webhook_log_megabytes", size="size"),
        ),
        account="account_sid = :account_sid",
    ),
)

PREFIX = "WA"
"""The prefix of an attempt's SID."""

MAX_BODY = 16 * 1024
"""Characters of a response's body that are kept."""

MAX_HEADERS = 8 * 1024
"""Characters of a response's headers that are kept."""

_OWNER = """
SELECT account_sid FROM webhook_attempts WHERE service_sid = :service_sid AND service_sid <> ''
ORDER BY started DESC, sid DESC LIMIT 1
"""

_HIDDEN = ("authorization", "cookie", "set-cookie")

DELIVERED = "delivered"
FAILED = "failed"


class Attempt(Row, frozen=True):
    """An attempt. ``status`` is delivered or failed; ``webhook`` is its JSON, ``number`` counts
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


class _StoredAttempt(Attempt, frozen=True):
    """A row of ``webhook_attempts`` as it is stored."""

    content: bytes | None
    size: int


_OVERHEAD = 512
"""Bytes of a row besides its content, with its entries in the indexes (measured on SQLite)."""

_FIND = (
    f"SELECT {columns(_StoredAttempt)} FROM webhook_attempts WHERE sid = :sid AND account_sid = :account_sid"
)


async def record(tx: Tx, attempt: Attempt, *, promised: bool = False) -> Attempt:
    """Add an attempt and return it. One whose SID was ``promised`` gets another if the job runs a second time, and its
    first run has used that."""
    if promised and await find(tx, attempt.account_sid, attempt.sid) is not None:
        attempt = msgspec.structs.replace(attempt, sid=new_sid(PREFIX))
    await tx.insert("webhook_attempts", _stored(attempt))
    return attempt


async def find(tx: Tx, account_sid: str, sid: str) -> Attempt | None:
    """Return an attempt of the account; None if it has none with this SID."""
    found = await tx.one(_StoredAttempt, _FIND, account_sid=account_sid, sid=sid)
    return None if found is None else _attempt(found)


async def page(
    tx: Tx, account_sid: str, span: Span, *, service_sid: str | None = None, status: str | None = None
) -> WalkResult[Attempt]:
    """Return the account's attempts in a span over ``started`` and ``sid``: those of a Service and a status, if they
    are given."""
    held, checked = ["account_sid = :account_sid"], []
    if service_sid is not None:
        # A Service belongs to one account: it is asked for first, so that nobody walks along another's rows.
        if await tx.value(_OWNER, service_sid=service_sid) != account_sid:
            return WalkResult([])
        held = ["service_sid = :service_sid", "service_sid <> ''"]
    # Few fail as a rule: an index holds these alone, and the others are checked among all.
    if status == FAILED:
        held.append("status = 'failed'")
    elif status is not None:
        checked.append("status = :status")
    query = ListQuery("webhook_attempts", tuple(held), tuple(checked))
    found = await walk(
        tx, _StoredAttempt, query, span, account_sid=account_sid, service_sid=service_sid, status=status
    )
    return found.map(_attempt)


def _stored(attempt: Attempt) -> _StoredAttempt:
    """Return the row of an attempt: its texts are packed together, and empty as columns."""
    texts = {name: getattr(attempt, name) for name in AttemptContent.__struct_fields__}
    content = pack(AttemptContent(**texts), attempt.account_sid, attempt.service_sid)
    values = msgspec.structs.asdict(attempt) | dict.fromkeys(texts, "")
    return _StoredAttempt(**values, content=content, size=len(content) + _OVERHEAD)


def _attempt(stored: _StoredAttempt) -> Attempt:
    """Return the attempt of a row, of the present form or an older one."""
    values = msgspec.structs.asdict(stored)
    del values["size"]
    if (content := values.pop("content")) is not None:
        values |= msgspec.structs.asdict(unpack(content, stored.account_sid, stored.service_sid))
    return Attempt(**values)


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
