"""Changes on another node or over a lost connection: their events have no author here, and those without a
notification are found.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import msgspec
import pytest

from engines import Engine
from trunkline.core.access_tokens import Grant
from trunkline.core.storage.database import Tx
from trunkline.products.sync import objects
from trunkline.products.sync.event_types import EventType
from trunkline.products.sync.objects import Creation, Object
from trunkline.products.sync.realtime.source import NEWEST_AT_ONCE, SyncSource, object_event
from trunkline.products.sync.scope import Actor
from trunkline.realtime.objects.live_delivery import LiveDelivery
from trunkline.realtime.objects.types import ObjectEvent, ObjectKind
from unit.products.sync.world import ACCOUNT_SID, World, world


class Client:
    """A connection that keeps what it is sent."""

    id, endpoint_id = "connection", "endpoint"
    closed = False

    def __init__(self, service_sid: str) -> None:
        self.grant = Grant(ACCOUNT_SID, {"data_sync": service_sid}, "alice", "SK1", 0)
        self.sent: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)

    async def drained(self) -> None:
        pass


async def make(here: World) -> Object:
    return await here.database.write(
        lambda tx: objects.create(tx, here.scope, ObjectKind.DOCUMENT, Creation())
    )


def update(row: Object, connection: str) -> ObjectEvent:
    """Update the Document as the client's own endpoint does, over one of its connections."""
    actor = Actor("alice", Client.endpoint_id, connection)
    event = objects.event(row, actor, EventType.DOCUMENT_UPDATED, row.date_updated)
    made = object_event(msgspec.structs.replace(event, event_id=1))
    assert made is not None
    return made


def frame(kind: str, payload: bytes) -> bytes:
    return kind.encode()


@pytest.mark.parametrize(
    ("connection", "where", "count"),
    [(Client.id, True, 0), ("lost", True, 1), (Client.id, False, 1)],
    ids=["here", "over a lost connection", "elsewhere"],
)
def test_a_client_hears_of_what_it_wrote_elsewhere(
    engine: Engine, tmp_path: Path, connection: str, where: bool, count: int
) -> None:
    async def scenario() -> None:
        async with world(engine, tmp_path) as here:
            row = await make(here)
            live, client = LiveDelivery(SyncSource(), here.database, frame), Client(row.service_sid)
            live.connected(client)
            live.establish(live.begin(client, row.sid), 0)
            live.begin_request(client)
            live.publish(update(row, connection), here=where)
            live.end_request(client)
            assert len(client.sent) == count
            await live.stop()

    asyncio.run(scenario())


def test_the_newest_events_of_many_objects(engine: Engine, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(engine, tmp_path) as here:
            rows = [await make(here) for _ in range(3)]

            async def advance(tx: Tx) -> None:
                await tx.run("UPDATE sync_objects SET last_event_id = 7 WHERE sid = :sid", sid=rows[0].sid)
                await tx.run("DELETE FROM sync_objects WHERE sid = :sid", sid=rows[1].sid)

            await here.database.write(advance)
            requested = [row.sid for row in rows] + [
                f"ET{number:032x}" for number in range(NEWEST_AT_ONCE - 3)
            ]
            newest = await here.database.read(partial(SyncSource().newest, sids=requested))
            assert newest == {rows[0].sid: 7, rows[2].sid: rows[2].last_event_id}
            assert await here.database.read(partial(SyncSource().newest, sids=requested[:1])) == {
                rows[0].sid: 7
            }

    asyncio.run(scenario())


def test_an_event_that_nobody_told_of_is_found(engine: Engine, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(engine, tmp_path) as here:
            row = await make(here)
            live, client = LiveDelivery(SyncSource(), here.database, frame), Client(row.service_sid)
            live.connected(client)
            live.establish(live.begin(client, row.sid), row.last_event_id)

            async def write(tx: Tx) -> None:
                await objects.remove(tx, here.scope, ObjectKind.DOCUMENT, row.sid)

            await here.database.write(write)
            live.catch_up()
            live.catch_up()
            await asyncio.gather(*live._tasks)
            assert client.sent == [b"twilio.sync.event"]
            assert live.hub.topics() == ()

    asyncio.run(scenario())
