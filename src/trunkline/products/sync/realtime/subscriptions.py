"""Requests to ``/v4/Subscriptions``: begin and end subscriptions to objects.

The answer to the request comes at once; the outcome of each subscription follows as a notification, after what the
client missed. One object's trouble never fails the others: clients would repeat the whole batch for ever (client).
"""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.api.errors import ApiError
from trunkline.core.storage.database import Database, Tx
from trunkline.products.sync.objects import ObjectKind
from trunkline.products.sync.realtime import log, notifications
from trunkline.products.sync.realtime.live import MakeFrame
from trunkline.realtime.border import Peer
from trunkline.realtime.subscriptions import Hub

MAX_SUBSCRIPTIONS = 2000
"""On one connection (doc)."""
MAX_BATCH = 100
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

    def __init__(self, database: Database, hub: Hub, frame: MakeFrame) -> None:
        self._database = database
        self._hub = hub
        self._frame = frame

    async def take(self, peer: Peer, service_sid: str, body: bytes) -> bytes:
        """Carry out a batch and answer its request. Raises ApiError 54008 for what is no batch."""
        try:
            batch = _DECODE.decode(body)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise ApiError(54008) from None
        if batch.action == "cancel":
            for subject in batch.requests:
                self._hub.cancel(peer, subject.object_sid)
                self._tell(
                    peer,
                    notifications.canceled(subject.object_sid, subject.object_type, batch.correlation_id),
                )
        elif batch.action == "establish":
            for subject in batch.requests:
                await self._establish(peer, service_sid, subject, batch.correlation_id)
        else:
            raise ApiError(54008)
        return ANSWER

    async def _establish(self, peer: Peer, service_sid: str, subject: Subject, correlation_id: Any) -> None:
        sid, kind = subject.object_sid, subject.object_type
        try:
            await self._begin(peer, service_sid, subject, correlation_id)
        except ApiError as error:
            self._hub.cancel(peer, sid)
            self._tell(peer, notifications.failed(sid, kind, error, correlation_id))

    async def _begin(self, peer: Peer, service_sid: str, subject: Subject, correlation_id: Any) -> None:
        sid = subject.object_sid
        kind = _kind(subject.object_type)
        if self._hub.count(peer) >= MAX_SUBSCRIPTIONS and peer not in self._hub.subscribers(sid):
            raise ApiError(54419)
        identity, known = peer.grant.identity, subject.last_event_id

        async def read(tx: Tx) -> log.Snapshot:
            return await log.snapshot(tx, service_sid, identity, kind, sid, known)

        # Subscribed before the snapshot is read, so that no event falls between the two.
        subscription = self._hub.begin(peer, sid)
        found = await self._database.read(read)
        for event in found.missed:
            self._tell(peer, notifications.replayed(event, correlation_id))
        last = found.last_event_id
        payload = notifications.established(
            [(sid, kind.value, last)], correlation_id, interrupted=not found.complete
        )
        self._tell(peer, payload)
        if found.complete:
            self._hub.establish(subscription, last)
        else:
            self._hub.cancel(peer, sid)
        await peer.drained()

    def _tell(self, peer: Peer, payload: bytes) -> None:
        peer.send(self._frame(notifications.ORDERED, payload))


def _kind(text: str) -> ObjectKind:
    try:
        return ObjectKind(text)
    except ValueError:
        raise ApiError(54502) from None
