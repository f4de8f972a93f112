"""List items: JSON objects under indexes that the server gives, from 0, and never again."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.api.paging import Order
from trunkline.api.params import Given, Parser, named, required
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.core.storage.list_query import WalkResult
from trunkline.products.sync import item_parameters as parameters
from trunkline.products.sync import items, objects
from trunkline.products.sync.data import payload
from trunkline.products.sync.item_parameters import Seconds, change, if_match, tag
from trunkline.products.sync.items import LIST_CODES, Item, ItemPosition
from trunkline.products.sync.permissions import Flag
from trunkline.products.sync.scope import enter
from trunkline.realtime.objects.reads import BOUNDS, ORDER, item_index, starting
from trunkline.realtime.objects.types import ObjectKind


def _from() -> Parser:
    return Parser(lambda _, value: item_index(value), clears=True)


class CreateListItem(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a new list item."""

    data: Annotated[Given[str], payload(LIST_CODES.data), required(LIST_CODES.data)] = UNSET
    ttl: Seconds = UNSET
    item_ttl: Seconds = UNSET
    collection_ttl: Seconds = UNSET


class UpdateListItem(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of an update."""

    data: Annotated[Given[str], payload(LIST_CODES.data)] = UNSET
    ttl: Seconds = UNSET
    item_ttl: Seconds = UNSET
    collection_ttl: Seconds = UNSET


class ListItemQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of a page: range and order; a page token supersedes all three."""

    start: Annotated[Given[int | None], _from(), named("From")] = UNSET
    bounds: Annotated[Given[str], BOUNDS] = UNSET
    order: Annotated[Given[str], ORDER] = UNSET


def view(item: Item, urls: Urls) -> Json:
    """Return the List Item resource."""
    position = {"index": item.item_index, "list_sid": item.object_sid}
    return parameters.view(item, position, parameters.url(item, urls, "Lists", str(item.item_index)))


async def create_item(tx: Tx, call: Call[CreateListItem]) -> Item:
    """Append an item."""
    wanted = change(call.input.data or None, call.input)
    return await items.push(tx, await enter(tx, call), call.path["Sid"], wanted)


async def fetch_item(tx: Tx, call: Call[Empty]) -> Item:
    """Return an item."""
    scope = await enter(tx, call)
    parent = await objects.find(tx, scope, ObjectKind.LIST, call.path["Sid"], Flag.READ)
    return await items.fetch(tx, parent, _position(call))


async def page_items(tx: Tx, call: Call[ListItemQuery]) -> WalkResult[Item]:
    """Return the List's items by index."""
    scope = await enter(tx, call)
    parent = await objects.find(tx, scope, ObjectKind.LIST, call.path["Sid"], Flag.READ)
    start = call.input.start
    key = (start, "") if isinstance(start, int) else None
    return await items.page(tx, parent.sid, starting(call.window, key, call.input.bounds))


async def update_item(tx: Tx, call: Call[UpdateListItem]) -> Item:
    """Change an item, if it still has the revision that If-Match names."""
    wanted = change(call.input.data or None, call.input, if_match(call))
    position = _position(call)
    return await items.write(tx, await enter(tx, call), ObjectKind.LIST, call.path["Sid"], position, wanted)


async def delete_item(tx: Tx, call: Call[Empty]) -> bool:
    """Remove an item, if it still has the revision that If-Match names."""
    wanted, position = if_match(call), _position(call)
    await items.remove(tx, await enter(tx, call), ObjectKind.LIST, call.path["Sid"], position, wanted)
    return True


def _position(call: Call[Any]) -> ItemPosition:
    return ItemPosition(item_index(call.path["Index"]))


def _ordering(query: ListItemQuery) -> Order:
    return parameters.ordering(query.order)


_ALL = "/Services/{ServiceSid}/Lists/{Sid}/Items"
_ONE = "/Services/{ServiceSid}/Lists/{Sid}/Items/{Index}"

OPERATIONS: tuple[Operation, ...] = (
    create(_ALL, create_item, view, CreateListItem, etag=tag),
    listing(_ALL, "items", page_items, view, input=ListItemQuery, maximum=100, ordering=_ordering),
    fetch(_ONE, fetch_item, view, etag=tag),
    update(_ONE, update_item, view, UpdateListItem, etag=tag),
    delete(_ONE, delete_item),
)
