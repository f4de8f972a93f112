"""Blocks: recipients who opted out of one number's messages, or of all of a Service's (doc)."""

from __future__ import annotations

from trunkline.core.storage.database import Row, Tx, columns


class Block(Row, frozen=True):
    """A row of ``opt_outs``."""

    account_sid: str
    scope: str
    recipient: str
    date_created: int


_PAGE = f"""
SELECT {columns(Block)} FROM opt_outs WHERE account_sid = :account_sid
AND (date_created, scope, recipient) < (:before, :last_scope, :last_recipient)
"""
_OF_SCOPE = " AND scope = :scope"
_OF_RECIPIENT = " AND recipient = :recipient"
_NEWEST_FIRST = " ORDER BY date_created DESC, scope DESC, recipient DESC LIMIT :limit"
NEWEST = (1 << 62, "", "")
"""The position before the first entry of a list."""


async def page_blocks(
    tx: Tx,
    account_sid: str,
    scope: str | None,
    recipient: str | None,
    after: tuple[int, str, str],
    limit: int,
) -> list[Block]:
    """Return up to ``limit`` blocks, the newest first, behind the time, scope and recipient ``after``: all of the
    account, or those of one scope or recipient."""
    before, last_scope, last_recipient = after
    query, values = _PAGE, {}
    if scope is not None:
        query, values["scope"] = query + _OF_SCOPE, scope
    if recipient is not None:
        query, values["recipient"] = query + _OF_RECIPIENT, recipient
    return await tx.all(
        Block,
        query + _NEWEST_FIRST,
        account_sid=account_sid,
        before=before,
        last_scope=last_scope,
        last_recipient=last_recipient,
        limit=limit,
        **values,
    )


def scope_of(service_sid: str | None, sender: str) -> str:
    """Return the scope of an opt-out: the Service with all of its senders; without one the sender alone (doc)."""
    return service_sid or sender


async def is_blocked(tx: Tx, account_sid: str, scope: str, recipient: str) -> bool:
    """Return whether the recipient has opted out of the scope."""
    found = await tx.value(
        "SELECT recipient FROM opt_outs"
        " WHERE account_sid = :account_sid AND scope = :scope AND recipient = :recipient",
        account_sid=account_sid,
        scope=scope,
        recipient=recipient,
    )
    return found is not None


_BY_SENDER = """
SELECT recipient FROM opt_outs WHERE account_sid = :account_sid AND recipient = :recipient AND scope = COALESCE((
    SELECT s.service_sid FROM numbers n JOIN messaging_senders s ON s.sid = n.sid
    WHERE n.number = :sender AND n.account_sid = :account_sid
), :sender)
"""


async def has_opted_out(tx: Tx, account_sid: str, sender: str, recipient: str) -> bool:
    """Return whether the recipient has opted out of the Service in whose pool the sender is, or of a sender without
    a Service."""
    found = await tx.value(_BY_SENDER, account_sid=account_sid, sender=sender, recipient=recipient)
    return found is not None


async def block(tx: Tx, account_sid: str, scope: str, recipient: str) -> bool:
    """Record that the recipient has opted out; return whether that is new."""
    return bool(
        await tx.run(
            "INSERT INTO opt_outs (account_sid, scope, recipient, date_created)"
            " VALUES (:account_sid, :scope, :recipient, :now) ON CONFLICT DO NOTHING",
            account_sid=account_sid,
            scope=scope,
            recipient=recipient,
            now=tx.now,
        )
    )


async def unblock(tx: Tx, account_sid: str, scope: str, recipient: str) -> bool:
    """Record that the recipient has opted in again; return whether that is new."""
    return bool(
        await tx.run(
            "DELETE FROM opt_outs"
            " WHERE account_sid = :account_sid AND scope = :scope AND recipient = :recipient",
            account_sid=account_sid,
            scope=scope,
            recipient=recipient,
        )
    )
