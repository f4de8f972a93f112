"""``POST /v4/Subscriptions``: begin and end subscriptions to objects.

A batch is carried out one object after the other. The hub subscribes the connection first, so that no event falls
between the snapshot and the live events; then a snapshot is read, the missed events are sent no faster than the client
reads, and ``subscription_established`` follows. If the identity loses access meanwhile, the subscription fails at its
end. The reply to the request comes after all outcomes; clients accept either order (client). An error of one object
never fails the others: clients would repeat the whole batch for ever (client). Nothing is held over an await but the
subscription itself, and a connection that is gone at the end leaves the hub.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Operation, OperationKind
from trunkline.api.params import Given, Parser, choice, required
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Database, Tx
from trunkline.realtime.border import Peer
from trunkline.realtime.objects import notifications, replay
from trunkline.realtime.objects.live_delivery import LiveDelivery
from trunkline.realtime.objects.notifications import Outcome
from trunkline.realtime.objects.replay import Snapshot
from trunkline.realtime.objects.types import ObjectKind, check_sid

DRAIN_EVERY = 16
"""The number of replayed events between two waits for the client: 16 times 16 KiB stay far below its queue's bound."""

INVALID_JSON = 54008


class SubscriptionLimits(msgspec.Struct, frozen=True):
    """The limits of a product. ``delivery_ms`` is the time after which a client that has no outcome repeats its
    request. With ``ttl`` None a reply has no ``ttl_in_s``."""

    per_connection: int = 2000
    batch: int = 100
    delivery_ms: int = 3000
    ttl: int | None = -1


class SubscriptionRequest(msgspec.Struct, frozen=True):
    """An object of a batch; ``last_event_id`` is the newest event that the client has, None for no replay."""

    object_sid: str
    object_type: str
    last_event_id: int | None = None


_REQUESTS = msgspec.json.Decoder(list[SubscriptionRequest])
_ANY = msgspec.json.Decoder()


def _json(decoder: msgspec.json.Decoder[Any]) -> Parser:
    def parse(_: str, value: str) -> Any:
        try:
            return decoder.decode(value)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise ApiError(INVALID_JSON) from None

    return Parser(parse)


class SubscriptionBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request. ``correlation_id`` is echoed as it came: clients compare it (client). The outcomes and
    all events have the form of ``event_protocol_version``."""

    action: Annotated[
        Given[str], choice("establish", "cancel", code=INVALID_JSON), required(INVALID_JSON)
    ] = UNSET
    requests: Annotated[Given[list[SubscriptionRequest]], _json(_REQUESTS), required(INVALID_JSON)] = UNSET
    correlation_id: Annotated[Given[Any], _json(_ANY)] = UNSET
    event_protocol_version: Annotated[Given[int], Parser(notifications.version_of)] = UNSET


class Subscriptions:
    """The handler of batches for the subscribers of one source."""

    def __init__(self, live: LiveDelivery, database: Database, limits: SubscriptionLimits) -> None:
        self._live = live
        self._database = database
        self._limits = limits

    def operation(self) -> Operation:
        """Return the operation, for a mount of version ``v4``."""
        path = "/Services/{ServiceSid}/Subscriptions"
        return Operation(
            OperationKind.CREATE, path, view=_view, input=SubscriptionBatch, handler=self._handle
        )

    async def _handle(self, call: Call[SubscriptionBatch]) -> Json:
        service_sid = call.principal.service_sid
        if service_sid is None or call.path["ServiceSid"] != service_sid:
            raise ApiError(54056)
        peer = self._live.peer(call.principal.connection)
        return {} if peer is None else await self.handle(peer, service_sid, call.input)

    async def handle(self, peer: Peer, service_sid: str, batch: SubscriptionBatch) -> Json:
        """Carry out a batch. Return the body of the reply."""
        correlation_id = None if batch.correlation_id is UNSET else batch.correlation_id
        version = (
            notifications.LISTED if batch.event_protocol_version is UNSET else batch.event_protocol_version
        )
        requests = batch.requests if isinstance(batch.requests, list) else ()
        for request in requests:
            outcome = Outcome(request.object_sid, request.object_type, version, correlation_id)
            if batch.action == "establish":
                await self._establish(peer, service_sid, request, outcome)
            else:
                self._live.cancel(peer, request.object_sid)
                self._live.send(peer, outcome.canceled())
        if self._live.peer(peer.id) is None:
            self._live.disconnected(peer)
        limits = self._limits
        body: Json = {"estimated_delivery_in_ms": limits.delivery_ms, "max_batch_size": limits.batch}
        return body if limits.ttl is None else body | {"ttl_in_s": limits.ttl}

    async def _establish(
        self, peer: Peer, service_sid: str, request: SubscriptionRequest, outcome: Outcome
    ) -> None:
        sid = request.object_sid
        self._live.start(peer, sid)
        try:
            await self._begin(peer, service_sid, request, outcome)
        except ApiError as error:
            self._live.cancel(peer, sid)
            self._live.send(peer, outcome.failed(error))
        finally:
            self._live.finish(peer, sid)

    async def _begin(
        self, peer: Peer, service_sid: str, request: SubscriptionRequest, outcome: Outcome
    ) -> None:
        sid, kind = request.object_sid, _kind(request.object_type)
        check_sid(kind, sid)
        hub = self._live.hub
        if hub.count(peer) >= self._limits.per_connection and all(
            one.id != peer.id for one in hub.subscribers(sid)
        ):
            raise ApiError(54419)
        known = request.last_event_id
        # No event comes before 0, and a database accepts no number that is far below.
        known = None if known is None else max(known, -1)
        # Subscribed before the snapshot is read, so that no event falls between the two.
        subscription = self._live.begin(peer, sid, outcome.version)

        async def read(tx: Tx) -> Snapshot:
            viewer = await self._live.source.viewer(tx, service_sid, peer.grant.identity)
            return await replay.snapshot(tx, self._live.source, viewer, kind, sid, known)

        snapshot = await self._database.read(read)
        await self._replay(peer, snapshot, outcome)
        if denial := self._live.finish(peer, sid):
            raise denial.error
        last = snapshot.last_event_id
        self._live.send(peer, outcome.established(last, interrupted=not snapshot.complete))
        if not snapshot.complete:
            self._live.cancel(peer, sid)
            return
        self._live.establish(subscription, last)

    async def _replay(self, peer: Peer, snapshot: Snapshot, outcome: Outcome) -> None:
        """Send the missed events, no faster than the client reads. The connection has the results of its own writes
        of an item from their responses; an older removal, sent now, would undo them (client)."""
        live = self._live
        own = {
            (event.item_index, event.item_key): event.event_id
            for event in snapshot.missed
            if event.item_revision and live.authors.remembered(event) == peer.id
        }
        for count, event in enumerate(snapshot.missed):
            newest = own.get((event.item_index, event.item_key))
            if newest is not None and event.event_id is not None and event.event_id <= newest:
                payload = notifications.noop(event, outcome.version)
            else:
                payload = outcome.replayed(event)
            live.send(peer, payload)
            if count % DRAIN_EVERY == 0:
                await peer.drained()


def _view(body: Json, urls: Urls) -> Json:
    return body


def _kind(text: str) -> ObjectKind:
    try:
        return ObjectKind(text)
    except ValueError:
        raise ApiError(54502) from None
