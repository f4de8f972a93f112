"""Locks that transactions take in different orders: there is no deadlock, as the server itself counts them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import permutations
from pathlib import Path

import asyncpg
import pytest

from engines import PostgresEngine, opened
from trunkline.core.jobs import claims
from trunkline.core.jobs.claims import Lease, SettledJob
from trunkline.core.jobs.outcomes import Success
from trunkline.core.jobs.queue import Job, enqueue, enqueue_many
from trunkline.core.jobs.schema import MIGRATIONS as JOBS
from trunkline.core.storage.database import Database, Tx
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.postgres_address import PostgresBounds

MIGRATIONS = (
    *JOBS,
    Migration("things", 1, ("CREATE TABLE things (sid TEXT PRIMARY KEY, n BIGINT NOT NULL)",)),
    Migration("things", 2, tuple(f"INSERT INTO things VALUES ('{sid}', 0)" for sid in "abcd")),
)
KEYS = ("a", "b", "c")
PATIENT = PostgresBounds(lock=30, wait=60, idle_in_transaction=30)
"""No lock's time-out comes before the server's search for deadlocks, a second."""


@pytest.fixture
def url(postgres_server: str, tmp_path: Path) -> Iterator[str]:
    engine = PostgresEngine(postgres_server)
    yield engine.migrated_url(tmp_path, MIGRATIONS)
    engine.drop()


def deadlocks_of(url: str, work: Callable[[Database, Database], Awaitable[None]]) -> int:
    """Return how many deadlocks the server met while two nodes did their work."""

    async def main() -> int:
        async with (
            asyncio.timeout(120),
            opened(url, MIGRATIONS, bounds=PATIENT) as one,
            opened(url, MIGRATIONS, bounds=PATIENT) as two,
        ):
            await work(one, two)
        connection = await asyncpg.connect(url)
        try:
            # What a session counted is written by its end at the latest.
            others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            while await connection.fetchval(others) > 1:
                pass
            found: int = await connection.fetchval(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            )
            return found
        finally:
            await connection.close()

    return asyncio.run(main())


def test_locks_in_every_order_meet_no_deadlock_and_lose_nothing(url: str) -> None:
    async def work(one: Database, two: Database) -> None:
        both = asyncio.Barrier(2)
        runs = 0

        async def change(tx: Tx, order: tuple[str, ...]) -> None:
            nonlocal runs
            runs += 1
            first = runs <= 2
            for key in order:
                await tx.lock(key)
                if first:
                    # Each of the first two has its first lock before either wants its second.
                    await both.wait()
                    first = False
                await tx.run("UPDATE things SET n = n + 1 WHERE sid = :sid", sid=key)

        orders = list(permutations(KEYS))
        pairs = [(orders[0], orders[-1]), *((order, order[::-1]) for order in orders)]
        for left, right in pairs:
            await asyncio.gather(
                one.write(lambda tx, order=left: change(tx, order)),
                two.write(lambda tx, order=right: change(tx, order)),
            )

        async def total(tx: Tx) -> object:
            return await tx.value("SELECT CAST(sum(n) AS BIGINT) FROM things")

        assert await one.read(total) == len(pairs) * 2 * len(KEYS)
        assert runs > 2 * len(pairs)

    assert deadlocks_of(url, work) == 0


def test_a_lock_behind_a_row_meets_no_deadlock(url: str) -> None:
    async def work(one: Database, two: Database) -> None:
        both = asyncio.Barrier(2)
        runs = 0

        async def row_first(tx: Tx) -> None:
            await touch(tx)
            await together()
            await tx.lock("key")

        async def lock_first(tx: Tx) -> None:
            await tx.lock("key")
            await together()
            await touch(tx)

        async def touch(tx: Tx) -> None:
            await tx.run("UPDATE things SET n = n + 1 WHERE sid = 'a'")

        async def together() -> None:
            nonlocal runs
            runs += 1
            if runs <= 2:
                await both.wait()

        await asyncio.gather(one.write(row_first), two.write(lock_first))

    assert deadlocks_of(url, work) == 0


def test_orders_of_jobs_are_locked_without_deadlocks(url: str) -> None:
    async def work(one: Database, two: Database) -> None:
        nodes = (one, two)
        both = asyncio.Barrier(2)
        runs = 0

        async def each(tx: Tx, order: tuple[str, ...]) -> None:
            nonlocal runs
            runs += 1
            for place, key in enumerate(order):
                await enqueue(tx, Job("work", "{}", order_key=key))
                if runs <= 2 and not place:
                    await both.wait()

        await asyncio.gather(one.write(lambda tx: each(tx, KEYS)), two.write(lambda tx: each(tx, KEYS[::-1])))

        async def settle(node: Database, name: str) -> None:
            lease = Lease(name, 2**62)
            for _ in range(8):
                jobs = await node.write(lambda tx: claims.claim(tx, lease, 10))
                other = {"a": "c", "c": "a", "b": "b"}
                outcomes = [
                    SettledJob(job, Success(enqueue_after(other[job.order_key or "b"]))) for job in jobs
                ]
                await node.write(lambda tx, outcomes=outcomes: claims.settle(tx, name, outcomes, 1.0))

        def enqueue_after(key: str) -> Callable[[Tx], Awaitable[None]]:
            async def also(tx: Tx) -> None:
                await enqueue_many(tx, [Job("work", "{}", order_key=one) for one in (key, "a", "c")])

            return also

        await asyncio.gather(
            *(settle(node, f"node {number}") for number, node in enumerate(nodes)),
            *(
                node.write(lambda tx, order=order: each(tx, order))
                for node in nodes
                for order in permutations(KEYS)
            ),
        )

    assert deadlocks_of(url, work) == 0
