"""The parameters that list items and map items share, and the view of an item."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

import msgspec

from trunkline.api.operation import Call
from trunkline.api.paging import Order
from trunkline.api.params import Given
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.products.sync import revisions, ttl
from trunkline.products.sync.items import Change, Item
from trunkline.realtime.objects.object_views import raw
from trunkline.realtime.objects.types import BY_POSITION

Seconds = Annotated[Given[int | None], ttl.seconds()]


class Lifetimes(Protocol):
    """The times to live that an item's write may carry; ``ItemTtl`` counts before ``Ttl``, ``CollectionTtl`` is for
    the List or Map around it (doc)."""

    @property
    def ttl(self) -> Given[int | None]:
        """The time to live of the item."""
        ...

    @property
    def item_ttl(self) -> Given[int | None]:
        """The time to live of the item."""
        ...

    @property
    def collection_ttl(self) -> Given[int | None]:
        """The time to live of its List or Map."""
        ...


def change(data: str | None, lives: Lifetimes, if_match: int | None = None) -> Change:
    """Return the change that a request makes."""
    return Change(
        data=data,
        ttl=ttl.chosen(lives.item_ttl, lives.ttl),
        collection_ttl=ttl.chosen(lives.collection_ttl),
        if_match=if_match,
    )


def if_match(call: Call[Any]) -> int | None:
    """Return the event id that the request's If-Match requires. Raise ApiError 54003 if it is malformed."""
    return revisions.condition(call.headers.get("if-match"))


def ordering(order: object) -> Order:
    """Return the order of a page of items: ascending unless ``Order`` is ``desc``."""
    return msgspec.structs.replace(BY_POSITION, descending=order == "desc")


def tag(item: Item) -> str:
    """Return the entity tag of an item."""
    return item.revision


def view(item: Item, position: Json, url: str) -> Json:
    """Return the item resource: ``position`` holds its index or key and its List's or Map's SID."""
    return {
        **position,
        "account_sid": item.account_sid,
        "service_sid": item.service_sid,
        "url": url,
        "revision": item.revision,
        "data": raw(item.data),
        "date_expires": None if item.date_expires is None else iso(item.date_expires),
        "date_created": iso(item.date_created),
        "date_updated": iso(item.date_updated),
        "created_by": item.created_by,
    }


def url(item: Item, urls: Urls, kind: str, name: str) -> str:
    """Return the item's absolute URL; ``name`` is percent-encoded already."""
    return urls.to("Services", item.service_sid, kind, item.object_sid, "Items", name)
