"""Lists (ES…) and Maps (MP…): one resource, twice. Their items have modules of their own."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.api.params import Given
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.storage.database import Tx
from trunkline.core.storage.list_query import WalkResult
from trunkline.products.sync import objects, ttl
from trunkline.products.sync.objects import Creation, Object, unique_name
from trunkline.products.sync.permissions import Flag
from trunkline.products.sync.scope import Scope, enter
from trunkline.realtime.objects.types import ObjectKind


class CreateCollection(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a new List or Map; ``CollectionTtl`` counts before ``Ttl``, which means the same (doc)."""

    unique_name: Annotated[Given[str], unique_name()] = UNSET
    ttl: Annotated[Given[int | None], ttl.seconds()] = UNSET
    collection_ttl: Annotated[Given[int | None], ttl.seconds()] = UNSET


class UpdateCollection(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of an update."""

    ttl: Annotated[Given[int | None], ttl.seconds()] = UNSET
    collection_ttl: Annotated[Given[int | None], ttl.seconds()] = UNSET


def view(row: Object, urls: Urls) -> Json:
    """Return the List or Map resource."""
    path = ("Services", row.service_sid, ObjectKind(row.kind).traits.path, row.sid)
    return {
        "sid": row.sid,
        "unique_name": row.unique_name,
        "account_sid": row.account_sid,
        "service_sid": row.service_sid,
        "url": urls.to(*path),
        "links": urls.links(path, {"items": "Items", "permissions": "Permissions"}),
        "revision": row.revision,
        "date_expires": None if row.date_expires is None else iso(row.date_expires),
        "date_created": iso(row.date_created),
        "date_updated": iso(row.date_updated),
        "created_by": row.created_by,
    }


async def set_ttl(tx: Tx, scope: Scope, kind: ObjectKind, name: str, seconds: int | None) -> Object:
    """Set the time to live of a List, Map or Stream. Raise ApiError 54010 if there is none, and as ``objects.find``."""
    if seconds is None:
        raise ApiError(54010)
    found = await objects.find(tx, scope, kind, name, Flag.WRITE)
    return await objects.set_expiry(tx, found, seconds)


def operations(kind: ObjectKind) -> tuple[Operation, ...]:
    """Return the operations of Lists or of Maps."""

    async def create_collection(tx: Tx, call: Call[CreateCollection]) -> Object:
        given = call.input
        creation = Creation(
            unique_name=given.unique_name or None, ttl=ttl.chosen(given.collection_ttl, given.ttl)
        )
        return await objects.create(tx, await enter(tx, call), kind, creation)

    async def fetch_collection(tx: Tx, call: Call[Empty]) -> Object:
        return await objects.find(tx, await enter(tx, call), kind, call.path["Sid"], Flag.READ)

    async def page_collections(tx: Tx, call: Call[Empty]) -> WalkResult[Object]:
        return await objects.page(tx, await enter(tx, call), kind, call.window)

    async def update_collection(tx: Tx, call: Call[UpdateCollection]) -> Object:
        seconds = ttl.chosen(call.input.collection_ttl, call.input.ttl)
        return await set_ttl(tx, await enter(tx, call), kind, call.path["Sid"], seconds)

    async def delete_collection(tx: Tx, call: Call[Any]) -> bool:
        return await objects.remove(tx, await enter(tx, call), kind, call.path["Sid"])

    everything = f"/Services/{{ServiceSid}}/{kind.traits.path}"
    one = f"{everything}/{{Sid}}"
    return (
        create(everything, create_collection, view, CreateCollection),
        listing(everything, kind.traits.path.lower(), page_collections, view, maximum=100),
        fetch(one, fetch_collection, view),
        update(one, update_collection, view, UpdateCollection),
        delete(one, delete_collection),
    )
