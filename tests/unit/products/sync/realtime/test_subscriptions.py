"""Subscriptions on both engines: outcomes, replay, and what happens to them later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engines import Engine
from trunkline.api.errors import ApiError
from trunkline.core.storage.database import Tx
from trunkline.products.sync import objects, permissions
from trunkline.products.sync.scope import Actor
from trunkline.realtime.objects import replay
from trunkline.realtime.objects.types import ObjectKind
from unit.products.sync.realtime.table import Table, subject, until
from unit.products.sync.world import world

Play = Callable[[Callable[[Table], Awaitable[None]]], None]


@pytest.fixture
def play(engine: Engine, tmp_path: Path) -> Play:
    """Play a scene with a fresh table on each engine in turn."""

    def run(scene: Callable[[Table], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with world(engine, tmp_path) as here:
                table = Table(here)
                await scene(table)
                await table.live.stop()

        asyncio.run(whole())

    return run


@pytest.mark.parametrize(
    ("kind", "prefix", "code"),
    [
        ("document", "ET", 54100),
        ("list", "ES", 54150),
        ("map", "MP", 54200),
        ("stream", "TO", 54250),
        ("list", "MP", 54150),
        ("document", "", 54100),
        ("live_query", "", 54502),
    ],
)
def test_what_cannot_be_subscribed_fails_alone(play: Play, kind: str, prefix: str, code: int) -> None:
    async def scene(table: Table) -> None:
        good = await table.create(ObjectKind.LIST)
        peer = table.connect()
        bad = {"object_sid": prefix + "0" * 32, "object_type": kind, "last_event_id": 3}
        await table.establish(peer, bad, subject(good, -1), correlation_id="x")
        assert peer.events() == [("subscription_failed", code), ("subscription_established", "completed")]
        assert {body["correlation_id"] for _, body in peer.sent} == {"x"}
        assert table.live.hub.topics() == (good.sid,)

    play(scene)


def test_an_event_id_below_all_numbers_is_one_of_a_client_that_knows_nothing(play: Play) -> None:
    async def scene(table: Table) -> None:
        row = await table.create(ObjectKind.LIST)
        peer = table.connect()
        await table.establish(peer, subject(row, -(10**30)))
        assert peer.events() == [("subscription_established", "completed")]

    play(scene)


def test_a_client_that_knows_what_never_was_must_begin_anew(play: Play) -> None:
    async def scene(table: Table) -> None:
        log = await table.create(ObjectKind.LIST)
        await table.push(log.sid)
        document = await table.create(ObjectKind.DOCUMENT)
        stream = await table.create(ObjectKind.STREAM)
        peer = table.connect()
        await table.establish(peer, subject(log, 1), subject(document, 10**30), subject(stream, 5))
        assert peer.events() == [
            ("subscription_failed", 54150),
            ("subscription_failed", 54100),
            ("subscription_established", "completed"),
        ]
        assert table.live.hub.topics() == (stream.sid,)
        await table.establish(peer, subject(log, 0), subject(document, 0))
        assert peer.events()[3:] == [("subscription_established", "completed")] * 2

    play(scene)


@pytest.mark.parametrize("body", [b"data_sync", b"{}", b'{"action":"dance","requests":[]}', b"[" * 5000])
def test_what_is_no_batch_is_refused(play: Play, body: bytes) -> None:
    async def scene(table: Table) -> None:
        with pytest.raises(ApiError) as refused:
            await table.take(table.connect(), body)
        assert refused.value.code == 54008

    play(scene)


def test_connection_has_a_limit(play: Play) -> None:
    async def scene(table: Table) -> None:
        table.limit(per_connection=1)
        one, two = await table.create(ObjectKind.LIST), await table.create(ObjectKind.MAP)
        peer = table.connect()
        await table.establish(peer, subject(one), subject(two), subject(one))
        outcomes = [outcome for _, outcome in peer.events()]
        assert outcomes == ["completed", 54419, "completed"]

    play(scene)


def test_long_replay_comes_in_parts(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "PAGE_EVENTS", 3)

    async def scene(table: Table) -> None:
        table.limit(replay_events=3)
        row = await table.create(ObjectKind.LIST)
        for _ in range(5):
            await table.push(row.sid)
        peer = table.connect()
        await table.establish(peer, subject(row, -1))
        assert [outcome for _, outcome in peer.events()] == [0, 1, 2, "interrupted"]
        assert peer.sent[-1][1]["events"][0]["last_event_id"] == 2
        await table.establish(peer, subject(row, 2))
        assert [outcome for _, outcome in peer.events()][4:] == [3, 4, "completed"]

    play(scene)


def test_replay_of_large_data_comes_in_parts(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "PAGE_BYTES", 100)

    async def scene(table: Table) -> None:
        table.limit(replay_bytes=80)
        row = await table.create(ObjectKind.LIST)
        for size in (500, 10, 60, 20):
            await table.push(row.sid, f'{{"t":"{"x" * size}"}}')
        peer, known = table.connect(), -1
        for expected in ([0], [1, 2], [3]):
            before = len(peer.sent)
            await table.establish(peer, subject(row, known))
            *replayed, _ = [outcome for _, outcome in peer.events()[before:]]
            assert replayed == expected
            known = expected[-1]

    play(scene)


def test_items_stand_in_for_a_log_that_was_trimmed(play: Play) -> None:
    async def scene(table: Table) -> None:
        row = await table.create(ObjectKind.LIST)
        for _ in range(4):
            await table.push(row.sid)
        await table.remove(row.sid, 1)
        await table.forget(row.sid, 2)
        peer = table.connect()
        await table.establish(peer, subject(row, 0))
        assert peer.events() == [
            ("list_item_added", 2),
            ("list_item_added", 3),
            ("list_item_removed", 4),
            ("subscription_established", "completed"),
        ]

    play(scene)


def test_events_follow_the_replay_in_order_from_concurrent_writers(play: Play) -> None:
    async def scene(table: Table) -> None:
        row = await table.create(ObjectKind.LIST)
        peer, late = table.connect("one"), table.connect("two")
        await table.establish(peer, subject(row, -1))

        async def join() -> None:
            await table.establish(late, subject(row, -1))

        await asyncio.gather(*(table.push(row.sid) for _ in range(40)), join())
        for one in (peer, late):
            await until(lambda one=one: len(one.events()) == 41)
            ids = [outcome for what, outcome in one.events() if what == "list_item_added"]
            assert ids == list(range(40))

    play(scene)


def test_author_hears_no_echo_but_how_far_it_is(play: Play) -> None:
    async def scene(table: Table) -> None:
        row = await table.create(ObjectKind.LIST)
        author, other = table.connect("one"), table.connect("two")
        for one in (author, other):
            await table.establish(one, subject(row, -1))
        table.live.begin_request(author)
        await table.push(row.sid, actor=Actor("alice", author.endpoint_id, author.id))
        await table.push(row.sid)
        assert len(author.sent) == 1
        for held in table.live.end_request(author):
            author.send(held)
        assert author.events()[1:] == [("list_noop", 0), ("list_item_added", 1)]
        assert other.events()[1:] == [("list_item_added", 0), ("list_item_added", 1)]

    play(scene)


def test_older_clients_get_one_event_a_notification(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "PAGE_EVENTS", 2)
    old: dict[str, Any] = {"event_protocol_version": 3}

    async def scene(table: Table) -> None:
        table.limit(replay_events=2)
        row = await table.create(ObjectKind.LIST)
        for _ in range(3):
            await table.push(row.sid)
        peer = table.connect()
        missing = {"object_sid": "ES" + "0" * 32, "object_type": "list", "last_event_id": None}
        await table.establish(peer, subject(row, -1), missing, **old)
        await table.establish(peer, subject(row, 1), **old)
        table.live.begin_request(peer)
        await table.push(row.sid, actor=Actor("alice", peer.endpoint_id, peer.id))
        for held in table.live.end_request(peer):
            peer.send(held)
        await table.push(row.sid)
        gone = {"action": "cancel", "correlation_id": 2, "requests": [subject(row)], **old}
        await table.take(peer, msgspec.json.encode(gone))
        assert peer.events() == [
            ("list_item_added", 0),
            ("list_item_added", 1),
            ("subscription_established", "interrupted"),
            ("subscription_failed", 54150),
            ("list_item_added", 2),
            ("subscription_established", "completed"),
            ("list_noop", 3),
            ("list_item_added", 4),
            ("subscription_canceled", None),
        ]
        assert {body["event_protocol_version"] for _, body in peer.sent} == {3}
        # A later request of the same connection may differ.
        await table.establish(peer, subject(row, 3))
        assert [body["event_protocol_version"] for _, body in peer.sent[9:]] == [4, 4]

    play(scene)


def test_author_that_is_not_subscribed_yet_is_not_moved_on(play: Play) -> None:
    async def scene(table: Table) -> None:
        row = await table.create(ObjectKind.LIST)
        author = table.connect()
        await table.push(row.sid)
        table.live.begin_request(author)
        await table.push(row.sid, actor=Actor("alice", author.endpoint_id, author.id))
        assert table.live.end_request(author) == ()
        await table.establish(author, subject(row, -1))
        assert author.events()[:2] == [("list_item_added", 0), ("list_noop", 1)]

    play(scene)


def test_write_of_a_lost_connection_is_told_to_the_next_one(play: Play) -> None:
    async def scene(table: Table) -> None:
        row = await table.create(ObjectKind.LIST)
        lost = table.connect("one", endpoint="same")
        table.live.begin_request(lost)
        table.live.disconnected(lost)
        back = table.connect("two", endpoint="same")
        await table.establish(back, subject(row, -1))
        await table.push(row.sid, actor=Actor("alice", "same"))
        table.live.end_request(lost)
        assert back.events()[1:] == [("list_item_added", 0)]

    play(scene)


def test_loss_of_read_ends_a_subscription_at_once(play: Play) -> None:
    async def scene(table: Table) -> None:
        service = table.here.scope.service.sid

        async def close(tx: Tx) -> None:
            await tx.run("UPDATE sync_services SET acl_enabled = :on WHERE sid = :sid", on=True, sid=service)

        await table.here.database.write(close)
        row = await table.create(ObjectKind.LIST, "alice")
        peer, stranger = table.connect("one"), table.connect("two", "mallory")
        for one in (peer, stranger):
            await table.establish(one, subject(row, -1))
        assert stranger.events() == [("subscription_failed", 54007)]
        await table.here.database.write(lambda tx: permissions.revoke(tx, service, row.sid, "alice"))
        await until(lambda: len(peer.sent) == 2)
        assert peer.events()[1:] == [("subscription_failed", 54007)]
        assert peer.sent[-1][1]["correlation_id"] is None
        assert table.live.hub.topics() == ()

    play(scene)


def test_removal_of_an_object_nobody_told_of_is_found(play: Play) -> None:
    async def scene(table: Table) -> None:
        row = await table.create(ObjectKind.DOCUMENT)
        peer = table.connect()
        await table.establish(peer, subject(row, 0))

        async def drop(tx: Tx) -> None:
            await tx.run("DELETE FROM sync_objects WHERE sid = :sid", sid=row.sid)

        await table.here.database.write(drop)
        table.live.catch_up()
        await until(lambda: len(peer.sent) == 2)
        assert peer.events()[1:] == [("subscription_failed", 54100)]

    play(scene)


def test_removal_is_told_and_cancel_needs_nothing(play: Play) -> None:
    async def scene(table: Table) -> None:
        row = await table.create(ObjectKind.MAP)
        peer = table.connect()
        await table.establish(peer, subject(row, -1))
        await table.here.database.write(
            lambda tx: objects.remove(tx, table.here.scope, ObjectKind.MAP, row.sid)
        )
        assert peer.events()[1:] == [("map_removed", None)]
        body = f'{{"action":"cancel","correlation_id":2,"requests":[{{"object_sid":"{row.sid}","object_type":"map"}}]}}'
        await table.take(peer, body.encode())
        assert table.live.hub.topics() == ()

    play(scene)
