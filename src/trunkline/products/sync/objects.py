"""The parts that Documents, Lists, Maps and Streams share: names, lookups, event counters, creation, expiry and
removal.

Every change of an object begins with ``claim``, which counts its event and so keeps all other writers of the same
object waiting until the transaction ends; an error afterwards rolls the count back with everything else.
"""

from __future__ import annotations

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.paging import Window
from trunkline.api.params import Parser
from trunkline.core.jobs.removals import remove_marked
from trunkline.core.sids import is_sid, new_sid
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.core.storage.list_query import ListQuery, WalkResult
from trunkline.core.storage.removal import ROWS
from trunkline.core.storage.walks import walk
from trunkline.products.sync import permissions, ttl
from trunkline.products.sync.data import EMPTY
from trunkline.products.sync.event_log import announce_expiry, record
from trunkline.products.sync.event_types import EventType, SyncEvent
from trunkline.products.sync.permissions import Flag
from trunkline.products.sync.revisions import collection_revision, revision
from trunkline.products.sync.schema import OBJECT_REMOVAL
from trunkline.products.sync.scope import Actor, Scope
from trunkline.products.sync.services import SyncService
from trunkline.realtime.objects.types import SID_SHAPE, ObjectKind

_FIRST_EVENT = {ObjectKind.DOCUMENT: 0}
"""The creation of a Document is event 0; the others start before their first event, at -1 (client)."""


class Object(Row, frozen=True):
    """A row of ``sync_objects``. ``data`` is a Document's; ``next_index`` is that of a List's next item."""

    sid: str
    account_sid: str
    service_sid: str
    kind: str
    unique_name: str | None
    data: str
    last_event_id: int
    next_index: int
    created_by: str
    date_created: int
    date_updated: int
    date_expires: int | None

    @property
    def revision(self) -> str:
        """The revision of the object; a Stream has none."""
        if self.kind == ObjectKind.DOCUMENT.value:
            return revision(self.last_event_id)
        return "" if self.kind == ObjectKind.STREAM.value else collection_revision(self.last_event_id)


def unique_name() -> Parser:
    """Return the parser of ``UniqueName``: 1 to 320 characters that do not have the form of a SID (client)."""

    def parse(_: str, value: str) -> str:
        if not 1 <= len(value) <= 320 or SID_SHAPE.fullmatch(value):
            raise ApiError(54302)
        return value

    return Parser(parse)


def missing(kind: ObjectKind, name: str) -> ApiError:
    """Return the error for a name that addresses nothing: its code depends on the name's form (client)."""
    return ApiError(kind.traits.missing if is_sid(name, kind.traits.prefix) else 54300)


_LIVE = "(date_expires IS NULL OR date_expires > :now)"
_OF_KIND = ListQuery("live_sync_objects", ("service_sid = :service_sid", "kind = :kind"), (_LIVE,))
_BY_SID = f"service_sid = :service_sid AND kind = :kind AND sid = :name AND {_LIVE}"
_BY_NAME = f"service_sid = :service_sid AND kind = :kind AND unique_name = :name AND {_LIVE}"
_MARK = "UPDATE sync_objects SET deleted = TRUE WHERE sid = :sid AND NOT deleted"
_CLAIM = (
    "UPDATE sync_objects SET last_event_id = last_event_id + 1, next_index = next_index + :pushed,"
    " date_updated = :now"
)


async def find(tx: Tx, scope: Scope, kind: ObjectKind, name: str, flag: Flag | None = None) -> Object:
    """Return the object that ``name``, a SID or unique name, addresses. Raise ApiError 54100, 54150, 54200, 54250 or
    54300, and 54007 if the actor lacks ``flag``; None requires none."""
    by_sid = f"SELECT {columns(Object)} FROM live_sync_objects WHERE {_BY_SID}"
    by_name = f"SELECT {columns(Object)} FROM live_sync_objects WHERE {_BY_NAME}"
    found = await tx.one(
        Object,
        by_sid if SID_SHAPE.fullmatch(name) else by_name,
        service_sid=scope.service.sid,
        kind=kind.value,
        name=name,
        now=tx.now,
    )
    if found is None:
        raise missing(kind, name)
    if flag is not None and kind is ObjectKind.STREAM:
        permissions.require_creator(scope, found.created_by, flag)
    elif flag is not None:
        await permissions.require(tx, scope, found.sid, flag)
    return found


async def by_sid(tx: Tx, sid: str) -> Object | None:
    """Return the object with this SID, for work that is not done in a caller's name."""
    return await tx.one(
        Object,
        f"SELECT {columns(Object)} FROM live_sync_objects WHERE sid = :sid AND {_LIVE}",
        sid=sid,
        now=tx.now,
    )


async def claim(tx: Tx, scope: Scope, kind: ObjectKind, name: str, pushed: int = 0) -> Object:
    """Count one more event of an object that the actor may write, and keep other writers waiting. ``pushed`` is the
    number of indexes of a List that are used up. Return the object after that. Raise as ``find``."""
    by_sid = f"{_CLAIM} WHERE {_BY_SID} AND NOT deleted RETURNING {columns(Object)}"
    by_name = f"{_CLAIM} WHERE {_BY_NAME} AND NOT deleted RETURNING {columns(Object)}"
    claimed = await tx.one(
        Object,
        by_sid if SID_SHAPE.fullmatch(name) else by_name,
        service_sid=scope.service.sid,
        kind=kind.value,
        name=name,
        now=tx.now,
        pushed=pushed,
    )
    if claimed is None:
        raise missing(kind, name)
    await permissions.require(tx, scope, claimed.sid, Flag.WRITE)
    return claimed


class Creation(msgspec.Struct, frozen=True, kw_only=True):
    """The values of a new object; ``ttl`` in seconds."""

    unique_name: str | None = None
    data: str = EMPTY
    ttl: int | None = None


async def create(tx: Tx, scope: Scope, kind: ObjectKind, given: Creation) -> Object:
    """Create an object. A token's identity gets all permissions on what it creates (inferred). Raise ApiError 54301 if
    the name is in use."""
    if given.unique_name is not None:
        await _free(tx, scope.service, kind, given.unique_name)
    made = Object(
        sid=new_sid(kind.traits.prefix),
        account_sid=scope.service.account_sid,
        service_sid=scope.service.sid,
        kind=kind.value,
        unique_name=given.unique_name,
        data=given.data,
        last_event_id=_FIRST_EVENT.get(kind, -1),
        next_index=0,
        created_by=scope.actor.name,
        date_created=tx.now,
        date_updated=tx.now,
        date_expires=ttl.expiry(tx.now, given.ttl),
    )
    await tx.insert("sync_objects", made)
    announce_expiry(tx, made.date_expires)
    if scope.actor.identity is not None and kind is not ObjectKind.STREAM:
        everything = permissions.Permission(made.sid, scope.actor.identity, True, True, True, tx.now)
        await permissions.grant(tx, scope.service.sid, everything)
    await record(tx, scope.service, event(made, scope.actor, EventType(f"{kind.value}_created"), tx.now))
    return made


async def _free(tx: Tx, service: SyncService, kind: ObjectKind, name: str) -> None:
    """Remove an expired object that has the name. Raise ApiError 54301 if the name is in use."""
    await tx.lock(f"{service.sid} {kind.value} {name}")
    holder = await tx.one(
        Object,
        f"SELECT {columns(Object)} FROM live_sync_objects"
        " WHERE service_sid = :service_sid AND kind = :kind AND unique_name = :unique_name",
        service_sid=service.sid,
        kind=kind.value,
        unique_name=name,
    )
    if holder is None or await expire(tx, service, holder.sid) is not None:
        return
    # An expired holder may have been removed by another transaction while this one waited for it.
    if await by_sid(tx, holder.sid) is not None:
        raise ApiError(54301)


async def set_expiry(tx: Tx, row: Object, seconds: int | None) -> Object:
    """Give an object another time to live; None leaves it. That is no event of its own (client)."""
    if seconds is None:
        return row
    date_expires = ttl.expiry(tx.now, seconds)
    await tx.run(
        "UPDATE sync_objects SET date_expires = :date_expires, date_updated = :now WHERE sid = :sid",
        date_expires=date_expires,
        now=tx.now,
        sid=row.sid,
    )
    announce_expiry(tx, date_expires)
    return msgspec.structs.replace(row, date_expires=date_expires, date_updated=tx.now)


async def remove(tx: Tx, scope: Scope, kind: ObjectKind, name: str) -> bool:
    """Delete an object with all that is below it. Return whether this call did. Raise as ``find``."""
    found = await find(tx, scope, kind, name, Flag.MANAGE)
    gone = await tx.one(Object, f"{_MARK} RETURNING {columns(Object)}", sid=found.sid)
    if gone is None:
        return False
    await remove_marked(tx, OBJECT_REMOVAL, gone.sid)
    await _removed(tx, scope.service, gone, scope.actor)
    return True


async def expire(tx: Tx, service: SyncService, sid: str, limit: int = ROWS) -> int | None:
    """Delete an object if it is expired; a job does the rest if more than ``limit`` rows are below it. Return the
    number of those that are removed, None if this call did not delete it."""
    gone = await tx.one(
        Object, f"{_MARK} AND date_expires <= :now RETURNING {columns(Object)}", sid=sid, now=tx.now
    )
    if gone is None:
        return None
    removed = await remove_marked(tx, OBJECT_REMOVAL, sid, limit)
    await _removed(tx, service, gone, Actor())
    return removed


async def _removed(tx: Tx, service: SyncService, gone: Object, actor: Actor) -> None:
    removal = event(gone, actor, EventType(f"{gone.kind}_removed"), tx.now)
    # The log goes with the object, so the event of its end has no place in it.
    await record(tx, service, msgspec.structs.replace(removal, event_id=None))


def event(row: Object, actor: Actor, kind: EventType, date: int) -> SyncEvent:
    """Return the event of a change of the object itself."""
    is_document = row.kind == ObjectKind.DOCUMENT.value
    return SyncEvent(
        type=kind,
        account_sid=row.account_sid,
        service_sid=row.service_sid,
        object_sid=row.sid,
        unique_name=row.unique_name,
        actor=actor,
        date=date,
        event_id=row.last_event_id if is_document else None,
        object_revision=row.revision,
        data=row.data if is_document else None,
        date_expires=row.date_expires,
    )


async def page(tx: Tx, scope: Scope, kind: ObjectKind, window: Window) -> WalkResult[Object]:
    """Return the Service's objects of one kind, oldest first (inferred)."""
    service_sid = scope.service.sid
    return await walk(tx, Object, _OF_KIND, window.span, service_sid=service_sid, kind=kind.value, now=tx.now)
