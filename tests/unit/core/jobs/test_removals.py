"""The deletion of a resource with many rows below it: marked, then removed by a job, on both engines."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable

import msgspec

from engines import opened
from trunkline.core.clock import system_clock
from trunkline.core.jobs import removals
from trunkline.core.jobs.administration import list_jobs
from trunkline.core.jobs.outcomes import ClaimedJob, Retry, Success
from trunkline.core.jobs.queue import Job, JobState, enqueue
from trunkline.core.jobs.removals import KIND, ROWS_A_RUN, Removals
from trunkline.core.jobs.runner import Runner, RunnerOptions
from trunkline.core.jobs.schema import MIGRATIONS as JOBS
from trunkline.core.jobs.schema import RETENTION
from trunkline.core.storage.database import Database, Tx
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.removal import ROWS, Removal, RemovalGroup, RemovalPlan
from trunkline.core.storage.retention import DAY, Retention

MIGRATIONS = (
    *JOBS,
    Migration(
        "things",
        1,
        (
            "CREATE TABLE parents (sid TEXT PRIMARY KEY, account_sid TEXT NOT NULL, name TEXT UNIQUE,"
            " deleted BOOLEAN NOT NULL DEFAULT FALSE)",
            """CREATE TABLE children (
                parent TEXT NOT NULL REFERENCES parents (sid) ON DELETE CASCADE,
                number BIGINT NOT NULL,
                PRIMARY KEY (parent, number)
            )""",
        ),
    ),
)
PLAN = RemovalPlan(
    "parents",
    below=(RemovalGroup((Removal("children", ("parent", "number"), "parent = :sid"),)),),
    released="name = NULL",
)


async def fill(tx: Tx, count: int, sid: str = "P1") -> None:
    """Make a parent with children."""
    await tx.run("INSERT INTO parents (sid, account_sid, name) VALUES (:sid, 'AC1', 'name')", sid=sid)
    await tx.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
        " INSERT INTO children SELECT CAST(:sid AS TEXT), i FROM n",
        count=count,
        sid=sid,
    )


def on(url: str, check: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(url, MIGRATIONS) as database:
            await check(database)

    asyncio.run(run())


async def number_of(database: Database, table: str) -> int:
    found: int = await database.read(lambda tx: tx.value(f"SELECT count(*) FROM {table}"))
    return found


async def delete(database: Database, account_sid: str = "AC1") -> bool:
    return await database.write(lambda tx: removals.delete(tx, PLAN, account_sid, "P1"))


async def claimed(database: Database) -> ClaimedJob:
    """Return the one job in the queue, as a runner would claim it."""
    (job,) = await database.read(lambda tx: list_jobs(tx, JobState.READY, 10))
    return ClaimedJob(job.id, job.kind, job.payload, job.lane, job.order_key, 1, job.created)


def test_a_resource_with_few_rows_below_it_goes_at_once(database_url: str) -> None:
    async def check(database: Database) -> None:
        await database.write(lambda tx: fill(tx, ROWS - 1))
        assert not await delete(database, "AC2")
        assert await delete(database)
        assert not await delete(database)
        assert [await number_of(database, table) for table in ("parents", "children", "jobs")] == [0, 0, 0]

    on(database_url, check)


def test_a_resource_with_many_is_marked_and_its_name_is_free(database_url: str) -> None:
    async def check(database: Database) -> None:
        await database.write(lambda tx: fill(tx, ROWS))
        assert await delete(database)
        assert not await delete(database)
        assert [await number_of(database, table) for table in ("parents", "children", "jobs")] == [1, 0, 1]
        await database.write(lambda tx: fill(tx, 1, "P2"))
        assert await Removals(database, (PLAN,)).run_job(await claimed(database)) == Success()
        sids = await database.read(lambda tx: tx.value("SELECT sid FROM parents"))
        assert sids == "P2"

    on(database_url, check)


def test_a_run_is_bounded_and_the_next_one_goes_on(database_url: str) -> None:
    async def check(database: Database) -> None:
        await database.write(lambda tx: fill(tx, ROWS_A_RUN + 2 * ROWS))
        await delete(database)
        first, second = Removals(database, (PLAN,)), Removals(database, (PLAN,))
        outcome = await first.run_job(await claimed(database))
        assert isinstance(outcome, Retry)
        assert (outcome.after, first.rows) == (0, ROWS_A_RUN)
        assert await number_of(database, "children") == ROWS
        assert await second.run_job(await claimed(database)) == Success()
        assert await number_of(database, "parents") == 0
        assert await second.run_job(await claimed(database)) == Success(), "a repeat finds nothing"

    on(database_url, check)


def test_a_child_that_came_meanwhile_goes_too(database_url: str) -> None:
    async def check(database: Database) -> None:
        await database.write(lambda tx: fill(tx, ROWS))
        await delete(database)
        await database.write(lambda tx: tx.run("INSERT INTO children VALUES ('P1', 9999)"))
        assert await Removals(database, (PLAN,)).run_job(await claimed(database)) == Success()
        assert await number_of(database, "children") == 0

    on(database_url, check)


def test_rows_that_another_transaction_holds_are_tried_again(database_url: str) -> None:
    async def check(database: Database) -> None:
        await database.write(lambda tx: fill(tx, 2 * ROWS))
        await delete(database)
        runner = Removals(database, (PLAN,))
        job = await claimed(database)

        async def hold(tx: Tx) -> None:
            await tx.value(f"SELECT number FROM children LIMIT 1 {tx.skip_locked}")
            if tx.skip_locked:
                outcome = await runner.run_job(job)
                assert isinstance(outcome, Retry)
                assert outcome.after > 0

        await database.write(hold)
        assert await runner.run_job(job) == Success()
        assert await number_of(database, "parents") == 0

    on(database_url, check)


def test_a_deletion_that_meets_a_held_row_leaves_it_to_the_job(database_url: str) -> None:
    async def check(database: Database) -> None:
        await database.write(lambda tx: fill(tx, 3))

        async def hold(tx: Tx) -> None:
            await tx.value(f"SELECT number FROM children LIMIT 1 {tx.skip_locked}")
            if tx.skip_locked:
                assert await delete(database)

        await database.write(hold)
        if database.name == "postgresql":
            assert await Removals(database, (PLAN,)).run_job(await claimed(database)) == Success()
            assert await number_of(database, "parents") == 0

    on(database_url, check)


def test_an_unknown_plan_and_a_database_that_is_away_are_tried_again(database_url: str) -> None:
    async def check(database: Database) -> None:
        job = ClaimedJob("JB1", KIND, '{"plan":"parents","sid":"P1"}', "", None, 1, 0)
        outcome = await Removals(database, ()).run_job(job)
        assert isinstance(outcome, Retry)
        assert "parents" in outcome.reason
        await database.stop()
        outcome = await Removals(database, (PLAN,)).run_job(job)
        assert isinstance(outcome, Retry)
        assert outcome.reason == "the database: the database is closed"
        assert Removals(database, ()).handler().max_attempts > 10**9

    on(database_url, check)


def test_no_age_removes_a_dead_removal(database_url: str) -> None:
    async def check(database: Database) -> None:
        (jobs,) = RETENTION
        retention = Retention(RETENTION, {"dead_job_days": 1})

        async def die(tx: Tx) -> None:
            for kind in (KIND, "webhook"):
                await enqueue(tx, Job(kind, "{}"))
            await tx.run("UPDATE jobs SET state = 'dead', created = 1")

        await database.write(die)
        found = await jobs.limits[0].find(database, retention, jobs, now=DAY + 2)
        assert found is not None
        assert await database.write(lambda tx: found.piece(tx, 10)) == 1
        (left,) = await database.read(lambda tx: list_jobs(tx, JobState.DEAD, 10))
        assert left.kind == KIND

    on(database_url, check)


VICTIM = """
import asyncio, sys
sys.path[:0] = sys.argv[2:]
from unit.core.jobs.test_removals import MIGRATIONS, PLAN, delete, fill
from trunkline.core.clock import system_clock
from trunkline.core.jobs.removals import KIND, Removals
from trunkline.core.jobs.runner import Runner
from trunkline.core.storage.open import open_database

async def main():
    database = open_database(sys.argv[1], MIGRATIONS, system_clock)
    await database.start()
    await database.write(lambda tx: fill(tx, 5000))
    await delete(database)
    removals = Removals(database, (PLAN,))
    write = database.write

    async def write_some(action):
        if removals.rows or getattr(action, "keywords", {}).get("limit"):
            pieces.append(1)
            if len(pieces) == 3:
                print("killed in the middle", flush=True)
                await asyncio.Event().wait()
        return await write(action)

    pieces = []
    database.write = write_some
    await Runner(database, {KIND: removals.handler()}, system_clock).start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_removal_of_a_killed_node_goes_on_at_the_next_one(database_url: str) -> None:
    command = [sys.executable, "-c", VICTIM, database_url, *sys.path]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        line = victim.stdout.readline()
        victim.kill()
    assert line == b"killed in the middle\n"

    async def check(database: Database) -> None:
        assert 0 < await number_of(database, "children") < 5000 - ROWS
        done = asyncio.Event()
        handler = Removals(database, (PLAN,)).handler()

        async def run(job: ClaimedJob) -> object:
            outcome = await handler.run(job)
            done.set()
            return outcome

        observed = msgspec.structs.replace(handler, run=run)
        # The killed node's lease is over.
        await database.write(lambda tx: tx.run("UPDATE jobs SET due = :now", now=tx.now))
        runner = Runner(database, {KIND: observed}, system_clock, RunnerOptions(poll_seconds=0.05))
        await runner.start()
        async with asyncio.timeout(60):
            await done.wait()
        await runner.stop()
        assert [await number_of(database, table) for table in ("parents", "children", "jobs")] == [0, 0, 0]

    on(database_url, check)
