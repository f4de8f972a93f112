"""Particulars of PostgreSQL: deadlocks, locks between nodes, snapshots, lost connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from engines import PostgresEngine, opened
from trunkline.core.clock import system_clock
from trunkline.core.storage.database import OutcomeUnknown, StorageError, Tx, Unavailable
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.open import open_database
from trunkline.core.storage.postgres import PostgresDatabase
from trunkline.core.storage.postgres_address import PostgresBounds

MIGRATIONS = (Migration("things", 1, ("CREATE TABLE things (sid TEXT PRIMARY KEY, body BLOB)",)),)

DIES_IN_COMMIT = Migration(
    "things",
    2,
    (
        """CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$""",
        """CREATE CONSTRAINT TRIGGER dying AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION die()""",
    ),
)


@pytest.fixture
def url(postgres_server: str, tmp_path: Path) -> Iterator[str]:
    engine = PostgresEngine(postgres_server)
    yield engine.url(tmp_path)
    engine.drop()


def add(sid: str) -> Callable[[Tx], Awaitable[int]]:
    async def action(tx: Tx) -> int:
        return await tx.run("INSERT INTO things (sid) VALUES (:sid)", sid=sid)

    return action


async def sids(tx: Tx) -> object:
    return await tx.value("SELECT string_agg(sid, ',' ORDER BY sid) FROM things")


def run(test: Awaitable[None]) -> None:
    async def main() -> None:
        async with asyncio.timeout(60):
            await test

    asyncio.run(main())


def test_nodes_that_start_together_migrate_once(url: str) -> None:
    async def test() -> None:
        databases = [open_database(url, MIGRATIONS, system_clock) for _ in range(4)]
        await asyncio.gather(*(database.start() for database in databases))
        await databases[0].write(add("a"))
        assert await databases[3].read(sids) == "a"
        await asyncio.gather(*(database.stop() for database in databases))

    run(test())


def test_text_columns_compare_bytewise_whatever_the_server_prefers(url: str) -> None:
    async def collation(tx: Tx) -> object:
        return await tx.value(
            "SELECT collation_name FROM information_schema.columns WHERE table_name = :name AND column_name = 'sid'",
            name="things",
        )

    async def test() -> None:
        async with opened(url, MIGRATIONS) as database:
            assert await database.read(collation) == "C"

    run(test())


def test_commits_are_durable(url: str) -> None:
    async def setting(tx: Tx) -> object:
        return await tx.value("SHOW synchronous_commit")

    async def test() -> None:
        async with opened(url, MIGRATIONS) as database:
            assert await database.write(setting) == "on"

    run(test())


def test_a_deadlock_is_run_again(url: str) -> None:
    async def test() -> None:
        async with opened(url, MIGRATIONS, bounds=PostgresBounds(lock=30, wait=60)) as database:
            both_hold_one = asyncio.Barrier(2)
            attempts: list[str] = []

            async def touch(tx: Tx, sid: str) -> None:
                await tx.run("UPDATE things SET body = NULL WHERE sid = :sid", sid=sid)

            async def touches(tx: Tx, first: str, second: str) -> str:
                attempts.append(first)
                await tx.value("SELECT set_config('deadlock_timeout', '10ms', true)")
                await touch(tx, first)
                if len(attempts) <= 2:
                    await both_hold_one.wait()
                await touch(tx, second)
                return first

            for sid in "ab":
                await database.write(add(sid))
            results = await asyncio.gather(
                database.write(lambda tx: touches(tx, "a", "b")),
                database.write(lambda tx: touches(tx, "b", "a")),
            )
            assert results == ["a", "b"]
            assert len(attempts) > 2

    run(test())


def test_a_lock_excludes_the_same_key_on_another_node(url: str) -> None:
    async def test() -> None:
        async with opened(url, MIGRATIONS) as one, opened(url, MIGRATIONS) as two:
            held, release = asyncio.Event(), asyncio.Event()
            order: list[str] = []

            async def first(tx: Tx) -> None:
                await tx.lock("key")
                held.set()
                await release.wait()
                order.append("first")

            async def second(tx: Tx) -> None:
                await tx.lock("key")
                order.append("second")

            async def other(tx: Tx) -> None:
                await tx.lock("another key")
                order.append("other")

            async def waiting(tx: Tx) -> object:
                return await tx.value(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                )

            holder = asyncio.create_task(one.write(first))
            await held.wait()
            follower = asyncio.create_task(two.write(second))
            while not await two.read(waiting):
                pass
            await two.write(other)
            release.set()
            await asyncio.gather(holder, follower)
            assert order == ["other", "first", "second"]

    run(test())


@pytest.mark.parametrize("view", ["read", "scan"])
def test_a_view_of_several_queries_is_one_snapshot(url: str, view: str) -> None:
    async def test() -> None:
        async with opened(url, MIGRATIONS) as database:
            runs = 0

            async def action(tx: Tx) -> tuple[object, object]:
                nonlocal runs
                runs += 1
                before = await sids(tx)
                await database.write(add(str(runs)))
                return before, await sids(tx)

            # The first run finds that a transaction is needed, and what it changed is there for the second.
            assert await getattr(database, view)(action) == ("1", "1")
            assert runs == 2

    run(test())


def test_a_view_of_one_query_runs_once(url: str) -> None:
    async def test() -> None:
        async with opened(url, MIGRATIONS) as database:
            runs = 0

            async def action(tx: Tx) -> object:
                nonlocal runs
                runs += 1
                return await sids(tx)

            assert await database.read(action) is None
            assert runs == 1

    run(test())


def test_a_change_that_is_undone_leaves_its_connection_clean(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(tx: Tx) -> None:
        await add("a")(tx)
        raise KeyError

    async def several(tx: Tx) -> tuple[object, object]:
        return await sids(tx), await sids(tx)

    async def test() -> None:
        database = PostgresDatabase(url, MIGRATIONS, system_clock, PostgresBounds(pool_size=1))
        await database.start()
        with pytest.raises(KeyError):
            await database.write(fail)
        assert await database.read(several) == (None, None)
        assert await database.write(add("b")) == 1
        await database.stop()

    run(test())
    # The driver complains when it is given back a connection in the middle of a transaction.
    assert not caplog.records


def test_nul_in_text_is_a_storage_error(url: str) -> None:
    async def test() -> None:
        async with opened(url, MIGRATIONS) as database:
            with pytest.raises(StorageError):
                await database.write(add("a\0b"))

    run(test())


def test_a_full_queue_is_unavailable(url: str) -> None:
    async def test() -> None:
        database = PostgresDatabase(url, MIGRATIONS, system_clock, PostgresBounds(pool_size=1, max_queue=2))
        await database.start()
        release = asyncio.Event()

        async def hold(tx: Tx) -> None:
            await release.wait()

        writes = [asyncio.create_task(database.write(hold)), asyncio.create_task(database.write(add("a")))]
        await asyncio.sleep(0)
        assert database.queued == 2
        with pytest.raises(Unavailable):
            await database.write(add("b"))
        release.set()
        await asyncio.gather(*writes)
        assert await database.read(sids) == "a"
        await database.stop()

    run(test())


def test_a_lost_connection_is_unavailable_and_passes(url: str) -> None:
    async def lose(tx: Tx) -> None:
        await add("lost")(tx)
        await tx.value("SELECT pg_terminate_backend(pg_backend_pid())")

    async def test() -> None:
        async with opened(url, MIGRATIONS) as database:
            with pytest.raises(Unavailable):
                await database.write(lose)
            assert await database.write(add("after")) == 1
            assert await database.read(sids) == "after"

    run(test())


def test_a_connection_lost_before_the_commit_is_run_again(url: str) -> None:
    async def test() -> None:
        async with opened(url, MIGRATIONS) as one, opened(url, MIGRATIONS) as two:
            runs = 0

            async def action(tx: Tx) -> None:
                nonlocal runs
                runs += 1
                await add("a")(tx)
                backend = await tx.value("SELECT pg_backend_pid()")

                async def end(other: Tx) -> None:
                    await other.value("SELECT pg_terminate_backend(CAST(:pid AS INTEGER), 5000)", pid=backend)

                if runs == 1:
                    await two.write(end)

            await one.write(action)
            assert runs == 2
            assert await two.read(sids) == "a"

    run(test())


def test_a_connection_lost_during_the_commit_leaves_the_outcome_unknown(url: str) -> None:
    async def test() -> None:
        async with opened(url, (*MIGRATIONS, DIES_IN_COMMIT)) as database:
            runs = 0

            async def action(tx: Tx) -> None:
                nonlocal runs
                runs += 1
                await add("a")(tx)

            with pytest.raises(OutcomeUnknown):
                await database.write(action)
            assert runs == 1

    run(test())


@pytest.mark.parametrize("address", ["u:hunter2@127.0.0.1:1/db", "u:hunter2@127.0.0.1:nonsense/db"])
def test_start_without_a_server_tells_no_password(address: str) -> None:
    async def test() -> None:
        with pytest.raises(StorageError) as caught:
            await open_database(f"postgresql://{address}", (), system_clock).start()
        assert isinstance(caught.value, Unavailable) == (":1/" in address)
        assert "hunter2" not in str(caught.value)

    run(test())


def test_another_encoding_is_refused(postgres_server: str, tmp_path: Path) -> None:
    class Ascii(PostgresEngine):
        def url(self, folder: Path) -> str:
            return self._create("template0 ENCODING 'SQL_ASCII'")

    async def test(url: str) -> None:
        with pytest.raises(StorageError, match="UTF8"):
            await open_database(url, (), system_clock).start()

    engine = Ascii(postgres_server)
    run(test(engine.url(tmp_path)))
    engine.drop()
