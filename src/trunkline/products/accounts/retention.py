"""The retention of the tables of accounts, and the removal of all that a closed account has.

Its row stays without the auth token. A SID that were free again could be made anew, by a server whose options name it,
and come back active with a token that leaked; and the first account is where a node's alerts go.
"""

from __future__ import annotations

import msgspec

from trunkline.core.storage.database import Database
from trunkline.core.storage.removal import Removal
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

_TO_EMPTY = "status = 'closed' AND length(auth_token) > 0"

# An account is emptied after those below it.
_CLOSED = f"""
SELECT sid FROM accounts WHERE {_TO_EMPTY} AND date_updated < :before AND NOT EXISTS (
    SELECT 1 FROM accounts below WHERE below.owner_account_sid = accounts.sid AND below.sid <> accounts.sid
    AND length(below.auth_token) > 0
) ORDER BY date_updated LIMIT 1
"""


class ClosedAccounts(msgspec.Struct, frozen=True):
    """All that a closed account has goes after ``closed_account_days``: its rows in all tables, at last its token."""

    @property
    def by_clock(self) -> bool:
        """True: rows go by their time."""
        return True

    def words(self, options: Options | None) -> str:
        """Return the rule for people."""
        if options is None:
            return f"what a closed one has, at most `{OPTION}` days"
        return (
            f"what a closed one has, at most {options[OPTION]:,} days ({OPTION})" if options[OPTION] else ""
        )

    async def find(
        self, database: Database, retention: Retention, table: TableRetention, now: int
    ) -> FoundRows | None:
        """Return rows of the account that was closed first, at last that account with its token."""
        days = retention.options[OPTION]
        if not days:
            return None
        sid = await database.scan(lambda tx: tx.value(_CLOSED, before=now - days * DAY))
        if sid is None:
            return None
        return await find_rows_of_account(database, retention, sid) or FoundRows(
            table.table,
            Removal(
                table.table,
                table.key,
                f"sid = :sid AND {_TO_EMPTY}",
                {"sid": sid, "nothing": b""},
                assign="auth_token = :nothing",
            ),
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
        table="secondary_auth_tokens",
        rule="until it is promoted or deleted",
        key=("account_sid",),
        account="account_sid = :account_sid",
    ),
    TableRetention(
        table="test_credentials",
        rule="with its account",
        key=("sid",),
        account="account_sid = :account_sid",
    ),
    TableRetention(table="accounts", rule="for ever", key=("sid",), limits=(ClosedAccounts(),)),
)
