"""Subscriptions, live delivery and reads over a source that is not Sync: gaps, compaction, rights that end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec
import pytest

from trunkline.core.storage.database import Database
from trunkline.realtime.objects import notifications
from trunkline.realtime.objects.live_delivery import CHECKED_AT_ONCE, FILLED_AT_ONCE, LiveDelivery
from trunkline.realtime.objects.notifications import version_of
from trunkline.realtime.objects.subscriptions import (
    SubscriptionBatch,
    SubscriptionLimits,
    SubscriptionRequest,
    Subscriptions,
)
from trunkline.realtime.objects.types import ObjectEvent
from unit.realtime.objects.memory import Client, MemoryDatabase, MemorySource, frame, map_sid, until

SERVICE = "IS1"
ROSTER = map_sid("general")


class Stage:
    """A source and its subscribers."""

    def __init__(self) -> None:
        self.source = MemorySource(SERVICE)
        database = cast(Database, MemoryDatabase())
        self.live = LiveDelivery(self.source, database, frame)
        self.subscriptions = Subscriptions(self.live, database, SubscriptionLimits(ttl=None))

    def connect(self, identity: str) -> Client:
        """Return a new client."""
        client = Client(identity, {"chat": SERVICE})
        self.live.connected(client)
        return client

    async def subscribe(
        self, client: Client, known: int | None = None, sid: str = ROSTER, version: int = 4
    ) -> Any:
        """Subscribe to a Map. Return the reply."""
        requests = [SubscriptionRequest(sid, msgspec.Raw(b'"map"'), msgspec.Raw(msgspec.json.encode(known)))]
        batch = SubscriptionBatch(
            action="establish", requests=requests, correlation_id=7, event_protocol_version=version
        )
        return await self.subscriptions.handle(client, SERVICE, batch)

    def change(self, identity: str, data: str | None = "{}", *, publish: bool = True) -> int:
        """Change a member of the channel. Return the event's id."""
        event = self.source.change("general", identity, data)
        if publish:
            self.live.publish(event)
        return event.event_id or 0


def play(scene: Callable[[Stage], Awaitable[None]]) -> None:
    async def whole() -> None:
        stage = Stage()
        await scene(stage)
        await stage.live.stop()

    asyncio.run(whole())


def test_ids_with_gaps_leave_no_holes() -> None:
    async def scene(stage: Stage) -> None:
        stage.change("alice")
        client = stage.connect("alice")
        reply = await stage.subscribe(client)
        assert reply == {"estimated_delivery_in_ms": 3000, "max_batch_size": 100}
        stage.source.change("other", "alice", "{}")
        first = stage.change("bob")
        stage.source.change("other", "bob", "{}")
        second = stage.change("bob", '{"a":1}')
        assert client.received() == [
            ("subscription_established", "completed"),
            ("map_item_added", first),
            ("map_item_updated", second),
        ]
        assert client.sent[-1]["events"][0]["item_data"] == {"a": 1}

    play(scene)


def test_authors_of_such_a_source_receive_their_own_changes() -> None:
    async def scene(stage: Stage) -> None:
        stage.change("alice")
        client = stage.connect("alice")
        await stage.subscribe(client)
        stage.live.begin_request(client)
        id = stage.change("alice", '{"a":1}')
        assert stage.live.end_request(client) == ()
        assert client.received()[1:] == [("map_item_updated", id)]

    play(scene)


def test_replay_is_compacted() -> None:
    async def scene(stage: Stage) -> None:
        known = stage.change("alice")
        stage.change("bob")
        stage.change("carol")
        removed = stage.change("bob", None)
        changed = stage.change("carol", '{"a":1}')
        own = stage.change("alice", '{"b":1}')
        client = stage.connect("alice")
        await stage.subscribe(client, known)
        assert client.received() == [
            ("map_item_removed", removed),
            ("map_item_added", changed),
            ("map_item_updated", own),
            ("subscription_established", "completed"),
        ]

    play(scene)


def test_a_hole_is_filled_from_each_subscribers_own_last_event() -> None:
    async def scene(stage: Stage) -> None:
        stage.change("alice")
        early, late = stage.connect("alice"), stage.connect("bob")
        await stage.subscribe(early)
        stage.change("bob", publish=False)
        await stage.subscribe(late)
        stage.change("carol", publish=False)
        last = stage.change("bob", '{"a":1}')
        await until(lambda: len(early.sent) == 3 and len(late.sent) == 3)
        # Bob's item is new to the first, and has changed for the second.
        assert early.received()[1:] == [("map_item_added", last - 10), ("map_item_added", last)]
        assert late.received()[1:] == [("map_item_added", last - 10), ("map_item_updated", last)]
        following = stage.change("dave")
        assert [one.received()[-1] for one in (early, late)] == [("map_item_added", following)] * 2

    play(scene)


def test_events_that_were_not_announced_are_found() -> None:
    async def scene(stage: Stage) -> None:
        stage.change("alice")
        client = stage.connect("alice")
        await stage.subscribe(client)
        missed = stage.change("bob", publish=False)
        stage.live.catch_up()
        await until(lambda: len(client.sent) == 2)
        assert client.received()[1:] == [("map_item_added", missed)]

    play(scene)


def test_a_long_hole_is_filled_a_few_events_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    turn = 0
    make = notifications.live

    def counted(event: ObjectEvent, version: int) -> bytes:
        made.append(turn)
        return make(event, version)

    monkeypatch.setattr(notifications, "live", counted)

    async def scene(stage: Stage) -> None:
        nonlocal turn
        stage.change("alice")
        clients = [Client("alice", {"chat": SERVICE}, f"c{number}") for number in range(5)]
        for client in clients:
            stage.live.connected(client)
            await stage.subscribe(client)
        expected = [stage.change(f"m{number}", publish=False) for number in range(3 * FILLED_AT_ONCE + 5)]
        stage.live.catch_up()
        while len(clients[-1].sent) <= len(expected):
            turn += 1
            await asyncio.sleep(0)
        for client in clients:
            assert [id for _, id in client.received()[1:]] == expected
        assert len(made) == len(expected)
        assert max(Counter(made).values()) == FILLED_AT_ONCE

    play(scene)


def test_rights_are_read_a_few_at_a_time() -> None:
    async def scene(stage: Stage) -> None:
        stage.change("alice")
        for number in range(3 * CHECKED_AT_ONCE):
            client = Client("alice", {"chat": SERVICE}, f"c{number}")
            stage.live.connected(client)
            await stage.subscribe(client)
        reads: Counter[int] = Counter()
        turn = 0
        denial = stage.source.denial

        async def counted(*subject: Any, **more: Any) -> Any:
            reads[turn] += 1
            return await denial(*subject, **more)

        async def read(action: Callable[[Any], Awaitable[Any]]) -> Any:
            return await action(None)  # as on SQLite, where a read does not wait

        cast(Any, stage.source).denial = counted
        cast(Any, stage.live)._database.read = read
        stage.live.recheck(SERVICE, ROSTER)
        while reads.total() < 3 * CHECKED_AT_ONCE:
            turn += 1
            await asyncio.sleep(0)
        assert max(reads.values()) == CHECKED_AT_ONCE

    play(scene)


@pytest.mark.parametrize("silent", [False, True])
def test_loss_of_access_ends_a_subscription(silent: bool) -> None:
    async def scene(stage: Stage) -> None:
        for identity in ("alice", "bob"):
            stage.change(identity)
        if silent:
            stage.source.secret.add("general")
        alice, bob = stage.connect("alice"), stage.connect("bob")
        await stage.subscribe(alice)
        await stage.subscribe(bob)
        stage.change("bob", None, publish=False)
        stage.live.recheck(SERVICE, ROSTER, "bob")
        await until(lambda: len(stage.live.hub.subscribers(ROSTER)) == 1)
        assert bob.received()[1:] == ([] if silent else [("subscription_failed", 54200)])
        after = stage.change("carol")
        await until(lambda: len(alice.sent) == 3)
        assert alice.received()[-1] == ("map_item_added", after)
        assert bob.received()[1:] == ([] if silent else [("subscription_failed", 54200)])

    play(scene)


def test_only_members_may_subscribe() -> None:
    async def scene(stage: Stage) -> None:
        stage.change("alice")
        stranger = stage.connect("mallory")
        await stage.subscribe(stranger)
        await stage.subscribe(stranger, sid=map_sid("nothing"))
        assert stranger.received() == [("subscription_failed", 54200)] * 2
        assert stage.live.hub.topics() == ()

    play(scene)


def test_a_connection_that_is_lost_during_a_batch_leaves_no_subscription() -> None:
    async def scene(stage: Stage) -> None:
        stage.change("alice")
        client = stage.connect("alice")
        subscribing = asyncio.create_task(stage.subscribe(client))
        await asyncio.sleep(0)
        stage.live.disconnected(client)
        await subscribing
        assert stage.live.hub.topics() == ()

    play(scene)


def test_limits_are_the_products() -> None:
    async def scene(stage: Stage) -> None:
        stage.change("alice")
        stage.source.change("other", "alice", "{}")
        stage.subscriptions = Subscriptions(
            stage.live,
            cast(Database, MemoryDatabase()),
            SubscriptionLimits(per_connection=1, batch=5, delivery_ms=10_000, ttl=60),
        )
        client = stage.connect("alice")
        reply = await stage.subscribe(client)
        assert reply == {"estimated_delivery_in_ms": 10_000, "max_batch_size": 5, "ttl_in_s": 60}
        await stage.subscribe(client, sid=map_sid("other"))
        assert client.received()[-1] == ("subscription_failed", 54419)

    play(scene)


def test_events_are_read_as_they_are_sent() -> None:
    async def scene(stage: Stage) -> None:
        stage.change("alice")
        client = stage.connect("alice")
        await stage.subscribe(client)
        stage.change("bob", '{"n":1.0}')
        (event,) = client.sent[-1]["events"]
        assert event["map_sid"] == ROSTER
        assert event["item_key"] == "bob"
        assert event["item_url"].endswith(f"/v3/Services/{SERVICE}/Maps/{ROSTER}/Items/bob")
        assert msgspec.json.encode(event["item_data"]) == b'{"n":1.0}'

    play(scene)


def versions(client: Client) -> list[int]:
    """Return the protocol version of each notification."""
    return [body["event_protocol_version"] for body in client.sent]


@pytest.mark.parametrize("version", [3, 4])
def test_each_subscription_has_its_own_version(version: int) -> None:
    async def scene(stage: Stage) -> None:
        stage.change("alice")
        stage.source.change("other", "alice", "{}")
        other, client = map_sid("other"), stage.connect("alice")
        await stage.subscribe(client, 0, version=version)
        await stage.subscribe(client, 0, other, version=7 - version)
        stage.change("bob")
        stage.live.publish(stage.source.change("other", "bob", "{}"))
        assert versions(client) == [version, version, 7 - version, 7 - version, version, 7 - version]
        # The newest request counts.
        await stage.subscribe(client, version=7 - version)
        stage.change("carol")
        assert versions(client)[6:] == [7 - version] * 2
        # A loss of access is reported in the form of its subscription, too.
        for name in ("general", "other"):
            stage.source.change(name, "alice", None)
            stage.live.recheck(SERVICE, map_sid(name))
        await until(lambda: len(client.sent) == 10)
        assert versions(client)[8:] == [7 - version] * 2
        assert client.received()[8:] == [("subscription_failed", 54200)] * 2

    play(scene)


def test_one_event_reaches_subscribers_of_both_versions() -> None:
    async def scene(stage: Stage) -> None:
        stage.change("alice")
        old, new = stage.connect("alice"), stage.connect("bob")
        stage.change("bob")
        await stage.subscribe(old, version=3)
        await stage.subscribe(new)
        stage.change("carol", publish=False)
        last = stage.change("dave")
        await until(lambda: len(old.sent) == 3 and len(new.sent) == 3)
        assert old.received() == new.received()
        assert old.received()[-1] == ("map_item_added", last)
        assert (set(versions(old)), set(versions(new))) == ({3}, {4})

    play(scene)


VERSIONS = {
    3: ("3", "2", "0", "-1", "3.0"),
    4: ("4", "5", "1e9", "1e999", "", "three", "nan", "true", "{}", "[3]"),
}


def test_version_of_a_request() -> None:
    for version, requested in VERSIONS.items():
        for text in requested:
            assert version_of("EventProtocolVersion", text) == version, text
