"""Sync's realtime side over a real database, with connections that keep what they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from trunkline.api import params
from trunkline.core.access_tokens import Grant
from trunkline.core.storage.database import Tx
from trunkline.products.sync import items, objects
from trunkline.products.sync.items import Change, Item, ItemPosition
from trunkline.products.sync.objects import Creation, Object
from trunkline.products.sync.realtime.product import SyncRealtime, fields
from trunkline.products.sync.scope import Actor, Scope
from trunkline.realtime.objects.subscriptions import SubscriptionBatch, SubscriptionLimits, Subscriptions
from trunkline.realtime.objects.types import ObjectKind
from unit.products.sync.world import ACCOUNT_SID, World
from unit.realtime.objects.memory import the_event

PATIENCE = 20.0
NOBODY = Actor()


def frame(message_type: str, payload: bytes) -> bytes:
    """Return a frame that a test can read."""
    return msgspec.json.encode([message_type, msgspec.Raw(payload)])


class Connection:
    """A client that is logged in; implements ``Peer``."""

    closed = False

    def __init__(self, id: str, service_sid: str, identity: str = "alice", endpoint: str = "") -> None:
        self.id = id
        self.endpoint_id = endpoint or f"endpoint of {id}"
        self.grant = Grant(ACCOUNT_SID, {"data_sync": service_sid}, identity, "SK1", 1 << 60)
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, frame: bytes) -> None:
        """Keep it."""
        self.sent.append(tuple(msgspec.json.decode(frame)))

    async def drained(self) -> None:
        """Return at once: the client reads everything."""

    def events(self) -> list[tuple[str, Any]]:
        """Return the messages that were sent, as event types with the id, or for outcomes the status of each."""
        return [(body["event_type"], _gist(the_event(body))) for _, body in self.sent]


def _gist(event: dict[str, Any]) -> Any:
    if "error" in event:
        return event["error"]["code"]
    return event.get("id", event.get("replay_status"))


class Table:
    """The desk and the live events of one node, with what the database announces led to them."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.sync = SyncRealtime(here.database, frame)
        self.live = self.sync.delivery
        self.subscriptions = Subscriptions(self.live, here.database, SubscriptionLimits())
        here.database.listen(self._handle)

    def limit(self, **limits: int) -> None:
        """Set limits of subscriptions."""
        self.subscriptions = Subscriptions(self.live, self.here.database, SubscriptionLimits(**limits))

    def _handle(self, announcements: list[Any]) -> None:
        for announcement in announcements:
            self.sync.handle(announcement, True)

    def connect(self, id: str = "one", identity: str = "alice", endpoint: str = "") -> Connection:
        """Return a new connection."""
        made = Connection(id, self.here.scope.service.sid, identity, endpoint)
        self.live.connected(made)
        return made

    async def establish(
        self, peer: Connection, *subjects: dict[str, Any], correlation_id: Any = 1, **more: Any
    ) -> None:
        """Send a batch."""
        batch = {"action": "establish", "correlation_id": correlation_id, "requests": subjects, **more}
        await self.take(peer, msgspec.json.encode(batch))

    async def take(self, peer: Connection, body: bytes) -> None:
        """Carry out the body of a request."""
        batch = params.read(SubscriptionBatch, (), fields(body))
        await self.subscriptions.handle(peer, self.here.scope.service.sid, batch)

    async def create(self, kind: ObjectKind, identity: str | None = None) -> Object:
        """Return a new object."""
        scope = Scope(self.here.scope.service, Actor(identity))
        return await self.here.database.write(lambda tx: objects.create(tx, scope, kind, Creation()))

    async def push(self, sid: str, data: str = "{}", actor: Actor = NOBODY) -> Item:
        """Return a new list item."""
        scope = Scope(self.here.scope.service, actor)
        return await self.here.database.write(lambda tx: items.push(tx, scope, sid, Change(data=data)))

    async def remove(self, sid: str, index: int) -> Item:
        """Remove a list item."""
        scope, place = self.here.scope, ItemPosition(index)
        return await self.here.database.write(
            lambda tx: items.remove(tx, scope, ObjectKind.LIST, sid, place, None)
        )

    async def forget(self, sid: str, up_to: int) -> None:
        """Take an object's events up to this one out of the log."""

        async def trim(tx: Tx) -> int:
            return await tx.run(
                "DELETE FROM sync_events WHERE object_sid = :sid AND event_id <= :up_to", sid=sid, up_to=up_to
            )

        await self.here.database.write(trim)


def subject(row: Object, last_event_id: int | None = None) -> dict[str, Any]:
    """Return an entry of a batch."""
    return {"object_sid": row.sid, "object_type": row.kind, "last_event_id": last_event_id}


async def until(done: Callable[[], Any]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not done():
            await asyncio.sleep(0)
