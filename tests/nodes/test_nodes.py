"""Two nodes serve one Service: live events cross them, and neither a lost bus nor a killed node loses any."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from urllib.parse import parse_qsl

import httpx

from nodes.cluster import PATIENCE, Cluster, Follower


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(3 * PATIENCE):
            await scenario()

    asyncio.run(bounded())


async def push(cluster: Cluster, node: int, list_sid: str, numbers: range) -> None:
    """Add items, one after the other."""
    for number in numbers:
        await asyncio.to_thread(cluster.push, node, list_sid, number)


def test_writes_on_one_node_reach_clients_of_the_other_in_order(cluster: Cluster) -> None:
    async def scenario() -> None:
        list_sid = cluster.make_list()
        alice, bob = Follower(cluster, "alice", list_sid), Follower(cluster, "bob", list_sid)
        async with alice.on(0), bob.on(1):
            await asyncio.gather(
                push(cluster, 0, list_sid, range(20)), push(cluster, 1, list_sid, range(100, 120))
            )
            for follower in (alice, bob):
                numbers = await follower.until(40)
                assert [number for number in numbers if number < 100] == list(range(20))
                assert [number for number in numbers if number >= 100] == list(range(100, 120))
            assert alice.numbers == bob.numbers

    run(scenario)


def test_an_endpoint_that_moved_is_dropped_by_its_old_node(cluster: Cluster) -> None:
    async def scenario() -> None:
        list_sid = cluster.make_list()
        client = Follower(cluster, "alice", list_sid)
        async with client.on(0):
            zombie = client._socket
            async with client.on(1):
                await push(cluster, 0, list_sid, range(3))
                assert await client.until(3) == [0, 1, 2]
                async with asyncio.timeout(PATIENCE):
                    await zombie.wait_closed()
                await client.quiet()

    run(scenario)


def test_a_lost_bus_loses_no_event(cluster: Cluster) -> None:
    async def scenario() -> None:
        list_sid = cluster.make_list()
        near, far = Follower(cluster, "alice", list_sid), Follower(cluster, "bob", list_sid)
        async with near.on(0), far.on(1):
            await push(cluster, 0, list_sid, range(5))
            await far.until(5)
            cluster.bus.kill()
            await push(cluster, 0, list_sid, range(5, 10))
            await near.until(10)
            while bus_of(cluster, 0) == "ok":
                await asyncio.sleep(0)
            # A balancer would drop the whole API otherwise, although writes go on.
            assert ready(cluster, 0) == 200
            # Nobody tells the other node; it finds out by itself.
            assert await far.until(10) == list(range(10))
            cluster.bus.start()
            await push(cluster, 0, list_sid, range(10, 15))
            assert await far.until(15) == await near.until(15) == list(range(15))
            async with asyncio.timeout(PATIENCE):
                while {bus_of(cluster, 0), bus_of(cluster, 1)} != {"ok"}:
                    await asyncio.sleep(0)

    run(scenario)


def bus_of(cluster: Cluster, node: int) -> str:
    """Return the state of the bus as a node reports it."""
    url = cluster.servers[node].url + "/_trunkline/health"
    return str(httpx.get(url, trust_env=False, timeout=PATIENCE, verify=False).json()["bus"])


def ready(cluster: Cluster, node: int) -> int:
    """Return the status of a node's readiness."""
    url = cluster.servers[node].url + "/_trunkline/health/ready"
    return httpx.get(url, trust_env=False, timeout=PATIENCE, verify=False).status_code


def test_the_client_of_a_killed_node_catches_up_on_the_other(cluster: Cluster) -> None:
    async def scenario() -> None:
        list_sid = cluster.make_list()
        client = Follower(cluster, "alice", list_sid)
        async with client.on(0):
            await push(cluster, 0, list_sid, range(5))
            await client.until(5)
            writing = asyncio.create_task(push(cluster, 1, list_sid, range(5, 25)))
            await client.until(8)
            cluster.servers[0].kill()
            await client.ended()
        async with client.on(1):
            await writing
            assert await client.until(25) == list(range(25))
            await client.quiet()
            assert client.numbers == list(range(25))

    run(scenario)


def test_a_right_that_is_taken_on_one_node_counts_on_the_other(cluster: Cluster) -> None:
    async def scenario() -> None:
        list_sid = cluster.make_list()
        client = Follower(cluster, "alice", list_sid)
        async with client.on(1):
            await push(cluster, 1, list_sid, range(1))
            await client.until(1)
            refused = asyncio.create_task(client.refused())
            cluster.post(0, f"/sync/v1/Services/{cluster.service_sid}", AclEnabled="true")
            assert await refused == 403

    run(scenario)


@contextmanager
def receiver() -> Iterator[tuple[str, Queue[dict[str, str]]]]:
    """Yield the address of a webhook, and the events that it receives."""
    events: Queue[dict[str, str]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            events.put(dict(parse_qsl(body.decode())))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", events
        finally:
            server.shutdown()
            thread.join()


def test_a_client_that_moves_between_nodes_is_told_as_gone_once(cluster: Cluster) -> None:
    async def scenario() -> None:
        with receiver() as (url, events):
            cluster.post(
                0,
                f"/sync/v1/Services/{cluster.service_sid}",
                WebhookUrl=url,
                ReachabilityWebhooksEnabled="true",
                ReachabilityDebouncingEnabled="true",
                ReachabilityDebouncingWindow="1000",
            )
            client = Follower(cluster, "alice", cluster.make_list())
            async with client.on(0):
                first = await asyncio.to_thread(events.get, timeout=PATIENCE)
            async with client.on(1):
                second = await asyncio.to_thread(events.get, timeout=PATIENCE)
            third = await asyncio.to_thread(events.get, timeout=PATIENCE)
            assert [one["EventType"] for one in (first, second, third)] == [
                "endpoint_connected",
                "endpoint_connected",
                "endpoint_disconnected",
            ]
            assert {one["Identity"] for one in (first, second, third)} == {"alice"}
            assert len({one["EndpointId"] for one in (first, second, third)}) == 1

    run(scenario)
