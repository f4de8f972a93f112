"""The condition of a database: damage, and changes that it does not accept, on both engines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import apsw
import asyncpg
import pytest

from engines import opened
from trunkline.core import outages
from trunkline.core.storage import condition
from trunkline.core.storage.condition import StorageCondition
from trunkline.core.storage.database import DamagedData, Database, NotWritable, StorageError, Tx, Unavailable
from trunkline.core.storage.inspection import database_file
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.sqlite import SqliteDatabase

MIGRATIONS = (Migration("things", 1, ("CREATE TABLE things (sid TEXT PRIMARY KEY, body TEXT)",)),)
FAILS = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = current_setting('test.code'); END $$;
CREATE TRIGGER failing BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION fail();
"""


@pytest.fixture(autouse=True)
def probes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condition, "PROBE_SECONDS", 0)
    monkeypatch.setattr(outages, "CALM_SECONDS", 0)


def on(url: str, check: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(url, MIGRATIONS) as database:
            await check(database)

    asyncio.run(run())


async def add(tx: Tx) -> None:
    await tx.run("INSERT INTO things (sid, body) VALUES ('a', :body)", body="x" * 200_000)


async def read_all(tx: Tx) -> object:
    return await tx.value("SELECT sum(length(body)) FROM things")


async def nothing(tx: Tx) -> None:
    await tx.run("UPDATE things SET body = '' WHERE sid = 'nobody'")


async def refuse_changes(database: Database, url: str, code: str) -> Callable[[], Awaitable[None]]:
    """Let the engine refuse changes, on PostgreSQL with ``code``; return what lets it accept them again."""
    if isinstance(database, SqliteDatabase):
        connection = database._connections[0]
        seen = [connection.total_changes()]

        def refuse() -> bool:
            seen.append(connection.total_changes())
            return seen[-1] != seen[-2]

        connection.set_commit_hook(refuse)

        async def accept() -> None:
            connection.set_commit_hook(None)

        return accept
    admin = await asyncpg.connect(url)
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(f"ALTER DATABASE \"{name}\" SET test.code = '{code}'")
    await admin.execute(FAILS.replace("INSERT ON things", "INSERT OR UPDATE ON things"))
    await admin.execute(
        FAILS.partition("CREATE TRIGGER")[1]
        + FAILS.partition("CREATE TRIGGER")[2].replace(
            "INSERT ON things", "INSERT OR UPDATE ON storage_probe"
        )
    )
    await database.stop()
    await database.start()

    async def accept_again() -> None:
        await admin.execute("DROP TRIGGER failing ON things; DROP TRIGGER failing ON storage_probe")
        await admin.close()

    return accept_again


def test_a_refused_change_is_seen_until_the_next_one_is_accepted(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def check(database: Database) -> None:
        await database.check()
        accept = await refuse_changes(database, database_url, "53100")
        for _ in range(3):
            with pytest.raises(NotWritable):
                await database.write(add)
        # A transaction that changes nothing proves nothing.
        await database.write(nothing)
        with pytest.raises(NotWritable):
            await database.check()
        await accept()
        await database.check()
        await database.write(add)
        await database.check()

    on(database_url, check)
    found = [record.message for record in caplog.records if record.name == "trunkline.storage"]
    assert len(found) == 2, found
    assert found[0].startswith("the database accepts no changes: ")
    assert found[1] == "the database accepts changes again"


def test_a_change_heals_without_a_probe(database_url: str) -> None:
    async def check(database: Database) -> None:
        accept = await refuse_changes(database, database_url, "53100")
        with pytest.raises(NotWritable):
            await database.write(add)
        await accept()
        await database.write(add)
        await database.check()

    on(database_url, check)


def test_a_full_disk_in_the_middle_of_a_change_is_seen(tmp_path: Path) -> None:
    async def check(database: Database) -> None:
        assert isinstance(database, SqliteDatabase)
        database._connections[0].execute("PRAGMA max_page_count=10")
        with pytest.raises(NotWritable):
            await database.write(add)
        assert database.condition._unwritable

    on(f"sqlite:///{tmp_path}/x.db", check)


def damage(path: Path) -> None:
    """Write over the pages of a table's contents."""
    with closing(apsw.Connection(str(path))) as connection:
        size = connection.execute("PRAGMA page_size").get
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'things'").get
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)


def test_a_damaged_page_is_found_and_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "x.db"
    url = f"sqlite:///{path}"

    async def fill(database: Database) -> None:
        await database.write(add)

    on(url, fill)
    damage(path)

    async def check(database: Database) -> None:
        await database.check()
        for read in (database.read, database.scan, database.write):
            with pytest.raises(DamagedData):
                await read(read_all)
        with pytest.raises(DamagedData):
            await database.write(add)
        with pytest.raises(DamagedData):
            await database.check()

    on(url, check)
    own = [record for record in caplog.records if record.name.startswith("trunkline")]
    logged = [record for record in own if record.levelno >= logging.ERROR]
    assert [record.message for record in logged] == [
        "the database is damaged: database disk image is malformed;"
        " run `trunkline doctor`, and restore a backup"
    ]


@pytest.mark.parametrize("code", ["XX001", "XX002", "58030", "58P01"])
def test_damage_that_postgresql_reports_is_seen(postgres_server: str, tmp_path: Path, code: str) -> None:
    from engines import PostgresEngine

    engine = PostgresEngine(postgres_server)
    url = engine.url(tmp_path)

    async def check(database: Database) -> None:
        accept = await refuse_changes(database, url, code)
        with pytest.raises(DamagedData):
            await database.write(add)
        await accept()
        with pytest.raises(DamagedData):
            await database.check()

    on(url, check)
    engine.drop()


def test_a_removed_file_is_seen(tmp_path: Path) -> None:
    async def check(database: Database) -> None:
        path = database_file(f"sqlite:///{tmp_path}/x.db")
        assert path is not None
        path.rename(tmp_path / "moved.db")
        with pytest.raises(Unavailable, match="removed or replaced"):
            await database.check()
        path.touch()
        with pytest.raises(Unavailable, match="removed or replaced"):
            await database.check()
        path.unlink()
        (tmp_path / "moved.db").rename(path)
        await database.check()

    on(f"sqlite:///{tmp_path}/x.db", check)


def test_a_read_that_writes_is_a_fault_of_the_code(database_url: str) -> None:
    async def check(database: Database) -> None:
        for read in (database.read, database.scan):
            with pytest.raises(StorageError) as caught:
                await read(add)
            assert not isinstance(caught.value, Unavailable | DamagedData)
        await database.check()

    on(database_url, check)


def test_probes_are_not_repeated_within_their_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condition, "PROBE_SECONDS", 3600)
    tried = 0

    async def write(action: Callable[[Tx], Awaitable[None]]) -> None:
        nonlocal tried
        tried += 1

    async def check() -> None:
        found = StorageCondition()
        await found.probe(write)
        found.refused(OSError("full"))
        for _ in range(3):
            with pytest.raises(NotWritable):
                await found.probe(write)

    asyncio.run(check())
    assert tried == 1
