"""The objects that clients subscribe to: kinds, roots, items and events. Pure.

An object is a Document, a List, a Map or a Stream. Its SID is its topic; a source may store SIDs or derive them, and
may store objects or derive them from other rows. Every change of an object is an event with an id that rises within
the object. Ids have no gaps unless events carry ``previous_id``.
"""

from __future__ import annotations

import enum
import re

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.paging import Order

SID_SHAPE = re.compile(r"[A-Z]{2}[a-f0-9]{32}")
"""The form of a SID where a unique name is possible too (client)."""

BY_POSITION = Order("item_index", "item_key", chosen=True)
"""The order of items: by index in a List, by key in a Map."""


class ObjectTraits(msgspec.Struct, frozen=True):
    """The SID prefix of a kind, its path segment, and the error codes for an unknown SID and an unknown item."""

    prefix: str
    path: str
    missing: int
    missing_item: int = 0


class ObjectKind(enum.Enum):
    """The four kinds of objects; unique names are unique within one (inferred)."""

    DOCUMENT = "document"
    LIST = "list"
    MAP = "map"
    STREAM = "stream"

    @property
    def traits(self) -> ObjectTraits:
        """The differences between the kinds."""
        return _TRAITS[self]


_TRAITS = {
    ObjectKind.DOCUMENT: ObjectTraits("ET", "Documents", 54100),
    ObjectKind.LIST: ObjectTraits("ES", "Lists", 54150, 54151),
    ObjectKind.MAP: ObjectTraits("MP", "Maps", 54200, 54201),
    ObjectKind.STREAM: ObjectTraits("TO", "Streams", 54250),
}
_BY_PREFIX = {kind.traits.prefix: kind for kind in ObjectKind}


def kind_of(sid: str) -> ObjectKind:
    """Return the kind of the object with this SID."""
    return _BY_PREFIX[sid[:2]]


def check_sid(kind: ObjectKind, sid: str) -> None:
    """Raise the ApiError for an unknown object of this kind unless ``sid`` has the form of its SIDs."""
    if not (SID_SHAPE.fullmatch(sid) and sid.startswith(kind.traits.prefix)):
        raise ApiError(kind.traits.missing)


def gone(sid: str) -> ApiError:
    """Return the error for subscribers of an object that no longer exists."""
    return ApiError(kind_of(sid).traits.missing)


class ObjectRoot(msgspec.Struct, frozen=True, kw_only=True):
    """An object without its items. ``data`` is JSON text: of a Document, or the context of a List. ``links`` maps the
    names of resources below it to their path segments. Dates are in microseconds."""

    sid: str
    kind: ObjectKind
    account_sid: str
    service_sid: str
    unique_name: str | None
    revision: str
    last_event_id: int
    created_by: str
    date_created: int
    date_updated: int
    date_expires: int | None = None
    data: str = "{}"
    links: dict[str, str] = {}


class ObjectItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item of a List, with an index and no key, or of a Map, with a key and index 0. ``data`` is JSON text."""

    object_sid: str
    account_sid: str
    service_sid: str
    item_index: int = 0
    item_key: str = ""
    data: str
    revision: str
    last_event_id: int
    created_by: str
    date_created: int
    date_updated: int
    date_expires: int | None = None


class ObjectEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an object. ``type`` is the vendor's name, such as ``map_item_added``; ``data`` is JSON text, of a
    removed item its last.

    ``event_id`` is None for events that no log keeps, such as those of Streams. ``previous_id`` is the id of the
    object's event before this one, None for ``event_id`` - 1. ``connection`` is the author's: its connection does not
    receive the event; a source whose authors receive their own changes leaves it empty.
    """

    type: str
    service_sid: str
    object_sid: str
    unique_name: str | None
    date: int
    event_id: int | None = None
    previous_id: int | None = None
    object_revision: str = ""
    item_index: int | None = None
    item_key: str | None = None
    item_revision: str = ""
    data: str | None = None
    date_expires: int | None = None
    message_sid: str | None = None
    connection: str = ""

    @property
    def kind(self) -> str:
        """The object's kind."""
        return self.type.partition("_")[0]


class Denial(msgspec.Struct, frozen=True):
    """The reason why an identity may not read an object. A ``silent`` one ends a subscription without a message."""

    error: ApiError
    silent: bool = False
