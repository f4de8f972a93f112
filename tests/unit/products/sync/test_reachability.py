"""Reachability on both engines: the webhooks of clients that come, go, come back in time, or die with their
node.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engines import Engine
from trunkline.core.access_tokens import Grant
from trunkline.core.clock import SECOND
from trunkline.core.jobs.outcomes import ClaimedJob, Success
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.core.webhooks.webhook import Webhook
from trunkline.products.sync import services
from trunkline.products.sync.reachability import (
    Reachability,
    ReachabilityEvent,
    on_connect,
    on_disconnect,
)
from trunkline.realtime import endpoints
from trunkline.realtime.endpoints import KIND, LEASE
from trunkline.realtime.presence import BATCH, BEAT_SECONDS, Presence
from trunkline.realtime.product import RealtimeProduct
from unit.products.sync.world import ACCOUNT_SID, World, world

CAME, WENT = ReachabilityEvent.CONNECTED, ReachabilityEvent.DISCONNECTED
URL = "http://example.com/sync#rc=1"
WINDOW = 5000

Happened = tuple[str, str, str]
"""Event, identity, endpoint."""


class Client:
    """A logged-in connection, as far as this is concerned."""

    _ids = itertools.count()

    def __init__(self, service_sid: str | None, identity: str, endpoint_id: str) -> None:
        self.id = f"connection {next(self._ids)}"
        self.endpoint_id = endpoint_id
        granted = {"data_sync": service_sid} if service_sid else {"ip_messaging": "IS1"}
        self.grant = Grant(ACCOUNT_SID, granted, identity, "SK1", 0)

    closed = False

    def send(self, frame: bytes) -> None:
        raise NotImplementedError

    async def drained(self) -> None:
        raise NotImplementedError


def presence(here: World) -> Presence:
    """Return the presence of a node with Sync."""
    return Presence(here.database, [RealtimeProduct("sync", ("data_sync",), presence=Reachability())])


class Scene:
    """A Service with a webhook, and nodes that clients come to."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.clock = here.clock
        self.service_sid = here.scope.service.sid
        self.node = presence(here)
        self.other = presence(here)

    async def set(self, **settings: Any) -> None:
        """Change the Service."""

        async def change(tx: Tx) -> None:
            for name, value in settings.items():
                await tx.run(
                    f"UPDATE sync_services SET {name} = :value WHERE sid = :sid",
                    value=value,
                    sid=self.service_sid,
                )

        await self.here.database.write(change)

    def client(self, identity: str = "alice", endpoint_id: str = "e1") -> Client:
        """Return a client of the Service."""
        return Client(self.service_sid, identity, endpoint_id)

    async def come(self, client: Client, node: Presence | None = None) -> Client:
        """Connect."""
        (node or self.node).connected(client)
        await (node or self.node).flush()
        return client

    async def go(self, client: Client, node: Presence | None = None) -> None:
        """Close the connection."""
        (node or self.node).disconnected(client)
        await (node or self.node).flush()

    async def later(self, seconds: float) -> None:
        """Let time pass, and run the windows that are over by then as a runner would, twice as it may."""
        self.clock.now += int(seconds * SECOND)
        run = endpoints.handler(self.here.database, self.node.listeners).run
        for job in await self._jobs(KIND, self.clock.now):
            for _ in range(2):
                claimed = ClaimedJob(job.id, KIND, job.payload, "", None, 1, 0)
                assert await run(claimed) == Success()

    async def _jobs(self, kind: str, until: int) -> list[_Job]:
        return await self.here.database.read(
            lambda tx: tx.all(
                _Job,
                f"SELECT {columns(_Job)} FROM jobs WHERE kind = :kind AND due <= :until ORDER BY created, place",
                kind=kind,
                until=until,
            )
        )

    async def webhooks(self) -> list[Webhook]:
        """Return the webhooks so far, in order."""
        return [
            msgspec.json.decode(job.payload, type=Webhook) for job in await self._jobs("webhook", 1 << 62)
        ]

    async def events(self) -> list[Happened]:
        """Return the same, short."""
        return [
            (found["EventType"], found["Identity"], found["EndpointId"])
            for found in (dict(webhook.parameters) for webhook in await self.webhooks())
        ]


class _Job(Row, frozen=True):
    id: str
    payload: str
    order_key: str | None


def came(identity: str = "alice", endpoint: str = "e1") -> Happened:
    return (CAME.value, identity, endpoint)


def went(identity: str = "alice", endpoint: str = "e1") -> Happened:
    return (WENT.value, identity, endpoint)


Play = Callable[[Scene], Awaitable[None]]


@pytest.fixture
def play(engine: Engine, tmp_path: Path) -> Callable[..., None]:
    """Run a scenario, with the webhooks on, and its debouncing."""

    def run(scenario: Play, **settings: Any) -> None:
        async def act() -> None:
            async with world(engine, tmp_path) as here:
                scene = Scene(here)
                await scene.set(webhook_url=URL, reachability_webhooks_enabled=True, **settings)
                await scenario(scene)

        asyncio.run(act())

    return run


DEBOUNCED = {"reachability_debouncing_enabled": True, "reachability_debouncing_window": WINDOW}


@pytest.mark.parametrize(
    ("replaces", "window", "events"),
    [
        (False, None, (CAME,)),
        (True, None, (WENT, CAME)),
        (False, WINDOW, (CAME,)),
        (True, WINDOW, (CAME,)),
    ],
)
def test_what_an_arrival_tells(
    replaces: bool, window: int | None, events: tuple[ReachabilityEvent, ...]
) -> None:
    assert on_connect(replaces, window) == events


@pytest.mark.parametrize(
    ("others", "window", "after"),
    [(0, None, 0), (2, None, 0), (0, 1000, 1000), (0, 30_000, 30_000), (1, 1000, None)],
)
def test_when_a_departure_is_told(others: int, window: int | None, after: int | None) -> None:
    assert on_disconnect(others, window) == after


@pytest.mark.parametrize(
    "settings", [{"webhook_url": None}, {"reachability_webhooks_enabled": False}], ids=["no URL", "off"]
)
def test_a_service_that_does_not_ask_hears_nothing(
    play: Callable[..., None], settings: dict[str, Any]
) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.set(**settings)
        await scene.go(await scene.come(scene.client()))
        await scene.later(60)
        assert await scene.events() == []

    play(scenario)


def test_clients_without_identity_or_grant_are_not_told(play: Callable[..., None]) -> None:
    async def scenario(scene: Scene) -> None:
        for client in (scene.client(identity=""), Client(None, "alice", "e1")):
            await scene.go(await scene.come(client))
        assert await scene.events() == []

    play(scenario)


def test_without_debouncing_all_is_told_at_once(play: Callable[..., None]) -> None:
    async def scenario(scene: Scene) -> None:
        first, second = scene.client(), scene.client(endpoint_id="e2")
        await scene.come(first)
        await scene.come(second)
        await scene.go(first)
        assert await scene.events() == [came(), came(endpoint="e2"), went()]
        await scene.go(second)
        assert (await scene.events())[3:] == [went(endpoint="e2")]
        (webhook, *_) = await scene.webhooks()
        assert (webhook.url, webhook.method, webhook.service_sid) == (URL, "POST", scene.service_sid)
        assert webhook.parameters == (
            ("AccountSid", ACCOUNT_SID),
            ("ServiceSid", scene.service_sid),
            ("EventType", "endpoint_connected"),
            ("Identity", "alice"),
            ("EndpointId", "e1"),
        )

    play(scenario)


def test_a_new_connection_of_an_endpoint_ends_the_old_one(play: Callable[..., None]) -> None:
    async def scenario(scene: Scene) -> None:
        old = await scene.come(scene.client())
        await scene.come(scene.client())
        await scene.go(old)
        assert await scene.events() == [came(), went(), came()]

    play(scenario)


def test_debounced_a_departure_is_told_after_the_window(play: Callable[..., None]) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.go(await scene.come(scene.client()))
        await scene.later(4.999)
        assert await scene.events() == [came()]
        await scene.later(0.001)
        assert await scene.events() == [came(), went()]
        await scene.later(60)
        assert await scene.events() == [came(), went()]

    play(scenario, **DEBOUNCED)


@pytest.mark.parametrize("endpoint", ["e1", "e2"])
def test_debounced_a_return_in_time_prevents_it(play: Callable[..., None], endpoint: str) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.go(await scene.come(scene.client()))
        await scene.later(4)
        back = await scene.come(scene.client(endpoint_id=endpoint), scene.other)
        await scene.later(60)
        assert await scene.events() == [came(), came(endpoint=endpoint)]
        await scene.go(back, scene.other)
        await scene.later(5)
        assert (await scene.events())[2:] == [went(endpoint=endpoint)]

    play(scenario, **DEBOUNCED)


def test_debounced_every_departure_has_its_own_window(play: Callable[..., None]) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.go(await scene.come(scene.client()))
        await scene.later(4)
        await scene.go(await scene.come(scene.client()))
        await scene.later(4)
        assert await scene.events() == [came(), came()], "the first window is over, and does not count"
        await scene.later(1)
        assert await scene.events() == [came(), came(), went()]

    play(scenario, **DEBOUNCED)


def test_debounced_two_tabs_on_two_nodes_are_one_identity(play: Callable[..., None]) -> None:
    async def scenario(scene: Scene) -> None:
        first = await scene.come(scene.client())
        second = await scene.come(scene.client(endpoint_id="e2"), scene.other)
        await scene.go(first)
        await scene.later(60)
        assert await scene.events() == [came(), came(endpoint="e2")]
        await scene.go(second, scene.other)
        await scene.later(5)
        assert (await scene.events())[2:] == [went(endpoint="e2")]

    play(scenario, **DEBOUNCED)


def test_a_client_that_moves_to_another_node_is_not_gone(play: Callable[..., None]) -> None:
    async def scenario(scene: Scene) -> None:
        old = await scene.come(scene.client())
        await scene.come(scene.client(), scene.other)
        await scene.go(old)
        await scene.later(60)
        assert await scene.events() == [came(), came()]

    play(scenario, **DEBOUNCED)


def test_a_window_outlives_a_restart(play: Callable[..., None]) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.come(scene.client())
        await scene.come(scene.client("bob", "e2"))
        await scene.node.stop()
        scene.node = presence(scene.here)
        await scene.later(3)
        await scene.come(scene.client("bob", "e2"))
        assert went() not in await scene.events()
        await scene.later(2)
        assert sorted(await scene.events()) == sorted([came(), came("bob", "e2"), came("bob", "e2"), went()])

    play(scenario, **DEBOUNCED)


@pytest.mark.parametrize(("settings", "after"), [({}, 0.0), (DEBOUNCED, 5.0)], ids=["at once", "debounced"])
def test_the_clients_of_a_killed_node_go_with_its_lease(
    play: Callable[..., None], settings: dict[str, Any], after: float
) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.come(scene.client())
        await scene.come(scene.client("bob", "e2"))
        await scene.later(LEASE / SECOND - 1)
        await scene.other.renew()
        await scene.come(scene.client("bob", "e2"), scene.other)
        before = await scene.events()
        assert went() not in before
        await scene.later(1)
        await scene.other.renew()
        await scene.later(after)
        assert [one for one in await scene.events() if one not in before] == [went()]

    play(scenario, **settings)


def test_a_node_that_lives_keeps_its_clients(play: Callable[..., None]) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.come(scene.client())
        for _ in range(10):
            await scene.later(BEAT_SECONDS)
            await scene.node.renew()
            await scene.other.renew()
        assert await scene.events() == [came()]

    play(scenario)


def test_a_node_that_was_taken_for_dead_tells_of_its_clients_again(play: Callable[..., None]) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.come(scene.client())
        await scene.later(LEASE / SECOND)
        await scene.other.renew()
        await scene.node.renew()
        await scene.other.renew()
        assert await scene.events() == [came(), went(), came()]

    play(scenario)


def test_clients_that_were_there_before_the_webhooks_count(play: Callable[..., None]) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.set(reachability_webhooks_enabled=False)
        early = await scene.come(scene.client())
        await scene.set(reachability_webhooks_enabled=True)
        await scene.node.renew()
        assert await scene.events() == []
        late = await scene.come(scene.client(endpoint_id="e2"))
        await scene.go(late)
        await scene.later(60)
        assert await scene.events() == [came(endpoint="e2")]
        await scene.go(early)
        await scene.later(5)
        assert (await scene.events())[1:] == [went()]

    play(scenario, **DEBOUNCED)


def test_one_identity_is_told_of_in_order(play: Callable[..., None]) -> None:
    async def scenario(scene: Scene) -> None:
        clients = [scene.client(f"{number % 7}") for number in range(BATCH)]
        for client in clients:
            scene.node.connected(client)
            scene.node.disconnected(client)
        await scene.node.flush()
        events = await scene.events()
        assert len(events) == 2 * BATCH
        for identity in {identity for _, identity, _ in events}:
            mine = [event for event, of, _ in events if of == identity]
            assert mine == [CAME.value, WENT.value] * (len(mine) // 2)
        keys = {job.order_key for job in await scene._jobs("webhook", 1 << 62)}
        assert keys == {f"{ACCOUNT_SID} {scene.service_sid} {identity}" for identity in range(7)}

    play(scenario)


def test_a_service_that_was_removed_is_told_nothing(play: Callable[..., None]) -> None:
    async def scenario(scene: Scene) -> None:
        client = await scene.come(scene.client())
        await scene.go(await scene.come(scene.client("bob", "e2")))

        async def remove(tx: Tx) -> None:
            await tx.run("DELETE FROM sync_services WHERE sid = :sid", sid=scene.service_sid)

        await scene.here.database.write(remove)
        await scene.come(scene.client("carol", "e3"))
        await scene.go(client)
        await scene.later(60)
        assert sorted(await scene.events()) == [came(), came("bob", "e2")]

        async def find(tx: Tx) -> object:
            return await services.by_sid(tx, scene.service_sid)

        assert await scene.here.database.read(find) is None

    play(scenario, **DEBOUNCED)
