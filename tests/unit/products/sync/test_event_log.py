"""Notifications and log entries of each change."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from engines import Engine
from trunkline.core.storage.database import Tx, columns
from trunkline.products.sync import documents, event_log, items, objects, streams
from trunkline.products.sync.event_log import LoggedEvent
from trunkline.products.sync.event_types import EventType, Expiry, SyncEvent
from trunkline.products.sync.items import Change, ItemPosition
from trunkline.products.sync.objects import Creation
from trunkline.products.sync.scope import Actor, Scope
from trunkline.realtime.objects.types import ObjectKind
from unit.products.sync.world import World, world

ALICE = Actor("alice", "TN1")
SECOND = 1_000_000


async def _steps(tx: Tx, scope: Scope) -> None:
    """Return one change of each kind."""
    for kind in (ObjectKind.DOCUMENT, ObjectKind.LIST, ObjectKind.MAP, ObjectKind.STREAM):
        await objects.create(tx, scope, kind, Creation(unique_name=kind.value))
    await documents.write(tx, scope, "document", Change(data='{"d":1}', ttl=60))
    await items.push(tx, scope, "list", Change(data='{"l":1}'))
    await items.write(tx, scope, ObjectKind.LIST, "list", ItemPosition(0), Change(data='{"l":2}', ttl=9))
    await items.remove(tx, scope, ObjectKind.LIST, "list", ItemPosition(0), None)
    await items.put(tx, scope, "map", "k", Change(data='{"m":1}', ttl=5))
    await items.write(tx, scope, ObjectKind.MAP, "map", ItemPosition(0, "k"), Change(ttl=0))
    await items.remove(tx, scope, ObjectKind.MAP, "map", ItemPosition(0, "k"), 1)
    await streams.publish(tx, scope, "stream", '{"s":1}')


async def _ends(tx: Tx, scope: Scope) -> None:
    for kind in ObjectKind:
        await objects.remove(tx, scope, kind, kind.value)


async def _log(tx: Tx) -> list[LoggedEvent]:
    return await tx.all(
        LoggedEvent, f"SELECT {columns(LoggedEvent)} FROM sync_events ORDER BY type, event_id"
    )


def _announced(here: World) -> list[tuple[Any, ...]]:
    return [
        (
            one.type.value,
            one.event_id,
            one.object_revision,
            one.item_key if one.item_index is None else one.item_index,
            one.item_revision,
            one.data,
            None if one.date_expires is None else (one.date_expires - one.date) // SECOND,
        )
        for one in here.announced
        if isinstance(one, SyncEvent)
    ]


EXPECTED: list[tuple[Any, ...]] = [
    ("document_created", 0, "0", None, "", "{}", None),
    ("list_created", None, "0", None, "", None, None),
    ("map_created", None, "0", None, "", None, None),
    ("stream_created", None, "", None, "", None, None),
    ("document_updated", 1, "1", None, "", '{"d":1}', 60),
    ("list_item_added", 0, "1", 0, "0", '{"l":1}', None),
    ("list_item_updated", 1, "2", 0, "1", '{"l":2}', 9),
    ("list_item_removed", 2, "3", 0, "2", '{"l":2}', 9),
    ("map_item_added", 0, "1", "k", "0", '{"m":1}', 5),
    ("map_item_updated", 1, "2", "k", "1", '{"m":1}', None),
    ("map_item_removed", 2, "3", "k", "2", '{"m":1}', None),
    ("stream_message_published", None, "", None, "", '{"s":1}', None),
]
ENDS: list[tuple[Any, ...]] = [
    ("document_removed", None, "1", None, "", '{"d":1}', 60),
    ("list_removed", None, "3", None, "", None, None),
    ("map_removed", None, "3", None, "", None, None),
    ("stream_removed", None, "", None, "", None, None),
]


def test_each_change_is_told_and_logged(engine: Engine, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(engine, tmp_path) as here:
            scope = msgspec.structs.replace(here.scope, actor=ALICE)
            await here.database.write(lambda tx: _steps(tx, scope))
            assert _announced(here) == EXPECTED
            await _compare(here)
            here.announced.clear()
            await here.database.write(lambda tx: _ends(tx, scope))
            assert _announced(here) == ENDS
            assert await here.database.read(_log) == []
            assert {one.type for one in here.announced if isinstance(one, SyncEvent)} == {
                EventType(kind) for kind, *_ in ENDS
            }

    asyncio.run(scenario())


async def _compare(here: World) -> None:
    """Compare the log with the notifications that have an id, with the author."""
    announced = [one for one in here.announced if isinstance(one, SyncEvent)]
    service = here.scope.service
    assert {(one.account_sid, one.service_sid, one.actor, one.date) for one in announced} == {
        (service.account_sid, service.sid, ALICE, here.clock.now)
    }
    numbered = sorted((one for one in announced if one.event_id is not None), key=lambda one: one.type.value)
    log = await here.database.read(_log)
    assert [
        (row.object_sid, row.event_id, row.type, row.item_index, row.item_key, row.data, row.date_expires)
        for row in log
    ] == [
        (
            one.object_sid,
            one.event_id,
            one.type.value,
            one.item_index,
            one.item_key,
            one.data,
            one.date_expires,
        )
        for one in numbered
    ]
    assert {(row.identity, row.endpoint, row.date_created) for row in log} == {
        ("alice", "TN1", here.clock.now)
    }


def test_new_expiry_dates_are_announced(engine: Engine, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(engine, tmp_path) as here:
            await here.database.write(lambda tx: _steps(tx, here.scope))
            dates = [
                (one.date - here.clock.now) // SECOND for one in here.announced if isinstance(one, Expiry)
            ]
            assert dates == [60, 9, 5]

    asyncio.run(scenario())


def test_a_change_that_fails_tells_nothing(engine: Engine, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(engine, tmp_path) as here:

            async def fail(tx: Tx) -> None:
                await _steps(tx, here.scope)
                raise KeyError

            try:
                await here.database.write(fail)
            except KeyError:
                assert here.announced == []
                assert await here.database.read(_log) == []
            else:
                raise AssertionError("it must fail")

    asyncio.run(scenario())


def test_the_log_is_trimmed_a_batch_at_a_time(engine: Engine, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(engine, tmp_path) as here:
            await here.database.write(lambda tx: _steps(tx, here.scope))
            assert await here.database.write(lambda tx: event_log.trim(tx, 5)) == 0
            here.clock.now += event_log.RETENTION + 1
            counts = [await here.database.write(lambda tx: event_log.trim(tx, 5)) for _ in range(3)]
            assert counts == [5, 3, 0]

    asyncio.run(scenario())
