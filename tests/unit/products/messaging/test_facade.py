"""Messaging's functions for other products."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engines import Engine, opened
from trunkline.core.blobs import store as blobs
from trunkline.core.storage.database import Tx
from trunkline.products import accounts, messaging
from trunkline.products.messaging import facade
from trunkline.products.messaging.services import MessagingService

MIGRATIONS = (*accounts.MIGRATIONS, *blobs.MIGRATIONS, *messaging.MIGRATIONS)
OWNER, OTHER = ("AC" + digit * 32 for digit in "12")
MADE, UNKNOWN = ("MG" + digit * 32 for digit in "ab")


async def _fill(tx: Tx) -> None:
    for sid in (OWNER, OTHER):
        await tx.run(
            "INSERT INTO accounts VALUES (:sid, :sid, 'x', 'active', :auth_token, :now, :now)",
            sid=sid,
            auth_token=b"",
            now=tx.now,
        )
    await tx.insert("messaging_services", MessagingService(MADE, OWNER, "Made", tx.now, tx.now))


@pytest.mark.parametrize(
    ("account", "sid", "exists"),
    [(OWNER, MADE, True), (OTHER, MADE, False), (OWNER, UNKNOWN, False), (OWNER, MADE.upper(), False)],
)
def test_only_the_accounts_own_service_exists(
    engine: Engine, tmp_path: Path, account: str, sid: str, exists: bool
) -> None:
    async def found(tx: Tx) -> bool:
        return await facade.service_exists(tx, account, sid)

    async def run() -> bool:
        async with opened(engine.migrated_url(tmp_path, MIGRATIONS), MIGRATIONS) as database:
            await database.write(_fill)
            return await database.read(found)

    assert asyncio.run(run()) is exists


def test_services_go_with_their_account(engine: Engine, tmp_path: Path) -> None:
    async def remove(tx: Tx) -> None:
        await tx.run("DELETE FROM accounts WHERE sid = :sid", sid=OWNER)

    async def count(tx: Tx) -> int:
        return int(await tx.value("SELECT count(*) FROM messaging_services"))

    async def run() -> tuple[int, int]:
        async with opened(engine.migrated_url(tmp_path, MIGRATIONS), MIGRATIONS) as database:
            await database.write(_fill)
            before = await database.read(count)
            await database.write(remove)
            return before, await database.read(count)

    assert asyncio.run(run()) == (1, 0)
