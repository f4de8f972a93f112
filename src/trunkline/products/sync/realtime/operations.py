"""The v3 operations: REST's own actions with other views, and what only realtime clients do.

That is: setting a map item whether it is there or not (PUT), removing an item with an answer that tells its event,
queries that page by tokens, a List's context.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api import paging
from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty, Kind, Mount, Operation, create, delete, fetch, update
from trunkline.api.paging import Codes, Cursor, Window
from trunkline.api.params import Given, Parser, integer, named, text
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.products.sync import (
    collections,
    documents,
    item_parameters,
    items,
    list_items,
    map_items,
    objects,
    streams,
    ttl,
)
from trunkline.products.sync.access import Flag
from trunkline.products.sync.data import EMPTY, payload, raw
from trunkline.products.sync.item_parameters import Seconds, change, if_match, starting
from trunkline.products.sync.items import MAP_CODES, Item, Place
from trunkline.products.sync.limits import Buckets, limited
from trunkline.products.sync.list_items import CreateListItem, UpdateListItem
from trunkline.products.sync.map_items import CreateMapItem, UpdateMapItem
from trunkline.products.sync.objects import Creation, Object, ObjectKind, unique_name
from trunkline.products.sync.realtime.views import fetched, queried_item, written, written_item
from trunkline.products.sync.scope import enter
from trunkline.products.sync.streams import Message

INCLUDED_ITEMS = 100
"""The most items that a Map's fetch includes (inferred)."""


class CreateList(msgspec.Struct, frozen=True, kw_only=True):
    """A new List, which may have a context: a JSON object that stands beside its items (client)."""

    unique_name: Annotated[Given[str], unique_name()] = UNSET
    ttl: Annotated[Given[int | None], ttl.seconds()] = UNSET
    context: Annotated[Given[str], payload(54156)] = UNSET


class Included(msgspec.Struct, frozen=True, kw_only=True):
    """The query of a Map's fetch."""

    include: Annotated[Given[str | None], text(clears=True)] = UNSET


class MapWithItems(msgspec.Struct, frozen=True):
    """A Map, with its first items when they were asked for."""

    row: Object
    items: list[Item] | None


class PutMapItem(msgspec.Struct, frozen=True, kw_only=True):
    """What a map item is set to."""

    data: Annotated[Given[str], payload(MAP_CODES.data)] = UNSET
    ttl: Seconds = UNSET
    item_ttl: Seconds = UNSET
    collection_ttl: Seconds = UNSET


class Put(msgspec.Struct, frozen=True):
    """A map item that was set; ``created`` when there was none."""

    item: Item
    created: bool


def _page_token() -> Parser:
    return Parser(lambda _, value: paging.decode(value, 54453), clears=True)


class ItemQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which items: one by index or key, or a page of them."""

    index: Annotated[Given[str | None], text(clears=True)] = UNSET
    key: Annotated[Given[str | None], text(clears=True)] = UNSET
    start: Annotated[Given[str | None], text(clears=True), named("From")] = UNSET
    order: Annotated[Given[str], item_parameters.ORDER] = UNSET
    bounds: Annotated[Given[str], item_parameters.BOUNDS] = UNSET
    page_size: Annotated[Given[int], integer(1, 1000, code=54454)] = UNSET
    page_token: Annotated[Given[Cursor | None], _page_token()] = UNSET


class ItemPage(msgspec.Struct, frozen=True):
    """A page of items, and where the neighbours are, if there are any."""

    items: list[Item]
    following: Cursor | None = None
    previous: Cursor | None = None


def map_view(found: MapWithItems, urls: Urls) -> Json:
    """A Map as a fetch answers it."""
    body = fetched(found.row, urls)
    if found.items is not None:
        body["items"] = [queried_item(item, urls) for item in found.items]
    return body


def put_view(put: Put, urls: Urls) -> Json:
    """A map item that was set."""
    return written_item(put.item, urls)


def context_view(row: Object, urls: Urls) -> Json:
    """A List's context."""
    return {"data": raw(row.data), "last_event_id": row.last_event_id}


def message_view(message: Message, urls: Urls) -> Json:
    """A published message."""
    return {"sid": message.sid}


def page_view(page: ItemPage, urls: Urls) -> Json:
    """A page of items; clients take the tokens as whether there is more (client)."""
    return {
        "items": [queried_item(item, urls) for item in page.items],
        "meta": {
            "key": "items",
            "next_token": page.following and paging.encode(page.following),
            "previous_token": page.previous and paging.encode(page.previous),
        },
    }


async def create_list(tx: Tx, call: Call[CreateList]) -> Object:
    """Make a List. Raises ApiError 54301."""
    given = call.input
    creation = Creation(
        unique_name=given.unique_name or None,
        data=given.context or EMPTY,
        ttl=ttl.chosen(given.ttl),
    )
    return await objects.create(tx, await enter(tx, call), ObjectKind.LIST, creation)


async def fetch_map(tx: Tx, call: Call[Included]) -> MapWithItems:
    """A Map, with its first items for ``Include=items``."""
    row = await objects.find(tx, await enter(tx, call), ObjectKind.MAP, call.path["Sid"], Flag.READ)
    if call.input.include != "items":
        return MapWithItems(row, None)
    window = Window(items.BY_PLACE, INCLUDED_ITEMS)
    return MapWithItems(row, window.page(await items.page(tx, row, window)).rows)


async def fetch_context(tx: Tx, call: Call[Empty]) -> Object:
    """The List whose context is asked for."""
    return await objects.find(tx, await enter(tx, call), ObjectKind.LIST, call.path["Sid"], Flag.READ)


async def put_item(tx: Tx, call: Call[PutMapItem]) -> Put:
    """Set a map item, whether it is there or not. If-Match ``-1`` demands that it is not, any other revision that it
    is there with it. Raises ApiError 54206, 54205, 54209."""
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
        wanted, place = if_match(call), _place(kind, call)
        return await items.remove(tx, await enter(tx, call), kind, call.path["Sid"], place, wanted)

    return remove_item


def _place(kind: ObjectKind, call: Call[Any]) -> Place:
    if kind is ObjectKind.LIST:
        return Place(list_items.index(call.path["Index"]))
    return Place(0, call.path["Key"])


def _querier(kind: ObjectKind) -> Any:
    async def query_items(tx: Tx, call: Call[ItemQuery]) -> ItemPage:
        asked = call.input
        parent = await objects.find(tx, await enter(tx, call), kind, call.path["Sid"], Flag.READ)
        single = asked.index if kind is ObjectKind.LIST else asked.key
        if isinstance(single, str):
            return await _single(tx, parent, single)
        return await _page(tx, parent, _window(kind, asked))

    return query_items


async def _single(tx: Tx, parent: Object, name: str) -> ItemPage:
    """The item with this index or key, or nothing: that there is none is no error here (client)."""
    try:
        place = Place(list_items.index(name)) if parent.kind == ObjectKind.LIST.value else Place(0, name)
        return ItemPage([await items.fetch(tx, parent, place)])
    except ApiError as error:
        if error.code != items.CODES[ObjectKind(parent.kind)].missing:
            raise
        return ItemPage([])


def _window(kind: ObjectKind, asked: ItemQuery) -> Window:
    token = asked.page_token if isinstance(asked.page_token, Cursor) else None
    down = token.descending if token else asked.order == "desc"
    order = msgspec.structs.replace(items.BY_PLACE, descending=down)
    size = min(asked.page_size if isinstance(asked.page_size, int) else paging.DEFAULT_SIZE, 100)
    window = Window(order, size, 0, token)
    if not isinstance(asked.start, str):
        return window
    key = (list_items.index(asked.start), "") if kind is ObjectKind.LIST else (0, asked.start)
    return starting(window, key, asked.bounds)


async def _page(tx: Tx, parent: Object, window: Window) -> ItemPage:
    """The page, with a look at whether anything stands before it: clients believe the token (client)."""
    page = window.page(await items.page(tx, parent, window))
    asked = window.cursor.key if window.cursor else None
    first = items.BY_PLACE.key(page.rows[0]) if page.rows else asked
    if first is None:
        return ItemPage(page.rows, page.following)
    before = Cursor(first, True, window.order.descending)
    any_before = await items.page(tx, parent, Window(window.order, 1, 0, before))
    return ItemPage(page.rows, page.following, before if any_before else None)


def put(path: str, action: Any, view: Any, input: type[Any], **more: Any) -> Operation:
    """PUT on an instance: 200, or 201 when there was none."""
    return Operation(Kind.UPDATE, path, action, view, input, verb="PUT", **more)


def remove(path: str, action: Any, view: Any, **more: Any) -> Operation:
    """DELETE that answers what it removed."""
    return Operation(Kind.UPDATE, path, action, view, verb="DELETE", **more)


def _created(made: Put) -> int:
    return 201 if made.created else 200


def _collection(kind: ObjectKind) -> dict[Kind, Any]:
    return {one.kind: one.action for one in collections.operations(kind)}


_LIST, _MAP = _collection(ObjectKind.LIST), _collection(ObjectKind.MAP)
_ROOT = "/Services/{ServiceSid}"
_LISTS, _MAPS, _STREAMS = f"{_ROOT}/Lists", f"{_ROOT}/Maps", f"{_ROOT}/Streams"
_DOCUMENTS = f"{_ROOT}/Documents"

OPERATIONS: tuple[Operation, ...] = (
    create(_DOCUMENTS, documents.create_document, written, documents.CreateDocument),
    fetch(f"{_DOCUMENTS}/{{Sid}}", documents.fetch_document, fetched),
    update(f"{_DOCUMENTS}/{{Sid}}", documents.update_document, written, documents.UpdateDocument),
    delete(f"{_DOCUMENTS}/{{Sid}}", documents.delete_document),
    create(_LISTS, create_list, written, CreateList),
    fetch(f"{_LISTS}/{{Sid}}", _LIST[Kind.FETCH], fetched),
    update(f"{_LISTS}/{{Sid}}", _LIST[Kind.UPDATE], written, collections.UpdateCollection),
    delete(f"{_LISTS}/{{Sid}}", _LIST[Kind.DELETE]),
    fetch(f"{_LISTS}/{{Sid}}/Context", fetch_context, context_view),
    fetch(f"{_LISTS}/{{Sid}}/Items", _querier(ObjectKind.LIST), page_view, input=ItemQuery),
    create(f"{_LISTS}/{{Sid}}/Items", list_items.create_item, written_item, CreateListItem),
    fetch(f"{_LISTS}/{{Sid}}/Items/{{Index}}", list_items.fetch_item, queried_item),
    update(f"{_LISTS}/{{Sid}}/Items/{{Index}}", list_items.update_item, written_item, UpdateListItem),
    remove(f"{_LISTS}/{{Sid}}/Items/{{Index}}", _remover(ObjectKind.LIST), written_item),
    create(_MAPS, _MAP[Kind.CREATE], written, collections.CreateCollection),
    fetch(f"{_MAPS}/{{Sid}}", fetch_map, map_view, input=Included),
    update(f"{_MAPS}/{{Sid}}", _MAP[Kind.UPDATE], written, collections.UpdateCollection),
    delete(f"{_MAPS}/{{Sid}}", _MAP[Kind.DELETE]),
    fetch(f"{_MAPS}/{{Sid}}/Items", _querier(ObjectKind.MAP), page_view, input=ItemQuery),
    create(f"{_MAPS}/{{Sid}}/Items", map_items.create_item, written_item, CreateMapItem),
    fetch(f"{_MAPS}/{{Sid}}/Items/{{Key+}}", map_items.fetch_item, queried_item),
    update(f"{_MAPS}/{{Sid}}/Items/{{Key+}}", map_items.update_item, written_item, UpdateMapItem),
    put(f"{_MAPS}/{{Sid}}/Items/{{Key+}}", put_item, put_view, PutMapItem, outcome=_created),
    remove(f"{_MAPS}/{{Sid}}/Items/{{Key+}}", _remover(ObjectKind.MAP), written_item),
    create(_STREAMS, streams.create_stream, written, streams.CreateStream),
    fetch(f"{_STREAMS}/{{Sid}}", streams.fetch_stream, fetched),
    update(f"{_STREAMS}/{{Sid}}", streams.update_stream, written, streams.UpdateStream),
    delete(f"{_STREAMS}/{{Sid}}", streams.delete_stream),
    create(f"{_STREAMS}/{{Sid}}/Messages", streams.create_message, message_view, streams.CreateMessage),
)


def mount(buckets: Buckets | None) -> Mount:
    """The operations, each within the limits of its class unless there are none."""
    found = OPERATIONS if buckets is None else tuple(limited(one, buckets) for one in OPERATIONS)
    return Mount("cds", "v3", found, codes=Codes(size=54454, token=54453))
