"""Requests to ``/v4/Subscriptions``: begin and end subscriptions to objects.

The outcome of each subscription is a notification, behind what the client missed; the answer to the request follows
when all have theirs, and clients take it in either order (client). One object's trouble never fails the others:
clients would repeat the whole batch for ever (client).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from trunkline.api.errors import ApiError
from trunkline.core.storage.database import Database
from trunkline.products.sync.objects import ObjectKind
from trunkline.products.sync.realtime import log, notifications
from trunkline.products.sync.realtime.live import Live, MakeFrame
from trunkline.realtime.border import Peer

MAX_SUBSCRIPTIONS = 2000
"""On one connection (doc)."""
MAX_BATCH = 100
DRAIN_EVERY = 16
"""Replayed events between two looks at whether the client reads: 16 times 16 KiB stay far below its queue's bound."""
PATIENCE_MS = 3000
"""How long a client waits for an outcome before it asks again."""


class Subject(msgspec.Struct, frozen=True):
    """One object of a batch; ``last_event_id`` is the newest that the client knows, None for nothing to replay."""

    object_sid: str
    object_type: str
    last_event_id: int | None = None


class Batch(msgspec.Struct, frozen=True):
    """The body of a request. ``correlation_id`` is echoed as it came: clients compare it (client)."""

    action: str
    requests: list[Subject]
    correlation_id: Any = None


_DECODE = msgspec.json.Decoder(Batch)

ANSWER = msgspec.json.encode(
    {"estimated_delivery_in_ms": PATIENCE_MS, "max_batch_size": MAX_BATCH, "ttl_in_s": -1}
)


class Desk:
    """Takes such requests."""

    def __init__(self, database: Database, live: Live, frame: MakeFrame) -> None:
        self._database = database
        self._live = live
        self._hub = live.hub
        self._frame = frame

    async def take(self, peer: Peer, service_sid: str, body: bytes) -> bytes:
        """Carry out a batch and answer its request. Raises ApiError 54008 for what is no batch."""
        try:
            batch = _DECODE.decode(body)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise ApiError(54008) from None
        if batch.action not in ("establish", "cancel"):
            raise ApiError(54008)
        for subject in batch.requests:
            if batch.action == "establish":
                await self._establish(peer, service_sid, subject, batch.correlation_id)
            else:
                self._cancel(peer, subject, batch.correlation_id)
        return ANSWER

    def _cancel(self, peer: Peer, subject: Subject, correlation_id: Any) -> None:
        sid, kind = subject.object_sid, subject.object_type
        self._live.cancel(peer, sid)
        self._tell(peer, notifications.canceled(sid, kind, correlation_id))

    async def _establish(self, peer: Peer, service_sid: str, subject: Subject, correlation_id: Any) -> None:
        sid, kind = subject.object_sid, subject.object_type
        self._live.opening(peer, sid)
        try:
            await self._begin(peer, service_sid, subject, correlation_id)
        except ApiError as error:
            self._live.cancel(peer, sid)
            self._tell(peer, notifications.failed(sid, kind, error, correlation_id))
        finally:
            self._live.opened(peer, sid)

    async def _begin(self, peer: Peer, service_sid: str, subject: Subject, correlation_id: Any) -> None:
        sid, kind = subject.object_sid, _kind(subject.object_type)
        log.check_sid(kind, sid)
        if self._hub.count(peer) >= MAX_SUBSCRIPTIONS and all(
            one.id != peer.id for one in self._hub.subscribers(sid)
        ):
            raise ApiError(54419)
        known = subject.last_event_id
        # Subscribed before the snapshot is read, so that no event falls between the two.
        subscription = self._live.begin(peer, sid)
        found = await self._database.read(
            partial(
                log.snapshot,
                service_sid=service_sid,
                identity=peer.grant.identity,
                kind=kind,
                sid=sid,
                # No event comes before 0, and a database takes no number that is far below.
                known=None if known is None else max(known, -1),
            )
        )
        await self._replay(peer, found, correlation_id)
        if refused := self._live.opened(peer, sid):
            raise refused
        last = found.last_event_id
        payload = notifications.established(
            [(sid, kind.value, last)], correlation_id, interrupted=not found.complete
        )
        self._tell(peer, payload)
        if not found.complete:
            self._live.cancel(peer, sid)
            return
        self._live.establish(subscription, last)

    async def _replay(self, peer: Peer, found: log.Snapshot, correlation_id: Any) -> None:
        """Send what was missed, no faster than the client reads. What the connection itself did to an item before it
        subscribed, it knows from the answers; an older removal, told now, would take that away (client)."""
        own = {
            (event.item_index, event.item_key): event.event_id
            for event in found.missed
            if event.item_revision and self._live.authors.remembered(event) == peer.id
        }
        for count, event in enumerate(found.missed):
            newest = own.get((event.item_index, event.item_key))
            if newest is not None and event.event_id is not None and event.event_id <= newest:
                kind = event.type.value.partition("_")[0]
                payload = notifications.noop(kind, event.object_sid, event.event_id)
            else:
                payload = notifications.replayed(event, correlation_id)
            self._tell(peer, payload)
            if count % DRAIN_EVERY == 0:
                await peer.drained()

    def _tell(self, peer: Peer, payload: bytes) -> None:
        peer.send(self._frame(notifications.ORDERED, payload))


def _kind(text: str) -> ObjectKind:
    try:
        return ObjectKind(text)
    except ValueError:
        raise ApiError(54502) from None
