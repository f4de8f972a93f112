"""Sync as a source of objects for realtime clients: its stored objects, items, and the log of their events.

Event ids have no gaps, so it is known how many events the log must have after a known one. If some are gone, the items
that were added or changed since are replayed in their present state, together with the removals that are still logged;
an item whose removal is no longer logged stays with the client until it requests the item (client).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call
from trunkline.api.paging import Window
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.core.storage.list_query import WalkResult
from trunkline.products.sync import items, objects, permissions, services
from trunkline.products.sync.event_log import LoggedEvent
from trunkline.products.sync.event_types import SyncEvent
from trunkline.products.sync.items import Item, ItemPosition
from trunkline.products.sync.objects import Object
from trunkline.products.sync.permissions import Flag
from trunkline.products.sync.revisions import collection_revision, revision
from trunkline.products.sync.scope import Actor, Scope, enter
from trunkline.realtime.objects.source import MissedEvents
from trunkline.realtime.objects.types import Denial, ObjectEvent, ObjectItem, ObjectKind, ObjectRoot, gone

NEWEST_AT_ONCE = 500
_SIDS = ", ".join(f":sid_{number}" for number in range(NEWEST_AT_ONCE))

CHANGED_ITEMS = (
    f"SELECT {columns(Item)} FROM sync_items"
    " WHERE object_sid = :object_sid AND last_event_id > :known ORDER BY last_event_id LIMIT :row_limit"
)
LOGGED_REMOVALS = (
    f"SELECT {columns(LoggedEvent)} FROM sync_events"
    " WHERE object_sid = :object_sid AND event_id > :known"
    " AND type IN ('list_item_removed', 'map_item_removed') ORDER BY event_id LIMIT :row_limit"
)
"""The items whose last change an object's client does not have, and the removals that are still logged. Each has an
index of its own, whose condition on the type is this one word by word."""

_LINKS = {
    ObjectKind.DOCUMENT: {"permissions": "Permissions"},
    ObjectKind.LIST: {"items": "Items", "context": "Context", "permissions": "Permissions"},
    ObjectKind.MAP: {"items": "Items", "permissions": "Permissions"},
    ObjectKind.STREAM: {"messages": "Messages"},
}


class _Newest(Row, frozen=True):
    sid: str
    last_event_id: int


def object_root(row: Object) -> ObjectRoot:
    """Return an object as realtime clients read it."""
    kind = ObjectKind(row.kind)
    return ObjectRoot(
        sid=row.sid,
        kind=kind,
        account_sid=row.account_sid,
        service_sid=row.service_sid,
        unique_name=row.unique_name,
        revision=row.revision,
        last_event_id=row.last_event_id,
        created_by=row.created_by,
        date_created=row.date_created,
        date_updated=row.date_updated,
        date_expires=row.date_expires,
        data=row.data,
        links=_LINKS[kind],
    )


def object_item(row: Item) -> ObjectItem:
    """Return an item as realtime clients read it."""
    return ObjectItem(
        object_sid=row.object_sid,
        account_sid=row.account_sid,
        service_sid=row.service_sid,
        item_index=row.item_index,
        item_key=row.item_key,
        data=row.data,
        revision=row.revision,
        last_event_id=row.last_event_id,
        created_by=row.created_by,
        date_created=row.date_created,
        date_updated=row.date_updated,
        date_expires=row.date_expires,
    )


def object_event(event: SyncEvent) -> ObjectEvent | None:
    """Return an event as it is delivered to subscribers; None for creations, which have none yet."""
    if event.type.value.endswith("_created"):
        return None
    return ObjectEvent(
        type=event.type.value,
        service_sid=event.service_sid,
        object_sid=event.object_sid,
        unique_name=event.unique_name,
        date=event.date,
        event_id=event.event_id,
        object_revision=event.object_revision,
        item_index=event.item_index,
        item_key=event.item_key,
        item_revision=event.item_revision,
        data=event.data,
        date_expires=event.date_expires,
        message_sid=event.message_sid,
        connection=event.actor.connection,
    )


class SyncSource:
    """Sync's objects; implements ``ObjectSource``."""

    async def enter(self, tx: Tx, call: Call[Any]) -> Scope:
        """Return the Service in a call's path with the caller. Raise as ``scope.enter``."""
        return await enter(tx, call)

    async def viewer(self, tx: Tx, service_sid: str, identity: str) -> Scope:
        """Return a Service with an identity. Raise ApiError 54050 if there is no such Service."""
        service = await services.by_sid(tx, service_sid)
        if service is None:
            raise ApiError(54050)
        return Scope(service, Actor(identity))

    async def find(self, tx: Tx, viewer: Scope, kind: ObjectKind, name: str) -> ObjectRoot:
        """Return an object that the viewer may read. Raise as ``objects.find``."""
        return object_root(await objects.find(tx, viewer, kind, name, Flag.READ))

    async def by_sid(self, tx: Tx, sid: str) -> ObjectRoot | None:
        """Return the object with this SID."""
        row = await objects.by_sid(tx, sid)
        return None if row is None else object_root(row)

    async def item(self, tx: Tx, root: ObjectRoot, index: int, key: str) -> ObjectItem | None:
        """Return an item."""
        row = await items.find(tx, root.sid, ItemPosition(index, key))
        return None if row is None else object_item(row)

    async def items(self, tx: Tx, root: ObjectRoot, window: Window) -> WalkResult[ObjectItem]:
        """Return the items in a window, in the order of their indexes, or of their keys' bytes."""
        return (await items.page(tx, root.sid, window)).map(object_item)

    async def events_after(
        self, tx: Tx, root: ObjectRoot, event_id: int, limit: int, since: int
    ) -> MissedEvents:
        """Return the logged events, or the state of a List or Map if the log does not reach back to ``event_id``."""
        logged = await tx.all(
            LoggedEvent,
            f"SELECT {columns(LoggedEvent)} FROM sync_events"
            " WHERE object_sid = :object_sid AND event_id > :known AND event_id <= :last ORDER BY event_id",
            object_sid=root.sid,
            known=event_id,
            last=event_id + limit,
        )
        if root.kind is ObjectKind.DOCUMENT:
            return MissedEvents([_logged(root, event) for event in logged])
        # Ids have no gaps, so the log has all events of a stretch, or some are no longer there.
        if len(logged) >= min(limit, root.last_event_id - event_id) and (
            since == event_id or await _has(tx, root.sid, since + 1)
        ):
            return MissedEvents([_logged(root, event) for event in logged])
        return MissedEvents(await _state(tx, root, event_id, limit, since), compacted=True)

    async def newest(self, tx: Tx, sids: Sequence[str]) -> dict[str, int]:
        """Return the ids of the newest events of at most 500 objects, without those that are gone."""
        # Always as many parameters: one statement, prepared once.
        named = {f"sid_{number}": sids[min(number, len(sids) - 1)] for number in range(NEWEST_AT_ONCE)}
        rows = await tx.all(
            _Newest, f"SELECT {columns(_Newest)} FROM live_sync_objects WHERE sid IN ({_SIDS})", **named
        )
        return {row.sid: row.last_event_id for row in rows}

    async def denial(self, tx: Tx, service_sid: str, identity: str, sid: str) -> Denial | None:
        """Return the reason why an identity may not read an object; None for objects of other Services."""
        row = await objects.by_sid(tx, sid)
        service = await services.by_sid(tx, row.service_sid) if row else None
        if row is None or service is None:
            return Denial(gone(sid))
        if row.service_sid != service_sid or row.kind == ObjectKind.STREAM.value:
            return None
        try:
            await permissions.require(tx, Scope(service, Actor(identity)), sid, Flag.READ)
        except ApiError as error:
            return Denial(error)
        return None


async def _has(tx: Tx, object_sid: str, event_id: int) -> bool:
    found = await tx.value(
        "SELECT event_id FROM sync_events WHERE object_sid = :object_sid AND event_id = :event_id",
        object_sid=object_sid,
        event_id=event_id,
    )
    return found is not None


async def _state(tx: Tx, root: ObjectRoot, known: int, limit: int, since: int) -> list[ObjectEvent]:
    values = {"object_sid": root.sid, "known": known, "row_limit": limit}
    present = await tx.all(Item, CHANGED_ITEMS, **values)
    removed = await tx.all(LoggedEvent, LOGGED_REMOVALS, **values)
    events = [_present(root, item, since) for item in present] + [_logged(root, event) for event in removed]
    return sorted(events, key=lambda event: event.event_id or 0)[:limit]


def _present(root: ObjectRoot, item: Item, since: int) -> ObjectEvent:
    """Return an item's latest change, or its addition if the client does not have the item."""
    is_list = root.kind is ObjectKind.LIST
    action = "added" if item.created_event_id > since else "updated"
    return ObjectEvent(
        type=f"{root.kind.value}_item_{action}",
        service_sid=root.service_sid,
        object_sid=root.sid,
        unique_name=root.unique_name,
        date=item.date_updated,
        event_id=item.last_event_id,
        object_revision=collection_revision(item.last_event_id),
        item_index=item.item_index if is_list else None,
        item_key=None if is_list else item.item_key,
        item_revision=item.revision,
        data=item.data,
        date_expires=item.date_expires,
    )


def _logged(root: ObjectRoot, event: LoggedEvent) -> ObjectEvent:
    is_document = root.kind is ObjectKind.DOCUMENT
    number = revision(event.event_id)
    return ObjectEvent(
        type=event.type,
        service_sid=root.service_sid,
        object_sid=root.sid,
        unique_name=root.unique_name,
        date=event.date_created,
        event_id=event.event_id,
        object_revision=number if is_document else collection_revision(event.event_id),
        item_index=event.item_index,
        item_key=event.item_key,
        item_revision="" if is_document else number,
        data=event.data,
        date_expires=event.date_expires,
    )
