"""The v3 operations that write: REST's own actions with other views, and the writes of realtime clients only.

The latter set a map item whether it exists or not (PUT), and remove an item with a response that has its event's id.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty, Operation, OperationKind, create, delete, update
from trunkline.api.params import Given
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.products.sync import (
    collections,
    documents,
    items,
    list_items,
    map_items,
    objects,
    streams,
    ttl,
)
from trunkline.products.sync.data import EMPTY, payload
from trunkline.products.sync.item_parameters import Seconds, change, if_match
from trunkline.products.sync.items import MAP_CODES, Item, ItemPosition
from trunkline.products.sync.list_items import CreateListItem, UpdateListItem
from trunkline.products.sync.map_items import CreateMapItem, UpdateMapItem
from trunkline.products.sync.objects import Creation, Object, unique_name
from trunkline.products.sync.realtime.source import object_item, object_root
from trunkline.products.sync.scope import enter
from trunkline.products.sync.streams import StreamMessage
from trunkline.realtime.objects import object_views
from trunkline.realtime.objects.reads import item_index
from trunkline.realtime.objects.types import ObjectKind


class CreateList(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a new List, which may have a context: a JSON object beside its items (client)."""

    unique_name: Annotated[Given[str], unique_name()] = UNSET
    ttl: Annotated[Given[int | None], ttl.seconds()] = UNSET
    context: Annotated[Given[str], payload(54156)] = UNSET


class PutMapItem(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a map item that is set."""

    data: Annotated[Given[str], payload(MAP_CODES.data)] = UNSET
    ttl: Seconds = UNSET
    item_ttl: Seconds = UNSET
    collection_ttl: Seconds = UNSET


class Put(msgspec.Struct, frozen=True):
    """A map item that was set; ``created`` if it did not exist."""

    item: Item
    created: bool


def written(row: Object, urls: Urls) -> Json:
    """Return an object as the response to a write has it."""
    return object_views.written(object_root(row), urls)


def written_item(row: Item, urls: Urls) -> Json:
    """Return an item as the response to a write has it."""
    return object_views.written_item(object_item(row), urls)


def put_view(put: Put, urls: Urls) -> Json:
    """Return a map item that was set."""
    return written_item(put.item, urls)


def message_view(message: StreamMessage, urls: Urls) -> Json:
    """Return a published message."""
    return {"sid": message.sid}


async def create_list(tx: Tx, call: Call[CreateList]) -> Object:
    """Create a List. Raise ApiError 54301 if the name is in use."""
    given = call.input
    creation = Creation(
        unique_name=given.unique_name or None,
        data=given.context or EMPTY,
        ttl=ttl.chosen(given.ttl),
    )
    return await objects.create(tx, await enter(tx, call), ObjectKind.LIST, creation)


async def put_item(tx: Tx, call: Call[PutMapItem]) -> Put:
    """Set a map item, whether it exists or not. If-Match ``-1`` requires that it does not, any other revision that it
    exists with it. Raise ApiError 54206, 54205 or 54209."""
    key = call.path["Key"]
    if not 1 <= len(key) <= map_items.MAX_KEY:
        raise ApiError(map_items.INVALID_KEY)
    data = call.input.data
    if not isinstance(data, str):
        raise ApiError(MAP_CODES.data)
    item, created = await items.upsert(
        tx, await enter(tx, call), call.path["Sid"], key, change(data, call.input, if_match(call))
    )
    return Put(item, created)


def _remover(kind: ObjectKind) -> Any:
    async def remove_item(tx: Tx, call: Call[Empty]) -> Item:
        wanted, position = if_match(call), _position(kind, call)
        return await items.remove(tx, await enter(tx, call), kind, call.path["Sid"], position, wanted)

    return remove_item


def _position(kind: ObjectKind, call: Call[Any]) -> ItemPosition:
    if kind is ObjectKind.LIST:
        return ItemPosition(item_index(call.path["Index"]))
    return ItemPosition(0, call.path["Key"])


def put(path: str, action: Any, view: Any, input: type[Any], **more: Any) -> Operation:
    """Return the operation of a PUT on an instance: 200, or 201 if there was none."""
    return Operation(OperationKind.UPDATE, path, action, view, input, verb="PUT", **more)


def remove(path: str, action: Any, view: Any, **more: Any) -> Operation:
    """Return the operation of a DELETE that returns the removed resource."""
    return Operation(OperationKind.UPDATE, path, action, view, verb="DELETE", **more)


def _created(made: Put) -> int:
    return 201 if made.created else 200


def _collection(kind: ObjectKind) -> dict[OperationKind, Any]:
    return {one.kind: one.action for one in collections.operations(kind)}


_LIST, _MAP = _collection(ObjectKind.LIST), _collection(ObjectKind.MAP)
_ROOT = "/Services/{ServiceSid}"
_LISTS, _MAPS, _STREAMS = f"{_ROOT}/Lists", f"{_ROOT}/Maps", f"{_ROOT}/Streams"
_DOCUMENTS = f"{_ROOT}/Documents"

OPERATIONS: tuple[Operation, ...] = (
    create(_DOCUMENTS, documents.create_document, written, documents.CreateDocument),
    update(f"{_DOCUMENTS}/{{Sid}}", documents.update_document, written, documents.UpdateDocument),
    delete(f"{_DOCUMENTS}/{{Sid}}", documents.delete_document),
    create(_LISTS, create_list, written, CreateList),
    update(f"{_LISTS}/{{Sid}}", _LIST[OperationKind.UPDATE], written, collections.UpdateCollection),
    delete(f"{_LISTS}/{{Sid}}", _LIST[OperationKind.DELETE]),
    create(f"{_LISTS}/{{Sid}}/Items", list_items.create_item, written_item, CreateListItem),
    update(f"{_LISTS}/{{Sid}}/Items/{{Index}}", list_items.update_item, written_item, UpdateListItem),
    remove(f"{_LISTS}/{{Sid}}/Items/{{Index}}", _remover(ObjectKind.LIST), written_item),
    create(_MAPS, _MAP[OperationKind.CREATE], written, collections.CreateCollection),
    update(f"{_MAPS}/{{Sid}}", _MAP[OperationKind.UPDATE], written, collections.UpdateCollection),
    delete(f"{_MAPS}/{{Sid}}", _MAP[OperationKind.DELETE]),
    create(f"{_MAPS}/{{Sid}}/Items", map_items.create_item, written_item, CreateMapItem),
    update(f"{_MAPS}/{{Sid}}/Items/{{Key+}}", map_items.update_item, written_item, UpdateMapItem),
    put(f"{_MAPS}/{{Sid}}/Items/{{Key+}}", put_item, put_view, PutMapItem, outcome=_created),
    remove(f"{_MAPS}/{{Sid}}/Items/{{Key+}}", _remover(ObjectKind.MAP), written_item),
    create(_STREAMS, streams.create_stream, written, streams.CreateStream),
    update(f"{_STREAMS}/{{Sid}}", streams.update_stream, written, streams.UpdateStream),
    delete(f"{_STREAMS}/{{Sid}}", streams.delete_stream),
    create(f"{_STREAMS}/{{Sid}}/Messages", streams.create_message, message_view, streams.CreateStreamMessage),
)
