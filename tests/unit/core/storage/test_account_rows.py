"""Rows of accounts: found, changed and deleted by account and SID, and by no other account."""

from __future__ import annotations

import asyncio

from engines import opened
from trunkline.core.clock import system_clock
from trunkline.core.storage.account_rows import delete_row, find_row, update_row
from trunkline.core.storage.database import Row, Tx
from trunkline.core.storage.migrate import Migration

MIGRATIONS = [
    Migration(
        "test", 1, ("CREATE TABLE things (sid TEXT PRIMARY KEY, account_sid TEXT, name TEXT, size BIGINT)",)
    )
]
MINE, OTHER = "AC1", "AC2"


class Thing(Row, frozen=True):
    sid: str
    account_sid: str
    name: str
    size: int


THING = Thing("TH1", MINE, "first", 1)


def test_a_row_is_its_accounts_alone(database_url: str) -> None:
    async def act(tx: Tx) -> None:
        await tx.insert("things", THING)
        assert await find_row(tx, Thing, "things", MINE, "TH1") == THING
        for account_sid, sid in ((OTHER, "TH1"), (MINE, "TH2")):
            assert await find_row(tx, Thing, "things", account_sid, sid) is None
            assert not await update_row(tx, "things", account_sid, sid, {"name": "x"})
            assert not await delete_row(tx, "things", account_sid, sid)
        assert await update_row(tx, "things", MINE, "TH1", {"name": "second", "size": 2})
        assert await find_row(tx, Thing, "things", MINE, "TH1") == Thing("TH1", MINE, "second", 2)
        assert await delete_row(tx, "things", MINE, "TH1")
        assert not await delete_row(tx, "things", MINE, "TH1")
        assert await find_row(tx, Thing, "things", MINE, "TH1") is None

    async def scenario() -> None:
        async with opened(database_url, MIGRATIONS, system_clock) as database:
            await database.write(act)

    asyncio.run(scenario())
