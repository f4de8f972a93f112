"""Migrations: which are due, their types on PostgreSQL, and how both engines apply them."""

from __future__ import annotations

import asyncio

import pytest

from engines import Engine, opened
from trunkline.core.storage.database import NewerDatabase, Row, StorageError, Tx
from trunkline.core.storage.migrate import Migration, due, for_postgres
from trunkline.core.storage.open import open_database

ONE = Migration("chat", 1, ("CREATE TABLE rooms (sid TEXT PRIMARY KEY)",))
TWO = Migration("chat", 2, ("ALTER TABLE rooms ADD COLUMN size BIGINT", "INSERT INTO rooms VALUES ('a', 2)"))
OTHER = Migration("sync", 1, ("CREATE TABLE maps AS SELECT sid FROM rooms",))


class AppliedMigration(Row, frozen=True):
    room: str
    number: int
    applied_at: int


async def applied(tx: Tx) -> list[AppliedMigration]:
    return await tx.all(
        AppliedMigration,
        "SELECT room, number, applied_at FROM schema_migrations ORDER BY applied_at, room, number",
    )


async def sizes(tx: Tx) -> object:
    return await tx.value("SELECT size FROM rooms")


def test_due_orders_rooms_by_first_appearance_and_then_by_number() -> None:
    assert due([TWO, OTHER, ONE], set()) == [ONE, TWO, OTHER]
    assert due([OTHER, ONE, TWO], {("chat", 1)}) == [OTHER, TWO]
    assert due([ONE], {("chat", 1)}) == []


def test_due_refuses_what_it_does_not_know_by_name() -> None:
    with pytest.raises(NewerDatabase, match=r"chat 2, sync 1"):
        due([ONE], {("sync", 1), ("chat", 2), ("chat", 1)})


def test_due_refuses_a_number_given_twice() -> None:
    with pytest.raises(ValueError, match="same number"):
        due([ONE, Migration("chat", 1, ())], set())


@pytest.mark.parametrize(
    ("statement", "adapted"),
    [
        ("CREATE TABLE t (a TEXT, b BLOB NOT NULL)", 'CREATE TABLE t (a TEXT COLLATE "C", b BYTEA NOT NULL)'),
        ("ALTER TABLE t ADD COLUMN c TEXT", 'ALTER TABLE t ADD COLUMN c TEXT COLLATE "C"'),
        ("SELECT CAST(a AS TEXT) FROM t", "SELECT CAST(a AS TEXT) FROM t"),
        ("INSERT INTO t VALUES ('TEXT ''BLOB''')", "INSERT INTO t VALUES ('TEXT ''BLOB''')"),
        ('SELECT "TEXT", text, CONTEXT -- BLOB\nFROM t', 'SELECT "TEXT", text, CONTEXT -- BLOB\nFROM t'),
    ],
)
def test_types_for_postgres(statement: str, adapted: str) -> None:
    assert for_postgres(statement) == adapted


def test_fresh_then_upgraded_then_left_alone(database_url: str) -> None:
    async def run() -> None:
        for clock, migrations in ((10, [ONE]), (20, [ONE, TWO, OTHER]), (30, [ONE, TWO, OTHER])):
            async with opened(database_url, migrations, lambda clock=clock: clock) as database:  # type: ignore[misc]
                last = await database.read(applied)
        assert last == [
            AppliedMigration("chat", 1, 10),
            AppliedMigration("chat", 2, 20),
            AppliedMigration("sync", 1, 20),
        ]

    asyncio.run(run())


def test_a_newer_database_is_refused_and_untouched(database_url: str) -> None:
    async def run() -> None:
        async with opened(database_url, [ONE, TWO]) as database:
            before = await database.read(applied)
        older = open_database(database_url, [ONE, OTHER], lambda: 99)
        with pytest.raises(NewerDatabase, match="chat 2"):
            await older.start()
        async with opened(database_url, [ONE, TWO]) as database:
            assert await database.read(applied) == before
            assert await database.read(sizes) == 2

    asyncio.run(run())


def test_a_failing_migration_leaves_nothing_of_the_whole_start(database_url: str) -> None:
    async def run() -> None:
        broken = Migration("sync", 1, ("CREATE TABLE maps (sid TEXT)", "CREATE NONSENSE"))
        with pytest.raises(StorageError):
            await open_database(database_url, [ONE, broken], lambda: 1).start()
        async with opened(database_url, [ONE, TWO, OTHER], lambda: 2) as database:
            assert len(await database.read(applied)) == 3

    asyncio.run(run())


def test_template_is_migrated_and_copies_are_apart(engine: Engine, tmp_path: object) -> None:
    async def write(tx: Tx) -> None:
        await tx.run("UPDATE rooms SET size = 7")

    async def run() -> None:
        first, second = (engine.migrated_url(tmp_path, [ONE, TWO]) for _ in range(2))  # type: ignore[arg-type]
        async with opened(first, [ONE, TWO]) as database:
            await database.write(write)
        async with opened(second, [ONE, TWO]) as database:
            assert await database.read(sizes) == 2

    asyncio.run(run())
