"""A node that is frozen in the middle of a transaction, with a lock: the other one answers all the same."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import asyncpg
import httpx

from nodes.cluster import PATIENCE, Cluster
from nodes.test_cluster import ready

_STATES = """
SELECT state, wait_event_type FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'trunkline' AND xact_start IS NOT NULL
"""


def test_a_node_that_is_frozen_in_a_transaction_does_not_stop_the_other(cluster: Cluster) -> None:
    documents = f"/sync/v1/Services/{cluster.service_sid}/Documents"
    path = f"{documents}/{cluster.post(0, documents, UniqueName='one', Data='{}')['sid']}"
    with ThreadPoolExecutor(1) as thread:
        writing = asyncio.run(asyncio.wait_for(_freeze_in_transaction(cluster, thread, path), PATIENCE))
        try:
            assert ready(cluster, 1) == 200
            other = cluster.post(1, documents, UniqueName="other", Data="{}")
            assert _get(cluster, path)["unique_name"] == "one"
            # This one meets the lock, and waits until the server has ended the frozen transaction.
            cluster.post(1, path, Data=json.dumps({"by": 1}))
            assert _get(cluster, f"{documents}/{other['sid']}")["unique_name"] == "other"
            assert ready(cluster, 1) == 200
        finally:
            cluster.resume(0)
        # The frozen node finds its transaction undone, and runs the change again.
        assert writing.result(PATIENCE)["data"] == {"by": 0}
    assert _get(cluster, path)["data"] == {"by": 0}


async def _freeze_in_transaction(cluster: Cluster, thread: ThreadPoolExecutor, path: str) -> Future[Any]:
    """Freeze the first node while its change of a Document waits for a row, and give it the row; return the change."""
    holder = await asyncpg.connect(cluster.database_url)
    # Within a transaction the sessions would be shown as they were at its first look.
    watcher = await asyncpg.connect(cluster.database_url)
    try:
        while True:
            holding = holder.transaction()
            await holding.start()
            await holder.execute("SELECT 1 FROM sync_objects WHERE unique_name = 'one' FOR UPDATE")
            writing = thread.submit(cluster.post, 0, path, Data=json.dumps({"by": 0}))
            while not any(kind == "Lock" for _, kind in await watcher.fetch(_STATES)):
                pass
            cluster.freeze(0)
            await holding.rollback()
            states: list[str] = []
            while not any(state.startswith("idle in transaction") for state in states):
                states = [state for state, _ in await watcher.fetch(_STATES)]
            if "idle in transaction" in states:
                return writing
            # On a busy machine the wait for the row may have ended before the node stood still.
            cluster.resume(0)
            writing.result(PATIENCE)
    finally:
        await holder.close()
        await watcher.close()


def _get(cluster: Cluster, path: str) -> Any:
    server = cluster.servers[1]
    response = httpx.get(
        server.url + path,
        auth=(server.account_sid, server.auth_token),
        trust_env=False,
        timeout=PATIENCE,
        verify=False,
    )
    assert response.is_success, response.text
    return response.json()
