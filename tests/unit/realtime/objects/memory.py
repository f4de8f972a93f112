"""A source of objects as Chat will be one: derived Maps whose SIDs are not stored, ids with gaps, compacted events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call
from trunkline.api.paging import Window
from trunkline.core.access_tokens import Grant
from trunkline.realtime.objects.source import MissedEvents
from trunkline.realtime.objects.types import Denial, ObjectEvent, ObjectItem, ObjectKind, ObjectRoot

T = TypeVar("T")
PATIENCE = 20.0
ACCOUNT_SID = "AC1"


def map_sid(name: str) -> str:
    """Return the SID of a Map, which follows from its name."""
    return "MP" + name.encode().hex().zfill(32)


class MemoryDatabase:
    """A database without tables: a read is the call of its action."""

    name = "memory"

    async def read(self, action: Callable[[Any], Awaitable[T]]) -> T:
        """Run an action."""
        await asyncio.sleep(0)
        return await action(None)

    write = scan = query = read


@dataclass(frozen=True)
class Viewer:
    """A Service and the identity that reads in it."""

    service_sid: str
    identity: str


@dataclass
class Channel:
    """The members of a channel by name, and its changes; the ids come from a counter that channels share."""

    name: str
    members: dict[str, ObjectItem] = field(default_factory=dict)
    log: list[ObjectEvent] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The id of the newest event."""
        return self.log[-1].event_id or 0 if self.log else 0


class MemorySource:
    """The Maps of the members of channels; implements ``ObjectSource``. Members may read. A channel in
    ``secret`` ends subscriptions without a message.
    """

    def __init__(self, service_sid: str) -> None:
        self.service_sid = service_sid
        self.channels: dict[str, Channel] = {}
        self.secret: set[str] = set()
        self._counter = 0

    def change(self, name: str, identity: str, data: str | None) -> ObjectEvent:
        """Let an identity join or change with ``data``, or leave with None. Return the event."""
        channel = self.channels.setdefault(name, Channel(name))
        self._counter += 10
        known = channel.members.get(identity)
        action = "removed" if data is None else "updated" if known else "added"
        event = ObjectEvent(
            type=f"map_item_{action}",
            service_sid=self.service_sid,
            object_sid=map_sid(name),
            unique_name=f"{name}.roster",
            date=self._counter,
            event_id=self._counter,
            previous_id=channel.last,
            object_revision=f"{self._counter:x}",
            item_key=identity,
            item_revision=f"{self._counter:x}",
            data=data or "{}",
        )
        channel.log.append(event)
        if data is None:
            del channel.members[identity]
        else:
            channel.members[identity] = ObjectItem(
                object_sid=map_sid(name),
                account_sid=ACCOUNT_SID,
                service_sid=self.service_sid,
                item_key=identity,
                data=data,
                revision=f"{self._counter:x}",
                last_event_id=self._counter,
                created_by="system",
                date_created=known.date_created if known else self._counter,
                date_updated=self._counter,
            )
        return event

    async def enter(self, tx: Any, call: Call[Any]) -> Viewer:
        """Return the caller."""
        return Viewer(call.path["ServiceSid"], call.principal.identity or "")

    async def viewer(self, tx: Any, service_sid: str, identity: str) -> Viewer:
        """Return the identity."""
        return Viewer(service_sid, identity)

    async def find(self, tx: Any, viewer: Viewer, kind: ObjectKind, name: str) -> ObjectRoot:
        """Return a Map by SID or name, if the viewer is a member."""
        channel = self._channel(name)
        if channel is None or kind is not ObjectKind.MAP or viewer.identity not in channel.members:
            raise ApiError(kind.traits.missing)
        return self._root(channel)

    async def by_sid(self, tx: Any, sid: str) -> ObjectRoot | None:
        """Return a Map."""
        channel = self._channel(sid)
        return None if channel is None else self._root(channel)

    async def item(self, tx: Any, root: ObjectRoot, index: int, key: str) -> ObjectItem | None:
        """Return a member."""
        channel = self._channel(root.sid)
        return channel.members.get(key) if channel else None

    async def items(self, tx: Any, root: ObjectRoot, window: Window) -> list[ObjectItem]:
        """Return members by name."""
        channel = self._channel(root.sid)
        backward = window.cursor is not None and window.cursor.backward
        descending = window.order.descending != backward
        found = sorted(channel.members.values(), key=window.order.key) if channel else []
        if window.cursor:
            at, inclusive = window.cursor.key, window.cursor.inclusive
            found = [
                item
                for item in found
                if (inclusive and window.order.key(item) == at)
                or (window.order.key(item) < at if descending else window.order.key(item) > at)
            ]
        return (found[::-1] if descending else found)[: window.size + 1]

    async def events_after(
        self, tx: Any, root: ObjectRoot, event_id: int, limit: int, since: int
    ) -> MissedEvents:
        """Return the last event of each member after ``event_id``."""
        channel = self._channel(root.sid)
        assert channel is not None
        latest = {event.item_key: event for event in channel.log if (event.event_id or 0) > event_id}
        made, previous = [], event_id
        for key, event in sorted(latest.items(), key=lambda pair: pair[1].event_id or 0):
            member = channel.members.get(key or "")
            action = "removed" if member is None else "added" if member.date_created > since else "updated"
            made.append(msgspec.structs.replace(event, type=f"map_item_{action}", previous_id=previous))
            previous = event.event_id or 0
        return MissedEvents(made[:limit], compacted=True)

    async def newest(self, tx: Any, sids: Sequence[str]) -> dict[str, int]:
        """Return the newest events."""
        return {sid: channel.last for sid in sids if (channel := self._channel(sid)) is not None}

    async def denial(self, tx: Any, service_sid: str, identity: str, sid: str) -> Denial | None:
        """Return a denial unless the identity is a member."""
        channel = self._channel(sid)
        if channel is not None and identity in channel.members:
            return None
        silent = channel is not None and channel.name in self.secret
        return Denial(ApiError(ObjectKind.MAP.traits.missing), silent)

    def _channel(self, name: str) -> Channel | None:
        return next((one for one in self.channels.values() if name in (one.name, map_sid(one.name))), None)

    def _root(self, channel: Channel) -> ObjectRoot:
        return ObjectRoot(
            sid=map_sid(channel.name),
            kind=ObjectKind.MAP,
            account_sid=ACCOUNT_SID,
            service_sid=self.service_sid,
            unique_name=f"{channel.name}.roster",
            revision=f"{channel.last:x}",
            last_event_id=channel.last,
            created_by="system",
            date_created=0,
            date_updated=channel.last,
            links={"items": "Items"},
        )


class Client:
    """A client that is logged in; implements ``Peer`` and collects its notifications."""

    closed = False

    def __init__(self, identity: str, services: dict[str, str], id: str = "") -> None:
        self.id = id or f"connection of {identity}"
        self.endpoint_id = f"endpoint of {identity}"
        self.grant = Grant(ACCOUNT_SID, services, identity, "SK1", 1 << 60)
        self.sent: list[dict[str, Any]] = []

    def send(self, frame: bytes) -> None:
        """Collect a notification."""
        self.sent.append(msgspec.json.decode(frame))

    async def drained(self) -> None:
        """Return at once."""

    def received(self) -> list[tuple[str, Any]]:
        """Return the type of each notification, with the event's id, or the status of an outcome."""
        return [(body["event_type"], _gist(the_event(body))) for body in self.sent]


def the_event(body: dict[str, Any]) -> dict[str, Any]:
    """Return the one event of a notification, which stands where its protocol version has it."""
    if body["event_protocol_version"] == 3:
        assert "events" not in body
        single: dict[str, Any] = body["event"]
        return single
    assert "event" not in body
    (listed,) = body["events"]
    return dict(listed)


def _gist(event: dict[str, Any]) -> Any:
    if "error" in event:
        return event["error"]["code"]
    return event.get("id", event.get("replay_status"))


def frame(message_type: str, payload: bytes) -> bytes:
    """Return a frame that a test can read."""
    return payload


async def until(done: Callable[[], Any]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not done():
            await asyncio.sleep(0)
