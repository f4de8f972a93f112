"""The rows of accounts: how one is found, changed and deleted by its account and its SID.

They serve every table with the columns ``account_sid`` and ``sid``. No statement here reaches a row of another account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.core.storage.database import R, Tx, assignments, columns


async def find_row(tx: Tx, row: type[R], table: str, account_sid: str, sid: str) -> R | None:
    """Return the account's row with this SID."""
    return await tx.one(
        row,
        f"SELECT {columns(row)} FROM {table} WHERE account_sid = :account_sid AND sid = :sid",
        account_sid=account_sid,
        sid=sid,
    )


async def update_row(tx: Tx, table: str, account_sid: str, sid: str, changes: Mapping[str, Any]) -> bool:
    """Write ``changes``, values by their columns, to the account's row with this SID; return False if there is none."""
    return bool(
        await tx.run(
            f"UPDATE {table} SET {assignments(tuple(changes))} WHERE account_sid = :account_sid AND sid = :sid",
            account_sid=account_sid,
            sid=sid,
            **changes,
        )
    )


async def delete_row(tx: Tx, table: str, account_sid: str, sid: str) -> bool:
    """Delete the account's row with this SID; return False if there is none."""
    return bool(
        await tx.run(
            f"DELETE FROM {table} WHERE account_sid = :account_sid AND sid = :sid",
            account_sid=account_sid,
            sid=sid,
        )
    )
