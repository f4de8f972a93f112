"""Documents (ET…): one JSON object each."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.api.params import Given
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.storage.database import Tx
from trunkline.core.storage.list_query import WalkResult
from trunkline.products.sync import objects, revisions, ttl
from trunkline.products.sync.data import EMPTY, payload
from trunkline.products.sync.event_log import announce_expiry, record
from trunkline.products.sync.event_types import EventType
from trunkline.products.sync.items import Change
from trunkline.products.sync.objects import Creation, Object, unique_name
from trunkline.products.sync.permissions import Flag
from trunkline.products.sync.scope import Scope, enter
from trunkline.realtime.objects.object_views import raw
from trunkline.realtime.objects.types import ObjectKind

INVALID_DATA = 54101
STALE = 54103


class CreateDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a new Document; without data it is empty (client)."""

    unique_name: Annotated[Given[str], unique_name()] = UNSET
    data: Annotated[Given[str], payload(INVALID_DATA)] = UNSET
    ttl: Annotated[Given[int | None], ttl.seconds()] = UNSET


class UpdateDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of an update."""

    data: Annotated[Given[str], payload(INVALID_DATA)] = UNSET
    ttl: Annotated[Given[int | None], ttl.seconds()] = UNSET


def view(row: Object, urls: Urls) -> Json:
    """Return the Document resource."""
    path = ("Services", row.service_sid, "Documents", row.sid)
    return {
        "sid": row.sid,
        "unique_name": row.unique_name,
        "account_sid": row.account_sid,
        "service_sid": row.service_sid,
        "url": urls.to(*path),
        "links": urls.links(path, {"permissions": "Permissions"}),
        "revision": row.revision,
        "data": raw(row.data),
        "date_expires": None if row.date_expires is None else iso(row.date_expires),
        "date_created": iso(row.date_created),
        "date_updated": iso(row.date_updated),
        "created_by": row.created_by,
    }


async def write(tx: Tx, scope: Scope, name: str, change: Change) -> Object:
    """Replace a Document's data, set its time to live, or both: either is an event. Raise ApiError 54010, 54103, and
    as ``objects.claim``."""
    change.check()
    claimed = await objects.claim(tx, scope, ObjectKind.DOCUMENT, name)
    revisions.check(change.if_match, claimed.last_event_id - 1, STALE)
    changed = msgspec.structs.replace(
        claimed,
        data=claimed.data if change.data is None else change.data,
        date_expires=ttl.expiry(tx.now, change.ttl, claimed.date_expires),
    )
    await tx.run(
        "UPDATE sync_objects SET data = :data, date_expires = :date_expires WHERE sid = :sid",
        data=changed.data,
        date_expires=changed.date_expires,
        sid=changed.sid,
    )
    if change.ttl:
        announce_expiry(tx, changed.date_expires)
    event = objects.event(changed, scope.actor, EventType.DOCUMENT_UPDATED, tx.now)
    await record(tx, scope.service, event)
    return changed


async def create_document(tx: Tx, call: Call[CreateDocument]) -> Object:
    """Create a Document. Raise ApiError 54301 if the name is in use."""
    given = call.input
    creation = Creation(
        unique_name=given.unique_name or None, data=given.data or EMPTY, ttl=ttl.chosen(given.ttl)
    )
    return await objects.create(tx, await enter(tx, call), ObjectKind.DOCUMENT, creation)


async def fetch_document(tx: Tx, call: Call[Empty]) -> Object:
    """Return a Document."""
    return await objects.find(tx, await enter(tx, call), ObjectKind.DOCUMENT, call.path["Sid"], Flag.READ)


async def page_documents(tx: Tx, call: Call[Empty]) -> WalkResult[Object]:
    """Return the Service's Documents."""
    return await objects.page(tx, await enter(tx, call), ObjectKind.DOCUMENT, call.window)


async def update_document(tx: Tx, call: Call[UpdateDocument]) -> Object:
    """Change a Document, if it still has the revision that If-Match names."""
    change = Change(
        data=call.input.data or None,
        ttl=ttl.chosen(call.input.ttl),
        if_match=revisions.condition(call.headers.get("if-match")),
    )
    return await write(tx, await enter(tx, call), call.path["Sid"], change)


async def delete_document(tx: Tx, call: Call[Empty]) -> bool:
    """Remove a Document."""
    return await objects.remove(tx, await enter(tx, call), ObjectKind.DOCUMENT, call.path["Sid"])


def _tag(row: Object) -> str:
    return row.revision


_ALL = "/Services/{ServiceSid}/Documents"
_ONE = "/Services/{ServiceSid}/Documents/{Sid}"

OPERATIONS: tuple[Operation, ...] = (
    create(_ALL, create_document, view, CreateDocument, etag=_tag),
    listing(_ALL, "documents", page_documents, view, maximum=100),
    fetch(_ONE, fetch_document, view, etag=_tag),
    update(_ONE, update_document, view, UpdateDocument, etag=_tag),
    delete(_ONE, delete_document),
)
