"""A server that is killed in the middle of writes, with clients connected and webhooks under way: nothing acknowledged
is lost, clients come back by themselves and miss nothing, each webhook that was due is sent (promises R1 to R3, R6)."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx
import pytest
from websockets.exceptions import WebSocketException

from clients.asking import Agent
from contract import require_node
from faults.changes import Board, Change, Scribe, items
from faults.front import Front
from faults.receiver import Receiver
from faults.writers import Enough, connected, load
from nodes.cluster import Cluster, Follower
from servers import Server

ROUNDS = int(os.environ.get("TRUNKLINE_KILL_ROUNDS", "4"))
"""Kills of one server."""
LEAST_SECONDS, MOST_SECONDS = 0.1, 0.4
LEAST = 25
"""Changes that are acknowledged in each round: fewer would mean nothing."""
SCRIBES = 6
PATIENCE = 30.0
END, LAST = "end", "end-1"
"""The last writer, and the text of the last item of the List."""
NEW_ITEM_EVENTS = ("list_item_added", "map_item_added", "map_item_updated")
PACKAGES = {"4.0.1": "twilio-sync", "3.4.0": "twilio-sync-3"}
AGENT = Path(__file__).with_name("followers.cjs")


@dataclass(frozen=True)
class World:
    """A running server, the address that clients keep, and a board whose changes a receiver is notified of."""

    server: Server
    front: Front
    receiver: Receiver
    board: Board
    list_sid: str
    key: dict[str, str]
    up: asyncio.Event = field(default_factory=asyncio.Event)
    """True if the server runs: what a client's back-off finds out by and by."""

    def kill(self) -> None:
        """Kill the server."""
        self.up.clear()
        self.server.kill()

    @property
    def service_sid(self) -> str:
        """The Service of the board."""
        return self.board.path.rpartition("/")[2]

    def token(self, identity: str) -> str:
        """Return an access token for Sync."""
        owner: Any = SimpleNamespace(_key=self.key, servers=[self.server], service_sid=self.service_sid)
        return Cluster.token(owner, identity)


async def lay_out(server: Server, front: Front, receiver: Receiver) -> World:
    """Make the Service with its List and Map, and a key for tokens."""
    credentials = (server.account_sid, server.auth_token)
    async with httpx.AsyncClient(
        base_url=server.url, auth=credentials, trust_env=False, verify=False
    ) as http:

        async def post(path: str, **form: str) -> dict[str, Any]:
            response = await http.post(path, data=form)
            assert response.is_success, response.text
            return dict(response.json())

        service = await post("/sync/v1/Services", WebhookUrl=receiver.url, WebhooksFromRestEnabled="true")
        board = Board(f"/sync/v1/Services/{service['sid']}")
        log = await post(f"{board.path}/Lists", UniqueName="log")
        await post(f"{board.path}/Maps", UniqueName="marks")
        key = await post(f"/2010-04-01/Accounts/{server.account_sid}/Keys.json")
    return World(server, front, receiver, board, log["sid"], key)


async def kill_and_return(world: World, chance: random.Random) -> None:
    """Kill the server again and again while it is written to, and start it each time."""
    for number in range(ROUNDS):
        team = [Scribe(world.board, f"{number}.{n}") for n in range(SCRIBES)]
        seconds = chance.uniform(LEAST_SECONDS, MOST_SECONDS)
        enough = Enough(seconds, lambda: len(world.board.acknowledged), LEAST)
        await load(world.server, team, enough, world.kill)
        assert not [response for scribe in team for response in scribe.refused]
        await asyncio.to_thread(world.server.start)
        world.up.set()


async def shown(world: World) -> dict[str, dict[str, str]]:
    """Return the texts of the items that the server shows, by what they are in and by index or key; they hold
    against what was acknowledged.
    """
    found: dict[str, dict[str, str]] = {}
    async with connected(world.server) as (calls, connection):
        for name, place in (("log", "Lists/log"), ("marks", "Maps/marks")):
            path = f"{world.board.path}/{place}"
            found[name] = {
                str(item.get("index", item.get("key"))): item["data"]["n"]
                async for item in items(calls, connection, path)
            }
    flat = [(f"list/{index}", text) for index, text in found["log"].items()]
    flat += [(f"map/{key}", text) for key, text in found["marks"].items()]
    assert not (lies := world.board.ledger.lies(flat)), lies
    return found


async def all_notified(world: World, found: dict[str, dict[str, str]]) -> int:
    """Wait until each change's webhook has come, as long as some come at all; none came for what did not
    happen, and a repeated one has its first one's token. Return how many were repeated.
    """
    due = set(world.board.acknowledged)
    due |= {Change(f"list/{index}", text) for index, text in found["log"].items()}
    due |= {Change(f"map/{key}", text) for key, text in found["marks"].items()}
    while missing := due - notified(world).keys():
        before = len(world.receiver.webhooks)
        await world.receiver.another(PATIENCE)
        more = len(world.receiver.webhooks) > before
        assert more, f"{len(missing)} of {len(due)} webhooks never came: {sorted(missing)[:5]}"
    received = notified(world)
    tokens = {change: {token for token, _ in copies} for change, copies in received.items()}
    assert not [change for change, different in tokens.items() if len(different) > 1]
    unasked = {change for change in received if change not in due}
    assert {change.text for change in unasked} <= world.board.unknown
    for item in ("list", "map"):
        events = {
            event
            for change, copies in received.items()
            if change.item.startswith(item)
            for _, event in copies
        }
        assert events == set(range(min(events), max(events) + 1)), f"events of the {item} have gaps"
    return sum(len(copies) - 1 for copies in received.values())


def notified(world: World) -> dict[Change, list[tuple[str, int]]]:
    """Return each change that the receiver was notified of, with the tokens and event ids of its webhooks."""
    result: defaultdict[Change, list[tuple[str, int]]] = defaultdict(list)
    for token, form in world.receiver.webhooks:
        if form["EventType"] in NEW_ITEM_EVENTS:
            item = f"map/{form['ItemKey']}" if "ItemKey" in form else f"list/{form['ItemIndex']}"
            text = json.loads(form["ItemData"])["n"]
            result[Change(item, text)].append((token, int(form["EventId"])))
    return result


async def end_leases(database_url: str) -> None:
    """Let the minute pass at once after which another node may take what a killed one had taken."""
    if database_url.startswith("postgresql"):
        connection = await asyncpg.connect(database_url)
        await connection.execute("UPDATE jobs SET due = 0 WHERE holder IS NOT NULL AND state = 'ready'")
        await connection.close()


def test_clients_and_webhooks_outlive_kills(
    database_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Use the project's own client on the wire, which holds every event against the one before."""
    asyncio.run(_with_wire_clients(database_url, tmp_path, record_property))


async def _with_wire_clients(
    database_url: str, folder: Path, record_property: Callable[[str, object], None]
) -> None:
    server = Server(folder, "--dev", "--no-sync-limits", "--log-level", "error", database_url=database_url)
    await asyncio.to_thread(server.start)
    async with Front(server) as front, Receiver() as receiver:
        world = await lay_out(server, front, receiver)
        place: Any = SimpleNamespace(token=world.token, servers=[front])
        followers = [Follower(place, name, world.list_sid) for name in ("alice", "bob", "carol")]
        world.up.set()
        here = [asyncio.Event() for _ in followers]
        tasks = [
            asyncio.create_task(_stay(one, world.up, event))
            for one, event in zip(followers, here, strict=True)
        ]
        async with asyncio.timeout(PATIENCE):
            for event in here:
                await event.wait()
        await kill_and_return(world, random.Random())
        await end_leases(database_url)
        await Scribe(world.board, END).once(server)
        found = await shown(world)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks)
        repeated = await all_notified(world, found)
        await asyncio.to_thread(server.stop)
    _report(world, repeated, record_property)
    for follower in followers:
        assert follower.numbers == list(found["log"].values())


async def _stay(follower: Follower, up: asyncio.Event, here: asyncio.Event) -> None:
    """Follow the List over as many connections as it takes, until its last item is known."""
    while LAST not in follower.numbers:
        await up.wait()
        with suppress(OSError, WebSocketException, EOFError):
            async with follower.on(0):
                here.set()
                while LAST not in follower.numbers:
                    await follower._read()


@pytest.fixture(params=PACKAGES)
def agent(request: pytest.FixtureRequest) -> Iterator[Agent]:
    """Yield the vendor's client, in a process of its own."""
    with Agent(["node", str(AGENT), str(require_node()), PACKAGES[request.param]]) as running:
        yield running


def test_the_vendors_client_outlives_kills(
    agent: Agent, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Compare the client's events, and what it fetches afterwards, with the server's state."""
    asyncio.run(_with_vendors_clients(agent, tmp_path, record_property))


async def _with_vendors_clients(
    agent: Agent, folder: Path, record_property: Callable[[str, object], None]
) -> None:
    server = Server(folder, "--dev", "--no-sync-limits", "--log-level", "error")
    await asyncio.to_thread(server.start)
    async with Front(server) as front, Receiver() as receiver:
        world = await lay_out(server, front, receiver)

        async def request(**question: object) -> None:
            response = await asyncio.to_thread(agent.request, question)
            assert response["passed"], response["why"]

        credentials = {
            "url": front.url,
            "account_sid": server.account_sid,
            "auth_token": server.auth_token,
            "service_sid": world.service_sid,
            "key_sid": world.key["sid"],
            "key_secret": world.key["secret"],
        }
        await request(do="follow", names=["alice", "bob"], **credentials)
        await kill_and_return(world, random.Random())
        found = await shown(world)
        await request(do="agree", expected=found)
        repeated = await all_notified(world, found)
        await request(do="end")
        await asyncio.to_thread(server.stop)
    _report(world, repeated, record_property)


def _report(world: World, repeated: int, record_property: Callable[[str, object], None]) -> None:
    figures = {
        "kills": ROUNDS,
        "acknowledged": len(world.board.acknowledged),
        "in flight at a kill": len(world.board.unknown),
        "webhooks": len(world.receiver.webhooks),
        "of these repeated": repeated,
    }
    for name, value in figures.items():
        record_property(name, value)
    print(figures)
    assert world.board.unknown, "the kills met no write under way"
