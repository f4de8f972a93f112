"""Announcements of a write: published after its commit, and only then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engines import opened
from trunkline.core.clock import system_clock
from trunkline.core.storage.database import Tx
from trunkline.core.storage.migrate import Migration

PATIENCE = 20.0
MIGRATIONS = [Migration("test", 1, ("CREATE TABLE things (name TEXT PRIMARY KEY)",))]


def test_each_write_tells_its_events_once_in_order(database_url: str) -> None:
    async def scenario() -> None:
        received: list[list[Any]] = []
        async with opened(database_url, MIGRATIONS, system_clock) as database:
            database.listen(received.append)

            async def write(tx: Tx, name: str) -> None:
                await tx.run("INSERT INTO things (name) VALUES (:name)", name=name)
                tx.announce((name, 1))
                tx.announce((name, 2))

            await asyncio.gather(*(database.write(lambda tx, n=n: write(tx, str(n))) for n in range(20)))
        assert sorted(received) == sorted([[(str(n), 1), (str(n), 2)] for n in range(20)])

    asyncio.run(scenario())


def test_a_write_that_fails_tells_nothing(database_url: str) -> None:
    async def scenario() -> None:
        received: list[list[Any]] = []
        async with opened(database_url, MIGRATIONS, system_clock) as database:
            database.listen(received.append)

            async def fail(tx: Tx) -> None:
                tx.announce("never")
                raise LookupError

            with pytest.raises(LookupError):
                await database.write(fail)
        assert received == []

    asyncio.run(scenario())


def test_a_listener_that_fails_holds_up_nobody(database_url: str) -> None:
    def fail(events: list[Any]) -> None:
        raise LookupError

    async def scenario() -> None:
        received: list[list[Any]] = []
        async with opened(database_url, MIGRATIONS, system_clock) as database:
            database.listen(fail)
            database.listen(received.append)

            async def write(tx: Tx, name: str) -> str:
                tx.announce(name)
                return name

            names = [str(n) for n in range(20)]
            async with asyncio.timeout(PATIENCE):
                assert (
                    await asyncio.gather(*(database.write(lambda tx, n=n: write(tx, n)) for n in names))
                    == names
                )
        assert sorted(received) == sorted([name] for name in names)

    asyncio.run(scenario())


def test_what_was_told_is_readable(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url, MIGRATIONS, system_clock) as database:
            seen: asyncio.Queue[str] = asyncio.Queue()
            database.listen(lambda events: seen.put_nowait(events[0]))

            async def write(tx: Tx) -> None:
                await tx.run("INSERT INTO things (name) VALUES ('a')")
                tx.announce("a")

            async def count(tx: Tx) -> Any:
                return await tx.value("SELECT count(*) FROM things WHERE name = 'a'")

            writing = asyncio.create_task(database.write(write))
            await seen.get()
            assert await database.read(count) == 1
            await writing

    asyncio.run(scenario())
