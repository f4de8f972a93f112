"""A PostgreSQL server that becomes a standby, and is promoted: nothing but 503, and then all is as before."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import asyncpg
import pytest

from postgres_keeper import MEMORY, launch, programs, start, stop
from trunkline.core.clock import system_clock
from trunkline.core.storage import postgres_sessions
from trunkline.core.storage.database import NotWritable, Tx, Unavailable
from trunkline.core.storage.inspection import inspect_database
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.postgres import PostgresDatabase
from trunkline.core.storage.postgres_errors import Standby

MIGRATIONS = (Migration("things", 1, ("CREATE TABLE things (n BIGINT NOT NULL)",)),)


class Server:
    """A server of this test alone, whose role changes."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = start(home)
        self.url = f"postgresql://postgres@/postgres?host={home}"

    def end(self) -> None:
        """Stop it, with an orderly end of all sessions."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        self._process = None

    def begin(self, *, standby: bool) -> None:
        """Start it again."""
        if standby:
            (self._home / "data" / "standby.signal").touch()
        home = self._home
        found = next(home.rglob("bin/postgres"), None)
        self._process = launch(home, found.parent if found else programs(home))

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            stop(self._process)


@pytest.fixture
def server() -> Iterator[Server]:
    home = Path(mkdtemp(prefix="trunkline-failover-", dir=MEMORY if MEMORY.exists() else None))
    made = Server(home)
    yield made
    made.kill()
    shutil.rmtree(home, ignore_errors=True)


async def add(tx: Tx) -> None:
    await tx.run("INSERT INTO things VALUES (1)")


async def count(tx: Tx) -> object:
    return await tx.value("SELECT count(*) FROM things")


def test_a_standby_is_unavailable_until_it_is_promoted(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        database = PostgresDatabase(server.url, MIGRATIONS, system_clock)
        # A pooler may give a session on a standby, which its login does not show.
        reader = PostgresDatabase(server.url, MIGRATIONS, system_clock)
        for one in (database, reader):
            await one.start()
            await one.write(add)
            await one.check()
        await asyncio.to_thread(server.end)
        for one in (database, reader):
            with pytest.raises(Unavailable):
                await one.read(count)
            with pytest.raises(Unavailable):
                await one.check()
        await asyncio.to_thread(server.begin, standby=True)
        await refused(database)
        with monkeypatch.context() as patch:
            patch.setattr(postgres_sessions, "_STATE", "SELECT false, 'off'")
            assert await reader.read(count) == 2
            with pytest.raises(Standby):
                await reader.write(add)
        for one in (database, reader):
            with pytest.raises(NotWritable):
                await one.check()
        with pytest.raises(Standby, match=r"host|local|socket|/.*: it is a read-only standby"):
            await PostgresDatabase(server.url, MIGRATIONS, system_clock).start()
        with pytest.raises(Standby):
            await inspect_database(server.url)
        connection = await asyncpg.connect(server.url)
        await connection.execute("SELECT pg_promote()")
        await connection.close()
        for one in (database, reader):
            await one.write(add)
            await one.check()
            assert await one.read(count) in (3, 4)
            await one.stop()

    async def refused(database: PostgresDatabase) -> None:
        for call in (database.read(count), database.scan(count), database.write(add)):
            with pytest.raises(Standby, match="read-only standby"):
                await call

    asyncio.run(test())
    own = [record for record in caplog.records if record.name.startswith("trunkline")]
    errors = [record.getMessage() for record in own if record.levelname == "ERROR"]
    states = ("the database is away", "the database accepts no changes")
    assert sorted(error.partition(":")[0] for error in errors) == sorted(states * 2), (
        "a line for each database"
    )
