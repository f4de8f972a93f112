"""Many writers of the same objects at once: no update is lost, no event is missing or repeated."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engines import Engine
from trunkline.api.errors import ApiError
from trunkline.core.storage.database import Tx, columns
from trunkline.products.sync import documents, items, objects
from trunkline.products.sync.event_log import LoggedEvent
from trunkline.products.sync.event_types import SyncEvent
from trunkline.products.sync.items import Change, Item, ItemPosition
from trunkline.products.sync.objects import Creation, Object
from trunkline.realtime.objects.types import ObjectKind
from unit.products.sync.world import World, world

WRITERS = 8
TURNS = 20
KEYS = ("a", "b", "c")
REFUSALS = {54103, 54151, 54155, 54201, 54205, 54208}


class Acknowledgement(msgspec.Struct, frozen=True):
    """A write that was acknowledged: on which object and item, the id of its event, and its condition."""

    object_sid: str
    event_id: int
    place: ItemPosition | None
    condition: int | None


class Writer:
    """A client that does random things, and remembers what succeeded and the revisions that it saw."""

    def __init__(self, here: World, sids: dict[ObjectKind, str], seed: int) -> None:
        self.here = here
        self.sids = sids
        self.random = random.Random(seed)
        self.seen: dict[tuple[str, ItemPosition | None], int] = {}
        self.done: list[Acknowledgement] = []
        self.refused = 0

    async def work(self) -> None:
        """Take all turns."""
        for turn in range(TURNS):
            step = self.random.choice((self.document, self.list_item, self.map_item))
            try:
                await step(Change(data=f'{{"turn":{turn}}}'))
            except ApiError as error:
                if error.code not in REFUSALS:
                    raise
                self.refused += 1

    async def document(self, change: Change) -> None:
        sid = self.sids[ObjectKind.DOCUMENT]
        change = self.conditional(change, sid, None)
        row: Object = await self.write(lambda tx: documents.write(tx, self.here.scope, sid, change))
        self.note(sid, None, row.last_event_id, change.if_match)

    async def list_item(self, change: Change) -> None:
        sid = self.sids[ObjectKind.LIST]
        if self.random.random() < 0.4:
            item: Item = await self.write(lambda tx: items.push(tx, self.here.scope, sid, change))
            self.note(sid, ItemPosition(item.item_index), item.last_event_id, None)
        else:
            await self.present(ObjectKind.LIST, ItemPosition(self.random.randrange(12)), change)

    async def map_item(self, change: Change) -> None:
        sid, key = self.sids[ObjectKind.MAP], self.random.choice(KEYS)
        if self.random.random() < 0.4:
            item: Item = await self.write(lambda tx: items.put(tx, self.here.scope, sid, key, change))
            self.note(sid, ItemPosition(0, key), item.last_event_id, None)
        else:
            await self.present(ObjectKind.MAP, ItemPosition(0, key), change)

    async def present(self, kind: ObjectKind, place: ItemPosition, change: Change) -> None:
        sid, scope = self.sids[kind], self.here.scope
        change = self.conditional(change, sid, place)
        if self.random.random() < 0.3:
            gone = await self.write(lambda tx: items.remove(tx, scope, kind, sid, place, change.if_match))
            self.note(sid, place, gone.last_event_id, change.if_match)
        else:
            item = await self.write(lambda tx: items.write(tx, scope, kind, sid, place, change))
            self.note(sid, place, item.last_event_id, change.if_match)

    async def write(self, action: Callable[[Tx], Awaitable[Any]]) -> Any:
        return await self.here.database.write(action)

    def conditional(self, change: Change, sid: str, place: ItemPosition | None) -> Change:
        known = self.seen.get((sid, place))
        if known is None or self.random.random() < 0.4:
            return change
        return msgspec.structs.replace(change, if_match=known)

    def note(self, sid: str, place: ItemPosition | None, event_id: int, condition: int | None) -> None:
        self.seen[(sid, place)] = event_id
        self.done.append(Acknowledgement(sid, event_id, place, condition))


async def _make(here: World) -> dict[ObjectKind, str]:
    made = {}
    for kind in (ObjectKind.DOCUMENT, ObjectKind.LIST, ObjectKind.MAP):

        async def create(tx: Tx, kind: ObjectKind = kind) -> str:
            return (await objects.create(tx, here.scope, kind, Creation())).sid

        made[kind] = await here.database.write(create)
    return made


async def _log(tx: Tx) -> list[LoggedEvent]:
    return await tx.all(
        LoggedEvent, f"SELECT {columns(LoggedEvent)} FROM sync_events ORDER BY object_sid, event_id"
    )


async def _items(tx: Tx) -> list[Item]:
    return await tx.all(Item, f"SELECT {columns(Item)} FROM sync_items")


async def _objects(tx: Tx) -> list[Object]:
    return await tx.all(Object, f"SELECT {columns(Object)} FROM sync_objects")


def _place(event: LoggedEvent) -> ItemPosition | None:
    if event.item_index is not None:
        return ItemPosition(event.item_index)
    return None if event.item_key is None else ItemPosition(0, event.item_key)


class Model:
    """One object as its events describe it: the last event and the data of each item, or of the Document
    itself.
    """

    def __init__(self) -> None:
        self.next_id = 0
        self.state: dict[ItemPosition | None, tuple[int, str]] = {}

    def apply(self, event: LoggedEvent, done: Acknowledgement | None) -> None:
        """Take one event in, which must be the next one and fit what was before."""
        place, what = _place(event), event.type.rpartition("_")[2]
        assert event.event_id == self.next_id, "event ids have no gaps"
        self.next_id += 1
        assert (place in self.state) == (what in ("updated", "removed")), (event, self.state)
        if done is None:
            assert what == "created"
        else:
            assert done.place == place
            if done.condition is not None:
                assert self.state[place][0] == done.condition, "a conditional write saw the latest revision"
        if what == "removed":
            del self.state[place]
        else:
            self.state[place] = (event.event_id, event.data or "")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_writers_leave_a_sound_history(engine: Engine, tmp_path: Path, seed: int) -> None:
    async def scenario() -> None:
        async with world(engine, tmp_path) as here:
            sids = await _make(here)
            writers = [Writer(here, sids, seed * 100 + number) for number in range(WRITERS)]
            await asyncio.gather(*[writer.work() for writer in writers])
            await _check(here, [done for writer in writers for done in writer.done])
            assert sum(writer.refused for writer in writers) > 0

    asyncio.run(scenario())


async def _check(here: World, done: list[Acknowledgement]) -> None:
    acknowledged = {(one.object_sid, one.event_id): one for one in done}
    assert len(acknowledged) == len(done), "no event stands for two writes"
    log = await here.database.read(_log)
    models: dict[str, Model] = {}
    for event in log:
        key = (event.object_sid, event.event_id)
        models.setdefault(event.object_sid, Model()).apply(event, acknowledged.pop(key, None))
    assert not acknowledged, "every write has its event"
    announced = [(one.object_sid, one.event_id) for one in here.announced if isinstance(one, SyncEvent)]
    numbered = [one for one in announced if one[1] is not None]
    assert sorted(numbered) == sorted((event.object_sid, event.event_id) for event in log)
    await _compare(here, models)


async def _compare(here: World, models: dict[str, Model]) -> None:
    rows = await here.database.read(_items)
    for row in await here.database.read(_objects):
        model = models[row.sid]
        assert row.last_event_id == model.next_id - 1
        if row.kind == "document":
            assert model.state == {None: (row.last_event_id, row.data)}
            continue
        found = {
            ItemPosition(item.item_index, item.item_key): (item.last_event_id, item.data)
            for item in rows
            if item.object_sid == row.sid
        }
        assert found == model.state
