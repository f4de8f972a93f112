"""The notifications of changes and of the outcomes of subscriptions.

Live events of Documents, Lists and Maps go under message types of their own; Stream messages, replays and outcomes
under ``twilio.sync.event``, which clients take as strictly ordered (client).

A notification has one event, in the form of its subscription's protocol version: clients that request version 3 read
it as ``event``, those of version 4 a list, ``events`` (client).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
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
_CORRELATION = b'"correlation_id":'

MakeFrame = Callable[[str, bytes], bytes]
"""A function that makes a frame from a message type and a JSON payload, which stands in it as it is."""

SINGLE = 3
"""The protocol version in which a notification has its event by itself."""
LISTED = 4
"""The protocol version in which a notification has a list of events."""
BASE = "https://cds.us1.twilio.com/v3"
"""The start of the URLs in events: clients send later requests there, and only the path counts (client)."""

_NARROW = 16
"""The least length of a correlation id in a replay: JavaScript clients send a time in milliseconds (client)."""

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


def version_of(_: str, requested: str) -> int:
    """Return the protocol version for the one that a client requests. An older one than 4 means 3; a newer one, or a
    text that is no number, means 4: an error would make clients repeat their batch for ever (client)."""
    try:
        return SINGLE if float(requested) < LISTED else LISTED
    except ValueError:
        return LISTED


def live(event: ObjectEvent, version: int) -> bytes:
    """Return the notification of a live event."""
    content = _versioned(version, described(event))
    return msgspec.json.encode({"event_type": event.type, **content, "strictly_ordered": False})


class EventFrame(NamedTuple):
    """A frame of bytes that stand before and after the correlation id of a request."""

    head: bytes
    tail: bytes


def replayed(event: ObjectEvent, version: int, width: int, frame: MakeFrame) -> EventFrame:
    """Return the frame of an event that clients missed; the correlation id, which differs, has ``width`` bytes."""
    content = _versioned(version, described(event))
    body = {"event_type": event.type, "correlation_id": msgspec.Raw(b" " * width), **content}
    payload = msgspec.json.encode(body)
    made = frame(ORDERED, payload)
    at = made.index(payload) + payload.index(_CORRELATION) + len(_CORRELATION)
    return EventFrame(made[:at], made[at + width :])


def noop(event: ObjectEvent, version: int) -> bytes:
    """Return the notification that only advances an author's event id: it does not receive its own change (client)."""
    kind = event.kind
    body: Json = {
        "id": event.event_id,
        f"{kind}_sid": event.object_sid,
        f"{kind}_revision": event.object_revision,
    }
    return msgspec.json.encode({"event_type": f"{kind}_noop", **_versioned(version, body)})


def correlation(correlation_id: Any) -> bytes:
    """Return a correlation id as JSON, filled up with blanks to one of few lengths: so frames can be shared."""
    text = msgspec.json.encode(correlation_id)
    return text.ljust(max(_NARROW, 1 << (len(text) - 1).bit_length()))


class Outcome(msgspec.Struct, frozen=True):
    """The notifications of a request for a subscription: the SID and kind of its object, as requested, the protocol
    version, and the correlation id, None for changes that nobody requested."""

    sid: str
    kind: str | msgspec.Raw
    version: int
    correlation_id: Any = None

    def established(self, last_event_id: int | None, *, interrupted: bool = False) -> bytes:
        """Return the notification of a new subscription whose client has all events up to ``last_event_id``."""
        status = "interrupted" if interrupted else "completed"
        return self._of("subscription_established", replay_status=status, last_event_id=last_event_id)

    def failed(self, error: ApiError) -> bytes:
        """Return the notification of a subscription that is refused or has ended: 404 for an object that is gone, 403
        without permission (client)."""
        reason = {"status": error.status, "code": error.code, "message": error.message}
        return self._of("subscription_failed", error=reason)

    def canceled(self) -> bytes:
        """Return the notification of a cancelled subscription; if it is uncorrelated, the client subscribes again at
        once (client)."""
        return self._of("subscription_canceled")

    def _of(self, event_type: str, **more: Any) -> bytes:
        return self._correlated(event_type, {"object_sid": self.sid, "object_type": self.kind, **more})

    def _correlated(self, event_type: str, body: Json) -> bytes:
        content = _versioned(self.version, body)
        return msgspec.json.encode(
            {"event_type": event_type, "correlation_id": self.correlation_id, **content}
        )


def _versioned(version: int, body: Json) -> Json:
    event: Json = {"event": body} if version == SINGLE else {"events": [body]}
    return {"event_protocol_version": version, **event}
