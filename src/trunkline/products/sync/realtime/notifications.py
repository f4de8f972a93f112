"""How events read for realtime clients: the notification of a change, and the outcomes of subscriptions. Pure.

Live events of Documents, Lists and Maps go under message types of their own; Stream messages, replays and outcomes
under ``twilio.sync.event``, which clients take as strictly ordered (client).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.views import Json
from trunkline.products.sync.data import raw
from trunkline.products.sync.events import EventType, SyncEvent
from trunkline.products.sync.realtime.views import date, date_or_none
from trunkline.products.sync.revisions import collection_revision

ORDERED = "twilio.sync.event"
_LIVE = {
    "document": "com.twilio.rtd.cds.document",
    "list": "com.twilio.rtd.cds.list",
    "map": "com.twilio.rtd.cds.map",
    "stream": ORDERED,
}
VERSION = 4
BASE = "https://cds.us1.twilio.com/v3"
"""Where the URLs in events begin: clients send later requests there, and only the path counts (client)."""

_ITEM = {"list": ("list", "Lists", "item_index"), "map": ("map", "Maps", "item_key")}


def message_type(event: SyncEvent) -> str:
    """Under which type a live event is sent."""
    return _LIVE[event.type.value.partition("_")[0]]


def described(event: SyncEvent) -> Json:
    """The event as clients need it (client)."""
    kind, _, what = event.type.value.partition("_")
    body: Json = {"date_created": date(event.date), f"{kind}_sid": event.object_sid}
    if event.event_id is not None:
        body["id"] = event.event_id
    if what.startswith("item_"):
        body.update(_item(event, kind, what))
    elif event.type is EventType.DOCUMENT_UPDATED:
        body["document_revision"] = event.object_revision
        body["document_data"] = raw(event.data or "{}")
        body["date_expires"] = date_or_none(event.date_expires)
        body["document_unique_name"] = event.unique_name
    elif event.type is EventType.DOCUMENT_REMOVED:
        body["document_unique_name"] = event.unique_name
    elif event.type is EventType.STREAM_MESSAGE_PUBLISHED:
        body["message_sid"] = event.message_sid
        body["message_data"] = raw(event.data or "{}")
    return body


def _item(event: SyncEvent, kind: str, what: str) -> Json:
    kind, path, member = _ITEM[kind]
    place: Any = event.item_index if kind == "list" else event.item_key
    body: Json = {
        member: place,
        "item_data": raw(event.data or "{}"),
        "item_revision": event.item_revision,
        f"{kind}_revision": event.object_revision,
    }
    if what != "item_removed":
        body["date_expires"] = date_or_none(event.date_expires)
        name = quote(str(place), safe="")
        body["item_url"] = f"{BASE}/Services/{event.service_sid}/{path}/{event.object_sid}/Items/{name}"
    return body


def live(event: SyncEvent) -> bytes:
    """The notification of a live event."""
    return msgspec.json.encode(
        {
            "event_type": event.type.value,
            "event_protocol_version": VERSION,
            "events": [described(event)],
            "strictly_ordered": False,
        }
    )


def replayed(event: SyncEvent, correlation_id: Any) -> bytes:
    """The notification of an event that a client missed."""
    return _correlated(event.type.value, correlation_id, [described(event)])


def noop(kind: str, object_sid: str, event_id: int) -> bytes:
    """Moves the author's own event id on, and does nothing else: it is not told of its own change (client)."""
    body = {"id": event_id, f"{kind}_sid": object_sid, f"{kind}_revision": collection_revision(event_id)}
    return msgspec.json.encode(
        {"event_type": f"{kind}_noop", "event_protocol_version": VERSION, "events": [body]}
    )


def established(
    subjects: Sequence[tuple[str, str, int | None]], correlation_id: Any, *, interrupted: bool = False
) -> bytes:
    """Subscriptions stand: of each its object's SID, kind and the event up to which the client has all."""
    status = "interrupted" if interrupted else "completed"
    events = [
        {"object_sid": sid, "object_type": kind, "replay_status": status, "last_event_id": last}
        for sid, kind, last in subjects
    ]
    return _correlated("subscription_established", correlation_id, events)


def failed(sid: str, kind: str, error: ApiError, correlation_id: Any) -> bytes:
    """A subscription cannot be, or has ended: 404 for an object that is gone, 403 without permission (client)."""
    reason = {"status": error.status, "code": error.code, "message": error.message}
    return _correlated(
        "subscription_failed", correlation_id, [{"object_sid": sid, "object_type": kind, "error": reason}]
    )


def canceled(sid: str, kind: str, correlation_id: Any) -> bytes:
    """A subscription has ended; uncorrelated, the client begins it anew at once (client)."""
    return _correlated("subscription_canceled", correlation_id, [{"object_sid": sid, "object_type": kind}])


def _correlated(kind: str, correlation_id: Any, events: Sequence[Json]) -> bytes:
    return msgspec.json.encode(
        {
            "event_type": kind,
            "correlation_id": correlation_id,
            "event_protocol_version": VERSION,
            "events": events,
        }
    )
