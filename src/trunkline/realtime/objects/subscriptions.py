"""``POST /v4/Subscriptions``: begin and end subscriptions to objects.

A batch is carried out one object after the other, so that one connection has one replay at most; clients keep to the
announced number of objects in one (client). The hub subscribes the connection first, so that no event falls between
the replay and the live events; then the object is read, the missed events are sent page by page, no faster than the
client reads, and ``subscription_established`` follows. A replay ends early after 500 events, or when its batch has
sent four times as much: its client requests the rest at once (client). If the identity loses access meanwhile, the
subscription fails. The reply to the request comes after all outcomes; clients accept either order (client). An error
of one object never fails the others: clients would repeat the whole batch for ever (client). Nothing is held over an
await but the subscription itself, and a connection that is gone at the end leaves the hub.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import Annotated, Any, cast

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Operation, OperationKind
from trunkline.api.params import Given, Parser, choice, required
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Database, Tx
from trunkline.realtime.border import Peer
from trunkline.realtime.objects import notifications
from trunkline.realtime.objects.hub import Subscription
from trunkline.realtime.objects.live_delivery import LiveDelivery
from trunkline.realtime.objects.notifications import Outcome
from trunkline.realtime.objects.replay import PageKey, ReplayPage, Turns
from trunkline.realtime.objects.types import ObjectKind, ObjectRoot, check_sid

INVALID_JSON = 54008
TOO_LARGE = 54006
_KINDS = {msgspec.json.encode(kind): kind for kind in ObjectKind}
MAX_CORRELATION = 128
"""The most characters of a correlation id, which goes out with each event."""
_LONGEST_ID = 64
_EVENT_ID = msgspec.json.Decoder(int | None)


class SubscriptionLimits(msgspec.Struct, frozen=True):
    """The limits of a product. One replay ends with the page that reaches ``replay_events`` or ``replay_bytes`` of
    data, those of one batch at four times as much. ``delivery_ms`` is the time after which a client that has no outcome
    repeats its request. With ``ttl`` None a reply has no ``ttl_in_s``."""

    per_connection: int = 2000
    batch: int = 100
    replay_events: int = 500
    replay_bytes: int = 1024 * 1024
    delivery_ms: int = 3000
    ttl: int | None = -1


class SubscriptionRequest(msgspec.Struct, frozen=True):
    """An object of a batch; ``last_event_id`` is the newest event that the client has, null for no replay. Both are
    JSON as it came: what is wrong with one object is no error of the batch."""

    object_sid: str
    object_type: msgspec.Raw
    last_event_id: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def known(self) -> int | None:
        """The newest event that the client has, at least -1; None for no replay. Raise ApiError 54008 if it is no
        number."""
        if len(memoryview(self.last_event_id)) <= _LONGEST_ID:
            with suppress(msgspec.DecodeError):
                value = _EVENT_ID.decode(self.last_event_id)
                # No event comes before 0, and a database accepts no number that is far below.
                return None if value is None else max(value, -1)
        raise ApiError(INVALID_JSON, "Invalid last_event_id")


_REQUESTS = msgspec.json.Decoder(list[SubscriptionRequest])
_ANY = msgspec.json.Decoder()


def _json(decoder: msgspec.json.Decoder[Any], longest: int | None = None) -> Parser:
    def parse(_: str, value: str) -> Any:
        if longest is not None and len(value) > longest:
            raise ApiError(INVALID_JSON)
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
    correlation_id: Annotated[Given[Any], _json(_ANY, MAX_CORRELATION)] = UNSET
    event_protocol_version: Annotated[Given[int], Parser(notifications.version_of)] = UNSET


class _Allowance:
    """The number of events and bytes that a replay, or all of a batch, may still send."""

    def __init__(self, events: int, data_bytes: int) -> None:
        self._events = events
        self._bytes = data_bytes

    @property
    def is_spent(self) -> bool:
        """True if no more may be sent."""
        return self._events <= 0 or self._bytes <= 0

    def spend(self, page: ReplayPage) -> None:
        """Count a page that is sent."""
        self._events -= len(page.frames)
        self._bytes -= page.data_bytes


class _Work:
    """A batch that is carried out: its client, and what its outcomes and replays have in common."""

    def __init__(
        self, peer: Peer, service_sid: str, batch: SubscriptionBatch, limits: SubscriptionLimits
    ) -> None:
        listed = batch.event_protocol_version is UNSET
        self.peer = peer
        self.service_sid = service_sid
        self.version: int = notifications.LISTED if listed else cast(int, batch.event_protocol_version)
        self.correlation_id = None if batch.correlation_id is UNSET else batch.correlation_id
        self.allowance = _Allowance(4 * limits.replay_events, 4 * limits.replay_bytes)

    @cached_property
    def correlation(self) -> bytes:
        """The correlation id as it stands in the frames of a replay."""
        return notifications.correlation(self.correlation_id)

    def outcome(self, request: SubscriptionRequest) -> Outcome:
        """Return the outcomes of one of its objects."""
        return Outcome(request.object_sid, request.object_type, self.version, self.correlation_id)


class Subscriptions:
    """The handler of batches for the subscribers of one source."""

    def __init__(self, live: LiveDelivery, database: Database, limits: SubscriptionLimits) -> None:
        self._live = live
        self._database = database
        self._limits = limits
        self._turns = Turns()

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
        """Carry out a batch. Return the body of the reply. Raise ApiError 54006 if it has too many objects."""
        limits = self._limits
        requests = batch.requests if isinstance(batch.requests, list) else ()
        if len(requests) > limits.batch:
            raise ApiError(TOO_LARGE, f"A request may have {limits.batch} objects at most")
        work = _Work(peer, service_sid, batch, limits)
        for request in requests:
            if self._is_gone(peer):
                break
            if batch.action == "establish":
                await self._establish(work, request)
            else:
                self._live.cancel(peer, request.object_sid)
                self._live.send(peer, work.outcome(request).canceled())
        if self._is_gone(peer):
            self._live.disconnected(peer)
        body: Json = {"estimated_delivery_in_ms": limits.delivery_ms, "max_batch_size": limits.batch}
        return body if limits.ttl is None else body | {"ttl_in_s": limits.ttl}

    async def _establish(self, work: _Work, request: SubscriptionRequest) -> None:
        peer, sid = work.peer, request.object_sid
        outcome = work.outcome(request)
        self._live.start(peer, sid)
        try:
            known = request.known
            async with self._turns:
                subscription, root = await self._begin(work, request, known)
            last, complete = await self._replay(work, subscription, root, known)
            if denial := self._live.finish(peer, sid):
                raise denial.error
        except ApiError as error:
            self._live.cancel(peer, sid)
            self._live.send(peer, outcome.failed(error))
            return
        finally:
            self._live.finish(peer, sid)
        self._live.send(peer, outcome.established(last, interrupted=not complete))
        if complete:
            self._live.establish(subscription, last)
        else:
            self._live.cancel(peer, sid)

    async def _begin(
        self, work: _Work, request: SubscriptionRequest, known: int | None
    ) -> tuple[Subscription, ObjectRoot]:
        peer, sid = work.peer, request.object_sid
        kind = _KINDS.get(bytes(request.object_type))
        if kind is None:
            raise ApiError(54502)
        check_sid(kind, sid)
        hub, source = self._live.hub, self._live.source
        if hub.count(peer) >= self._limits.per_connection and hub.subscription(peer, sid) is None:
            raise ApiError(54419)
        # Subscribed before the object is read, so that no event falls between the two.
        subscription = self._live.begin(peer, sid, work.version)

        async def read(tx: Tx) -> ObjectRoot:
            viewer = await source.viewer(tx, work.service_sid, peer.grant.identity)
            return await source.find(tx, viewer, kind, sid)

        root = await self._database.read(read)
        if known is not None and known > root.last_event_id and kind is not ObjectKind.STREAM:
            # The database is older than the client's state, as after a restored backup. The client would ignore all
            # events up to ``known``; of an object that is gone it drops its state (client).
            raise ApiError(kind.traits.missing)
        return subscription, root

    async def _replay(
        self, work: _Work, subscription: Subscription, root: ObjectRoot, known: int | None
    ) -> tuple[int | None, bool]:
        """Send the missed events, no faster than the client reads. Return the last event that it has then, None for a
        Stream, and whether these are all. Raise ApiError if it may read no more."""
        if root.kind is ObjectKind.STREAM:
            return None, True
        last = root.last_event_id
        if known is None or known == last:
            return last, True
        live, limits = self._live, self._limits
        allowance = _Allowance(limits.replay_events, limits.replay_bytes)
        key = PageKey(root.sid, known, known, work.version, len(work.correlation))
        if root.kind is ObjectKind.DOCUMENT:
            # One event has all of its state.
            key = key._replace(after=max(known, last - 1))
        reached = known
        while key.after < last:
            if allowance.is_spent or work.allowance.is_spent or self._is_gone(work.peer):
                return reached, False
            async with live.replays.turns:
                page = await live.replays.page(key)
                if denial := live.denial(work.peer, root.sid):
                    raise denial.error
                self._send(work, page)
            allowance.spend(page)
            work.allowance.spend(page)
            await work.peer.drained()
            reached = max(page.last, key.after + 1)
            key = key._replace(after=reached)
            last = subscription.overtaken() or last
        return reached, True

    def _send(self, work: _Work, page: ReplayPage) -> None:
        """Send a page. Of the items that the connection has by its own writes, it gets no older states."""
        peer, correlation, live = work.peer, work.correlation, self._live
        if not page.events or not live.authors.has_written(peer.id, page.events[0].object_sid):
            for head, tail in page.frames:
                peer.send(head + correlation + tail)
            return
        for event, (head, tail) in zip(page.events, page.frames, strict=True):
            if live.authors.knows(peer.id, event):
                live.send(peer, notifications.noop(event, work.version))
            else:
                peer.send(head + correlation + tail)

    def _is_gone(self, peer: Peer) -> bool:
        return self._live.peer(peer.id) is None


def _view(body: Json, urls: Urls) -> Json:
    return body
