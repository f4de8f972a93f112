"""The types of events: the one record of each change of an object, for realtime clients, webhooks and replays."""

from __future__ import annotations

import enum

import msgspec

from trunkline.products.sync.scope import Actor


class EventType(enum.Enum):
    """The vendor's names (doc, client)."""

    DOCUMENT_CREATED = "document_created"
    DOCUMENT_UPDATED = "document_updated"
    DOCUMENT_REMOVED = "document_removed"
    LIST_CREATED = "list_created"
    LIST_REMOVED = "list_removed"
    LIST_ITEM_ADDED = "list_item_added"
    LIST_ITEM_UPDATED = "list_item_updated"
    LIST_ITEM_REMOVED = "list_item_removed"
    MAP_CREATED = "map_created"
    MAP_REMOVED = "map_removed"
    MAP_ITEM_ADDED = "map_item_added"
    MAP_ITEM_UPDATED = "map_item_updated"
    MAP_ITEM_REMOVED = "map_item_removed"
    STREAM_CREATED = "stream_created"
    STREAM_REMOVED = "stream_removed"
    STREAM_MESSAGE_PUBLISHED = "stream_message_published"


class SyncEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one object. Dates are in microseconds; ``data`` is JSON text, of a removed item its last.

    ``object_revision`` is the revision of the Document, List or Map after the change. ``date_expires`` is that of
    the item for item events, else that of the object.
    """

    type: EventType
    account_sid: str
    service_sid: str
    object_sid: str
    unique_name: str | None
    actor: Actor
    date: int
    event_id: int | None = None
    object_revision: str = ""
    item_index: int | None = None
    item_key: str | None = None
    item_revision: str = ""
    data: str | None = None
    date_expires: int | None = None
    message_sid: str | None = None


class Expiry(msgspec.Struct, frozen=True):
    """The announcement of a new expiry date, in microseconds."""

    date: int
