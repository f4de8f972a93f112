"""Two nodes send for one account: a sender's rate and order bind over both, and a killed node's messages go on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engines import PostgresEngine
from faults.network import Network
from faults.receiver import Receiver
from faults.senders import Beside
from faults.sending import World
from nats_server import NatsServer
from nodes.cluster import Cluster

SENDER, RECIPIENT = "+14155550100", "+14155550150"
RATE, SLOW = 20, 8
"""Segments a second."""
COUNT = 30


class Pair:
    """Two nodes, and the world around them."""

    def __init__(self, cluster: Cluster, network: Network, app: Receiver, database_url: str) -> None:
        self.cluster = cluster
        self.worlds = [
            World(server, Beside(server, database_url), network, app) for server in cluster.servers
        ]
        self.network, self.app = network, app

    async def send(self, count: int, *nodes: int) -> list[str]:
        """Send so many messages, one after the other, by these nodes in turn; their texts."""
        texts = [f"{number:04d}" for number in range(count)]
        for number, text in enumerate(texts):
            world = self.worlds[nodes[number % len(nodes)]]
            form = {"From": SENDER, "To": RECIPIENT, "StatusCallback": self.app.url}
            await world.post("~/Messages.json", **form, Body=text)
        return texts

    def submitted(self) -> list[str]:
        """Return the messages that the network was handed, in their order."""
        return [one.text for one in self.network.seen]


@asynccontextmanager
async def pair(folder: Path, postgres_server: str, bus: NatsServer, rate: int) -> AsyncIterator[Pair]:
    """Yield two running nodes whose account has one number."""
    engine, network = PostgresEngine(postgres_server), Network()
    database_url = engine.url(folder)
    async with network.smsc, Receiver() as app:
        cluster = Cluster(folder, database_url, bus, network.carrier())
        try:
            await asyncio.to_thread(cluster.start)
            made = Pair(cluster, network, app, database_url)
            await made.worlds[0].beside.own(SENDER, rate=rate)
            await network.smsc.bound(2)
            yield made
        finally:
            await asyncio.to_thread(cluster.kill)
            engine.drop()


def test_a_senders_rate_and_order_bind_over_both_nodes(
    nats_server: NatsServer, postgres_server: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with pair(tmp_path, postgres_server, nats_server, RATE) as made:
            texts = await made.send(COUNT, 0, 1)
            await made.worlds[0].settle()
            assert made.submitted() == texts
            seen = made.network.seen
            # What falls due within a twentieth of a second may go at once.
            assert seen[-1].at - seen[0].at >= (COUNT - 1) / RATE - 0.1
            assert {one.status for one in await made.worlds[0].beside.messages()} == {"delivered"}

    asyncio.run(scenario())


def test_a_killed_nodes_messages_go_on(nats_server: NatsServer, postgres_server: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with pair(tmp_path, postgres_server, nats_server, SLOW) as made:
            texts = await made.send(COUNT, 0)
            await made.network.smsc.submitted(5)
            await asyncio.to_thread(made.cluster.servers[0].kill)
            await made.network.smsc.until(lambda: len(made.network.smsc.peers) == 1)
            before = len(made.network.seen)
            assert before < COUNT, "the node had sent everything before it was killed"
            orphans = await made.worlds[1].beside.after_death()
            await made.worlds[1].settle()
            shown = await made.worlds[1].beside.messages()
            assert {one.status for one in shown} == {"delivered"}
            left = {one.body for one in shown if one.sid in orphans}
            count = Counter(made.submitted())
            assert set(count) == set(texts)
            assert {text for text, often in count.items() if often > 1} <= left
            known = [text for text in made.submitted() if text not in left]
            assert known == sorted(known)

    asyncio.run(scenario())
