"""Map items: JSON objects under keys of the client's choice; any characters, since SDKs send slashes as they are."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.api.paging import Order
from trunkline.api.params import Given, named, required, text
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.core.storage.list_query import WalkResult
from trunkline.products.sync import item_parameters as parameters
from trunkline.products.sync import items, objects
from trunkline.products.sync.data import payload
from trunkline.products.sync.item_parameters import Seconds, change, if_match, tag
from trunkline.products.sync.items import MAP_CODES, Item, ItemPosition
from trunkline.products.sync.permissions import Flag
from trunkline.products.sync.scope import enter
from trunkline.realtime.objects.reads import BOUNDS, ORDER, starting
from trunkline.realtime.objects.types import ObjectKind

INVALID_KEY = 54209
MAX_KEY = 320


class CreateMapItem(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a new map item."""

    key: Annotated[Given[str], text(1, MAX_KEY, code=INVALID_KEY), required(INVALID_KEY)] = UNSET
    data: Annotated[Given[str], payload(MAP_CODES.data), required(MAP_CODES.data)] = UNSET
    ttl: Seconds = UNSET
    item_ttl: Seconds = UNSET
    collection_ttl: Seconds = UNSET


class UpdateMapItem(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of an update."""

    data: Annotated[Given[str], payload(MAP_CODES.data)] = UNSET
    ttl: Seconds = UNSET
    item_ttl: Seconds = UNSET
    collection_ttl: Seconds = UNSET


class MapItemQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of a page: range and order; a page token supersedes all three."""

    start: Annotated[Given[str | None], text(clears=True), named("From")] = UNSET
    bounds: Annotated[Given[str], BOUNDS] = UNSET
    order: Annotated[Given[str], ORDER] = UNSET


def view(item: Item, urls: Urls) -> Json:
    """Return the Map Item resource."""
    position = {"key": item.item_key, "map_sid": item.object_sid}
    return parameters.view(item, position, parameters.url(item, urls, "Maps", quote(item.item_key, safe="")))


async def create_item(tx: Tx, call: Call[CreateMapItem]) -> Item:
    """Set a new key. Raise ApiError 54208 if it exists."""
    wanted = change(call.input.data or None, call.input)
    key = call.input.key or ""
    return await items.put(tx, await enter(tx, call), call.path["Sid"], key, wanted)


async def fetch_item(tx: Tx, call: Call[Empty]) -> Item:
    """Return an item."""
    scope = await enter(tx, call)
    parent = await objects.find(tx, scope, ObjectKind.MAP, call.path["Sid"], Flag.READ)
    return await items.fetch(tx, parent, _position(call))


async def page_items(tx: Tx, call: Call[MapItemQuery]) -> WalkResult[Item]:
    """Return the Map's items by key, in the order of its bytes."""
    scope = await enter(tx, call)
    parent = await objects.find(tx, scope, ObjectKind.MAP, call.path["Sid"], Flag.READ)
    start = call.input.start
    key = (0, start) if isinstance(start, str) else None
    return await items.page(tx, parent.sid, starting(call.window, key, call.input.bounds))


async def update_item(tx: Tx, call: Call[UpdateMapItem]) -> Item:
    """Change an item, if it still has the revision that If-Match names. Never makes one (client)."""
    wanted = change(call.input.data or None, call.input, if_match(call))
    position = _position(call)
    return await items.write(tx, await enter(tx, call), ObjectKind.MAP, call.path["Sid"], position, wanted)


async def delete_item(tx: Tx, call: Call[Empty]) -> bool:
    """Remove an item, if it still has the revision that If-Match names."""
    wanted, position = if_match(call), _position(call)
    await items.remove(tx, await enter(tx, call), ObjectKind.MAP, call.path["Sid"], position, wanted)
    return True


def _position(call: Call[Any]) -> ItemPosition:
    return ItemPosition(0, call.path["Key"])


def _ordering(query: MapItemQuery) -> Order:
    return parameters.ordering(query.order)


_ALL = "/Services/{ServiceSid}/Maps/{Sid}/Items"
_ONE = "/Services/{ServiceSid}/Maps/{Sid}/Items/{Key+}"

OPERATIONS: tuple[Operation, ...] = (
    create(_ALL, create_item, view, CreateMapItem, etag=tag),
    listing(_ALL, "items", page_items, view, input=MapItemQuery, maximum=100, ordering=_ordering),
    fetch(_ONE, fetch_item, view, etag=tag),
    update(_ONE, update_item, view, UpdateMapItem, etag=tag),
    delete(_ONE, delete_item),
)
