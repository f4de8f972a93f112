"""A job whose node was killed is run by the next one."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from engines import opened
from trunkline.core.clock import SECOND, system_clock
from trunkline.core.jobs.administration import list_jobs
from trunkline.core.jobs.outcomes import ClaimedJob, Handler, JobOutcome, Success
from trunkline.core.jobs.queue import JobState
from trunkline.core.jobs.runner import Runner, RunnerOptions
from trunkline.core.jobs.schema import MIGRATIONS

VICTIM = """
import asyncio, sys
from trunkline.core.clock import system_clock
from trunkline.core.jobs.outcomes import Handler
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.jobs.runner import Runner
from trunkline.core.jobs.schema import MIGRATIONS
from trunkline.core.storage.open import open_database

async def main():
    database = open_database(sys.argv[1], MIGRATIONS, system_clock)
    await database.start()

    async def hang(job):
        print("running", job.payload, flush=True)
        await asyncio.Event().wait()

    await Runner(database, {"test": Handler(hang)}, system_clock).start()

    async def write(tx):
        await enqueue(tx, Job("test", "first", "key"))
        await enqueue(tx, Job("test", "second", "key"))

    await database.write(write)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_job_of_a_killed_node_is_run_again(database_url: str) -> None:
    with subprocess.Popen([sys.executable, "-c", VICTIM, database_url], stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        line = victim.stdout.readline()
        victim.kill()
    assert line == b"running first\n"

    async def scenario() -> None:
        ran: list[tuple[str, int]] = []
        both = asyncio.Event()

        async def run(job: ClaimedJob) -> JobOutcome:
            ran.append((job.payload, job.attempts))
            if len(ran) == 2:
                both.set()
            return Success()

        def later() -> int:
            return system_clock() + 61 * SECOND

        async with asyncio.timeout(20), opened(database_url, MIGRATIONS, later) as database:
            runner = Runner(database, {"test": Handler(run)}, later, RunnerOptions(poll_seconds=0.05))
            await runner.start()
            await both.wait()
            await runner.stop()
            assert await database.read(lambda tx: list_jobs(tx, JobState.READY, 10)) == []
        assert ran == [("first", 2), ("second", 1)]

    asyncio.run(scenario())
