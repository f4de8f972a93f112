"""A node that stands still, or is cut off from PostgreSQL alone, for longer than its lease: another one takes over its
messages, and it hands over nothing more of them when it goes on, with the responses to what it had handed over in its
sockets. ``TRUNKLINE_LEASE_ROUNDS`` is the number of rounds, which freeze and cut in turn."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engines import PostgresEngine
from faults.network import Network
from faults.receiver import Receiver
from faults.senders import Beside, StoredMessage
from faults.sending import PATIENCE, World
from nats_server import NatsServer
from nodes.cluster import Cluster
from smsc import Reply, Submit, receipt
from trunkline.core.clock import SECOND

ROUNDS = int(os.environ.get("TRUNKLINE_LEASE_ROUNDS", "1"))
RECIPIENT = "+14155550150"
COUNT = 30
WINDOW = 10
LEASES = {"trunkline.products.messaging.lifecycle.lanes:LEASE": 2 * SECOND}
REPORTED = {
    "resend": "may have been sent twice",
    "fail": "was reported as failed, and the network may have it",
}


@dataclass
class LateNetwork(Network):
    """A network whose responses may come late: ``pending`` are submits without one."""

    pending: list[Submit] = field(default_factory=list)

    def respond_late(self) -> None:
        """Respond to what waits for a response."""
        pending, self.pending = self.pending, []
        for submit in pending:
            id = str(submit.count)
            self.owed[id] = receipt(submit, id, "DELIVRD")
            submit.connection.reply(submit, Reply(message_id=id))
            submit.connection.flush()

    def _respond(self, submit: Submit) -> Reply | None:
        if self.silent:
            self.pending.append(submit)
        return super()._respond(submit)


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0)


async def messages_of(world: World, texts: set[str], *statuses: str) -> list[StoredMessage]:
    """Wait until the messages with these texts have one of the states; return them."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = [one for one in await world.beside.messages() if one.body in texts]
            if len(found) == len(texts) and {one.status for one in found} <= set(statuses):
                return found
            await world.beside.hurry()
            await world.app.another(0.05)


class Rounds:
    """Two nodes, and the messages that went out."""

    def __init__(self, cluster: Cluster, network: LateNetwork, worlds: list[World], unknown: str) -> None:
        self.cluster, self.network, self.worlds, self.unknown = cluster, network, worlds, unknown
        self.log = cluster.servers[0].log
        self.figures: Counter[str] = Counter()

    async def run(self, number: int) -> None:
        """Let the first node lose a lease, by a freeze or a cut in turn."""
        network, freezes = self.network, (number % 2 == 0) == (self.unknown == "fail")
        sender = f"+1415555{1000 + number}"
        texts = {f"{number:02d}/{one:03d}" for one in range(COUNT)}
        await self.worlds[0].beside.own(sender)
        network.silent = True
        before = self.lines()
        for text in sorted(texts):
            form = {"From": sender, "To": RECIPIENT, "StatusCallback": self.worlds[0].app.url}
            await self.worlds[0].post("~/Messages.json", **form, Body=text)
        await network.smsc.until(lambda: len(network.pending) == WINDOW)
        await messages_of(self.worlds[1], texts, "sending")
        (self.cluster.freeze if freezes else self.cluster.cut)(0)
        network.silent = False
        statuses = {"resend": ("sent", "delivered"), "fail": ("failed",)}[self.unknown]
        await messages_of(self.worlds[1], texts, *statuses)
        network.respond_late()
        (self.cluster.resume if freezes else self.cluster.mend)(0)
        await until(lambda: self.lines() == before + WINDOW)
        count = Counter(one.text for one in network.seen if one.text in texts)
        self.figures["messages"] += COUNT
        self.figures["in the network's hands when the lease ended"] += WINDOW
        self.figures["sent twice"] += sum(often > 1 for often in count.values())
        self.figures["sent by the node that had lost them"] += sum(count.values()) - self.allowed()
        assert sum(count.values()) == self.allowed(), count

    def allowed(self) -> int:
        """Return the hand-overs of a round: those of the first node before its lease ended, and the other node's."""
        return WINDOW + (COUNT if self.unknown == "resend" else 0)

    def lines(self) -> int:
        """Return the number of late results in the first node's log."""
        return self.log.read_text().count(REPORTED[self.unknown])


@pytest.mark.parametrize("unknown", ["fail", "resend"])
def test_who_lost_a_lease_hands_over_nothing_more(
    nats_server: NatsServer,
    postgres_server: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    unknown: str,
) -> None:
    async def scenario() -> None:
        engine, network = PostgresEngine(postgres_server), LateNetwork()
        url = engine.url(tmp_path)
        async with network.smsc, Receiver() as app:
            carrier = network.carrier(unknown=unknown, window=WINDOW)
            cluster = Cluster(tmp_path, url, nats_server, carrier, constants=LEASES)
            try:
                await asyncio.to_thread(cluster.start)
                worlds = [World(server, Beside(server, url), network, app) for server in cluster.servers]
                await network.smsc.bound(2)
                rounds = Rounds(cluster, network, worlds, unknown)
                for number in range(ROUNDS):
                    await rounds.run(number)
            finally:
                await asyncio.to_thread(cluster.kill)
                engine.drop()
        for name, figure in rounds.figures.items():
            record_property(name, figure)
        print(unknown, dict(rounds.figures))

    asyncio.run(scenario())
