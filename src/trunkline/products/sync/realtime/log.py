"""What a client missed: read from the event log, or from the objects themselves where the log no longer reaches."""

from __future__ import annotations

import msgspec

from trunkline.api.errors import ApiError
from trunkline.core.storage.database import Tx, columns
from trunkline.products.sync import access, objects, services
from trunkline.products.sync.access import Flag
from trunkline.products.sync.events import EventType, LoggedEvent, SyncEvent
from trunkline.products.sync.objects import Object, ObjectKind
from trunkline.products.sync.revisions import collection_revision, revision
from trunkline.products.sync.scope import Actor, Scope

CHUNK = 500
"""The most events that one replay sends; the client asks for the rest (client)."""


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


async def snapshot(
    tx: Tx, service_sid: str, identity: str, kind: ObjectKind, sid: str, known: int | None
) -> Snapshot:
    """The object that a token's identity may read, and what it missed since the event ``known`` (None: nothing is to
    be replayed). Raises ApiError 54050, 54100, 54150, 54200, 54250, 54007."""
    service = await services.by_sid(tx, service_sid)
    if service is None:
        raise ApiError(54050)
    flag = None if kind is ObjectKind.STREAM else Flag.READ
    row = await objects.find(tx, Scope(service, Actor(identity)), kind, sid, flag)
    if known is None or kind is ObjectKind.STREAM or known >= row.last_event_id:
        return Snapshot(row, [])
    if kind is ObjectKind.DOCUMENT:
        return Snapshot(row, [objects.event(row, Actor(), EventType.DOCUMENT_UPDATED, row.date_updated)])
    missed = await since(tx, row, known, CHUNK + 1)
    return Snapshot(row, missed[:CHUNK], complete=len(missed) <= CHUNK)


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


def gone(sid: str) -> ApiError:
    """What a subscriber of an object that no longer exists is told."""
    return ApiError(kind_of(sid).traits.missing)


async def newest(tx: Tx, sid: str) -> int | None:
    """The id of an object's latest event; None when the object is gone."""
    row = await objects.by_sid(tx, sid)
    return None if row is None else row.last_event_id


async def missed(tx: Tx, sid: str, after: int) -> list[SyncEvent]:
    """The events of an object after ``after`` for those who are subscribed to it; none when it is gone."""
    row = await objects.by_sid(tx, sid)
    return [] if row is None else await since(tx, row, after, CHUNK)


async def readable(tx: Tx, service_sid: str, sid: str, identity: str) -> ApiError | None:
    """Why an identity may not read an object (any more), or None when it may."""
    service = await services.by_sid(tx, service_sid)
    row = await objects.by_sid(tx, sid)
    if service is None or row is None:
        return gone(sid)
    if row.kind == ObjectKind.STREAM.value:
        return None
    try:
        await access.require(tx, Scope(service, Actor(identity)), sid, Flag.READ)
    except ApiError as error:
        return error
    return None
