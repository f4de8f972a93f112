"""Inspection of a database, which changes nothing in it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from engines import opened
from trunkline.core.clock import SECOND, system_clock
from trunkline.core.storage.database import StorageError
from trunkline.core.storage.inspection import Inspection, database_file, inspect_database
from trunkline.core.storage.migrate import Migration

MIGRATIONS = [
    Migration("a", 1, ("CREATE TABLE a (x TEXT)",)),
    Migration("b", 1, ("CREATE TABLE b (x TEXT)",)),
]


def _inspect(url: str) -> Inspection:
    return asyncio.run(inspect_database(url))


def _migrate(url: str, count: int, clock: int = 5) -> None:
    async def run() -> None:
        async with opened(url, MIGRATIONS[:count], lambda: clock):
            pass

    asyncio.run(run())


def test_what_was_applied_is_seen(database_url: str) -> None:
    _migrate(database_url, 1, clock=5)
    assert _inspect(database_url).applied == {("a", 1): 5}
    _migrate(database_url, 2, clock=7)
    assert _inspect(database_url).applied == {("a", 1): 5, ("b", 1): 7}


def test_a_database_in_use_can_be_looked_into(database_url: str) -> None:
    async def run() -> Inspection:
        async with opened(database_url, MIGRATIONS):
            return await inspect_database(database_url)

    assert asyncio.run(run()).applied.keys() == {("a", 1), ("b", 1)}


def test_an_empty_database_stays_empty(database_url: str) -> None:
    path = database_file(database_url)
    if path is not None:
        path.touch()
    assert _inspect(database_url).applied == {}
    assert path is None or path.stat().st_size == 0


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot inspect"):
        _inspect(f"sqlite:///{tmp_path}/x.db")
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_is_not_written_ahead_is_weak(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    _migrate(url, 1)
    assert _inspect(url).weak == []
    connection = apsw.Connection(f"{tmp_path}/x.db")
    connection.execute("PRAGMA journal_mode=DELETE").fetchall()
    connection.close()
    assert _inspect(url).weak == ["journal_mode is delete"]


def test_postgres_tells_its_clock_and_how_durable_it_is(postgres_server: str) -> None:
    seen = _inspect(postgres_server)
    assert seen.clock is not None
    assert abs(seen.clock() - system_clock()) < 60 * SECOND
    divider = "&" if "?" in postgres_server else "?"
    weakened = _inspect(f"{postgres_server}{divider}options=-c synchronous_commit=off")
    assert "synchronous_commit is off" in weakened.weak
    assert "synchronous_commit is off" not in seen.weak


def test_a_password_is_not_repeated() -> None:
    for url in ("postgresql://me:hush@127.0.0.1:1/db", "postgresql://me:hush@[/db"):
        with pytest.raises(StorageError) as caught:
            _inspect(url)
        assert "hush" not in str(caught.value)


def test_the_file_of_an_address() -> None:
    assert database_file("sqlite:////srv/x.db") == Path("/srv/x.db")
    assert database_file("sqlite:///x.db") == Path("x.db")
    assert database_file("postgresql://host/db") is None
