"""``trunkline jobs``, on each engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from trunkline.app.node import Node
from trunkline.core.jobs import claims
from trunkline.core.jobs.claims import Lease, SettledJob
from trunkline.core.jobs.outcomes import DeadLetter
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.storage.database import Tx
from trunkline.settings.loading import load
from unit.cli.conftest import Cli


def dead_job() -> str:
    """Leave a given-up job in the database of the environment; return its id."""

    async def write(tx: Tx) -> str:
        # A kind that no node runs, so that nothing but the command touches it.
        id = await enqueue(tx, Job("unknown", '{"a": 1}', lane="a.example"))
        held = await claims.claim(tx, Lease("test", tx.now), 1)
        await claims.settle(tx, "test", [SettledJob(job, DeadLetter("no use")) for job in held], 0)
        return id

    async def work() -> Any:
        node = Node(load({"proxy_port": "-1"}))
        await node.start()
        try:
            return await node.database.write(write)
        finally:
            await node.stop()

    return str(asyncio.run(work()))


def test_given_up_jobs_are_listed_and_shown(cli: Cli, data: Path) -> None:
    id = dead_job()
    (listed,) = cli("jobs", "list", "--json").json
    assert (listed["id"], listed["state"], listed["reason"], listed["lane"]) == (
        id,
        "dead",
        "no use",
        "a.example",
    )
    # As the control API has them: in seconds.
    assert isinstance(listed["due_at"], float)
    assert isinstance(listed["created_at"], float)
    assert cli("jobs", "list", "--state", "ready", "--json").json == []
    assert id in cli("jobs", "list").out
    assert cli("jobs", "show", id, "--json").json["payload"] == '{"a": 1}'
    shown = dict(line.split("  ", 1) for line in cli("jobs", "show", id).out.splitlines())
    assert {name: value.strip() for name, value in shown.items() if not name.endswith(" at")} == {
        "Id": id,
        "Kind": "unknown",
        "State": "dead",
        "Lane": "a.example",
        "Attempts": "1",
        "Running": "no",
        "Reason": "no use",
        "Payload": '{"a": 1}',
    }
    assert cli("jobs", "list", "--state", "ready").out == "no job is ready\n"


def test_a_job_is_run_again_or_discarded(cli: Cli, data: Path) -> None:
    id = dead_job()
    assert cli("jobs", "retry", id, "--json").json["state"] == "ready"
    assert cli("jobs", "discard", id).code == 0
    assert cli("jobs", "list", "--state", "ready", "--json").json == []


def test_a_job_that_is_not_there_is_an_error(cli: Cli, data: Path) -> None:
    dead_job()
    for command in ("show", "retry", "discard"):
        outcome = cli("jobs", command, "JB0")
        assert outcome.code == 1
        assert "there is no job JB0" in outcome.err
