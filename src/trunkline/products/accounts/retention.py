"""The retention of the tables of accounts, and the removal of all that a closed account has."""

from __future__ import annotations

import msgspec

from trunkline.core.storage.database import Database
from trunkline.core.storage.retention import (
    DAY,
    AgeLimit,
    FoundRows,
    NewestLimit,
    Options,
    Retention,
    TableRetention,
    find_rows_of_account,
)

OPTION = "closed_account_days"

# An account goes after those below it.
_CLOSED = """
SELECT sid FROM accounts WHERE status = 'closed' AND date_updated < :before AND NOT EXISTS (
    SELECT 1 FROM accounts below WHERE below.owner_account_sid = accounts.sid AND below.sid <> accounts.sid
) ORDER BY date_updated LIMIT 1
"""


class ClosedAccounts(msgspec.Struct, frozen=True):
    """A closed account goes after ``closed_account_days``, with all of its rows in all tables."""

    @property
    def by_clock(self) -> bool:
        """True: rows go by their time."""
        return True

    def words(self, options: Options | None) -> str:
        """Return the rule for people."""
        if options is None:
            return f"a closed one at most `{OPTION}` days, with all that it has"
        return (
            f"a closed one at most {options[OPTION]:,} days ({OPTION}), with all that it has"
            if options[OPTION]
            else ""
        )

    async def find(
        self, database: Database, retention: Retention, table: TableRetention, now: int
    ) -> FoundRows | None:
        """Return rows of the account that was closed first, at last that account."""
        days = retention.options[OPTION]
        if not days:
            return None
        sid = await database.scan(lambda tx: tx.value(_CLOSED, before=now - days * DAY))
        if sid is None:
            return None
        return await find_rows_of_account(database, retention, sid) or table.rows(
            "sid = :sid AND status = 'closed'", sid=sid
        )


RETENTION = (
    TableRetention(
        table="alerts",
        key=("sid",),
        limits=(AgeLimit("date_created", "alert_days"), NewestLimit("date_created", "alert_limit")),
        account="account_sid = :account_sid",
    ),
    TableRetention(
        table="browser_sessions",
        key=("id_hash",),
        limits=(AgeLimit("date_expires"),),
        account="account_sid = :account_sid",
    ),
    TableRetention(
        table="api_keys",
        rule="until its account deletes it",
        key=("sid",),
        account="account_sid = :account_sid",
    ),
    TableRetention(
        table="secondary_auth_tokens", rule="until it is promoted or deleted", key=("account_sid",)
    ),
    TableRetention(table="test_credentials", rule="with its account", key=("sid",)),
    TableRetention(table="accounts", rule="for ever", key=("sid",), limits=(ClosedAccounts(),)),
)
