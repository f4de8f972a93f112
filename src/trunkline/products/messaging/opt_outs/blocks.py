"""Blocks: recipients who opted out of one number's messages, or of all of a Service's (doc)."""

from __future__ import annotations

from trunkline.core.storage.database import Row, Tx, columns


class Block(Row, frozen=True):
    """A row of ``opt_outs``."""

    account_sid: str
    scope: str
    recipient: str
    date_created: int


_OF_ACCOUNT = f"SELECT {columns(Block)} FROM opt_outs WHERE account_sid = :account_sid"
_NEWEST_FIRST = "ORDER BY date_created DESC, scope DESC, recipient DESC LIMIT :limit"
_OLDER = "(date_created, scope, recipient) < (:before, :last_scope, :last_recipient)"
# With one name the index has the other beside the time, and begins at both.
_PAGES = {
    (False, False): f"{_OF_ACCOUNT} AND {_OLDER} {_NEWEST_FIRST}",
    (True, False): f"{_OF_ACCOUNT} AND scope = :scope"
    f" AND (date_created, recipient) < (:before, :last_recipient) {_NEWEST_FIRST}",
    (False, True): f"{_OF_ACCOUNT} AND recipient = :recipient"
    f" AND (date_created, scope) < (:before, :last_scope) {_NEWEST_FIRST}",
    (True, True): f"{_OF_ACCOUNT} AND scope = :scope AND recipient = :recipient AND {_OLDER} {_NEWEST_FIRST}",
}
"""The pages of a list, by whether a scope and a recipient are given."""
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
    return await tx.all(
        Block,
        _PAGES[scope is not None, recipient is not None],
        account_sid=account_sid,
        scope=scope,
        recipient=recipient,
        before=before,
        last_scope=last_scope,
        last_recipient=last_recipient,
        limit=limit,
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
    SELECT s.service_sid FROM numbers n JOIN live_messaging_senders s ON s.sid = n.sid
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
