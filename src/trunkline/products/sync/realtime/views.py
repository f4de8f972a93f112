"""The bodies of the v3 resources. They differ from REST in dates with milliseconds and event ids as numbers; data
stand in fetched objects and queried items only, as on the original (client)."""

from __future__ import annotations

import datetime
from functools import lru_cache
from urllib.parse import quote

from trunkline.api.views import Json, Urls
from trunkline.core.clock import SECOND
from trunkline.products.sync.data import raw
from trunkline.products.sync.items import Item
from trunkline.products.sync.objects import Object, ObjectKind


@lru_cache(maxsize=4096)
def _millis(millisecond: int) -> str:
    moment = datetime.datetime.fromtimestamp(millisecond / 1000, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{millisecond % 1000:03d}Z"


def date(microseconds: int) -> str:
    """A date such as ``2026-11-21T01:18:55.867Z``."""
    return _millis(microseconds // (SECOND // 1000))


def date_or_none(microseconds: int | None) -> str | None:
    """A date, or None for never."""
    return None if microseconds is None else date(microseconds)


_LINKS = {
    ObjectKind.DOCUMENT: {"permissions": "Permissions"},
    ObjectKind.LIST: {"items": "Items", "context": "Context", "permissions": "Permissions"},
    ObjectKind.MAP: {"items": "Items", "permissions": "Permissions"},
    ObjectKind.STREAM: {"messages": "Messages"},
}


def written(row: Object, urls: Urls) -> Json:
    """An object as a write answers it: without data."""
    kind = ObjectKind(row.kind)
    place = ("Services", row.service_sid, kind.traits.path, row.sid)
    body: Json = {
        "sid": row.sid,
        "unique_name": row.unique_name,
        "account_sid": row.account_sid,
        "service_sid": row.service_sid,
        "url": urls.to(*place),
        "links": urls.links(place, _LINKS[kind]),
        "date_expires": date_or_none(row.date_expires),
        "date_created": date(row.date_created),
        "date_updated": date(row.date_updated),
        "created_by": row.created_by,
        "type": row.kind,
    }
    if kind is not ObjectKind.STREAM:
        body["revision"] = row.revision
        body["last_event_id"] = row.last_event_id
    return body


def fetched(row: Object, urls: Urls) -> Json:
    """An object as a fetch answers it: a Document with its data."""
    body = written(row, urls)
    if row.kind == ObjectKind.DOCUMENT.value:
        body["data"] = raw(row.data)
    return body


def item_path(item: Item) -> tuple[str, ...]:
    """The path segments of an item below the version, percent-encoded."""
    is_list = item.object_sid.startswith(ObjectKind.LIST.traits.prefix)
    kind = ObjectKind.LIST if is_list else ObjectKind.MAP
    name = str(item.item_index) if is_list else quote(item.item_key, safe="")
    return ("Services", item.service_sid, kind.traits.path, item.object_sid, "Items", name)


def written_item(item: Item, urls: Urls) -> Json:
    """An item as a write answers it: without data."""
    is_list = item.object_sid.startswith(ObjectKind.LIST.traits.prefix)
    place: Json = {"index": item.item_index} if is_list else {"key": item.item_key}
    return {
        **place,
        "list_sid" if is_list else "map_sid": item.object_sid,
        "account_sid": item.account_sid,
        "service_sid": item.service_sid,
        "url": urls.to(*item_path(item)),
        "revision": item.revision,
        "last_event_id": item.last_event_id,
        "date_expires": date_or_none(item.date_expires),
        "date_created": date(item.date_created),
        "date_updated": date(item.date_updated),
        "created_by": item.created_by,
    }


def queried_item(item: Item, urls: Urls) -> Json:
    """An item as a query answers it: with its data."""
    return {**written_item(item, urls), "data": raw(item.data)}
