"""Jobs that are put into the queue at once: all or nothing, in order for each key, announced once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engines import opened
from trunkline.core.jobs import schema
from trunkline.core.jobs.administration import list_jobs
from trunkline.core.jobs.queue import (
    Job,
    JobsDue,
    JobState,
    StoredJob,
    enqueue,
    enqueue_many,
    enqueue_unless_queued,
)
from trunkline.core.storage.database import Database, Tx

NOW = 1_000


def on(url: str, check: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(url, schema.MIGRATIONS, lambda: NOW) as database:
            await check(database)

    asyncio.run(run())


async def stored(database: Database, state: JobState) -> list[StoredJob]:
    found = await database.read(lambda tx: list_jobs(tx, state, 1000))
    return sorted(found, key=lambda job: (job.order_key or "", job.place, job.payload))


def keyed(payloads: str, key: str = "") -> list[Job]:
    return [Job("test", payload, order_key=key) for payload in payloads]


def test_jobs_of_one_key_stand_in_their_order_behind_those_before(database_url: str) -> None:
    async def check(database: Database) -> None:
        jobs = [*keyed("b", "k"), *keyed("x"), *keyed("p", "l"), *keyed("c", "k"), *keyed("q", "l")]
        await database.write(lambda tx: enqueue(tx, keyed("a", "k")[0]))
        await database.write(lambda tx: enqueue_many(tx, jobs))
        await database.write(lambda tx: enqueue(tx, keyed("d", "k")[0]))
        ready, waiting = await stored(database, JobState.READY), await stored(database, JobState.WAITING)
        assert [(job.order_key, job.payload) for job in ready] == [(None, "x"), ("k", "a"), ("l", "p")]
        assert [(job.payload, job.place) for job in waiting] == [("b", 1), ("c", 2), ("d", 3), ("q", 1)]

    on(database_url, check)


def test_many_are_announced_once_with_the_first_due_date(database_url: str) -> None:
    async def check(database: Database) -> None:
        announced: list[Any] = []
        database.listen(announced.extend)
        jobs = [Job("test", "a", due=5_000), Job("test", "b", due=2_000), Job("test", "c", due=3_000)]
        ids = await database.write(lambda tx: enqueue_many(tx, jobs))
        assert announced == [JobsDue(2_000)]
        rows = {job.id: job.payload for job in await stored(database, JobState.READY)}
        assert [rows[id] for id in ids] == ["a", "b", "c"]
        await database.write(lambda tx: enqueue_many(tx, keyed("d")))
        assert announced == [JobsDue(2_000), JobsDue(NOW)]

    on(database_url, check)


def test_jobs_that_all_wait_are_announced_when_they_are_ready(database_url: str) -> None:
    async def check(database: Database) -> None:
        announced: list[Any] = []
        await database.write(lambda tx: enqueue(tx, keyed("a", "k")[0]))
        database.listen(announced.extend)
        assert len(await database.write(lambda tx: enqueue_many(tx, keyed("bc", "k")))) == 2
        assert await database.write(lambda tx: enqueue_many(tx, ())) == []
        assert announced == []

    on(database_url, check)


def test_a_job_that_is_needed_once_is_not_queued_twice(database_url: str) -> None:
    async def check(database: Database) -> None:
        def put(payload: str) -> Awaitable[None]:
            return database.write(lambda tx: enqueue_unless_queued(tx, keyed(payload, "k")[0]))

        await database.write(lambda tx: enqueue(tx, keyed("a", "l")[0]))
        await asyncio.gather(*(put("b") for _ in range(5)))
        found = await stored(database, JobState.READY) + await stored(database, JobState.WAITING)
        assert [(job.order_key, job.payload) for job in found] == [("k", "b"), ("l", "a")]
        await database.write(lambda tx: tx.run("UPDATE jobs SET state = 'dead' WHERE order_key = 'k'"))
        await put("c")
        [dead] = await stored(database, JobState.DEAD)
        [again, _] = await stored(database, JobState.READY)
        assert (dead.payload, again.payload) == ("b", "c")

    on(database_url, check)


def test_nodes_that_put_jobs_of_the_same_keys_at_once_keep_each_together(database_url: str) -> None:
    async def check(database: Database) -> None:
        def put(number: int) -> Awaitable[list[str]]:
            keys = ["k", "l"] if number % 2 else ["l", "k"]
            jobs = [Job("test", f"{number} {turn}", order_key=key) for turn in range(3) for key in keys]
            return database.write(lambda tx: enqueue_many(tx, jobs))

        await asyncio.gather(*(put(number) for number in range(10)))
        rows = [*await stored(database, JobState.READY), *await stored(database, JobState.WAITING)]
        for key in ("k", "l"):
            own = [job for job in rows if job.order_key == key]
            assert [job.place for job in own] == list(range(30))
            for start in range(0, 30, 3):
                numbers, turns = zip(*(job.payload.split() for job in own[start : start + 3]), strict=True)
                assert (len(set(numbers)), turns) == (1, ("0", "1", "2"))

    on(database_url, check)


def test_a_failed_transaction_leaves_none_of_them(database_url: str) -> None:
    async def check(database: Database) -> None:
        async def fail(tx: Any) -> None:
            await enqueue_many(tx, keyed("ab"))
            raise ValueError

        with pytest.raises(ValueError):
            await database.write(fail)
        assert await stored(database, JobState.READY) == []

    on(database_url, check)


def test_older_jobs_get_the_account_with_which_their_payload_begins(database_url: str) -> None:
    account = "AC" + "1" * 32
    payloads = {
        "webhook": f'{{"account_sid":"{account}","url":"http://a.example/"}}',
        "media": f'["{account}","SM1"]',
        "removal": '{"plan":"sync_objects","sid":"ES1"}',
    }

    async def fill(tx: Tx) -> None:
        await tx.run_many(
            "INSERT INTO jobs VALUES (:kind, :kind, :payload, '', NULL, 0, 'dead', :no, 0, NULL, 1, '', 0, 0, 0)",
            [{"kind": kind, "payload": payload, "no": False} for kind, payload in payloads.items()],
        )

    async def run() -> None:
        async with opened(database_url, schema.MIGRATIONS[:4]) as database:
            await database.write(fill)
        async with opened(database_url, schema.MIGRATIONS) as database:
            found = {job.kind: job.account_sid for job in await stored(database, JobState.DEAD)}
        assert found == {"webhook": account, "media": account, "removal": ""}

    asyncio.run(run())
