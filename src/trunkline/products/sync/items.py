"""Items of Lists and Maps: the one way to read and write them, for REST, realtime clients and expiry.

A list item has an index, a map item a key; both are rows of one table, see ``ItemPosition``.
"""

from __future__ import annotations

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.paging import Window
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.core.storage.list_query import ListQuery, WalkResult
from trunkline.core.storage.walks import walk
from trunkline.products.sync import revisions, ttl
from trunkline.products.sync.data import EMPTY
from trunkline.products.sync.event_log import announce_expiry, record
from trunkline.products.sync.event_types import EventType, SyncEvent
from trunkline.products.sync.objects import Object, claim, set_expiry
from trunkline.products.sync.scope import Actor, Scope
from trunkline.products.sync.services import SyncService
from trunkline.realtime.objects.types import ObjectKind


class ItemPosition(msgspec.Struct, frozen=True):
    """The position of an item in its List or Map: an index and no key, or a key and index 0."""

    index: int = 0
    key: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The change of a write: JSON text, times to live in seconds of the entity itself and of its collection, and the
    event id that an If-Match header requires. None leaves a thing as it is."""

    data: str | None = None
    ttl: int | None = None
    collection_ttl: int | None = None
    if_match: int | None = None

    def check(self) -> None:
        """Raise ApiError 54010 if nothing changes; a collection's time to live alone is nothing (doc)."""
        if self.data is None and self.ttl is None:
            raise ApiError(54010)


class Item(Row, frozen=True):
    """A row of ``sync_items``."""

    object_sid: str
    item_index: int
    item_key: str
    account_sid: str
    service_sid: str
    data: str
    created_event_id: int
    last_event_id: int
    created_by: str
    date_created: int
    date_updated: int
    date_expires: int | None

    @property
    def revision(self) -> str:
        """The revision of the item."""
        return revisions.revision(self.last_event_id)


class ItemCodes(msgspec.Struct, frozen=True):
    """The error codes of a kind's items: unknown, stale revision, bad data."""

    missing: int
    stale: int
    data: int


LIST_CODES = ItemCodes(54151, 54155, 54156)
MAP_CODES = ItemCodes(54201, 54205, 54206)
CODES = {ObjectKind.LIST: LIST_CODES, ObjectKind.MAP: MAP_CODES}

_LIVE = "(date_expires IS NULL OR date_expires > :now)"
_OF_OBJECT = ListQuery("sync_items", ("object_sid = :object_sid",), (_LIVE,))
_AT = "object_sid = :object_sid AND item_index = :item_index AND item_key = :item_key"


async def push(tx: Tx, scope: Scope, name: str, change: Change) -> Item:
    """Append an item to a List. Raise ApiError 54150, 54300 or 54007."""
    parent = await claim(tx, scope, ObjectKind.LIST, name, pushed=1)
    return await _add(tx, scope, parent, ItemPosition(parent.next_index - 1), change)


async def put(tx: Tx, scope: Scope, name: str, key: str, change: Change) -> Item:
    """Set a new key of a Map. Raise ApiError 54208 if it exists, 54200, 54300 or 54007."""
    parent = await claim(tx, scope, ObjectKind.MAP, name)
    position = ItemPosition(0, key)
    present = await _at(tx, parent.sid, position)
    if present is not None:
        if not _is_due(present, tx.now):
            raise ApiError(54208)
        await _remove(tx, scope.service, parent, present, Actor())
        parent = await claim(tx, scope, ObjectKind.MAP, parent.sid)
    return await _add(tx, scope, parent, position, change)


async def write(
    tx: Tx, scope: Scope, parent_kind: ObjectKind, name: str, position: ItemPosition, change: Change
) -> Item:
    """Change an item that exists; data are replaced, never merged (doc). Raise ApiError 54010; 54151, 54201; 54155,
    54205; and as ``objects.claim``."""
    change.check()
    parent = await claim(tx, scope, parent_kind, name)
    current = await _current(tx, parent_kind, parent, position, change.if_match)
    return await _change(tx, scope, parent, current, change)


async def upsert(tx: Tx, scope: Scope, name: str, key: str, change: Change) -> tuple[Item, bool]:
    """Set a key of a Map, whether it exists or not. Return the item and whether it was created. If-Match ``-1``
    requires that it does not exist (client). Raise ApiError 54205, and as ``objects.claim``."""
    parent = await claim(tx, scope, ObjectKind.MAP, name)
    position = ItemPosition(0, key)
    present = await _at(tx, parent.sid, position)
    if present is not None and not _is_due(present, tx.now):
        revisions.check(change.if_match, present.last_event_id, MAP_CODES.stale)
        return await _change(tx, scope, parent, present, change), False
    revisions.check(change.if_match, revisions.ABSENT, MAP_CODES.stale)
    if present is not None:
        await _remove(tx, scope.service, parent, present, Actor())
        parent = await claim(tx, scope, ObjectKind.MAP, parent.sid)
    return await _add(tx, scope, parent, position, change), True


async def _change(tx: Tx, scope: Scope, parent: Object, current: Item, change: Change) -> Item:
    changed = msgspec.structs.replace(
        current,
        data=current.data if change.data is None else change.data,
        last_event_id=parent.last_event_id,
        date_updated=tx.now,
        date_expires=ttl.expiry(tx.now, change.ttl, current.date_expires),
    )
    await tx.run(
        "UPDATE sync_items SET data = :data, last_event_id = :last_event_id, date_updated = :date_updated,"
        f" date_expires = :date_expires WHERE {_AT}",
        object_sid=parent.sid,
        item_index=current.item_index,
        item_key=current.item_key,
        data=changed.data,
        last_event_id=changed.last_event_id,
        date_updated=changed.date_updated,
        date_expires=changed.date_expires,
    )
    await set_expiry(tx, parent, change.collection_ttl)
    if change.ttl:
        announce_expiry(tx, changed.date_expires)
    await record(tx, scope.service, event(parent, changed, "updated", scope.actor))
    return changed


async def remove(
    tx: Tx, scope: Scope, parent_kind: ObjectKind, name: str, position: ItemPosition, if_match: int | None
) -> Item:
    """Remove an item. Return it as it was, with the id of its last event. Raise as ``write``."""
    parent = await claim(tx, scope, parent_kind, name)
    current = await _current(tx, parent_kind, parent, position, if_match)
    return await _remove(tx, scope.service, parent, current, scope.actor)


async def expire(tx: Tx, service: SyncService, parent: Object, position: ItemPosition) -> bool:
    """Remove an item if it is expired; ``parent`` must have been claimed for it. Return whether it was."""
    current = await _at(tx, parent.sid, position)
    if current is None or not _is_due(current, tx.now):
        return False
    await _remove(tx, service, parent, current, Actor())
    return True


async def find(tx: Tx, object_sid: str, position: ItemPosition) -> Item | None:
    """Return an item, None if there is none or it is expired."""
    found = await _at(tx, object_sid, position)
    return None if found is None or _is_due(found, tx.now) else found


async def fetch(tx: Tx, parent: Object, position: ItemPosition) -> Item:
    """Return an item. Raise ApiError 54151, 54201."""
    found = await find(tx, parent.sid, position)
    if found is None:
        raise ApiError(CODES[ObjectKind(parent.kind)].missing)
    return found


async def page(tx: Tx, object_sid: str, window: Window) -> WalkResult[Item]:
    """Return items in the order of their indexes, or of their keys' bytes."""
    return await walk(tx, Item, _OF_OBJECT, window.span, object_sid=object_sid, now=tx.now)


def event(parent: Object, item: Item, action: str, actor: Actor) -> SyncEvent:
    """Return the event that made an item what it is; ``action`` is added, updated or removed."""
    is_list = parent.kind == ObjectKind.LIST.value
    return SyncEvent(
        type=EventType(f"{parent.kind}_item_{action}"),
        account_sid=parent.account_sid,
        service_sid=parent.service_sid,
        object_sid=parent.sid,
        unique_name=parent.unique_name,
        actor=actor,
        date=parent.date_updated,
        event_id=item.last_event_id,
        object_revision=parent.revision,
        item_index=item.item_index if is_list else None,
        item_key=None if is_list else item.item_key,
        item_revision=item.revision,
        data=item.data,
        date_expires=item.date_expires,
    )


async def _add(tx: Tx, scope: Scope, parent: Object, position: ItemPosition, change: Change) -> Item:
    item = Item(
        object_sid=parent.sid,
        item_index=position.index,
        item_key=position.key,
        account_sid=parent.account_sid,
        service_sid=parent.service_sid,
        data=EMPTY if change.data is None else change.data,
        created_event_id=parent.last_event_id,
        last_event_id=parent.last_event_id,
        created_by=scope.actor.name,
        date_created=tx.now,
        date_updated=tx.now,
        date_expires=ttl.expiry(tx.now, change.ttl),
    )
    await tx.insert("sync_items", item)
    await set_expiry(tx, parent, change.collection_ttl)
    announce_expiry(tx, item.date_expires)
    await record(tx, scope.service, event(parent, item, "added", scope.actor))
    return item


async def _remove(tx: Tx, service: SyncService, parent: Object, item: Item, actor: Actor) -> Item:
    await tx.run(
        f"DELETE FROM sync_items WHERE {_AT}",
        object_sid=parent.sid,
        item_index=item.item_index,
        item_key=item.item_key,
    )
    gone = msgspec.structs.replace(item, last_event_id=parent.last_event_id, date_updated=tx.now)
    await record(tx, service, event(parent, gone, "removed", actor))
    return gone


async def _current(
    tx: Tx, parent_kind: ObjectKind, parent: Object, position: ItemPosition, if_match: int | None
) -> Item:
    item = await fetch(tx, parent, position)
    revisions.check(if_match, item.last_event_id, CODES[parent_kind].stale)
    return item


async def _at(tx: Tx, object_sid: str, position: ItemPosition) -> Item | None:
    return await tx.one(
        Item,
        f"SELECT {columns(Item)} FROM sync_items WHERE {_AT}",
        object_sid=object_sid,
        item_index=position.index,
        item_key=position.key,
    )


def _is_due(item: Item, now: int) -> bool:
    return item.date_expires is not None and item.date_expires <= now
