"""Replays on both engines: what many clients cost, in counts, and what each of them gets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engines import Engine
from trunkline.api.errors import ApiError
from trunkline.core.storage.database import Row, Tx
from trunkline.products.sync import items, objects
from trunkline.products.sync.items import Change, ItemPosition
from trunkline.products.sync.objects import Object
from trunkline.products.sync.realtime import source
from trunkline.realtime.objects import replay
from trunkline.realtime.objects.replay import AT_ONCE, PAGE_EVENTS, RENDERED_AT_ONCE
from trunkline.realtime.objects.types import ObjectKind
from unit.products.sync.realtime.table import Connection, Table, subject, until
from unit.products.sync.world import World, world

Play = Callable[[Callable[["Hall"], Awaitable[None]]], None]
MISSED = 150
LARGE = 20_000


class Hall(Table):
    """A node that counts: frames made and frames sent by turn of the event loop, and reads of the log."""

    def __init__(self, here: World) -> None:
        super().__init__(here)
        self.turn = 0
        self.made: Counter[int] = Counter()
        self.sent: Counter[int] = Counter()
        self.scans = 0
        self._count_frames()
        self._count_scans()

    def _count_frames(self) -> None:
        replays = self.live.replays
        make = replays._frame

        def counted(message_type: str, payload: bytes) -> bytes:
            self.made[self.turn] += 1
            return make(message_type, payload)

        replays._frame = counted

    def _count_scans(self) -> None:
        database: Any = self.here.database
        query = database.query

        async def counted(action: Any) -> Any:
            self.scans += 1
            return await query(action)

        database.query = counted

    async def pace(self) -> None:
        """Count the turns of the loop until cancelled."""
        while True:
            self.turn += 1
            await asyncio.sleep(0)

    async def filled(
        self, kind: ObjectKind = ObjectKind.LIST, missed: int = MISSED, data: str = "{}"
    ) -> Object:
        """Return a new List or Map whose items were added by one event each."""
        row, scope = await self.create(kind), self.here.scope

        async def fill(tx: Tx) -> None:
            for number in range(missed):
                if kind is ObjectKind.LIST:
                    await items.push(tx, scope, row.sid, Change(data=data))
                else:
                    await items.put(tx, scope, row.sid, f"k{number}", Change(data=data))

        await self.here.database.write(fill)
        return row


class Slow(Connection):
    """A client that reads a page whenever the test lets it."""

    def __init__(self, id: str, service_sid: str) -> None:
        super().__init__(id, service_sid)
        self.reads = asyncio.Semaphore(0)

    async def drained(self) -> None:
        """Wait for the test."""
        await self.reads.acquire()


@pytest.fixture
def play(engine: Engine, tmp_path: Path) -> Play:
    """Play a scene with a fresh node on each engine in turn."""

    def run(scene: Callable[[Hall], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with world(engine, tmp_path) as here:
                hall = Hall(here)
                pacer = asyncio.create_task(hall.pace())
                await scene(hall)
                pacer.cancel()
                await hall.live.stop()

        asyncio.run(whole())

    return run


def ids(client: Connection) -> list[Any]:
    """Return the ids and outcomes that a client got."""
    return [outcome for _, outcome in client.events()]


def slow(hall: Hall) -> Slow:
    """Return a client that does not read yet."""
    client = Slow("slow", hall.here.scope.service.sid)
    hall.live.connected(client)
    return client


def test_a_crowd_costs_what_one_client_costs(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        row = await hall.filled()
        crowd = [hall.connect(f"c{number}") for number in range(60)]
        for client in crowd:
            send = client.send

            def counted(frame: bytes, send: Any = send) -> None:
                hall.sent[hall.turn] += 1
                send(frame)

            client.send = counted  # type: ignore[method-assign]
        await asyncio.gather(
            *(
                hall.establish(one, subject(row, -1), correlation_id=1_767_600_000_000 + number)
                for number, one in enumerate(crowd)
            )
        )
        for number, client in enumerate(crowd):
            assert ids(client) == [*range(MISSED), "completed"]
            assert {body["correlation_id"] for _, body in client.sent} == {1_767_600_000_000 + number}
        # Rendered and read once, a few events between two turns of the loop, and a few pages sent.
        assert sum(hall.made.values()) == MISSED
        assert hall.scans == -(-MISSED // PAGE_EVENTS)
        assert max(hall.made.values()) <= RENDERED_AT_ONCE
        assert max(hall.sent.values()) <= 2 * AT_ONCE * (PAGE_EVENTS + 1)

    play(scene)


def test_clients_that_missed_different_numbers_share_all_but_their_first_page(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        row = await hall.filled()
        crowd = [hall.connect(f"c{number}") for number in range(20)]
        await asyncio.gather(*(hall.establish(one, subject(row, number)) for number, one in enumerate(crowd)))
        for number, client in enumerate(crowd):
            assert ids(client) == [*range(number + 1, MISSED), "completed"]
        assert sum(hall.made.values()) <= 20 * PAGE_EVENTS + MISSED
        assert hall.scans == 20 + 2

    play(scene)


def test_many_topics_are_rendered_a_few_events_at_a_time(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        rows = [await hall.filled(missed=40) for _ in range(12)]
        await asyncio.gather(
            *(hall.establish(hall.connect(f"c{n}"), subject(row, -1)) for n, row in enumerate(rows))
        )
        assert sum(hall.made.values()) == 12 * 40
        assert max(hall.made.values()) <= AT_ONCE * RENDERED_AT_ONCE

    play(scene)


def test_a_documents_state_is_rendered_once(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        row = await hall.create(ObjectKind.DOCUMENT)

        async def change(tx: Tx) -> None:
            for number in range(3):
                await objects.claim(tx, hall.here.scope, ObjectKind.DOCUMENT, row.sid)
                await tx.run("UPDATE sync_objects SET data = :data", data=f'{{"n":{number}}}')

        await hall.here.database.write(change)
        crowd = [hall.connect(f"c{number}") for number in range(9)]
        await asyncio.gather(
            *(hall.establish(one, subject(row, number % 3)) for number, one in enumerate(crowd))
        )
        assert sum(hall.made.values()) == 1
        for client in crowd:
            assert ids(client) == [3, "completed"]
            assert client.sent[0][1]["events"][0]["document_data"] == {"n": 2}

    play(scene)


def test_a_slow_client_holds_up_nobody_and_has_one_page_waiting(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        row = await hall.filled()
        lazy = slow(hall)
        replaying = asyncio.create_task(hall.establish(lazy, subject(row, -1)))
        await until(lambda: len(lazy.sent) == PAGE_EVENTS)
        others = [hall.connect(f"c{number}") for number in range(2 * AT_ONCE)]
        await asyncio.gather(*(hall.establish(one, subject(row, -1)) for one in others))
        assert all(ids(one)[-1] == "completed" for one in others)
        # Live events go on; for the slow one few are held, as the log has them.
        for _ in range(2 * PAGE_EVENTS):
            await hall.push(row.sid)
        subscription = hall.live.hub.subscription(lazy, row.sid)
        assert subscription is not None
        assert len(subscription.held or ()) <= PAGE_EVENTS
        assert len(lazy.sent) == PAGE_EVENTS
        for _ in range(10):
            lazy.reads.release()
        await replaying
        await hall.push(row.sid)
        newest = MISSED + 2 * PAGE_EVENTS
        await until(lambda: ids(lazy)[-1] == newest)
        got = ids(lazy)
        got.remove("completed")
        assert got == list(range(newest + 1))

    play(scene)


def test_a_client_that_may_read_no_more_gets_no_further_page(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        service = hall.here.scope.service.sid
        row = await hall.filled()
        lazy = slow(hall)
        replaying = asyncio.create_task(hall.establish(lazy, subject(row, -1)))
        await until(lambda: len(lazy.sent) == PAGE_EVENTS)

        async def close(tx: Tx) -> None:
            await tx.run("UPDATE sync_services SET acl_enabled = :on WHERE sid = :sid", on=True, sid=service)

        await hall.here.database.write(close)
        hall.live.recheck(service)
        await until(lambda: hall.live.denial(lazy, row.sid))
        lazy.reads.release()
        await replaying
        assert ids(lazy) == [*range(PAGE_EVENTS), 54007]
        assert hall.live.hub.topics() == ()

    play(scene)


def test_an_object_that_goes_during_its_replay_is_reported_gone(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        row = await hall.filled()
        lazy = slow(hall)
        replaying = asyncio.create_task(hall.establish(lazy, subject(row, -1)))
        await until(lambda: len(lazy.sent) == PAGE_EVENTS)
        await hall.here.database.write(
            lambda tx: objects.remove(tx, hall.here.scope, ObjectKind.LIST, row.sid)
        )
        lazy.reads.release()
        await replaying
        assert ids(lazy) == [*range(PAGE_EVENTS), 54150]

    play(scene)


def test_a_client_that_is_gone_is_read_for_no_longer(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        row = await hall.filled()
        lazy = slow(hall)
        replaying = asyncio.create_task(hall.establish(lazy, subject(row, -1), subject(row, -1)))
        await until(lambda: len(lazy.sent) == PAGE_EVENTS)
        hall.live.disconnected(lazy)
        lazy.reads.release()
        await replaying
        assert hall.scans == 1
        assert hall.live.hub.topics() == ()

    play(scene)


def test_one_request_replays_no_more_than_its_share(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        hall.limit(replay_events=30)
        row = await hall.filled()
        client = hall.connect()
        await hall.establish(client, *(subject(row, -1) for _ in range(10)))
        got = ids(client)
        assert got.count("interrupted") == 10
        assert sum(1 for one in got if one != "interrupted") == 2 * PAGE_EVENTS
        # What got nothing goes on where it was.
        assert client.sent[-1][1]["events"][0]["last_event_id"] == -1
        assert sum(hall.made.values()) == PAGE_EVENTS

    play(scene)


def test_more_objects_than_announced_are_refused_together(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        row = await hall.create(ObjectKind.LIST)
        client = hall.connect()
        await hall.establish(client, *(subject(row) for _ in range(100)))
        assert ids(client) == ["completed"] * 100
        for action in ("establish", "cancel"):
            batch = {"action": action, "correlation_id": 1, "requests": [subject(row)] * 101}
            with pytest.raises(ApiError, match="100 objects at most") as refused:
                await hall.take(client, msgspec.json.encode(batch))
            assert (refused.value.status, refused.value.code) == (413, 54006)
        assert len(client.sent) == 100
        assert hall.live.hub.topics() == (row.sid,)

    play(scene)


@pytest.mark.parametrize(
    "known",
    [b'"7"', b"true", b"[]", b"1.5", b"1e400", b"9" * 65, b"-" + b"9" * 10_000, b"[" * 900 + b"]" * 900],
)
def test_an_event_id_that_is_none_fails_alone(play: Play, known: bytes) -> None:
    async def scene(hall: Hall) -> None:
        row = await hall.create(ObjectKind.LIST)
        client = hall.connect()
        await hall.establish(client, {**subject(row), "last_event_id": msgspec.Raw(known)}, subject(row))
        assert ids(client) == [54008, "completed"]

    play(scene)


def test_a_type_that_is_no_text_fails_alone(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        row = await hall.create(ObjectKind.LIST)
        client = hall.connect()
        await hall.establish(client, {**subject(row), "object_type": [1]}, subject(row))
        assert ids(client) == [54502, "completed"]

    play(scene)


@pytest.mark.parametrize("correlation_id", [None, 7, "x" * 16, "ü" * 60, {"a": [1, 2]}, 1e300])
def test_any_correlation_id_comes_back_with_each_event(play: Play, correlation_id: Any) -> None:
    async def scene(hall: Hall) -> None:
        row = await hall.filled(missed=2)
        client = hall.connect()
        await hall.establish(client, subject(row, -1), correlation_id=correlation_id)
        assert ids(client) == [0, 1, "completed"]
        assert [body["correlation_id"] for _, body in client.sent] == [correlation_id] * 3

    play(scene)


def test_a_correlation_id_without_end_is_refused(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        body = b'{"action":"establish","requests":[],"correlation_id":' + b"[" * 600 + b"]" * 600 + b"}"
        with pytest.raises(ApiError) as refused:
            await hall.take(hall.connect(), body)
        assert refused.value.code == 54008

    play(scene)


def test_a_state_in_pages_says_what_the_client_does_not_have(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PAGE_EVENTS", 4)

    async def scene(hall: Hall) -> None:
        row = await hall.filled(ObjectKind.MAP, 8)
        scope = hall.here.scope
        for number in (7, 1, 6):
            await hall.here.database.write(
                lambda tx, number=number: items.upsert(
                    tx, scope, row.sid, f"k{number}", Change(data='{"n":1}')
                )
            )
        await hall.here.database.write(
            lambda tx: items.remove(tx, scope, ObjectKind.MAP, row.sid, ItemPosition(0, "k0"), None)
        )
        await hall.forget(row.sid, 9)
        old, new, whole = (hall.connect(name) for name in ("old", "new", "whole"))
        await hall.establish(old, subject(row, 3))
        assert old.events() == [
            ("map_item_added", 4),
            ("map_item_added", 5),
            ("map_item_added", 8),
            ("map_item_updated", 9),
            ("map_item_added", 10),
            ("map_item_removed", 11),
            ("subscription_established", "completed"),
        ]
        # Another one that knew more is told so, though it reads the same stretch.
        await hall.establish(new, subject(row, 7))
        assert new.events()[:2] == [("map_item_updated", 8), ("map_item_updated", 9)]
        # Of the events that the log still has, all share the same.
        before = sum(hall.made.values())
        await hall.establish(whole, subject(row, 9))
        assert whole.events() == [
            ("map_item_updated", 10),
            ("map_item_removed", 11),
            ("subscription_established", "completed"),
        ]
        assert sum(hall.made.values()) == before + 2

    play(scene)


def test_a_log_with_a_hole_is_not_taken_for_whole(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        row = await hall.filled(missed=6)

        async def tear(tx: Tx) -> None:
            await tx.run("DELETE FROM sync_events WHERE object_sid = :sid AND event_id = 2", sid=row.sid)

        await hall.here.database.write(tear)
        client = hall.connect()
        await hall.establish(client, subject(row, 0))
        assert client.events()[:-1] == [("list_item_added", number) for number in range(1, 6)]

    play(scene)


class _Plan(Row, frozen=True):
    line: str


class _SqlitePlan(Row, frozen=True):
    id: int
    parent: int
    unused: int
    line: str


def test_the_state_of_a_large_map_is_read_by_index(play: Play) -> None:
    """Read as many rows as a page has, however many there are, and however many of them are no removals."""

    async def scene(hall: Hall) -> None:
        row = await hall.create(ObjectKind.MAP)

        async def grow(tx: Tx) -> None:
            numbers = f"WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {LARGE})"
            await tx.run(
                f"{numbers} INSERT INTO sync_items SELECT CAST(:sid AS TEXT), 0, 'k' || i, 'AC', 'IS', '{{}}',"
                " i, i, 'x', 0, 0, NULL FROM n",
                sid=row.sid,
            )
            await tx.run(
                f"{numbers} INSERT INTO sync_events SELECT CAST(:sid AS TEXT), i, 'map_item_updated', 0, 'k' || i,"
                " '{}', 0, NULL, NULL, '' FROM n",
                sid=row.sid,
            )

            for table in ("sync_items", "sync_events"):
                await tx.run(f"ANALYZE {table}")

        await hall.here.database.write(grow)
        sqlite = hall.here.database.name == "sqlite"
        for sql, index in (
            (source.CHANGED_ITEMS, "sync_items_by_event"),
            (source.LOGGED_REMOVALS, "sync_events_of_removals"),
        ):
            values = {"object_sid": row.sid, "known": 50, "row_limit": 64}

            async def explain(tx: Tx, sql: str = sql, values: dict[str, Any] = values) -> str:
                if sqlite:
                    return "\n".join(
                        one.line for one in await tx.all(_SqlitePlan, f"EXPLAIN QUERY PLAN {sql}", **values)
                    )
                return "\n".join(one.line for one in await tx.all(_Plan, f"EXPLAIN {sql}", **values))

            plan = await hall.here.database.read(explain)
            assert index in plan
            assert "B-TREE" not in plan
            assert "Sort" not in plan

    play(scene)


def test_pages_are_kept_within_bounds(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "KEPT_BYTES", 60_000)

    async def scene(hall: Hall) -> None:
        row = await hall.filled(data=f'{{"t":"{"x" * 300}"}}')
        replays = hall.live.replays
        for _ in range(2):
            client = hall.connect()
            await hall.establish(client, subject(row, -1))
            assert ids(client) == [*range(MISSED), "completed"]
            assert 0 < replays.kept <= 60_000
        monkeypatch.setattr(replay, "KEPT_SECONDS", 0.0)
        replays._sweep()
        assert replays.kept == 0

    play(scene)


def test_pages_that_nobody_needs_go_by_themselves(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "KEPT_SECONDS", 0.001)

    async def scene(hall: Hall) -> None:
        row = await hall.filled(missed=3)
        client = hall.connect()
        await hall.establish(client, subject(row, -1))
        assert ids(client) == [0, 1, 2, "completed"]
        await until(lambda: hall.live.replays.kept == 0)

    play(scene)


def test_a_page_that_cannot_be_read_fails_all_who_wait_and_is_read_again(play: Play) -> None:
    async def scene(hall: Hall) -> None:
        row = await hall.filled(missed=3)
        database: Any = hall.here.database
        query, going = database.query, asyncio.Event()

        async def broken(action: Any) -> Any:
            await going.wait()
            raise ConnectionError

        database.query = broken
        crowd = [hall.connect(f"c{number}") for number in range(3)]
        waiting = [asyncio.create_task(hall.establish(one, subject(row, -1))) for one in crowd]
        await until(lambda: hall.live.replays._making)
        going.set()
        for one in waiting:
            with pytest.raises(ConnectionError):
                await one
        database.query = query
        await hall.establish(crowd[0], subject(row, -1))
        assert ids(crowd[0]) == [0, 1, 2, "completed"]

    play(scene)
