"""The age at which messages and their attachments are removed: the operator's, or an account's own.

Only finished messages go, and everything of theirs goes with them: segments, feedback, attachments and their contents.
Their age counts from their last change, and a message that was sent, but not yet reported, has ``RECEIPT_DAYS`` more
for its receipt. An account's own days replace the operator's, 0 among them.
"""

from __future__ import annotations

from functools import partial

import msgspec

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


class AccountDays(Row, frozen=True):
    """A row of ``account_retention``: an account's own days, None where the operator's apply."""

    account_sid: str
    message_days: int | None
    media_days: int | None
    date_updated: int


class _Days(Row, frozen=True):
    account_sid: str
    days: int


class _Old(msgspec.Struct, frozen=True):
    """The rows of an account from before a time."""

    account_sid: str
    before: int


class _OldMessage(Row, frozen=True):
    sid: str
    num_media: int


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
        """Return the old messages of an account."""
        found = await _find(database, retention.options, MESSAGE_DAYS)
        return None if found is None else FoundRows(table.table, partial(_remove_messages, old=found))


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
        """Return the old attachments of an account."""
        found = await _find(database, retention.options, MEDIA_DAYS)
        return None if found is None else FoundRows(table.table, partial(_remove_media, old=found))


async def _remove_messages(tx: Tx, limit: int, old: _Old) -> int:
    """Remove some of an account's old messages with all that is theirs."""
    sql = _MESSAGES_TO_REMOVE.format(locking=tx.skip_locked)
    messages = await tx.all(_OldMessage, sql, account_sid=old.account_sid, before=old.before, page=limit)
    for message in messages:
        if message.num_media:
            await store.delete_media(tx, old.account_sid, message.sid)
    await tx.run_many(
        "DELETE FROM messages WHERE account_sid = :account_sid AND sid = :sid",
        [{"account_sid": old.account_sid, "sid": message.sid} for message in messages],
    )
    return len(messages)


async def _remove_media(tx: Tx, limit: int, old: _Old) -> int:
    """Remove some of an account's old attachments with their contents."""
    sql = _MEDIA_TO_REMOVE.format(locking=tx.skip_locked)
    media = await tx.all(store.Medium, sql, account_sid=old.account_sid, before=old.before, page=limit)
    for medium in media:
        await store.delete_medium(tx, old.account_sid, medium.message_sid, medium.sid)
    return len(media)


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


_MESSAGES_TO_REMOVE = (
    f"SELECT sid, num_media {_OLD_MESSAGES} ORDER BY date_created, sid LIMIT :page {{locking}}"
)
_MEDIA_TO_REMOVE = (
    f"SELECT {columns(store.Medium)} {_OLD_MEDIA} ORDER BY date_created LIMIT :page {{locking}}"
)


class _Queries(msgspec.Struct, frozen=True):
    """The queries of an option: the accounts that have chosen days, all accounts with their days, and whether an
    account has old rows."""

    chosen: str
    every: str
    old: str


_QUERIES = {
    MESSAGE_DAYS: _Queries(
        "SELECT account_sid, message_days FROM account_retention"
        " WHERE account_sid > :after AND message_days > 0 ORDER BY account_sid LIMIT :page",
        "SELECT a.sid, coalesce(r.message_days, :days) FROM accounts a"
        " LEFT JOIN account_retention r ON r.account_sid = a.sid WHERE a.sid > :after ORDER BY a.sid LIMIT :page",
        f"SELECT 1 {_OLD_MESSAGES} LIMIT 1",
    ),
    MEDIA_DAYS: _Queries(
        "SELECT account_sid, media_days FROM account_retention"
        " WHERE account_sid > :after AND media_days > 0 ORDER BY account_sid LIMIT :page",
        "SELECT a.sid, coalesce(r.media_days, :days) FROM accounts a"
        " LEFT JOIN account_retention r ON r.account_sid = a.sid WHERE a.sid > :after ORDER BY a.sid LIMIT :page",
        f"SELECT 1 {_OLD_MEDIA} LIMIT 1",
    ),
}


async def _find(database: Database, options: Options, option: str) -> _Old | None:
    """Return the first account with rows that are too old; None if there is none."""
    queries, days, after = _QUERIES[option], options[option], ""
    while accounts := await database.scan(partial(_accounts, queries=queries, days=days, after=after)):
        for account in accounts:
            if account.days and (old := await database.scan(partial(_old, queries=queries, account=account))):
                return old
        after = accounts[-1].account_sid
    return None


async def _accounts(tx: Tx, queries: _Queries, days: int, after: str) -> list[_Days]:
    if days:
        return await tx.all(_Days, queries.every, after=after, days=days, page=_ACCOUNTS)
    return await tx.all(_Days, queries.chosen, after=after, page=_ACCOUNTS)


async def _old(tx: Tx, queries: _Queries, account: _Days) -> _Old | None:
    old = _Old(account.account_sid, tx.now - account.days * DAY)
    found = await tx.value(queries.old, account_sid=old.account_sid, before=old.before)
    return None if found is None else old


def _words(option: str, options: Options | None) -> str:
    if options is None:
        return f"at most `{option}` days, or its account's own"
    days = f"at most {options[option]:,} days" if options[option] else "for ever"
    return f"{days} ({option}), or its account's own days"
