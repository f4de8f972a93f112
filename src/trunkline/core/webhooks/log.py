"""The record of every attempt to deliver a webhook."""

from __future__ import annotations

from typing import Any

from trunkline.core.storage.database import Row, Tx, columns
from trunkline.core.storage.migrate import Migration

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
)

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


_PAGE = f"""
SELECT {columns(Attempt)} FROM webhook_attempts
WHERE account_sid = :account_sid AND (started, sid) < (:started, :sid)
AND (CAST(:service_sid AS TEXT) IS NULL OR service_sid = :service_sid)
AND (CAST(:status AS TEXT) IS NULL OR status = :status)
ORDER BY started DESC, sid DESC LIMIT :most
"""
_FIND = f"SELECT {columns(Attempt)} FROM webhook_attempts WHERE sid = :sid AND account_sid = :account_sid"
_PRUNE = """
DELETE FROM webhook_attempts WHERE sid IN (
    SELECT sid FROM webhook_attempts WHERE started < :before ORDER BY started LIMIT :most
)
"""

_LATEST = 2**62


async def record(tx: Tx, attempt: Attempt) -> None:
    """Add an attempt."""
    await tx.insert("webhook_attempts", attempt)


async def prune(tx: Tx, before: int, most: int) -> int:
    """Forget up to ``most`` attempts that started ``before`` a time, the oldest first; answers how many."""
    return await tx.run(_PRUNE, before=before, most=most)


async def find(tx: Tx, account_sid: str, sid: str) -> Attempt | None:
    """An attempt of the account."""
    return await tx.one(Attempt, _FIND, account_sid=account_sid, sid=sid)


async def page(
    tx: Tx,
    account_sid: str,
    *,
    after: tuple[int, str] | None = None,
    service_sid: str | None = None,
    status: str | None = None,
    most: int = 50,
) -> list[Attempt]:
    """Up to ``most`` attempts of the account, newest first, behind the one with the start and SID ``after``."""
    values: dict[str, Any] = {"service_sid": service_sid, "status": status, "most": most}
    started, sid = after or (_LATEST, "")
    return await tx.all(Attempt, _PAGE, account_sid=account_sid, started=started, sid=sid, **values)
