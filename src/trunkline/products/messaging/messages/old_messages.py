"""The age at which messages and their attachments are removed: the operator's, or an account's own.

Only finished messages go, and everything of theirs goes with them: segments, feedback, attachments and their contents.
Their age counts from their last change, and a message that was sent, but not yet reported, stays as long as a receipt
finds it (``receipt_days``). An account's own days replace the operator's, 0 among them.

1. A check reads a bounded number of an account's rows in the order of their creation: first the ``_OLDEST`` of each
   account, which mostly suffice, and then, account by account, ``PAGE`` at a time.
2. Rows that are old enough but must stay, such as scheduled ones, are passed over. ``Retention.places`` has the place
   behind them, at which the next sweep goes on; after ``ROUND`` they are checked again.
3. A piece of a removal reads the rows of one check.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec

from trunkline.core.blobs.store import PIECE
from trunkline.core.clock import SECOND
from trunkline.core.storage.batch import weighed_batches
from trunkline.core.storage.database import Database, Row, Tx, columns
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.removal import RemovalProgress
from trunkline.core.storage.retention import DAY, PAGE, FoundRows, Options, Place, Retention, TableRetention
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
PART_DAYS = "message_part_days"
MOST_RECEIPT_DAYS = 30
"""Days for which a message waits for its receipt, at most."""

ROUND = 3600 * SECOND
"""The time after which rows that were passed over are checked again."""

_ACCOUNTS = 200
"""Accounts that one statement checks."""

_OLDEST = 100
"""The oldest rows of each of them that it reads."""

_FOUND = 100
"""Accounts whose old rows are removed together."""


class AccountDays(Row, frozen=True):
    """A row of ``account_retention``: an account's own days, None where the operator's apply."""

    account_sid: str
    message_days: int | None
    media_days: int | None
    date_updated: int


class _Check(Row, frozen=True):
    """The result of a check of an account to which ``days`` apply: ``stop`` is the end of what was read, None if that
    was all that is old enough."""

    account_sid: str
    days: int
    stop: int | None
    has_old: bool


class _Old(msgspec.Struct, frozen=True):
    """The rows of an account that were made from ``since``, before ``until``: those that have not changed since
    ``before``, or, if they may have a receipt, since ``receipts``, are old."""

    account_sid: str
    since: int
    until: int
    before: int
    receipts: int


class _OldMessage(Row, frozen=True):
    """A message to remove. ``rows`` counts those that go with it: segments, attachments with their links and
    contents, feedback, its place in the queue."""

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


class OldRows(msgspec.Struct, frozen=True):
    """Rows of finished messages go after the days of ``option``, or their account's own days; by ``remove``."""

    option: str
    remove: _Remove

    @property
    def by_clock(self) -> bool:
        """True: rows go by their time."""
        return True

    def words(self, options: Options | None) -> str:
        """Return the rule for people."""
        if options is None:
            return f"at most `{self.option}` days, or its account's own"
        days = f"at most {options[self.option]:,} days" if options[self.option] else "for ever"
        return f"{days} ({self.option}), or its account's own days"

    async def find(
        self, database: Database, retention: Retention, table: TableRetention, now: int
    ) -> FoundRows | None:
        """Return the old rows of some accounts."""
        found = await _Search(database, retention, self.option, now).find()
        piece = partial(_remove_of, accounts=found, remove=self.remove)
        return FoundRows(table.table, piece) if found else None


async def _remove_of(tx: Tx, limit: int, accounts: Sequence[_Old], remove: _Remove) -> RemovalProgress:
    """Remove some of the old rows of the first of these accounts that has any."""
    for old in accounts:
        if rows := await remove(tx, limit, old):
            return RemovalProgress(rows, more=True)
    return RemovalProgress(0, more=False)


async def _remove_messages(tx: Tx, limit: int, old: _Old) -> int:
    """Remove some of an account's old messages with all that is theirs, up to ``limit`` rows together; return the
    number of the messages."""
    sql = _MESSAGES_TO_REMOVE.format(locking=tx.skip_locked)
    found = await tx.all(_OldMessage, sql, page=limit, **msgspec.structs.asdict(old))
    return await _remove_first(tx, limit, old.account_sid, found)


async def remove_of_account(tx: Tx, limit: int, account_sid: str) -> RemovalProgress:
    """Remove some of an account's messages, old or not, with all that is theirs, up to ``limit`` rows together."""
    sql = _MESSAGES_OF_ACCOUNT.format(locking=tx.skip_locked)
    found = await tx.all(_OldMessage, sql, page=limit, account_sid=account_sid)
    return RemovalProgress(await _remove_first(tx, limit, account_sid, found), more=bool(found))


async def _remove_first(tx: Tx, limit: int, account_sid: str, found: Sequence[_OldMessage]) -> int:
    messages = next(weighed_batches(found, lambda message: 1 + message.rows, limit), [])
    for message in messages:
        if message.num_media:
            await store.delete_media(tx, account_sid, message.sid)
    await tx.run_many(
        "DELETE FROM messages WHERE account_sid = :account_sid AND sid = :sid",
        [{"account_sid": account_sid, "sid": message.sid} for message in messages],
    )
    return len(messages)


async def _remove_media(tx: Tx, limit: int, old: _Old) -> int:
    """Remove some of an account's old attachments with their contents, up to ``limit`` rows together; return the number
    of the attachments."""
    sql = _MEDIA_TO_REMOVE.format(locking=tx.skip_locked)
    found = await tx.all(store.Medium, sql, page=limit, **msgspec.structs.asdict(old))
    media = next(weighed_batches(found, lambda medium: 4 + medium.size // PIECE, limit), [])
    for medium in media:
        await store.delete_medium(tx, old.account_sid, medium.message_sid, medium.sid)
    return len(media)


_TERMINAL = ", ".join(f"'{status.value}'" for status in sorted(TERMINAL))
_OLD = f"""
m.date_updated < :before AND (m.date_sent IS NULL OR m.date_sent < :before) AND (
    m.status IN ({_TERMINAL})
    OR (m.status = '{MessageStatus.SENT.value}' AND m.date_created < :receipts AND m.date_updated < :receipts
        AND (m.date_sent IS NULL OR m.date_sent < :receipts))
)
"""
_MADE = "account_sid = :account_sid AND date_created >= :since AND date_created < :until"
_OLD_MESSAGES = f"FROM messages m WHERE {_MADE} AND {_OLD}"
# Not EXISTS: PostgreSQL may read all messages for it, to find first those that are old.
_OLD_MEDIA = f"""
FROM message_media WHERE {_MADE} AND (
    SELECT m.sid FROM messages m WHERE m.sid = message_media.message_sid AND {_OLD}
) IS NOT NULL
"""


_ROWS_BELOW = f"""
(SELECT CAST(coalesce(sum(4 + size / {PIECE}), 0) AS BIGINT) FROM message_media WHERE message_sid = m.sid)
+ (SELECT count(*) FROM message_parts WHERE message_sid = m.sid)
+ (SELECT count(*) FROM message_feedback WHERE message_sid = m.sid)
+ (SELECT count(*) FROM message_queue WHERE message_sid = m.sid)
"""
_MESSAGES_TO_REMOVE = (
    f"SELECT sid, num_media, {_ROWS_BELOW} {_OLD_MESSAGES} ORDER BY date_created, sid LIMIT :page {{locking}}"
)
_MESSAGES_OF_ACCOUNT = f"""
SELECT sid, num_media, {_ROWS_BELOW} FROM messages m WHERE account_sid = :account_sid
ORDER BY date_created, sid LIMIT :page {{locking}}
"""
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
_ONE = "SELECT CAST(:account_sid AS TEXT) AS account_sid, CAST(:days AS BIGINT) AS days"
_BEFORE = f"(:now - page.days * {DAY})"
_STOP = f"""
(SELECT r.date_created + 1 FROM {{table}} r WHERE r.account_sid = page.account_sid AND r.date_created >= :since
AND r.date_created < {_BEFORE} ORDER BY r.date_created LIMIT 1 OFFSET :passed)
"""
_CHECKS = """
SELECT account_sid, days, stop, days > 0 AND EXISTS (SELECT 1 {old}) AS has_old
FROM (SELECT account_sid, days, CASE WHEN days > 0 THEN {stop} END AS stop FROM ({accounts}) AS page) AS page
"""
_ROWS = {MESSAGE_DAYS: ("messages", _OLD_MESSAGES), MEDIA_DAYS: ("message_media", _OLD_MEDIA)}


def receipt_days(options: Options) -> int:
    """Return the days for which a receipt finds a message that was sent: as long as the ids of its segments are kept,
    within a bound."""
    return min(options[PART_DAYS] or MOST_RECEIPT_DAYS, MOST_RECEIPT_DAYS)


class _Search(msgspec.Struct, frozen=True):
    """The search for rows that are too old at a time, by the days of an option."""

    database: Database
    retention: Retention
    option: str
    now: int

    @property
    def _receipts(self) -> int:
        return self.now - receipt_days(self.retention.options) * DAY

    async def find(self) -> list[_Old]:
        """Return rows of some accounts."""
        days = self.retention.options[self.option]
        values = {"page": _ACCOUNTS} | ({"days": days} if days else {})
        after: str | None = ""
        more: list[_Check] = []
        while after is not None:
            checks = await self._check(_EVERY if days else _CHOSEN, 0, _OLDEST, after=after, **values)
            if found := [self._old(check, 0) for check in checks if check.has_old]:
                return found[:_FOUND]
            more += [check for check in checks if check.stop is not None]
            after = max((check.account_sid for check in checks), default=None)
        places, walked = self.retention.places, {(self.option, check.account_sid) for check in more}
        for key in [key for key in places if key[0] == self.option and key not in walked]:
            del places[key]
        for check in more:
            if (behind := await self._find_behind(check)) is not None:
                return [behind]
        return []

    async def _find_behind(self, first: _Check) -> _Old | None:
        """Return rows of an account from behind those of its first check, and behind those that were passed over."""
        places, key = self.retention.places, (self.option, first.account_sid)
        place = places.get(key)
        if place is None or place.days != first.days or not 0 <= self.now - place.began < ROUND:
            place = Place(first.days, 0, self.now)
        stop = first.stop
        while stop is not None:
            since = max(stop, place.at)
            [check] = await self._check(_ONE, since, PAGE, account_sid=first.account_sid, days=first.days)
            found, stop = self._old(check, since), check.stop
            places[key] = msgspec.structs.replace(place, at=since if check.has_old else found.until)
            if check.has_old:
                return found
        return None

    async def _check(self, accounts: str, since: int, rows: int, **values: int | str) -> list[_Check]:
        """Check the first rows of each of some accounts since a time."""
        table, old = _ROWS[self.option]
        until = f"coalesce(page.stop, {_BEFORE})"
        for name, value in (("account_sid", "page.account_sid"), ("until", until), ("before", _BEFORE)):
            old = old.replace(f":{name}", value)
        stop, page = _STOP.format(table=table), accounts.format(option=self.option)
        sql = _CHECKS.format(old=old, stop=stop, accounts=page)
        values |= {"now": self.now, "receipts": self._receipts, "since": since, "passed": rows - 1}
        return await self.database.scan(lambda tx: tx.all(_Check, sql, **values))

    def _old(self, check: _Check, since: int) -> _Old:
        before = self.now - check.days * DAY
        until = before if check.stop is None else check.stop
        return _Old(check.account_sid, since, until, before, self._receipts)


OLD_MESSAGES = OldRows(MESSAGE_DAYS, _remove_messages)
OLD_MEDIA = OldRows(MEDIA_DAYS, _remove_media)
