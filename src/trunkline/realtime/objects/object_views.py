"""The bodies of objects and items for realtime clients.

They differ from REST in dates with milliseconds and event ids as numbers; data stand in fetched objects and queried
items only, as on the original (client).
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso_milliseconds
from trunkline.realtime.objects.types import ObjectItem, ObjectKind, ObjectRoot, kind_of


def raw(text: str) -> msgspec.Raw:
    """Return stored JSON text as it stands in a response."""
    return msgspec.Raw(text.encode())


def date_or_none(microseconds: int | None) -> str | None:
    """Return a date, or None for never."""
    return None if microseconds is None else iso_milliseconds(microseconds)


def written(root: ObjectRoot, urls: Urls) -> Json:
    """Return an object as a write returns it: without data."""
    path = ("Services", root.service_sid, root.kind.traits.path, root.sid)
    body: Json = {
        "sid": root.sid,
        "unique_name": root.unique_name,
        "account_sid": root.account_sid,
        "service_sid": root.service_sid,
        "url": urls.to(*path),
        "links": urls.links(path, root.links),
        "date_expires": date_or_none(root.date_expires),
        "date_created": iso_milliseconds(root.date_created),
        "date_updated": iso_milliseconds(root.date_updated),
        "created_by": root.created_by,
        "type": root.kind.value,
    }
    if root.kind is not ObjectKind.STREAM:
        body["revision"] = root.revision
        body["last_event_id"] = root.last_event_id
    return body


def fetched(root: ObjectRoot, urls: Urls) -> Json:
    """Return an object as a fetch returns it: a Document with its data."""
    body = written(root, urls)
    if root.kind is ObjectKind.DOCUMENT:
        body["data"] = raw(root.data)
    return body


def context(root: ObjectRoot, urls: Urls) -> Json:
    """Return the context of a List."""
    return {"data": raw(root.data), "last_event_id": root.last_event_id}


def item_path(item: ObjectItem) -> tuple[str, ...]:
    """Return the path segments of an item below the version, percent-encoded."""
    kind = kind_of(item.object_sid)
    name = str(item.item_index) if kind is ObjectKind.LIST else quote(item.item_key, safe="")
    return ("Services", item.service_sid, kind.traits.path, item.object_sid, "Items", name)


def written_item(item: ObjectItem, urls: Urls) -> Json:
    """Return an item as a write returns it: without data."""
    is_list = kind_of(item.object_sid) is ObjectKind.LIST
    position: Json = {"index": item.item_index} if is_list else {"key": item.item_key}
    return {
        **position,
        "list_sid" if is_list else "map_sid": item.object_sid,
        "account_sid": item.account_sid,
        "service_sid": item.service_sid,
        "url": urls.to(*item_path(item)),
        "revision": item.revision,
        "last_event_id": item.last_event_id,
        "date_expires": date_or_none(item.date_expires),
        "date_created": iso_milliseconds(item.date_created),
        "date_updated": iso_milliseconds(item.date_updated),
        "created_by": item.created_by,
    }


def queried_item(item: ObjectItem, urls: Urls) -> Json:
    """Return an item as a query returns it: with its data."""
    return {**written_item(item, urls), "data": raw(item.data)}
