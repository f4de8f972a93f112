"""The size of SQLite's write-ahead log: it shrinks after a large write while the server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw
import pytest

from engines import opened
from trunkline.core.storage import sqlite, sqlite_writer
from trunkline.core.storage.database import Database, Tx, Unavailable
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.wal import wal_file

MIGRATIONS = (Migration("things", 1, ("CREATE TABLE things (body BLOB)",)),)
LIMIT = 64 * 1024
LARGE = 8 * LIMIT


@pytest.fixture(autouse=True)
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_writer, "LOG_BYTES", LIMIT)
    monkeypatch.setattr(sqlite_writer, "_SHRINK_SECONDS", 0.02)


def on(path: Path, check: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(f"sqlite:///{path}", MIGRATIONS) as database:
            await check(database)

    asyncio.run(run())


async def add(tx: Tx, size: int = LARGE) -> None:
    await tx.run("INSERT INTO things VALUES (:body)", body=b"x" * size)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


def test_the_log_shrinks_after_a_large_write_without_another_one(tmp_path: Path) -> None:
    path = tmp_path / "trunkline.db"

    async def check(database: Database) -> None:
        await database.write(add)
        await until(lambda: wal_file(path).stat().st_size <= LIMIT)
        assert path.stat().st_size > LARGE
        assert await database.read(lambda tx: tx.value("SELECT length(body) FROM things")) == LARGE
        await database.write(lambda tx: add(tx, 1))

    on(path, check)


def test_a_reader_keeps_the_log_for_as_long_as_it_reads_and_holds_up_no_write(tmp_path: Path) -> None:
    path = tmp_path / "trunkline.db"

    async def check(database: Database) -> None:
        reader = apsw.Connection(str(path))
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM things").fetchall()
        await database.write(add)
        for _ in range(20):
            await database.write(lambda tx: add(tx, 1))
        assert wal_file(path).stat().st_size > LARGE
        reader.execute("ROLLBACK")
        reader.close()
        await until(lambda: wal_file(path).stat().st_size <= LIMIT)
        assert await database.read(lambda tx: tx.value("SELECT count(*) FROM things")) == 21

    on(path, check)


def test_a_scan_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_SCAN_SECONDS", 0.0)
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    async def check(database: Database) -> None:
        with pytest.raises(Unavailable):
            await database.scan(lambda tx: tx.value(endless))
        assert await database.scan(lambda tx: tx.value("SELECT count(*) FROM things")) == 0

    on(tmp_path / "trunkline.db", check)
