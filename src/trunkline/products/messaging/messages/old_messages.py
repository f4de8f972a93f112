"""The age at which messages and their attachments are removed: the operator's, or an account's own.

Only finished messages go, and everything of theirs goes with them: segments, feedback, attachments and their contents.
Their age counts from their last change, and a message that was sent, but not yet reported, has ``RECEIPT_DAYS`` more
for its receipt. An account's own days replace the operator's, 0 among them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec

from trunkline.core.blobs.store import PIECE
from trunkline.core.storage.batch import weighed_batches
from trunkline.core.storage.database import Database, Row, Tx, columns
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.retention import DAY, FoundRows, Options, Retention, TableRetention
from trunkline.products.messaging.lifecycle.message import TERMINAL, MessageStatus
from trunkline.products.messaging.media import store

MIGRATIONS = (
    Migration(
        "message-retention",
        1,
        (
            # The days of an account that has chosen them; 0 keeps, empty is the operator's.
            """CREATE TABLE account_retention (
                account_sid TEXT PRIMARY KEY REFERENCES accounts (sid) ON DELETE CASCADE,
                message_days BIGINT,
                media_days BIGINT,
                date_updated BIGINT NOT NULL
            )""",
            # its retention
            "CREATE INDEX message_media_by_age ON message_media (account_sid, date_created)",
            # its retention
            "CREATE INDEX message_parts_by_age ON message_parts (date_created)",
        ),
    ),
)

MESSAGE_DAYS, MEDIA_DAYS = "message_days", "media_days"
RECEIPT_DAYS = 3
"""Days for which a network may still report a message that it was handed, at most."""

_ACCOUNTS = 1000
"""Accounts that one statement checks."""

_FOUND = 100
"""Accounts with old rows that are found at once."""


class AccountDays(Row, frozen=True):
    """A row of ``account_retention``: an account's own days, None where the operator's apply."""

    account_sid: str
    message_days: int | None
    media_days: int | None
    date_updated: int


class _Old(Row, frozen=True):
    """The rows of an account from before a time."""

    account_sid: str
    before: int


class _OldMessage(Row, frozen=True):
    """A message to remove. ``rows`` counts those that go with it: segments, attachments, pieces of contents."""

    sid: str
    num_media: int
    rows: int


_Remove = Callable[[Tx, int, _Old], Awaitable[int]]
"""The removal of up to a number of an account's old rows, which returns how many."""


async def find_days(tx: Tx, account_sid: str) -> AccountDays:
    """Return an account's own days."""
    sql = f"SELECT {columns(AccountDays)} FROM account_retention WHERE account_sid = :account_sid"
    found = await tx.one(AccountDays, sql, account_sid=account_sid)
    return found or AccountDays(account_sid, None, None, 0)


async def set_days(tx: Tx, days: AccountDays) -> None:
    """Store an account's own days."""
    await tx.run(
        "INSERT INTO account_retention (account_sid, message_days, media_days, date_updated)"
        " VALUES (:account_sid, :message_days, :media_days, :date_updated) ON CONFLICT (account_sid)"
        " DO UPDATE SET message_days = :message_days, media_days = :media_days, date_updated = :date_updated",
        **msgspec.structs.asdict(days),
    )


class OldMessages(msgspec.Struct, frozen=True):
    """Finished messages go after ``message_days``, or their account's own days."""

    @property
    def by_clock(self) -> bool:
        """True: rows go by their time."""
        return True

    def words(self, options: Options | None) -> str:
        """Return the rule for people."""
        return _words(MESSAGE_DAYS, options)

    async def find(self, database: Database, retention: Retention, table: TableRetention) -> FoundRows | None:
        """Return the old messages of some accounts."""
        found = await _find(database, retention.options, MESSAGE_DAYS)
        return (
            FoundRows(table.table, partial(_remove_of, accounts=found, remove=_remove_messages))
            if found
            else None
        )


class OldMedia(msgspec.Struct, frozen=True):
    """Attachments of finished messages go after ``media_days``, or their account's own days."""

    @property
    def by_clock(self) -> bool:
        """True: rows go by their time."""
        return True

    def words(self, options: Options | None) -> str:
        """Return the rule for people."""
        return _words(MEDIA_DAYS, options)

    async def find(self, database: Database, retention: Retention, table: TableRetention) -> FoundRows | None:
        """Return the old attachments of some accounts."""
        found = await _find(database, retention.options, MEDIA_DAYS)
        return (
            FoundRows(table.table, partial(_remove_of, accounts=found, remove=_remove_media))
            if found
            else None
        )


async def _remove_of(tx: Tx, limit: int, accounts: Sequence[_Old], remove: _Remove) -> int:
    """Remove some of the old rows of these accounts."""
    removed = 0
    for old in accounts:
        if removed < limit:
            removed += await remove(tx, limit - removed, old)
    return removed


async def _remove_messages(tx: Tx, limit: int, old: _Old) -> int:
    """Remove some of an account's old messages with all that is theirs, up to ``limit`` rows together; return the limit
    if more are left."""
    sql = _MESSAGES_TO_REMOVE.format(locking=tx.skip_locked)
    found = await tx.all(_OldMessage, sql, account_sid=old.account_sid, before=old.before, page=limit)
    messages = next(weighed_batches(found, lambda message: 1 + message.rows, limit), [])
    for message in messages:
        if message.num_media:
            await store.delete_media(tx, old.account_sid, message.sid)
    await tx.run_many(
        "DELETE FROM messages WHERE account_sid = :account_sid AND sid = :sid",
        [{"account_sid": old.account_sid, "sid": message.sid} for message in messages],
    )
    return len(messages) if len(messages) == len(found) else limit


async def _remove_media(tx: Tx, limit: int, old: _Old) -> int:
    """Remove some of an account's old attachments with their contents, up to ``limit`` rows together; return the limit
    if more are left."""
    sql = _MEDIA_TO_REMOVE.format(locking=tx.skip_locked)
    found = await tx.all(store.Medium, sql, account_sid=old.account_sid, before=old.before, page=limit)
    media = next(weighed_batches(found, lambda medium: 2 + medium.size // PIECE, limit), [])
    for medium in media:
        await store.delete_medium(tx, old.account_sid, medium.message_sid, medium.sid)
    return len(media) if len(media) == len(found) else limit


_TERMINAL = ", ".join(f"'{status.value}'" for status in sorted(TERMINAL))
_OLD = f"""
m.date_updated < :before AND (m.date_sent IS NULL OR m.date_sent < :before) AND (
    m.status IN ({_TERMINAL})
    OR (m.status = '{MessageStatus.SENT.value}' AND m.date_updated < :before - {RECEIPT_DAYS * DAY}
        AND (m.date_sent IS NULL OR m.date_sent < :before - {RECEIPT_DAYS * DAY})
        AND m.date_created < :before - {RECEIPT_DAYS * DAY})
)
"""
_OLD_MESSAGES = f"FROM messages m WHERE m.account_sid = :account_sid AND m.date_created < :before AND {_OLD}"
_OLD_MEDIA = f"""
FROM message_media WHERE account_sid = :account_sid AND date_created < :before AND EXISTS (
    SELECT 1 FROM messages m WHERE m.sid = message_media.message_sid AND {_OLD}
)
"""


_ROWS_BELOW = f"""
(SELECT CAST(coalesce(sum(2 + size / {PIECE}), 0) AS BIGINT) FROM message_media WHERE message_sid = m.sid)
+ (SELECT count(*) FROM message_parts WHERE message_sid = m.sid)
"""
_MESSAGES_TO_REMOVE = (
    f"SELECT sid, num_media, {_ROWS_BELOW} {_OLD_MESSAGES} ORDER BY date_created, sid LIMIT :page {{locking}}"
)
_MEDIA_TO_REMOVE = (
    f"SELECT {columns(store.Medium)} {_OLD_MEDIA} ORDER BY date_created LIMIT :page {{locking}}"
)


# Any account may have rows that are too old, or only those that have chosen days, if the operator keeps all.
_EVERY = """
SELECT a.sid AS account_sid, coalesce(r.{option}, :days) AS days FROM accounts a
LEFT JOIN account_retention r ON r.account_sid = a.sid WHERE a.sid > :after ORDER BY a.sid LIMIT :page
"""
_CHOSEN = """
SELECT account_sid, coalesce({option}, 0) AS days FROM account_retention
WHERE account_sid > :after ORDER BY account_sid LIMIT :page
"""
_BEFORE = f"(:now - page.days * {DAY})"
_LAST = "SELECT max(account_sid) FROM ({page}) AS page"
_WITH_OLD_ROWS = """
SELECT account_sid, {before} FROM ({page}) AS page WHERE days > 0 AND EXISTS (SELECT 1 {rows}) LIMIT :found
"""
_ROWS = {MESSAGE_DAYS: _OLD_MESSAGES, MEDIA_DAYS: _OLD_MEDIA}


async def _find(database: Database, options: Options, option: str) -> list[_Old]:
    """Return the first accounts with rows that are too old."""
    found: list[_Old] = []
    after: str | None = ""
    while after is not None and not found:
        found, after = await database.scan(
            partial(_find_in_page, option=option, days=options[option], after=after)
        )
    return found


async def _find_in_page(tx: Tx, option: str, days: int, after: str) -> tuple[list[_Old], str | None]:
    """Return the accounts with old rows of a page of accounts, and the last of the page, None if that is empty."""
    values = {"after": after, "page": _ACCOUNTS} | ({"days": days} if days else {})
    page = (_EVERY if days else _CHOSEN).format(option=option)
    last = await tx.value(_LAST.format(page=page), **values)
    if last is None:
        return [], None
    rows = _ROWS[option].replace(":account_sid", "page.account_sid").replace(":before", _BEFORE)
    sql = _WITH_OLD_ROWS.format(page=page, before=_BEFORE, rows=rows)
    return await tx.all(_Old, sql, now=tx.now, found=_FOUND, **values), last


def _words(option: str, options: Options | None) -> str:
    if options is None:
        return f"at most `{option}` days, or its account's own"
    days = f"at most {options[option]:,} days" if options[option] else "for ever"
    return f"{days} ({option}), or its account's own days"
