"""Nodes whose machines have wrong clocks: nothing is done early or twice, and they report themselves until they are
right."""

from __future__ import annotations

import asyncio
import datetime
import email.utils
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import asyncpg
import httpx

from engines import PostgresEngine
from nats_server import NatsServer
from nodes.cluster import PATIENCE, SCHEMA, Cluster, Follower

HOUR = 3600
CONSTANTS = {
    "trunkline.realtime.presence:BEAT_SECONDS": 0.2,
    "trunkline.core.clock_watch:MEASURE_SECONDS": 0.1,
    "trunkline.core.periodic:_PERMISSION_SECONDS": 0.1,
}


class Webhooks:
    """The requests to a webhook; one about a Document with the name ``slow`` gets its response when it is let go."""

    def __init__(self) -> None:
        self._received: list[dict[str, str]] = []
        self._news = threading.Condition()
        self.let_go = threading.Event()
        self.url = ""

    def add(self, one: dict[str, str]) -> None:
        """Count a request."""
        with self._news:
            self._received.append(one)
            self._news.notify_all()

    async def until(self, count: int, event: str, name: str = "") -> None:
        """Wait until an event has come so often."""

        def wait() -> None:
            with self._news:
                assert self._news.wait_for(lambda: self.count(event, name) >= count, PATIENCE)

        await asyncio.to_thread(wait)

    def count(self, event: str, name: str = "") -> int:
        """Return how often an event came, of a Document if ``name`` is given."""
        return sum(
            one["EventType"] == event and name in ("", one.get("DocumentUniqueName"))
            for one in self._received
        )


@contextmanager
def webhooks() -> Iterator[Webhooks]:
    """Yield a receiver of webhooks."""
    made = Webhooks()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            one = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            made.add(one)
            if one.get("DocumentUniqueName") == "slow":
                made.let_go.wait(2 * PATIENCE)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            made.url = f"http://127.0.0.1:{server.server_port}/"
            yield made
        finally:
            made.let_go.set()
            server.shutdown()
            thread.join()


class Clocks:
    """A running cluster, its database and its webhooks."""

    def __init__(self, cluster: Cluster, database: Any, hooks: Webhooks) -> None:
        self.cluster, self.hooks = cluster, hooks
        self._database = database
        self._documents = f"/sync/v1/Services/{cluster.service_sid}/Documents"

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait for a condition."""
        async with asyncio.timeout(PATIENCE):
            while not await holds():
                pass

    async def get(self, node: int, path: str) -> httpx.Response:
        """Return the response of a node."""
        server = self.cluster.servers[node]
        auth = server.account_sid, server.auth_token
        async with httpx.AsyncClient(auth=auth, trust_env=False, timeout=PATIENCE, verify=False) as client:
            response = await client.get(server.url + path)
        date = email.utils.parsedate_to_datetime(response.headers["date"])
        assert abs((date - datetime.datetime.now(datetime.UTC)).total_seconds()) < PATIENCE
        return response

    async def shows(self, node: int, state: str) -> bool:
        """Return whether a node's readiness is as its clock is."""
        response = await self.get(node, "/_trunkline/health/ready")
        assert response.status_code == (200 if response.json()["checks"]["clock"] == "ok" else 503)
        found: str = response.json()["checks"]["clock"]
        return found == state

    async def post(self, node: int, path: str, **form: Any) -> Any:
        """Return the response to a request to a node."""
        return await asyncio.to_thread(lambda: self.cluster.post(node, path, **form))

    async def document(self, node: int, name: str, seconds: int) -> str:
        """Create a Document with a time to live; return the path to it."""
        made = await self.post(node, self._documents, UniqueName=name, Ttl=seconds)
        created = datetime.datetime.fromisoformat(made["date_created"])
        assert abs((created - datetime.datetime.now(datetime.UTC)).total_seconds()) < PATIENCE
        return f"{self._documents}/{made['sid']}"

    async def removed(self, name: str) -> bool:
        """Return whether the row of a Document is gone."""
        sql = "SELECT count(*) FROM sync_objects WHERE unique_name = $1"
        return not await self._database.fetchval(sql, name)

    async def one_node_removes(self, node: int, name: str) -> None:
        """Let all nodes but one stand still until that one has removed a Document that expired."""
        await self.document(node, name, 1)
        others = [other for other in range(len(self.cluster.servers)) if other != node]
        for other in others:
            self.cluster.freeze(other)
        await self.until(lambda: self.removed(name))
        for other in others:
            self.cluster.resume(other)

    async def schedule(self, node: int) -> str:
        """Send a message in 20 minutes; return the path to it."""
        service = await self.post(0, "/messaging/v1/Services", FriendlyName="s")
        await self.post(0, f"/messaging/v1/Services/{service['sid']}/AlphaSenders", AlphaSender="Acme")
        at = datetime.datetime.fromtimestamp(time.time() + 1200, datetime.UTC).isoformat()
        path = f"/2010-04-01/Accounts/{self.cluster.servers[0].account_sid}/Messages"
        message = await self.post(
            node,
            f"{path}.json",
            MessagingServiceSid=service["sid"],
            To="+447911123456",
            Body="later",
            ScheduleType="fixed",
            SendAt=at,
        )
        return f"{path}/{message['sid']}.json"

    async def alerts(self) -> list[str]:
        """Return the texts about clocks, oldest first."""
        found = (await self.get(0, "/monitor/v1/Alerts?LogLevel=warning")).json()["alerts"]
        return [one["alert_text"] for one in reversed(found) if "The clock of" in one["alert_text"]]


async def nothing_is_early_or_twice(clocks: Clocks) -> None:
    cluster, hooks = clocks.cluster, clocks.hooks
    await clocks.until(lambda: clocks.shows(0, "ok"))
    await clocks.until(lambda: clocks.shows(1, "3600.0 s ahead of the database"))
    await clocks.until(lambda: clocks.shows(2, "25.0 s ahead of the database"))
    path = f"/sync/v1/Services/{cluster.service_sid}"
    await clocks.post(0, path, WebhookUrl=hooks.url, ReachabilityWebhooksEnabled="true")
    list_sid = await asyncio.to_thread(cluster.make_list)
    alice, bob = Follower(cluster, "alice", list_sid), Follower(cluster, "bob", list_sid)
    # A token of an hour is good on a node an hour ahead.
    async with alice.on(0), bob.on(1):
        await hooks.until(2, "endpoint_connected")
        kept = await clocks.document(1, "kept", HOUR)
        message = await clocks.schedule(1)
        # The third node is off by less than stops due work: it does that at its time.
        await clocks.one_node_removes(2, "brief")
        for node in range(3):
            assert (await clocks.get(node, kept)).status_code == 200
            assert (await clocks.get(node, message)).json()["status"] == "scheduled"
        cluster.set_clock(2, 90)
        await clocks.until(lambda: clocks.shows(2, "90.0 s ahead of the database"))
        await clocks.post(0, path, WebhooksFromRestEnabled="true")
        await clocks.document(0, "slow", HOUR)
        await hooks.until(1, "document_created", "slow")
        await clocks.document(2, "quick", HOUR)
        await hooks.until(1, "document_created", "quick")
        hooks.let_go.set()
        cluster.set_clock(1, -HOUR)
        await clocks.until(lambda: clocks.shows(1, "3600.0 s behind the database"))
        for node in (1, 2):
            cluster.set_clock(node, 0)
            await clocks.until(lambda node=node: clocks.shows(node, "ok"))  # type: ignore[misc]
        await clocks.one_node_removes(1, "late")
        assert hooks.count("document_created", "slow") == 1
        assert hooks.count("endpoint_disconnected") == 0
    words = [
        text.partition(": ")[0].split(" is ")[-1].split(" agrees ")[-1] for text in await clocks.alerts()
    ]
    assert sorted(words) == sorted(
        [
            "3600.0 s ahead of the database's",
            "25.0 s ahead of the database's",
            "90.0 s ahead of the database's",
            "with the database's again.",
            "with the database's again.",
        ]
    )


def test_nodes_with_wrong_clocks_do_nothing_early_or_twice(
    nats_server: NatsServer, postgres_server: str, tmp_path: Path
) -> None:
    engine = PostgresEngine(postgres_server)
    url = engine.migrated_url(tmp_path, SCHEMA)
    cluster = Cluster(tmp_path, url, nats_server, clocks=(0, HOUR, 25), constants=CONSTANTS)

    async def run() -> None:
        database = await asyncpg.connect(url)
        try:
            await nothing_is_early_or_twice(Clocks(cluster, database, hooks))
        finally:
            await database.close()

    try:
        cluster.start()
        with webhooks() as hooks:
            asyncio.run(run())
    finally:
        cluster.kill()
        engine.drop()
