"""PostgreSQL that goes away under load: the node returns 503, reports that it is not ready, and recovers by
itself. Its log has a line for each begin and end of an outage, however many requests meet it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from engines import PostgresEngine
from faults.ledger import Count, Ledger
from faults.relay import Relay
from faults.writers import SYNC, connected, shown, writers
from servers import Server

TURNS = 3
LOAD_SECONDS = 0.2
PATIENCE_SECONDS = 10.0
RESPONSES = 100


@pytest.fixture
def postgres_database(postgres_server: str, tmp_path: Path) -> Iterator[str]:
    """Yield the address of a new database on PostgreSQL."""
    engine = PostgresEngine(postgres_server)
    yield engine.url(tmp_path)
    engine.drop()


def test_a_node_outlives_its_database_going_away(
    postgres_database: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    count = asyncio.run(_outlive(Relay(postgres_database), tmp_path))
    record_property("acknowledged", count.acknowledged)
    record_property("outcome unknown", count.in_flight)
    print(count)


async def _outlive(relay: Relay, folder: Path) -> Count:
    await relay.open()
    ledger = Ledger()
    team = writers(SYNC, ledger, "away")
    server = Server(folder, "--log-level", "warning", database_url=relay.url)
    await asyncio.to_thread(server.start)
    with ExitStack() as stack:
        stack.callback(server.kill)
        tasks = [asyncio.create_task(writer.run(server)) for writer in team]
        for _ in range(TURNS):
            await _more(lambda: ledger.count.acknowledged, tasks)
            await asyncio.wait(tasks, timeout=LOAD_SECONDS)
            relay.cut()
            await _more(lambda: sum(len(writer.refused) for writer in team), tasks)
            assert await _readiness(server) == 503
            await relay.open()
        await _more(lambda: ledger.count.acknowledged, tasks)
        assert await _readiness(server) == 200
        for writer in team:
            writer.stopped = True
        await asyncio.gather(*tasks)
        outcomes = {
            (response.status, response.json()["code"]) for writer in team for response in writer.refused
        }
        assert (503, 20503) in outcomes
        assert outcomes <= {(503, 20503), (500, 20500)}, "500 is for a commit whose outcome is unknown"
        logged = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
        about = [line["message"].partition(":")[0] for line in logged if line["level"] != "info"]
        assert set(about) <= {"the database is away", "the database is back"}, about
        assert 1 <= len(about) <= 2 * TURNS
        assert not any("exception" in line for line in logged)
        assert not (lies := ledger.lies(await shown(server, SYNC))), lies
    relay.cut()
    return ledger.count


async def _readiness(server: Server) -> int:
    async with connected(server) as (calls, connection):
        return (await connection.send(calls.request("GET", "/_trunkline/health/ready"))).status


async def _more(count: Callable[[], int], tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait until the writers have got so many further answers that it means something."""
    enough = count() + RESPONSES
    async with asyncio.timeout(PATIENCE_SECONDS):
        while count() < enough:
            finished, _ = await asyncio.wait(tasks, timeout=0.01)
            assert not finished, "a writer lost its connection"
