"""The sizes of tables: near enough, and at a price that does not grow with them."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from engines import opened
from trunkline.core.storage.database import Database, Row, StorageError, Tx
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.table_sizes import PLACES, SAMPLE, TableSize, measure_tables, table_sizes_at

MIGRATIONS = (
    Migration(
        "things",
        1,
        (
            "CREATE TABLE large (id TEXT PRIMARY KEY, number BIGINT NOT NULL, filler TEXT NOT NULL)",
            "CREATE INDEX large_by_number ON large (number, id)",
            "CREATE TABLE small (id BIGINT PRIMARY KEY)",
            "CREATE TABLE bare (id BIGINT PRIMARY KEY)",
        ),
    ),
)
ROWS = 20_000


class Large(Row, frozen=True):
    id: str
    number: int
    filler: str


async def fill(tx: Tx) -> None:
    await tx.insert_many("large", [Large(f"{number:08}", number, "x" * 200) for number in range(ROWS)])
    await tx.run("INSERT INTO small (id) VALUES (1), (2)")
    # Gaps at the front and everywhere.
    await tx.run("DELETE FROM large WHERE number < 5000 OR number % 3 = 0")


async def fill_and_count(tx: Tx) -> None:
    """Fill the tables and let PostgreSQL count them in the same transaction: it adds what other sessions changed late,
    so that it would count these rows twice for a while."""
    await fill(tx)
    await tx.run("ANALYZE")


async def sizes(database: Database) -> dict[str, TableSize]:
    found = await database.scan(partial(measure_tables, engine=database.name))
    assert found == sorted(found, key=lambda size: -size.bytes)
    return {size.table: size for size in found}


def test_the_sizes_of_tables(database_url: str) -> None:
    async def check() -> None:
        async with opened(database_url, MIGRATIONS) as database:
            await database.write(fill if database.name == "sqlite" else fill_and_count)
            found = await sizes(database)
            assert found["large"].rows == pytest.approx(10_000, rel=0.15)
            assert (found["small"].rows, found["bare"].rows) == (2, 0)
            # A row has 200 bytes and more; deleted ones may still take room.
            assert 10_000 * 200 < found["large"].bytes < ROWS * 400
            assert found["small"].bytes < 65_536
            assert {"large", "small", "bare", "schema_migrations"} < set(found)
        assert {size.table for size in await table_sizes_at(database_url)} == set(found)

    asyncio.run(check())


def test_the_rows_that_are_read_do_not_grow_with_the_table(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Count the rows that are read at the places, on SQLite; PostgreSQL counts by itself."""

    async def check() -> None:
        async with opened(database_url, MIGRATIONS) as database:
            await database.write(fill)
            read = 0

            class CountingTx:
                def __init__(self, tx: Tx) -> None:
                    self._tx = tx

                async def one(self, row: type[Row], sql: str, **values: object) -> object:
                    nonlocal read
                    read += int(values.get("sample", 0))  # type: ignore[call-overload]
                    return await self._tx.one(row, sql, **values)

                def __getattr__(self, name: str) -> object:
                    return getattr(self._tx, name)

            await database.scan(lambda tx: measure_tables(CountingTx(tx), database.name))  # type: ignore[arg-type]
            assert read <= PLACES * SAMPLE + 10

    asyncio.run(check())


def test_a_database_that_cannot_be_read_is_an_error(tmp_path: object) -> None:
    broken = f"{tmp_path}/broken.db"
    with open(broken, "wb") as file:
        file.write(b"nothing of the kind" * 1000)
    for url in (f"sqlite:///{broken}", "postgresql://u:secret@127.0.0.1:1/x"):
        with pytest.raises(StorageError) as caught:
            asyncio.run(table_sizes_at(url))
        assert "secret" not in str(caught.value)
