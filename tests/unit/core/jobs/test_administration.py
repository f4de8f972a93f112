"""The queue as the operator sees and changes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from engines import opened
from trunkline.core.clock import SECOND, system_clock
from trunkline.core.jobs import claims
from trunkline.core.jobs.administration import discard_job, find_job, list_jobs, retry_job
from trunkline.core.jobs.claims import Lease, SettledJob
from trunkline.core.jobs.outcomes import DeadLetter, Retry
from trunkline.core.jobs.queue import Job, JobState, enqueue
from trunkline.core.jobs.schema import MIGRATIONS
from trunkline.core.storage.database import Database

NODE = "node"


def scenario(database_url: str, body: Callable[[Database], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with opened(database_url, MIGRATIONS) as database:
            await body(database)

    asyncio.run(run())


async def put(database: Database, payload: str, **fields: Any) -> str:
    return await database.write(lambda tx: enqueue(tx, Job("test", payload, **fields)))


async def take(database: Database, most: int = 100) -> list[Any]:
    lease = Lease(NODE, system_clock() + 60 * SECOND)
    return await database.write(lambda tx: claims.claim(tx, lease, most))


async def end(database: Database, outcome: Any, *jobs: Any) -> None:
    settled = [SettledJob(job, outcome) for job in jobs]
    await database.write(lambda tx: claims.settle(tx, NODE, settled, 60))


async def payloads(database: Database, state: JobState) -> list[str]:
    return [job.payload for job in await database.read(lambda tx: list_jobs(tx, state, 100))]


def test_a_dead_job_runs_again_with_all_its_attempts(database_url: str) -> None:
    async def body(database: Database) -> None:
        id = await put(database, "a")
        await end(database, DeadLetter("no"), *await take(database))
        assert (await payloads(database, JobState.DEAD), await take(database)) == (["a"], [])
        revived = await database.write(lambda tx: retry_job(tx, id))
        assert (revived.state, revived.attempts) == ("ready", 0)  # type: ignore[union-attr]
        assert [job.payload for job in await take(database)] == ["a"]

    scenario(database_url, body)


def test_a_dead_job_of_a_key_waits_for_those_that_took_its_turn(database_url: str) -> None:
    async def body(database: Database) -> None:
        ids = [await put(database, name, order_key="k") for name in "abc"]
        await end(database, DeadLetter("no"), *await take(database))
        (b,) = await take(database)
        assert b.payload == "b"
        waiting = await database.write(lambda tx: retry_job(tx, ids[0]))
        assert waiting is not None
        assert waiting.state == "waiting"
        assert await take(database) == []
        await end(database, DeadLetter("no"), b)
        assert [job.payload for job in await take(database)] == ["a"]
        assert await payloads(database, JobState.WAITING) == ["c"]

    scenario(database_url, body)


def test_a_postponed_job_may_run_now_and_a_running_one_is_left_alone(database_url: str) -> None:
    async def body(database: Database) -> None:
        id = await put(database, "a")
        (job,) = await take(database)
        await database.write(lambda tx: retry_job(tx, id))
        assert await take(database) == []
        await end(database, Retry(3600, "later"), job)
        assert await take(database) == []
        await database.write(lambda tx: retry_job(tx, id))
        assert [(job.id, job.attempts) for job in await take(database)] == [(id, 2)]

    scenario(database_url, body)


def test_a_discarded_job_lets_the_next_of_its_key_run(database_url: str) -> None:
    async def body(database: Database) -> None:
        first, _ = await put(database, "a", order_key="k"), await put(database, "b", order_key="k")
        (running,) = await take(database)
        assert not await database.write(lambda tx: discard_job(tx, first))
        await end(database, Retry(3600), running)
        assert await database.write(lambda tx: discard_job(tx, first))
        assert await database.read(lambda tx: find_job(tx, first)) is None
        assert [job.payload for job in await take(database)] == ["b"]

    scenario(database_url, body)


def test_what_is_not_there_is_told(database_url: str) -> None:
    async def body(database: Database) -> None:
        assert await database.write(lambda tx: retry_job(tx, "JB0")) is None
        assert not await database.write(lambda tx: discard_job(tx, "JB0"))

    scenario(database_url, body)
