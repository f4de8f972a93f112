"""The operations by which realtime clients read objects: roots, items, a List's context, and queries of items.

Queries page by tokens. ``previous_token`` and ``next_token`` are set exactly if there are items before the first and
after the last one, also where a query begins with ``From``: clients take them for whether there is more (client).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET

from trunkline.api import paging
from trunkline.api.errors import ApiError
from trunkline.api.operation import Act, Call, Empty, Operation, fetch
from trunkline.api.paging import Cursor, Window
from trunkline.api.params import Given, Parser, choice, integer, named, text
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Tx
from trunkline.realtime.objects import object_views
from trunkline.realtime.objects.source import ObjectSource
from trunkline.realtime.objects.types import BY_POSITION, ObjectItem, ObjectKind, ObjectRoot

INCLUDED_ITEMS = 100
"""The most items that a Map's fetch includes (inferred)."""
MAX_PAGE = 100
INVALID_INDEX = 54458
INVALID_TOKEN = 54453

ORDER: Parser = choice("asc", "desc", code=54451)
TOKEN = Parser(lambda _, value: paging.decode(value, INVALID_TOKEN), clears=True)
BOUNDS: Parser = choice("inclusive", "exclusive", code=54452)

V = TypeVar("V")


class MapQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of a Map's fetch."""

    include: Annotated[Given[str | None], text(clears=True)] = UNSET


class ItemQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of items: one by index or key, or a page of them."""

    index: Annotated[Given[str | None], text(clears=True)] = UNSET
    key: Annotated[Given[str | None], text(clears=True)] = UNSET
    start: Annotated[Given[str | None], text(clears=True), named("From")] = UNSET
    order: Annotated[Given[str], ORDER] = UNSET
    bounds: Annotated[Given[str], BOUNDS] = UNSET
    page_size: Annotated[Given[int], integer(1, 1000, code=54454)] = UNSET
    page_token: Annotated[Given[Cursor | None], TOKEN] = UNSET


class ItemPage(msgspec.Struct, frozen=True):
    """A page of items, and the cursors of its neighbours, if there are any."""

    items: Sequence[ObjectItem]
    following: Cursor | None = None
    previous: Cursor | None = None


class MapWithItems(msgspec.Struct, frozen=True):
    """A Map, with its first items if the query includes them."""

    root: ObjectRoot
    items: Sequence[ObjectItem] | None


def item_index(value: str) -> int:
    """Return the index that ``value`` writes; one that is larger than any stays so. Raise ApiError 54458 if it is no
    non-negative integer."""
    index = paging.natural(value)
    if index is None:
        raise ApiError(INVALID_INDEX)
    return index


def starting(window: Window, start: paging.Key | None, bounds: object) -> Window:
    """Return the window that begins at ``From``, which need not exist; a page token supersedes it."""
    if start is None or window.cursor is not None:
        return window
    return msgspec.structs.replace(window, cursor=Cursor(start, inclusive=bounds != "exclusive"))


def page_view(page: ItemPage, urls: Urls) -> Json:
    """Return a page of items."""
    return {
        "items": [object_views.queried_item(item, urls) for item in page.items],
        "meta": {
            "key": "items",
            "next_token": page.following and paging.encode(page.following),
            "previous_token": page.previous and paging.encode(page.previous),
        },
    }


def map_view(found: MapWithItems, urls: Urls) -> Json:
    """Return a Map as a fetch returns it."""
    body = object_views.fetched(found.root, urls)
    if found.items is not None:
        body["items"] = [object_views.queried_item(item, urls) for item in found.items]
    return body


class ObjectReads(Generic[V]):
    """The reads of one source's objects."""

    def __init__(self, source: ObjectSource[V]) -> None:
        self._source = source

    def operations(self) -> tuple[Operation, ...]:
        """Return the operations, for a mount of version ``v3``."""
        root = "/Services/{ServiceSid}"
        lists, maps = f"{root}/Lists/{{Sid}}", f"{root}/Maps/{{Sid}}"
        return (
            fetch(f"{root}/Documents/{{Sid}}", self._root(ObjectKind.DOCUMENT), object_views.fetched),
            fetch(lists, self._root(ObjectKind.LIST), object_views.fetched),
            fetch(f"{lists}/Context", self._root(ObjectKind.LIST), object_views.context),
            fetch(f"{lists}/Items", self._query(ObjectKind.LIST), page_view, input=ItemQuery, pages=True),
            fetch(f"{lists}/Items/{{Index}}", self._item(ObjectKind.LIST), object_views.queried_item),
            fetch(maps, self._fetch_map, map_view, input=MapQuery, pages=True),
            fetch(f"{maps}/Items", self._query(ObjectKind.MAP), page_view, input=ItemQuery, pages=True),
            fetch(f"{maps}/Items/{{Key+}}", self._item(ObjectKind.MAP), object_views.queried_item),
            fetch(f"{root}/Streams/{{Sid}}", self._root(ObjectKind.STREAM), object_views.fetched),
        )

    async def _find(self, tx: Tx, call: Call[Any], kind: ObjectKind) -> ObjectRoot:
        return await self._source.find(tx, await self._source.enter(tx, call), kind, call.path["Sid"])

    def _root(self, kind: ObjectKind) -> Act:
        async def fetch_root(tx: Tx, call: Call[Empty]) -> ObjectRoot:
            return await self._find(tx, call, kind)

        return fetch_root

    def _item(self, kind: ObjectKind) -> Act:
        async def fetch_item(tx: Tx, call: Call[Empty]) -> ObjectItem:
            root = await self._find(tx, call, kind)
            name = call.path["Index" if kind is ObjectKind.LIST else "Key"]
            found = await self._source.item(tx, root, *_position(kind, name))
            if found is None:
                raise ApiError(kind.traits.missing_item)
            return found

        return fetch_item

    async def _fetch_map(self, tx: Tx, call: Call[MapQuery]) -> MapWithItems:
        root = await self._find(tx, call, ObjectKind.MAP)
        if call.input.include != "items":
            return MapWithItems(root, None)
        window = Window(BY_POSITION, INCLUDED_ITEMS)
        return MapWithItems(root, window.page(await self._source.items(tx, root, window)).rows)

    def _query(self, kind: ObjectKind) -> Act:
        async def query_items(tx: Tx, call: Call[ItemQuery]) -> ItemPage:
            query = call.input
            root = await self._find(tx, call, kind)
            name = query.index if kind is ObjectKind.LIST else query.key
            if isinstance(name, str):
                return await self._single(tx, root, name)
            return await self._page(tx, root, _window(kind, query))

        return query_items

    async def _single(self, tx: Tx, root: ObjectRoot, name: str) -> ItemPage:
        """Return the item with this index or key, or none: that is no error here (client)."""
        try:
            position = _position(root.kind, name)
        except ApiError as error:
            if error.code != root.kind.traits.missing_item:
                raise
            return ItemPage([])
        found = await self._source.item(tx, root, *position)
        return ItemPage([] if found is None else [found])

    async def _page(self, tx: Tx, root: ObjectRoot, window: Window) -> ItemPage:
        """Return the page, and read whether there are items before it: clients rely on the token (client)."""
        page = window.page(await self._source.items(tx, root, window))
        before = page.previous
        if page.rows:
            before = Cursor(BY_POSITION.key(page.rows[0]), True, window.order.descending)
        if before is None:
            return ItemPage(page.rows, page.following)
        back = Window(window.order, 1, 0, before)
        earlier = back.page(await self._source.items(tx, root, back))
        return ItemPage(page.rows, page.following, before if earlier.rows or earlier.previous else None)


def _position(kind: ObjectKind, name: str) -> tuple[int, str]:
    return (item_index(name), "") if kind is ObjectKind.LIST else (0, name)


def _window(kind: ObjectKind, query: ItemQuery) -> Window:
    token = query.page_token if isinstance(query.page_token, Cursor) else None
    descending = token.descending if token else query.order == "desc"
    order = msgspec.structs.replace(BY_POSITION, descending=descending)
    size = min(query.page_size if isinstance(query.page_size, int) else paging.DEFAULT_SIZE, MAX_PAGE)
    window = Window(order, size, 0, token)
    if not isinstance(query.start, str):
        return window
    return starting(window, _position(kind, query.start), query.bounds)
