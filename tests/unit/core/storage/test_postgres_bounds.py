"""The bounds of a node's use of PostgreSQL: who holds locks and stands still, pools that are full, hosts that are gone.

Nothing here waits for a time: a bound is short where its end is waited for, and long where it must not end first.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import uvloop

from engines import PostgresEngine, opened
from faults.relay import RelayThread
from trunkline.core import late_timers, outages
from trunkline.core.clock import system_clock
from trunkline.core.storage import postgres_check, postgres_migration, postgres_sessions
from trunkline.core.storage.database import Busy, StorageError, Tx, Unavailable
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.postgres import PostgresDatabase
from trunkline.core.storage.postgres_address import PostgresBounds, parse_address
from trunkline.core.storage.postgres_errors import DRIVER_ERRORS
from trunkline.core.storage.postgres_pool import SessionPool
from trunkline.core.storage.postgres_sessions import PostgresServers, Session, SessionBounds

MIGRATIONS = (
    Migration("things", 1, ("CREATE TABLE things (sid TEXT PRIMARY KEY, n BIGINT NOT NULL)",)),
    Migration("things", 2, ("INSERT INTO things VALUES ('a', 0)", "INSERT INTO things VALUES ('b', 0)")),
)
LONG = 60.0
SHORT = 0.05
PATIENT = PostgresBounds(wait=LONG, lock=SHORT, idle_in_transaction=LONG)
"""For a database that waits for others until they end."""


@pytest.fixture
def url(postgres_server: str, tmp_path: Path) -> Iterator[str]:
    engine = PostgresEngine(postgres_server)
    yield engine.migrated_url(tmp_path, MIGRATIONS)
    engine.drop()


@pytest.fixture
def relays(url: str) -> Iterator[RelayThread]:
    """Yield two relays before the database."""
    found = RelayThread(url, 2)
    yield found
    found.close()


def run(test: Awaitable[None]) -> None:
    async def main() -> None:
        async with asyncio.timeout(60):
            await test

    asyncio.run(main())


def count(sid: str = "a") -> Callable[[Tx], Awaitable[None]]:
    async def action(tx: Tx) -> None:
        await tx.run("UPDATE things SET n = n + 1 WHERE sid = :sid", sid=sid)

    return action


async def total(tx: Tx) -> object:
    return await tx.value("SELECT CAST(sum(n) AS BIGINT) FROM things")


async def frozen(url: str, bounds: SessionBounds, *, lock: str = "") -> Session:
    """Return a session that stands still in a transaction with locks, as one of a node that is paused."""
    session = await PostgresServers(parse_address(url)).open(bounds)
    await session.execute("BEGIN READ WRITE")
    await session.execute(lock or "UPDATE things SET n = 0 WHERE sid = 'a'")
    return session


@pytest.mark.parametrize("kind", ["row", "lock"])
def test_a_node_that_stands_still_in_a_transaction_loses_its_locks(url: str, kind: str) -> None:
    async def test() -> None:
        async with opened(url, MIGRATIONS, bounds=PATIENT) as database:
            keys: list[int] = []

            async def write(tx: Tx) -> None:
                await tx.lock("key")
                keys[:] = getattr(tx, "locks", ())
                await count()(tx)

            await database.write(write)
            lock = f"SELECT pg_advisory_xact_lock({keys[0]})" if kind == "lock" else ""
            session = await frozen(url, SessionBounds(LONG, LONG, 0.5, LONG), lock=lock)
            await database.write(write)
            assert await database.read(total) == 2
            # The driver does not read while nobody uses the session.
            with pytest.raises(DRIVER_ERRORS):
                await session.execute("SELECT 1")
            session.terminate()

    run(test())


def test_a_lock_that_is_not_released_is_unavailable_and_nothing_else_stands(url: str) -> None:
    async def test() -> None:
        bounds = PostgresBounds(wait=1.0, lock=SHORT, pool_size=2)
        session = await frozen(url, SessionBounds(LONG, LONG, LONG, LONG))
        async with opened(url, MIGRATIONS, bounds=bounds) as database:
            blocked = asyncio.create_task(database.write(count()))
            await database.write(count("b"))
            assert await database.read(total) == 1
            assert await database.scan(total) == 1
            await database.check()
            with pytest.raises(Unavailable, match="lock"):
                await blocked
            await session.execute("ROLLBACK")
            await database.write(count())
            assert await database.read(total) == 2
        session.terminate()

    run(test())


def test_a_change_waits_within_its_bound_for_a_lock(url: str) -> None:
    async def test() -> None:
        session = await frozen(url, SessionBounds(LONG, LONG, LONG, LONG))
        async with opened(url, MIGRATIONS, bounds=PATIENT) as database:
            runs = 0

            async def action(tx: Tx) -> None:
                nonlocal runs
                runs += 1
                if runs == 3:
                    await session.execute("ROLLBACK")
                await count()(tx)

            await database.write(action)
            assert runs == 3
        session.terminate()

    run(test())


@pytest.mark.parametrize("view", ["read", "scan", "write"])
def test_a_statement_that_takes_too_long_is_unavailable(url: str, view: str) -> None:
    async def sleep(tx: Tx) -> None:
        await tx.value("SELECT pg_sleep(60)")

    async def test() -> None:
        bounds = PostgresBounds(statement=0.3, scan=0.3)
        async with opened(url, MIGRATIONS, bounds=bounds) as database:
            with pytest.raises(Unavailable, match="in time"):
                await getattr(database, view)(sleep)
            assert await database.read(total) == 0

    run(test())


def test_checks_and_scans_need_no_free_session_of_the_pool(url: str) -> None:
    async def test() -> None:
        bounds = PostgresBounds(pool_size=1, max_queue=2, wait=LONG)
        async with opened(url, MIGRATIONS, bounds=bounds) as database:
            held, release = asyncio.Event(), asyncio.Event()

            async def hold(tx: Tx) -> None:
                held.set()
                await release.wait()

            writes = [asyncio.create_task(database.write(hold)), asyncio.create_task(database.write(count()))]
            await held.wait()
            assert await database.scan(total) == 0
            await database.check()
            for call in (database.read(total), database.write(count())):
                with pytest.raises(Unavailable, match="too many calls wait"):
                    await call
            release.set()
            await asyncio.gather(*writes)
            assert await database.read(total) == 1

    run(test())


def test_long_scans_hold_up_no_query_of_bounded_cost(url: str) -> None:
    async def test() -> None:
        bounds = PostgresBounds(scan_pool_size=1, wait=LONG)
        async with opened(url, MIGRATIONS, bounds=bounds) as database:
            held, release = asyncio.Event(), asyncio.Event()

            async def hold(tx: Tx) -> None:
                held.set()
                await release.wait()

            scan = asyncio.create_task(database.scan(hold))
            await held.wait()
            assert await database.query(total) == 0
            assert await database.query(lambda tx: tx.value("SHOW statement_timeout")) == "10s"
            release.set()
            await scan

    run(test())


@pytest.mark.parametrize(("size", "lists"), [(1, 2), (2, 1), (3, 2), (4, 2), (10, 8)])
def test_lists_leave_sessions_to_changes_and_quick_reads(url: str, size: int, lists: int) -> None:
    async def test() -> None:
        # A pool of one has none to share: lists are in that of the scans then.
        bounds = PostgresBounds(pool_size=size, scan_pool_size=2, wait=LONG, statement=LONG)
        async with opened(url, MIGRATIONS, bounds=bounds) as database:
            begun, full, release = 0, asyncio.Event(), asyncio.Event()

            async def hold(tx: Tx) -> None:
                nonlocal begun
                begun += 1
                if begun == lists:
                    full.set()
                await release.wait()

            calls = [asyncio.create_task(database.query(hold)) for _ in range(lists + 3)]
            await full.wait()
            assert await database.read(total) == 0
            await database.write(count())
            assert begun == lists
            # One that is given up before its turn, and one in it, leave the turns to the others.
            calls.pop().cancel()
            calls.pop(0).cancel()
            release.set()
            await asyncio.gather(*calls)
            assert begun == lists + 2
            assert await database.query(total) == 1

    run(test())


def test_lists_that_wait_leave_half_of_the_queue_to_others(url: str) -> None:
    async def test() -> None:
        bounds = PostgresBounds(pool_size=4, max_queue=8, wait=LONG, statement=LONG)
        async with opened(url, MIGRATIONS, bounds=bounds) as database:
            release = asyncio.Event()

            async def hold(tx: Tx) -> None:
                await release.wait()

            lists = [asyncio.create_task(database.query(hold)) for _ in range(4)]
            await asyncio.sleep(0)
            with pytest.raises(Busy, match="too many calls wait"):
                await database.query(total)
            assert await database.read(total) == 0
            reads = [asyncio.create_task(database.read(hold)) for _ in range(4)]
            await asyncio.sleep(0)
            with pytest.raises(Busy, match="too many calls wait"):
                await database.read(total)
            release.set()
            await asyncio.gather(*lists, *reads)
            assert await database.query(total) == 0

    run(test())


def test_a_list_waits_for_its_turn_within_its_bound(url: str) -> None:
    async def test() -> None:
        bounds = PostgresBounds(pool_size=2, wait=LONG)
        async with opened(url, MIGRATIONS, bounds=bounds) as database:
            held, release = asyncio.Event(), asyncio.Event()

            async def hold(tx: Tx) -> None:
                held.set()
                await release.wait()

            holder = asyncio.create_task(database.query(hold))
            await held.wait()
            database._bounds = msgspec.structs.replace(bounds, wait=SHORT)
            for _ in range(2):
                with pytest.raises(Busy, match="no connection to the database was free in time"):
                    await database.query(total)
            database._bounds = bounds
            release.set()
            await holder
            assert await database.query(total) == 0

    run(test())


def test_a_call_waits_for_a_session_within_its_bound(url: str) -> None:
    async def test() -> None:
        bounds = PostgresBounds(pool_size=1, wait=0.5)
        async with opened(url, MIGRATIONS, bounds=bounds) as database:
            release = asyncio.Event()

            async def hold(tx: Tx) -> None:
                await release.wait()

            holder = asyncio.create_task(database.write(hold))
            await asyncio.sleep(0)
            with pytest.raises(Unavailable, match="no connection to the database was free in time"):
                await database.read(total)
            release.set()
            await holder

    run(test())


def test_hosts_that_do_not_respond_are_an_outage_and_no_busy_database() -> None:
    async def open_session() -> Session:
        return await asyncio.get_running_loop().create_future()

    async def test() -> None:
        pool = SessionPool(open_session, size=1, max_queue=2)
        loop = asyncio.get_running_loop()
        for _ in range(2):
            with pytest.raises(Unavailable, match="no connection to the database came about") as caught:
                await pool.acquire(loop.time() + 0.05)
            assert not isinstance(caught.value, Busy)
        opening = asyncio.create_task(pool.acquire(loop.time() + LONG))
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="no connection to the database was free in time"):
            await pool.acquire(loop.time() + 0.05)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)

    run(test())


def test_a_call_that_is_given_up_leaves_its_session_and_its_turn(url: str) -> None:
    async def sleep(tx: Tx) -> None:
        await tx.value("SELECT pg_sleep(60)")

    async def test() -> None:
        async with opened(url, MIGRATIONS, bounds=PostgresBounds(pool_size=1, wait=LONG)) as database:
            running = asyncio.create_task(database.write(sleep))
            await database.scan(until_sleeping)
            waiting = asyncio.create_task(database.read(total))
            await asyncio.sleep(0)
            for task in (waiting, running):
                task.cancel()
            await asyncio.gather(waiting, running, return_exceptions=True)
            assert await database.read(total) == 0

    async def until_sleeping(tx: Tx) -> None:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        while not await tx.value(query):
            pass

    run(test())


@pytest.mark.parametrize("stop", ["commit", "check"])
def test_a_response_that_came_while_the_node_stood_still_counts(
    url: str, stop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 0.5
    monkeypatch.setattr(postgres_sessions, "_CLIENT_MARGIN", seconds - LONG)
    monkeypatch.setattr(postgres_check, "CHECK_SECONDS", seconds)

    def stand_still() -> None:
        threading.Event().wait(seconds + late_timers.LATE + 0.1)

    def after_sending(steps: int = 5) -> None:
        """Stop the loop once it has sent what it has."""
        asyncio.get_running_loop().call_soon(after_sending, steps - 1) if steps else stand_still()

    async def write(tx: Tx) -> None:
        await count()(tx)
        if stop == "commit" and not standing:
            standing.append(True)
            after_sending()

    standing: list[bool] = []

    async def test() -> None:
        bounds = PostgresBounds(statement=LONG, scan=LONG, wait=LONG, peer=LONG)
        async with opened(url, MIGRATIONS, bounds=bounds) as database:
            await database.write(write)
            await database.check()
            if stop == "check":
                after_sending()
                await database.check()
            assert await database.read(total) == 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test())


@pytest.mark.parametrize("lost", [True, False])
def test_a_change_undone_while_the_node_stood_still_is_run_again(url: str, lost: bool) -> None:
    async def test() -> None:
        bounds = PostgresBounds(wait=0.1, lock=0.2)
        session = await frozen(url, SessionBounds(LONG, LONG, LONG, LONG))
        async with opened(url, MIGRATIONS, bounds=bounds) as database:
            runs = 0

            async def action(tx: Tx) -> None:
                nonlocal runs
                runs += 1
                if runs == 2:
                    await session.execute("ROLLBACK")
                elif lost:
                    backend = await tx.value("SELECT pg_backend_pid()")
                    await session.fetchval("SELECT pg_terminate_backend($1, 5000)", backend)
                    threading.Event().wait(bounds.wait)
                await count()(tx)

            await database.write(action)
            assert runs == 2
            assert await database.read(total) == 1
        session.terminate()

    run(test())


def test_each_session_is_bounded_at_the_server_and_the_client(relays: RelayThread) -> None:
    async def settings(tx: Tx) -> dict[str, object]:
        names = [
            "lock_timeout",
            "statement_timeout",
            "idle_in_transaction_session_timeout",
            "client_connection_check_interval",
        ]
        return {name: await tx.value(f"SHOW {name}") for name in names}

    async def test() -> None:
        async with opened(relays.url(0), MIGRATIONS) as database:
            common = {
                "lock_timeout": "1s",
                "idle_in_transaction_session_timeout": "2s",
                "client_connection_check_interval": "1s",
            }
            assert await database.read(settings) == {**common, "statement_timeout": "10s"}
            assert await database.scan(settings) == {**common, "statement_timeout": "1min"}
        # The server's own side has these settings over TCP alone: SHOW has zeros on a socket in the file system.
        bounds = dict(SessionBounds(1, 1, 1, 5).settings()) | dict(
            SessionBounds(1, 1, 1, 5).optional_settings()
        )
        assert {name: value for name, value in bounds.items() if name.startswith("tcp")} == {
            "tcp_keepalives_idle": "2",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "2",
            "tcp_user_timeout": "5000",
        }
        assert (
            dict(SessionBounds(1, 1, 1, 5, transaction=20).optional_settings())["transaction_timeout"]
            == "20000"
        )
        session = await PostgresServers(parse_address(relays.url(0))).open(SessionBounds(1, 1, 1, 5))
        connection = session._transport.get_extra_info("socket")  # type: ignore[attr-defined]
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000
        session.terminate()

    run(test())


def test_a_host_that_is_gone_costs_one_time_out_and_the_next_host_is_used(
    relays: RelayThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_sessions, "_CLIENT_MARGIN", 0.1)
    expired: list[float] = []
    expire = SessionPool.expire

    def expire_counted(pool: SessionPool, since: float = float("inf")) -> None:
        expired.append(since)
        expire(pool, since)

    monkeypatch.setattr(SessionPool, "expire", expire_counted)

    async def test() -> None:
        first, second = (relays.url(n).partition("@")[2].partition("/")[0] for n in range(2))
        address = relays.url(0).replace(first, f"{first},{second}") + "?connect_timeout=1"
        bounds = PostgresBounds(statement=1.0, wait=LONG, pool_size=5, peer=LONG)
        async with opened(address, MIGRATIONS, bounds=bounds) as database:
            together = asyncio.Barrier(5)

            async def meet(tx: Tx) -> None:
                await together.wait()

            await asyncio.gather(*(database.write(meet) for _ in range(5)))
            relays.swallow(0)
            await database.write(count())
            for _ in range(5):
                await database.read(total)
            assert len(expired) == 1
            assert await database.read(total) == 1
        relays.open(0)

    run(test())


def test_a_server_that_does_not_respond_fails_the_check_in_time(
    relays: RelayThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with opened(relays.url(0), MIGRATIONS) as database:
            await database.check()
            relays.swallow(0)
            with monkeypatch.context() as patch:
                patch.setattr(postgres_check, "CHECK_SECONDS", 0.3)
                with pytest.raises(Unavailable, match="does not respond"):
                    await database.check()
            relays.open(0)
            await database.check()
            relays.cut(0)
            with pytest.raises(Unavailable, match="cannot use PostgreSQL"):
                await database.check()
            relays.open(0)
            await database.check()

    run(test())


def test_calls_to_a_server_that_is_frozen_are_given_up_together(
    relays: RelayThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_check, "CHECK_SECONDS", 0.3)
    opened_with: list[float | None] = []
    open_session = PostgresServers.open

    async def open_counted(servers: PostgresServers, bounds: SessionBounds) -> Session:
        opened_with.append(bounds.statement)
        return await open_session(servers, bounds)

    async def test() -> None:
        # No statement, and no wait for a session, ends by itself.
        bounds = PostgresBounds(statement=LONG, scan=2 * LONG, wait=1.0, pool_size=4, peer=1.0)
        async with opened(f"{relays.url(0)}?connect_timeout=1", MIGRATIONS, bounds=bounds) as database:
            together = asyncio.Barrier(4)

            async def meet(tx: Tx) -> None:
                await together.wait()

            await asyncio.gather(*(database.write(meet) for _ in range(4)), database.scan(total))
            relays.swallow(0)
            monkeypatch.setattr(PostgresServers, "open", open_counted)
            calls = (
                database.write(count()),
                database.read(total),
                database.query(total),
                database.scan(total),
                database.read(total),
            )
            for result in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(result, Unavailable), result
            # No call goes on to a log-in at a server that was just found silent: only checks do.
            assert set(opened_with) <= {postgres_check.CHECK_SECONDS}
            # None of them meets a session from before.
            with pytest.raises(Unavailable):
                await database.read(total)
            checks = [database.check() for _ in range(3)]
            for result in await asyncio.gather(*checks, return_exceptions=True):
                assert isinstance(result, Unavailable), result
            relays.open(0)
            while True:
                with suppress(Unavailable):
                    await database.check()
                    break
            assert await database.read(total) == 0

    run(test())


def test_a_lock_that_is_contended_is_no_outage(
    url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "CALM_SECONDS", 0)

    async def test() -> None:
        session = await frozen(url, SessionBounds(LONG, LONG, LONG, LONG))
        async with opened(url, MIGRATIONS, bounds=PostgresBounds(wait=0.1, lock=SHORT)) as database:
            for _ in range(3):
                with pytest.raises(Busy, match="lock"):
                    await database.write(count())
            await session.execute("ROLLBACK")
            await database.write(count())
        session.terminate()

    run(test())
    assert [(record.levelname, record.message.partition(":")[0]) for record in own_lines(caplog)] == [
        ("WARNING", "the database is busy"),
        ("WARNING", "the database has time for every call again"),
    ]


def own_lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what was logged but for asyncio, which may report what an earlier test has left."""
    return [record for record in caplog.records if record.name.startswith("trunkline")]


def test_a_node_waits_for_the_migration_of_another_for_a_bounded_time(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    lock = f"SELECT pg_advisory_xact_lock({postgres_migration._LOCK})"

    async def test() -> None:
        session = await frozen(url, SessionBounds(LONG, LONG, LONG, LONG), lock=lock)
        late = PostgresDatabase(url, MIGRATIONS, system_clock, PostgresBounds(migration=0.2))
        with pytest.raises(StorageError, match="another node has not finished its migration"):
            await late.start()
        waiting = asyncio.create_task(PostgresDatabase(url, MIGRATIONS, system_clock).start())
        while len(own_lines(caplog)) < 2:
            await asyncio.sleep(0)
        await session.execute("COMMIT")
        await waiting
        session.terminate()

    run(test())
    assert [line.getMessage() for line in own_lines(caplog)] == [
        "another node migrates the schema; this one waits for it, for 0.2 s at most",
        "another node migrates the schema; this one waits for it, for 600 s at most",
    ]
