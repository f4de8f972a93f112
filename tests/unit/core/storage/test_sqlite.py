"""Particulars of SQLite: group commit, durability settings, the file and its lock."""

from __future__ import annotations

import asyncio
import fcntl
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest

from engines import opened
from trunkline.core.clock import system_clock
from trunkline.core.storage.database import Database, NotWritable, StorageError, Tx, Unavailable
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.sqlite import SqliteDatabase
from trunkline.core.storage.sqlite_writer import BATCH, SqliteWriter

MIGRATIONS = (Migration("things", 1, ("CREATE TABLE things (sid TEXT PRIMARY KEY)",)),)
HOLD = """
import asyncio, sys
from pathlib import Path
from trunkline.core.clock import system_clock
from trunkline.core.storage.sqlite import SqliteDatabase
asyncio.run(SqliteDatabase(Path(sys.argv[1]), (), system_clock).start())
print("open", flush=True)
sys.stdin.read()
"""


class Gate:
    """An action that keeps the thread that runs it until the gate is opened."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._open = threading.Event()

    async def action(self, tx: Tx) -> None:
        self._reached.set()
        assert self._open.wait(30)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._reached.wait, 30)

    def open(self) -> None:
        self._open.set()


class Commits:
    """The number of commits of a connection; they fail while ``failing``."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.count = 0
        self.failing = False
        connection.set_commit_hook(self._commit)

    def _commit(self) -> bool:
        self.count += 1
        return self.failing


def add(sid: str) -> Callable[[Tx], Awaitable[int]]:
    async def action(tx: Tx) -> int:
        return await tx.run("INSERT INTO things VALUES (:sid)", sid=sid)

    return action


async def sids(tx: Tx) -> object:
    return await tx.value("SELECT group_concat(sid) FROM (SELECT sid FROM things ORDER BY sid)")


@asynccontextmanager
async def writer(path: Path, max_queue: int = 10_000) -> AsyncIterator[tuple[SqliteWriter, apsw.Connection]]:
    connection = apsw.Connection(str(path / "x.db"))
    connection.execute("CREATE TABLE things (sid TEXT PRIMARY KEY)")
    made = SqliteWriter(connection, system_clock, max_queue)
    try:
        yield made, connection
    finally:
        await made.stop()
        connection.close()


async def started(*work: Awaitable[object]) -> list[asyncio.Future[object]]:
    futures = [asyncio.ensure_future(one) for one in work]
    await asyncio.sleep(0)
    return futures


def run(test: Awaitable[None]) -> None:
    async def main() -> None:
        async with asyncio.timeout(60):
            await test

    asyncio.run(main())


def test_writes_that_wait_share_commits(tmp_path: Path) -> None:
    async def test() -> None:
        async with writer(tmp_path) as (made, connection):
            commits, gate = Commits(connection), Gate()
            first = await started(made.write(gate.action))
            await gate.reached()
            rest = await started(*(made.write(add(str(n))) for n in range(BATCH + 1)))
            assert made.waiting == BATCH + 2
            gate.open()
            assert await asyncio.gather(*first, *rest) == [None] + [1] * (BATCH + 1)
            # The gate alone, a full batch, and the one that was left over.
            assert commits.count == 3
            assert made.waiting == 0

    run(test())


def test_a_failing_commit_fails_the_whole_batch_and_the_next_one_works(tmp_path: Path) -> None:
    async def test() -> None:
        async with writer(tmp_path) as (made, connection):
            commits = Commits(connection)
            commits.failing = True
            results = await asyncio.gather(
                *(made.write(add(str(n))) for n in range(5)), return_exceptions=True
            )
            assert [type(result) for result in results] == [NotWritable] * 5
            commits.failing = False
            assert await made.write(sids) is None
            assert await made.write(add("after")) == 1
            assert await made.write(sids) == "after"

    run(test())


def test_a_transaction_that_sqlite_ended_by_itself_fails_the_whole_batch(tmp_path: Path) -> None:
    async def undo(tx: Tx) -> None:
        await tx.run("ROLLBACK")
        raise KeyError

    async def test() -> None:
        async with writer(tmp_path) as (made, _):
            gate = Gate()
            first = await started(made.write(gate.action))
            await gate.reached()
            rest = await started(made.write(add("a")), made.write(undo), made.write(add("b")))
            gate.open()
            await asyncio.gather(*first)
            results = await asyncio.gather(*rest, return_exceptions=True)
            assert [type(result) for result in results] == [NotWritable] * 3
            assert await made.write(sids) is None

    run(test())


def test_a_full_disk_is_unavailable_and_passes(tmp_path: Path) -> None:
    async def test() -> None:
        async with writer(tmp_path) as (made, connection):
            connection.execute("PRAGMA max_page_count=20")
            with pytest.raises(Unavailable):
                await made.write(add("x" * 200_000))
            assert await made.write(sids) is None
            connection.execute("PRAGMA max_page_count=2000")
            assert await made.write(add("x" * 200_000)) == 1

    run(test())


def test_a_full_queue_is_unavailable(tmp_path: Path) -> None:
    async def test() -> None:
        async with writer(tmp_path, max_queue=3) as (made, _):
            gate = Gate()
            waiting = await started(made.write(gate.action), made.write(add("a")), made.write(add("b")))
            with pytest.raises(Unavailable):
                await made.write(add("c"))
            gate.open()
            await asyncio.gather(*waiting)
            assert await made.write(sids) == "a,b"

    run(test())


def test_a_caller_that_gave_up_before_its_turn_is_left_out(tmp_path: Path) -> None:
    async def test() -> None:
        async with writer(tmp_path) as (made, _):
            gate = Gate()
            first = await started(made.write(gate.action))
            await gate.reached()
            rest = await started(made.write(add("a")), made.write(add("b")), made.write(add("c")))
            rest[1].cancel()
            await asyncio.sleep(0)
            gate.open()
            await asyncio.gather(*first, rest[0], rest[2])
            assert rest[1].cancelled()
            assert await made.write(sids) == "a,c"

    run(test())


def test_a_caller_that_gives_up_during_its_turn_breaks_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with writer(tmp_path) as (made, _):
            gate = Gate()

            async def action(tx: Tx) -> None:
                await add("a")(tx)
                await gate.action(tx)

            first = await started(made.write(action))
            await gate.reached()
            first[0].cancel()
            gate.open()
            with pytest.raises(asyncio.CancelledError):
                await first[0]
            assert await made.write(sids) == "a"

    run(test())


def test_an_action_that_waits_for_something_else_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    async def action(tx: Tx) -> None:
        await tx.value("SELECT 1")
        await asyncio.sleep(0)

    async def change(tx: Tx) -> None:
        await add("lost")(tx)
        await asyncio.sleep(0)

    async def test() -> None:
        async with opened(f"sqlite:///{tmp_path}/x.db", MIGRATIONS) as database:
            results = await asyncio.gather(
                database.write(add("a")),
                database.write(change),
                database.write(add("b")),
                return_exceptions=True,
            )
            assert [type(result) for result in results] == [int, StorageError, int]
            for view in (database.read, database.scan):
                with pytest.raises(StorageError, match="not its transaction"):
                    await view(action)
            assert await database.read(sids) == "a,b"

    run(test())


def test_commits_are_durable(tmp_path: Path) -> None:
    async def pragmas(tx: Tx) -> list[object]:
        names = ("journal_mode", "synchronous", "fullfsync", "checkpoint_fullfsync", "foreign_keys")
        return [await tx.value(f"PRAGMA {name}") for name in names]

    async def test() -> None:
        async with opened(f"sqlite:///{tmp_path}/x.db", MIGRATIONS) as database:
            assert await database.write(pragmas) == ["wal", 2, 1, 1, 1]

    run(test())


def test_a_scan_sees_one_snapshot_and_holds_up_nobody(tmp_path: Path) -> None:
    async def test() -> None:
        async with opened(f"sqlite:///{tmp_path}/x.db", MIGRATIONS) as database:
            gate = Gate()

            async def action(tx: Tx) -> tuple[object, object]:
                before = await sids(tx)
                await gate.action(tx)
                return before, await sids(tx)

            await database.write(add("a"))
            scan = await started(database.scan(action))
            await gate.reached()
            await database.write(add("b"))
            assert await database.read(sids) == "a,b"
            async with asyncio.timeout(20):
                assert await database.query(sids) == "a,b"
            gate.open()
            assert await scan[0] == ("a", "a")
        for closed in (database.query, database.scan):
            with pytest.raises(Unavailable):
                await closed(sids)

    run(test())


def test_stop_waits_for_a_scan(tmp_path: Path) -> None:
    async def test() -> None:
        gate = Gate()
        database: Database = SqliteDatabase(tmp_path / "x.db", MIGRATIONS, system_clock)
        await database.start()
        scan = await started(database.scan(gate.action))
        await gate.reached()
        stop = await started(database.stop())
        with pytest.raises(Unavailable):
            await database.write(add("late"))
        gate.open()
        await asyncio.gather(*scan, *stop)

    run(test())


def test_another_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"

    async def test() -> None:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with holder:
            try:
                assert holder.stdout is not None
                assert holder.stdout.readline() == b"open\n"
                with pytest.raises(StorageError, match="in use by another process"):
                    await SqliteDatabase(path, (), system_clock).start()
            finally:
                holder.kill()
        async with opened(f"sqlite:///{path}", ()):
            pass

    run(test())


def test_what_is_not_a_database_is_refused_and_let_go(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"just some text, and enough of it to be looked at" * 100)

    async def test() -> None:
        for _ in range(2):
            with pytest.raises(StorageError, match="cannot open the database"):
                await SqliteDatabase(path, (), system_clock).start()
        with pytest.raises(StorageError, match="cannot open the database"):
            await SqliteDatabase(path / "below" / "a.db", (), system_clock).start()

    run(test())
    assert path.read_bytes().startswith(b"just some text")


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    async def test() -> None:
        async with opened(f"sqlite:///{tmp_path}/x.db", MIGRATIONS) as database:
            await database.write(add("a"))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
            assert modes == dict.fromkeys(("x.db", "x.db-shm", "x.db-wal", "x.db.lock"), 0o600)

    run(test())


def test_commits_are_not_starved_by_a_busy_loop(tmp_path: Path) -> None:
    async def test() -> None:
        async with opened(f"sqlite:///{tmp_path}/x.db", MIGRATIONS):
            assert sys.getswitchinterval() <= 0.0001

    run(test())


def test_a_start_waits_for_a_command_that_tests_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.db"
    tested = tmp_path / "x.db.lock"
    tested.touch()
    refused = 0
    lock = fcntl.flock

    async def test() -> None:
        with tested.open() as command:
            lock(command, fcntl.LOCK_SH)

            def meet(file: int, operation: int) -> None:
                nonlocal refused
                try:
                    lock(file, operation)
                except BlockingIOError:
                    refused += 1
                    command.close()
                    raise

            monkeypatch.setattr(fcntl, "flock", meet)
            database = SqliteDatabase(path, MIGRATIONS, system_clock)
            await database.start()
            await database.stop()

    asyncio.run(test())
    assert refused == 1


def test_a_command_does_not_migrate_what_an_older_server_has_open(tmp_path: Path) -> None:
    newer = (*MIGRATIONS, Migration("things", 2, ("ALTER TABLE things ADD COLUMN name TEXT",)))
    path = tmp_path / "x.db"

    async def test() -> None:
        async with opened(f"sqlite:///{path}", MIGRATIONS) as database:
            with pytest.raises(StorageError, match="in use by a server of an older version"):
                await SqliteDatabase(path, newer, system_clock, shared=True).start()
            await database.write(add("a"))
        command = SqliteDatabase(path, newer, system_clock, shared=True)
        await command.start()
        assert await command.read(lambda tx: tx.value("SELECT count(name) FROM things")) == 0
        await command.stop()

    run(test())
