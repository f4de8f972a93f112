"""What a client missed: read from the event log, or from the items themselves where the log no longer reaches.

Event ids have no holes, so the log reaches back to a known event when it has the next one. Where it does not, the
items that were added or changed since are told as they stand, among those removals that are logged yet; of an item
whose removal is forgotten the client keeps what it had until it asks for it (client).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trunkline.api.errors import ApiError
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.sync import access, items, objects, services
from trunkline.products.sync.access import Flag
from trunkline.products.sync.events import EventType, LoggedEvent, SyncEvent
from trunkline.products.sync.items import Item
from trunkline.products.sync.objects import SID_SHAPE, Object, ObjectKind
from trunkline.products.sync.revisions import collection_revision, revision
from trunkline.products.sync.scope import Actor, Scope

CHUNK = 500
MAX_BYTES = 1024 * 1024
"""The most events that one replay sends, and the most that their data may take, except for a single one; the client
asks for the rest (client)."""

ASKED = 500
"""Of how many objects the latest events are asked for at once."""
_SIDS = ", ".join(f":sid_{number}" for number in range(ASKED))

_REMOVALS = ("list_item_removed", "map_item_removed")


class Snapshot(msgspec.Struct, frozen=True):
    """An object as it stands, and what its subscriber missed, in order. ``complete`` tells whether that is all."""

    row: Object
    missed: list[SyncEvent]
    complete: bool = True

    @property
    def last_event_id(self) -> int | None:
        """Up to which event the subscriber has everything after the replay; None for a Stream."""
        if self.row.kind == ObjectKind.STREAM.value:
            return None
        return self.row.last_event_id if self.complete else self.missed[-1].event_id


class _Newest(Row, frozen=True):
    sid: str
    last_event_id: int


async def snapshot(
    tx: Tx, service_sid: str, identity: str, kind: ObjectKind, sid: str, known: int | None
) -> Snapshot:
    """The object that a token's identity may read, and what it missed since the event ``known`` (None: nothing is to
    be replayed). Raises ApiError 54050, 54007, and 54100, 54150, 54200, 54250 also when ``known`` never was."""
    service = await services.by_sid(tx, service_sid)
    if service is None:
        raise ApiError(54050)
    flag = None if kind is ObjectKind.STREAM else Flag.READ
    row = await objects.find(tx, Scope(service, Actor(identity)), kind, sid, flag)
    if known is None or kind is ObjectKind.STREAM or known == row.last_event_id:
        return Snapshot(row, [])
    if known > row.last_event_id:
        # The database is an older one than the client knew, as after a backup was put back. The client would pass
        # over all events up to ``known``; of an object that is gone it forgets what it knew (client).
        raise ApiError(kind.traits.missing)
    if kind is ObjectKind.DOCUMENT:
        return Snapshot(row, [objects.event(row, Actor(), EventType.DOCUMENT_UPDATED, row.date_updated)])
    missed = await since(tx, row, known, CHUNK + 1)
    if not missed or missed[0].event_id != known + 1:
        missed = await _state(tx, row, known)
    sent = missed[: _fitting(missed)]
    return Snapshot(row, sent, complete=len(sent) == len(missed))


def _fitting(events: list[SyncEvent]) -> int:
    """How many of these events one replay takes."""
    size = 0
    for count, event in enumerate(events[:CHUNK]):
        size += len(event.data or "")
        if size > MAX_BYTES and count:
            return count
    return min(len(events), CHUNK)


async def _state(tx: Tx, row: Object, known: int) -> list[SyncEvent]:
    """What must be told to a client that knows a List or Map up to an event that the log no longer has: at least one
    event more than a replay takes, or all."""
    standing = await tx.all(
        Item,
        f"SELECT {columns(Item)} FROM sync_items"
        " WHERE object_sid = :object_sid AND last_event_id > :known ORDER BY last_event_id LIMIT :row_limit",
        object_sid=row.sid,
        known=known,
        row_limit=CHUNK + 1,
    )
    removed = await tx.all(
        LoggedEvent,
        f"SELECT {columns(LoggedEvent)} FROM sync_events WHERE object_sid = :object_sid AND event_id > :known"
        f" AND type IN {_REMOVALS} ORDER BY event_id LIMIT :row_limit",
        object_sid=row.sid,
        known=known,
        row_limit=CHUNK + 1,
    )
    told = [_as_it_stands(row, item, known) for item in standing] + [restored(row, one) for one in removed]
    return sorted(told, key=lambda event: event.event_id or 0)[: CHUNK + 1]


def _as_it_stands(row: Object, item: Item, known: int) -> SyncEvent:
    """An item's latest change, or its addition if the client has not heard of the item."""
    made = items.event(row, item, "added" if item.created_event_id > known else "updated", Actor())
    return msgspec.structs.replace(
        made, date=item.date_updated, object_revision=collection_revision(item.last_event_id)
    )


async def since(tx: Tx, row: Object, known: int, limit: int) -> list[SyncEvent]:
    """The events of an object after ``known``, oldest first, as far as the log has them."""
    logged = await tx.all(
        LoggedEvent,
        f"SELECT {columns(LoggedEvent)} FROM sync_events"
        " WHERE object_sid = :object_sid AND event_id > :known ORDER BY event_id LIMIT :row_limit",
        object_sid=row.sid,
        known=known,
        row_limit=limit,
    )
    return [restored(row, event) for event in logged]


def restored(row: Object, logged: LoggedEvent) -> SyncEvent:
    """A logged event as it was told."""
    is_document = row.kind == ObjectKind.DOCUMENT.value
    made = revision(logged.event_id)
    return SyncEvent(
        type=EventType(logged.type),
        account_sid=row.account_sid,
        service_sid=row.service_sid,
        object_sid=row.sid,
        unique_name=row.unique_name,
        actor=Actor(logged.identity, logged.endpoint),
        date=logged.date_created,
        event_id=logged.event_id,
        object_revision=made if is_document else collection_revision(logged.event_id),
        item_index=logged.item_index,
        item_key=logged.item_key,
        item_revision="" if is_document else made,
        data=logged.data,
        date_expires=logged.date_expires,
    )


def kind_of(sid: str) -> ObjectKind:
    """The kind of the object that has this SID."""
    return next(kind for kind in ObjectKind if sid.startswith(kind.traits.prefix))


def check_sid(kind: ObjectKind, sid: str) -> None:
    """Raise the kind's ApiError for an unknown object unless this may be the SID of one."""
    if not (SID_SHAPE.fullmatch(sid) and sid.startswith(kind.traits.prefix)):
        raise ApiError(kind.traits.missing)


def gone(sid: str) -> ApiError:
    """What a subscriber of an object that no longer exists is told."""
    return ApiError(kind_of(sid).traits.missing)


async def newest(tx: Tx, sids: Sequence[str]) -> dict[str, int]:
    """The ids of the latest events of at most 500 objects; those that are gone are not in it."""
    # Always as many parameters: one statement, prepared once.
    asked = {f"sid_{number}": sids[min(number, len(sids) - 1)] for number in range(ASKED)}
    rows = await tx.all(
        _Newest, f"SELECT {columns(_Newest)} FROM sync_objects WHERE sid IN ({_SIDS})", **asked
    )
    return {row.sid: row.last_event_id for row in rows}


async def missed(tx: Tx, sid: str, after: int) -> list[SyncEvent]:
    """The events of an object after ``after`` for those who are subscribed to it; none when it is gone."""
    row = await objects.by_sid(tx, sid)
    return [] if row is None else await since(tx, row, after, CHUNK)


async def readable(tx: Tx, service_sid: str, sid: str, identity: str) -> ApiError | None:
    """Why an identity may not read an object (any more), or None when it may, and for objects of other Services."""
    row = await objects.by_sid(tx, sid)
    service = await services.by_sid(tx, row.service_sid) if row else None
    if row is None or service is None:
        return gone(sid)
    if row.service_sid != service_sid or row.kind == ObjectKind.STREAM.value:
        return None
    try:
        await access.require(tx, Scope(service, Actor(identity)), sid, Flag.READ)
    except ApiError as error:
        return error
    return None
