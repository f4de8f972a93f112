"""Streams (TO…) and their messages (TZ…), which are delivered to present subscribers and stored nowhere."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.api.params import Given, required
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.core.storage.list_query import WalkResult
from trunkline.products.sync import objects, ttl
from trunkline.products.sync.collections import set_ttl
from trunkline.products.sync.data import MAX_MESSAGE_BYTES, payload
from trunkline.products.sync.event_log import record
from trunkline.products.sync.event_types import EventType
from trunkline.products.sync.objects import Creation, Object, unique_name
from trunkline.products.sync.scope import Scope, enter
from trunkline.realtime.objects.object_views import raw
from trunkline.realtime.objects.types import ObjectKind

INVALID_MESSAGE = 54251


class CreateStream(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a new Stream."""

    unique_name: Annotated[Given[str], unique_name()] = UNSET
    ttl: Annotated[Given[int | None], ttl.seconds()] = UNSET


class UpdateStream(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of an update."""

    ttl: Annotated[Given[int | None], ttl.seconds()] = UNSET


class CreateStreamMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a Stream Message: at most 4 KiB of data (doc)."""

    data: Annotated[Given[str], payload(INVALID_MESSAGE, MAX_MESSAGE_BYTES), required(INVALID_MESSAGE)] = (
        UNSET
    )


class StreamMessage(msgspec.Struct, frozen=True):
    """A published message."""

    sid: str
    data: str


def view(row: Object, urls: Urls) -> Json:
    """Return the Stream resource."""
    path = ("Services", row.service_sid, "Streams", row.sid)
    return {
        "sid": row.sid,
        "unique_name": row.unique_name,
        "account_sid": row.account_sid,
        "service_sid": row.service_sid,
        "url": urls.to(*path),
        "links": urls.links(path, {"messages": "Messages"}),
        "date_expires": None if row.date_expires is None else iso(row.date_expires),
        "date_created": iso(row.date_created),
        "date_updated": iso(row.date_updated),
        "created_by": row.created_by,
    }


def message_view(message: StreamMessage, _: Urls) -> Json:
    """Return the Stream Message resource."""
    return {"sid": message.sid, "data": raw(message.data)}


async def publish(tx: Tx, scope: Scope, name: str, data: str) -> StreamMessage:
    """Deliver a message to the present subscribers. Raise ApiError 54250 or 54300."""
    stream = await objects.find(tx, scope, ObjectKind.STREAM, name)
    message = StreamMessage(new_sid("TZ"), data)
    event = objects.event(stream, scope.actor, EventType.STREAM_MESSAGE_PUBLISHED, tx.now)
    await record(tx, scope.service, msgspec.structs.replace(event, data=data, message_sid=message.sid))
    return message


async def create_stream(tx: Tx, call: Call[CreateStream]) -> Object:
    """Create a Stream. Raise ApiError 54301 if the name is in use."""
    creation = Creation(unique_name=call.input.unique_name or None, ttl=ttl.chosen(call.input.ttl))
    return await objects.create(tx, await enter(tx, call), ObjectKind.STREAM, creation)


async def fetch_stream(tx: Tx, call: Call[Empty]) -> Object:
    """Return a Stream."""
    return await objects.find(tx, await enter(tx, call), ObjectKind.STREAM, call.path["Sid"])


async def page_streams(tx: Tx, call: Call[Empty]) -> WalkResult[Object]:
    """Return the Service's Streams."""
    return await objects.page(tx, await enter(tx, call), ObjectKind.STREAM, call.window)


async def update_stream(tx: Tx, call: Call[UpdateStream]) -> Object:
    """Set a Stream's time to live."""
    seconds = ttl.chosen(call.input.ttl)
    return await set_ttl(tx, await enter(tx, call), ObjectKind.STREAM, call.path["Sid"], seconds)


async def delete_stream(tx: Tx, call: Call[Empty]) -> bool:
    """Remove a Stream."""
    return await objects.remove(tx, await enter(tx, call), ObjectKind.STREAM, call.path["Sid"])


async def create_message(tx: Tx, call: Call[CreateStreamMessage]) -> StreamMessage:
    """Publish a message."""
    return await publish(tx, await enter(tx, call), call.path["Sid"], call.input.data or "")


_ALL = "/Services/{ServiceSid}/Streams"
_ONE = "/Services/{ServiceSid}/Streams/{Sid}"

OPERATIONS: tuple[Operation, ...] = (
    create(_ALL, create_stream, view, CreateStream),
    listing(_ALL, "streams", page_streams, view, maximum=100),
    fetch(_ONE, fetch_stream, view),
    update(_ONE, update_stream, view, UpdateStream),
    delete(_ONE, delete_stream),
    create(f"{_ONE}/Messages", create_message, message_view, CreateStreamMessage),
)
