"""The notifications of changes and of the outcomes of subscriptions.

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
from trunkline.core.dates import iso_milliseconds
from trunkline.realtime.objects.object_views import date_or_none, raw
from trunkline.realtime.objects.types import ObjectEvent

ORDERED = "twilio.sync.event"
_LIVE = {
    "document": "com.twilio.rtd.cds.document",
    "list": "com.twilio.rtd.cds.list",
    "map": "com.twilio.rtd.cds.map",
    "stream": ORDERED,
}
VERSION = 4
BASE = "https://cds.us1.twilio.com/v3"
"""The start of the URLs in events: clients send later requests there, and only the path counts (client)."""

_ITEM = {"list": ("list", "Lists", "item_index"), "map": ("map", "Maps", "item_key")}


def message_type(event: ObjectEvent) -> str:
    """Return the message type of a live event."""
    return _LIVE[event.kind]


def described(event: ObjectEvent) -> Json:
    """Return the body of an event."""
    kind, _, what = event.type.partition("_")
    body: Json = {"date_created": iso_milliseconds(event.date), f"{kind}_sid": event.object_sid}
    if event.event_id is not None:
        body["id"] = event.event_id
    if what.startswith("item_"):
        body.update(_item(event, kind, what))
    elif event.type == "document_updated":
        body["document_revision"] = event.object_revision
        body["document_data"] = raw(event.data or "{}")
        body["date_expires"] = date_or_none(event.date_expires)
        body["document_unique_name"] = event.unique_name
    elif event.type == "document_removed":
        body["document_unique_name"] = event.unique_name
    elif event.type == "stream_message_published":
        body["message_sid"] = event.message_sid
        body["message_data"] = raw(event.data or "{}")
    return body


def _item(event: ObjectEvent, kind: str, what: str) -> Json:
    kind, path, member = _ITEM[kind]
    position: Any = event.item_index if kind == "list" else event.item_key
    body: Json = {
        member: position,
        "item_data": raw(event.data or "{}"),
        "item_revision": event.item_revision,
        f"{kind}_revision": event.object_revision,
    }
    if what != "item_removed":
        body["date_expires"] = date_or_none(event.date_expires)
        name = str(position) if kind == "list" else quote(str(position), safe="")
        body["item_url"] = f"{BASE}/Services/{event.service_sid}/{path}/{event.object_sid}/Items/{name}"
    return body


def live(event: ObjectEvent) -> bytes:
    """Return the notification of a live event."""
    return msgspec.json.encode(
        {
            "event_type": event.type,
            "event_protocol_version": VERSION,
            "events": [described(event)],
            "strictly_ordered": False,
        }
    )


def replayed(event: ObjectEvent, correlation_id: Any) -> bytes:
    """Return the notification of an event that a client missed."""
    return _correlated(event.type, correlation_id, [described(event)])


def noop(event: ObjectEvent) -> bytes:
    """Return the notification that only advances an author's event id: it does not receive its own change (client)."""
    kind = event.kind
    body = {
        "id": event.event_id,
        f"{kind}_sid": event.object_sid,
        f"{kind}_revision": event.object_revision,
    }
    return msgspec.json.encode(
        {"event_type": f"{kind}_noop", "event_protocol_version": VERSION, "events": [body]}
    )


def established(
    subjects: Sequence[tuple[str, str, int | None]], correlation_id: Any, *, interrupted: bool = False
) -> bytes:
    """Return the notification of new subscriptions: the SID and kind of each object, and the last event that the
    client has."""
    status = "interrupted" if interrupted else "completed"
    events = [
        {"object_sid": sid, "object_type": kind, "replay_status": status, "last_event_id": last}
        for sid, kind, last in subjects
    ]
    return _correlated("subscription_established", correlation_id, events)


def failed(sid: str, kind: str, error: ApiError, correlation_id: Any) -> bytes:
    """Return the notification of a subscription that is refused or has ended: 404 for an object that is gone, 403
    without permission (client)."""
    reason = {"status": error.status, "code": error.code, "message": error.message}
    return _correlated(
        "subscription_failed", correlation_id, [{"object_sid": sid, "object_type": kind, "error": reason}]
    )


def canceled(sid: str, kind: str, correlation_id: Any) -> bytes:
    """Return the notification of a cancelled subscription; if it is uncorrelated, the client subscribes again at once
    (client)."""
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
