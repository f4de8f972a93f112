"""A node that stands still, or is cut off from PostgreSQL alone, for longer than its leases: two others share what it
held, and it does nothing more of it when it goes on, with the responses to what it had handed over in its sockets.
``TRUNKLINE_LEASE_ROUNDS`` is the number of rounds, which freeze and cut in turn."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx

from engines import PostgresEngine
from faults.network import Network
from faults.receiver import Receiver
from faults.senders import Beside
from faults.sending import PATIENCE
from nats_server import NatsServer
from nodes.cluster import SCHEMA, Cluster
from smsc import Reply, Submit
from trunkline.core.clock import SECOND

ROUNDS = int(os.environ.get("TRUNKLINE_LEASE_ROUNDS", "2"))
RECIPIENTS = {"resend": "+14155550150", "fail": "+15005550150"}
"""The recipients of each carrier."""
COUNT, WINDOW, HOOKS = 20, 8, 6
CONSTANTS = {
    "trunkline.products.messaging.lifecycle.lanes:LEASE": 3 * SECOND,
    "trunkline.core.jobs.runner:LEASE_SECONDS": 3.0,
    "trunkline.products.messaging.sending.dispatcher:POLL_SECONDS": 0.2,
    "trunkline.products.messaging.sending.handover_results:_AGAIN": 0.1,
    "trunkline.products.sync.expiry:LONGEST_WAIT": 0.2,
}
REPORTED = {
    "resend": "may have been sent twice",
    "fail": "was reported as failed, and the network may have it",
    "webhook": "may have been run twice",
}
ENDS = {"resend": {"sent", "delivered"}, "fail": {"failed"}}


@dataclass
class LateNetwork(Network):
    """A network whose responses may come late: of all ``submits`` those that are ``pending`` have none."""

    submits: list[Submit] = field(default_factory=list)
    pending: list[Submit] = field(default_factory=list)

    def respond_late(self) -> None:
        """Respond to what waits for a response."""
        pending, self.pending = self.pending, []
        for submit in pending:
            submit.connection.reply(submit, Reply(message_id=str(submit.count)))
            submit.connection.flush()

    def _respond(self, submit: Submit) -> Reply | None:
        self.submits.append(submit)
        if self.silent:
            self.pending.append(submit)
        return super()._respond(submit)


class Rounds:
    """Three nodes, and what went out."""

    def __init__(
        self,
        cluster: Cluster,
        networks: dict[str, LateNetwork],
        app: Receiver,
        database: asyncpg.Pool,
        client: httpx.AsyncClient,
    ) -> None:
        self.cluster, self.networks, self.app, self.database = cluster, networks, app, database
        self.client = client
        self.account = f"/2010-04-01/Accounts/{cluster.servers[0].account_sid}"
        self.sync = f"/sync/v1/Services/{cluster.service_sid}"
        self.figures: dict[str, Counter[str]] = {kind: Counter() for kind in (*networks, "webhook", "timer")}

    async def run_all(self) -> None:
        """Run all rounds."""
        await self.post(0, self.sync, WebhookUrl=self.app.url, WebhooksFromRestEnabled="true")
        for network in self.networks.values():
            await network.smsc.bound(3)
        for number in range(ROUNDS):
            await self.run(number, freezes=number % 2 == 0)
        # The loser of each round reports it, but for at most one Alert a minute of a node.
        await self.none("SELECT 1 WHERE (SELECT count(*) FROM alerts WHERE error_code = 20500) < 2")

    async def run(self, number: int, *, freezes: bool) -> None:
        """Let the first node lose its leases by a freeze, or the second one by a cut."""
        loser = 0 if freezes else 1
        before = self.lines(loser)
        documents = await self.fill(number, loser)
        (self.cluster.freeze if freezes else self.cluster.cut)(loser)
        connections = [one.connection for network in self.networks.values() for one in network.pending]
        for other in self.others(loser):
            self.cluster.resume(other)
        for network in self.networks.values():
            network.silent = False
        # The receiver responds to no webhook before it has both attempts of each. On a busy machine another node may
        # lose its leases, too, and there are more.
        await self.until(lambda: all(self.attempts(sid, "created") >= [2] for sid in documents))
        self.app.responds.set()
        await self.none("SELECT 1 FROM message_queue LIMIT 1")
        await self.none("SELECT 1 FROM sync_objects WHERE date_expires IS NOT NULL LIMIT 1")
        await self.none("SELECT 1 FROM jobs LIMIT 1")
        done = self.handed_over()
        for network in self.networks.values():
            network.respond_late()
        (self.cluster.resume if freezes else self.cluster.mend)(loser)
        held = Counter(dict.fromkeys(self.networks, WINDOW) | {"webhook": HOOKS})
        await self.until(lambda: held <= self.lines(loser) - before)
        await self.none("SELECT 1 FROM jobs LIMIT 1")
        # Nothing was left to do for anybody else.
        assert self.handed_over() == done
        self.count_messages(number, connections)
        self.count_webhooks(documents)
        for kind, statuses in ENDS.items():
            sql = "SELECT DISTINCT status FROM messages WHERE recipient = $1"
            assert {one[0] for one in await self.database.fetch(sql, RECIPIENTS[kind])} <= statuses

    async def fill(self, number: int, loser: int) -> list[str]:
        """Give a node work while the others stand still, until networks and the receiver have what they take without
        a response; return the Documents of which the webhooks are."""
        for other in self.others(loser):
            self.cluster.freeze(other)
        self.app.responds.clear()
        for kind, network in self.networks.items():
            network.silent = True
            form = {"From": sender(kind, number), "To": RECIPIENTS[kind]}
            path = f"{self.account}/Messages.json"
            await asyncio.gather(*(self.post(loser, path, **form, Body=text) for text in texts(number)))
        path = f"{self.sync}/Documents"
        documents = await asyncio.gather(*(self.post(loser, path, Ttl="1") for _ in range(HOOKS)))
        await self.until(lambda: all(len(network.pending) == WINDOW for network in self.networks.values()))
        await self.until(lambda: all(self.attempts(sid, "created") == [1] for sid in documents))
        await self.none("SELECT 1 FROM message_queue WHERE step <> 'sending' LIMIT 1")
        return documents

    def handed_over(self) -> list[int]:
        """Return the numbers of all messages and webhooks that came so far."""
        return [len(self.app.webhooks), *(len(network.submits) for network in self.networks.values())]

    def count_messages(self, number: int, connections: Sequence[object]) -> None:
        """Count what the networks were handed: by the loser, over its ``connections``, what they had when the lease
        ended; the rest by others."""
        for kind, network in self.networks.items():
            source = sender(kind, number).removeprefix("+")
            mine = [one for one in network.submits if one.body.source == source]
            often = Counter(one.text for one in mine)
            by_loser = sum(one.connection in connections for one in mine)
            self.figures[kind].update(
                {
                    "held": COUNT,
                    "in other hands when the lease ended": WINDOW,
                    "done twice": sum(times > 1 for times in often.values()),
                    "done by the node that had lost them": by_loser - WINDOW,
                }
            )
            assert by_loser == WINDOW, often
            assert len(mine) - by_loser >= COUNT if kind == "resend" else len(mine) == by_loser, often

    def count_webhooks(self, documents: list[str]) -> None:
        """Count the attempts of webhooks and the removals of Documents."""
        made = [self.attempts(sid, "created") for sid in documents]
        gone = [self.attempts(sid, "removed") for sid in documents]
        self.figures["webhook"].update(
            {
                "held": HOOKS,
                "in other hands when the lease ended": HOOKS,
                "done twice": sum(sum(attempts) > 1 for attempts in made),
                # What came after it went on is counted before this.
                "done by the node that had lost them": 0,
            }
        )
        self.figures["timer"].update({"held": HOOKS, "done twice": sum(len(one) > 1 for one in gone)})
        assert all(len(attempts) == 1 and attempts >= [2] for attempts in made)
        # Each removal is one event, with one webhook.
        assert [len(attempts) for attempts in gone] == [1] * HOOKS

    def attempts(self, sid: str, event: str) -> list[int]:
        """Return how often each webhook of an event of a Document was attempted."""
        return list(
            Counter(
                token
                for token, form in self.app.webhooks
                if form["DocumentSid"] == sid and form["EventType"] == f"document_{event}"
            ).values()
        )

    def lines(self, node: int) -> Counter[str]:
        """Return the number of late results of each kind in a node's log."""
        text = self.cluster.servers[node].log.read_text()
        return Counter({kind: text.count(words) for kind, words in REPORTED.items()})

    def others(self, loser: int) -> list[int]:
        """Return the other nodes."""
        return [node for node in range(len(self.cluster.servers)) if node != loser]

    async def post(self, node: int, path: str, **form: str) -> str:
        """Return the SID of what a request to a node makes."""
        server = self.cluster.servers[node]
        response = await self.client.post(
            server.url + path, data=form, auth=(server.account_sid, server.auth_token)
        )
        assert response.is_success, response.text
        sid: str = response.json()["sid"]
        return sid

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a condition, without taking the processor from the nodes."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await self.app.another(0.02)

    async def none(self, query: str) -> None:
        """Wait until a query finds nothing."""
        async with asyncio.timeout(PATIENCE):
            while await self.database.fetchval(query) is not None:
                await self.app.another(0.05)


def sender(kind: str, number: int) -> str:
    """Return the number that sends over a carrier in a round."""
    return f"+1415555{1000 + 2 * number + (kind == 'fail')}"


def texts(number: int) -> list[str]:
    """Return the messages of a round."""
    return [f"{number:02d}/{one:03d}" for one in range(COUNT)]


def test_who_lost_its_leases_does_nothing_more(
    nats_server: NatsServer,
    postgres_server: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    async def scenario() -> None:
        engine, networks = PostgresEngine(postgres_server), {kind: LateNetwork() for kind in RECIPIENTS}
        url = engine.migrated_url(tmp_path, SCHEMA)
        async with networks["resend"].smsc, networks["fail"].smsc, Receiver() as app:
            options = [
                network.options(name=kind, unknown=kind, window=WINDOW) for kind, network in networks.items()
            ]
            routes = [{"carrier": kind, "prefix": prefix} for kind, prefix in RECIPIENTS.items()]
            environment = {
                "TRUNKLINE_CARRIERS": json.dumps(options),
                "TRUNKLINE_CARRIER_ROUTES": json.dumps(routes),
            }
            cluster = Cluster(tmp_path, url, nats_server, environment, clocks=(0, 0, 0), constants=CONSTANTS)
            try:
                await asyncio.to_thread(cluster.start)
                numbers = [sender(kind, number) for kind in networks for number in range(ROUNDS)]
                await Beside(cluster.servers[0], url).own(*numbers)
                async with (
                    asyncpg.create_pool(url, min_size=1) as database,
                    httpx.AsyncClient(trust_env=False, timeout=PATIENCE, verify=False) as client,
                ):
                    rounds = Rounds(cluster, networks, app, database, client)
                    await rounds.run_all()
            finally:
                await asyncio.to_thread(cluster.kill)
                engine.drop()
        for kind, figures in rounds.figures.items():
            print(kind, dict(figures))
            for name, figure in figures.items():
                record_property(f"{kind}: {name}", figure)

    asyncio.run(scenario())
