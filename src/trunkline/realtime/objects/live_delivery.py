"""Live delivery of a source's events to the connections that are subscribed.

Events of one object reach every subscriber in order and without a hole. ``publish`` never waits: the hub sends what
follows and holds what leaves a hole. A task then reads the missing events from the source and fills the hole; it is
retried until the database responds, because subscribers wait for it. A subscriber whose missing events the source no
longer has gets ``subscription_canceled`` and subscribes again.

``recheck`` reads whether subscribers may still read, in a task of its own. A subscription whose snapshot is being read
at that moment gets the result at its end, by ``finish``. ``catch_up`` compares the newest events of all topics with
the source, which finds the events that were not announced to this node. All of it runs on one event loop; between two
awaits nothing changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from trunkline.core.periodic import retry_storage
from trunkline.core.storage.database import Database
from trunkline.realtime.border import Peer
from trunkline.realtime.objects import notifications, replay
from trunkline.realtime.objects.authors import Authors, Subscriber
from trunkline.realtime.objects.hub import EventReceiver, Hub, Subscription, TopicEvent
from trunkline.realtime.objects.notifications import MakeFrame, Outcome
from trunkline.realtime.objects.replay import Replays
from trunkline.realtime.objects.source import ObjectSource
from trunkline.realtime.objects.types import Denial, ObjectEvent, gone, kind_of

log = logging.getLogger("trunkline.realtime")

NEWEST_AT_ONCE = 500
"""The number of objects whose newest events are read at once."""
FILLED_AT_ONCE = 32
"""The number of missed events that are read, rendered and sent between two turns of the event loop."""
CHECKED_AT_ONCE = 16
"""The number of subscribers whose rights are read between two turns."""


class LiveDelivery:
    """The subscribers of one source on this node."""

    def __init__(self, source: ObjectSource[Any], database: Database, frame: MakeFrame) -> None:
        self.source = source
        self._database = database
        self._frame = frame
        self.hub = Hub(self._missed)
        self.replays = Replays(source, database, frame)
        self.authors = Authors()
        self._subscribers: dict[str, Subscriber] = {}
        self._establishing: dict[tuple[str, str], Denial | None] = {}
        self._catching_up: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # Connections and their subscriptions

    def connected(self, peer: Peer) -> None:
        """Record that a client is logged in."""
        self._subscribers[peer.id] = Subscriber(peer)

    def disconnected(self, peer: Peer) -> None:
        """End the subscriptions of a client that is gone."""
        self._subscribers.pop(peer.id, None)
        self.hub.leave(peer)

    def peer(self, connection: str) -> Peer | None:
        """Return a connection that is logged in."""
        subscriber = self._subscribers.get(connection)
        return subscriber.peer if subscriber else None

    def subscriber(self, peer: Peer) -> Subscriber:
        """Return the receiver of a connection's frames, also of one that is gone already."""
        return self._subscribers.get(peer.id) or Subscriber(peer)

    def begin_request(self, peer: Peer) -> None:
        """Record a connection as the author of its writes until ``end_request``."""
        self.authors.begin(peer.id)

    def end_request(self, peer: Peer) -> tuple[bytes, ...]:
        """Record that a connection's request has ended. Return the frames that must follow its reply."""
        self.authors.end(peer.id)
        return self.subscriber(peer).release()

    def start(self, peer: Peer, topic: str) -> None:
        """Begin to collect losses of access for a subscription, until ``finish``."""
        self._establishing[peer.id, topic] = None

    def finish(self, peer: Peer, topic: str) -> Denial | None:
        """Return the loss of access since ``start``, if there was one."""
        return self._establishing.pop((peer.id, topic), None)

    def denial(self, peer: Peer, topic: str) -> Denial | None:
        """Return the loss of access since ``start``, if there was one so far."""
        return self._establishing.get((peer.id, topic))

    def begin(self, peer: Peer, topic: str, version: int = notifications.LISTED) -> Subscription:
        """Subscribe a connection, in replay. ``version`` is the form in which its client reads events."""
        subscriber = self.subscriber(peer)
        subscriber.forget(topic)
        return self.hub.begin(subscriber, topic, version)

    def establish(self, subscription: Subscription, last: int | None) -> None:
        """End the replay of a subscription at the event ``last`` (None for Streams)."""
        topic = subscription.topic
        if last is not None:
            self.authors.reached(topic, last)
            if (subscriber := self._subscribers.get(subscription.receiver.id)) is not None:
                subscriber.establish(topic)
        self.hub.establish(subscription, last)

    def cancel(self, peer: EventReceiver, topic: str) -> None:
        """End a subscription."""
        if (subscriber := self._subscribers.get(peer.id)) is not None:
            subscriber.forget(topic)
        self.hub.cancel(peer, topic)

    def send(self, receiver: EventReceiver, payload: bytes) -> None:
        """Send a notification that is ordered with the others of its connection."""
        receiver.send(self._frame(notifications.ORDERED, payload))

    # Events

    def publish(self, event: ObjectEvent, *, here: bool = True) -> None:
        """Deliver an event. Its author is one of this node's connections only if it was written ``here``: a client
        that came from another node must receive what it wrote there."""
        author = self.authors.author(event) if here else None
        self._hold(event, author)
        self.hub.publish(event.object_sid, self._made(event, author))

    def recheck(self, service_sid: str, object_sid: str = "", identity: str = "") -> None:
        """End the subscriptions of identities that may no longer read. Check those of a Service, or of one object or
        identity in it."""
        self._persist(partial(self._recheck, service_sid, object_sid, identity))

    def catch_up(self) -> None:
        """Read the events that were not announced to this node, such as during a lost connection to the bus."""
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = self._persist(self._reconcile)

    async def stop(self) -> None:
        """Cancel the reads that are still running."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.replays.stop()

    # The inside

    def _hold(self, event: ObjectEvent, author: str | None) -> None:
        """Hold the author's frames until its response. For a write of an item, let a notification with the event's id
        follow, unless the author lacks earlier events: a client that returns sends its waiting writes before it
        subscribes (client)."""
        subscriber = self._subscribers.get(author) if author else None
        if subscriber is not None:
            subscriber.hold()
        if event.event_id is None or not event.item_revision:
            return
        follows = self.authors.follows(event.object_sid, event.event_id, event.previous_id)
        if subscriber is not None and follows and subscriber.has_established(event.object_sid):
            self.send(subscriber, notifications.noop(event, self._version(subscriber, event.object_sid)))

    def _version(self, receiver: EventReceiver, topic: str) -> int:
        subscription = self.hub.subscription(receiver, topic)
        return notifications.LISTED if subscription is None else subscription.version

    def _made(self, event: ObjectEvent, author: str | None) -> TopicEvent:
        kind = notifications.message_type(event)

        def frame(version: int) -> bytes:
            return self._frame(kind, notifications.live(event, version))

        return TopicEvent(event.event_id, frame, author, event.previous_id)

    def _missed(self, topic: str, after: int) -> None:
        self._persist(partial(self._fill, topic))

    async def _fill(self, topic: str) -> None:
        with self.authors.filling(topic):
            while waiting := self.hub.waiting(topic):
                for after in waiting:
                    await self._fill_after(topic, after)
                    await asyncio.sleep(0)

    async def _fill_after(self, topic: str, after: int) -> None:
        read = partial(replay.missed, source=self.source, sid=topic, after=after, limit=FILLED_AT_ONCE)
        events = await self._database.read(read)
        made = [self._made(event, self.authors.remembered(event)) for event in events]
        for subscription in self.hub.fill(topic, made, after):
            if subscription.last != after:
                continue
            # The source no longer has the missing events: the client requests its state by itself.
            outcome = Outcome(topic, kind_of(topic).value, subscription.version)
            self.send(subscription.receiver, outcome.canceled())
            self.cancel(subscription.receiver, topic)

    async def _recheck(self, service_sid: str, object_sid: str, identity: str) -> None:
        checked = 0
        for topic in (object_sid,) if object_sid else self.hub.topics():
            for receiver in self.hub.subscribers(topic):
                peer = self.peer(receiver.id)
                if peer is None or service_sid not in peer.grant.services.values():
                    continue
                if identity and peer.grant.identity != identity:
                    continue
                await self._withdraw(service_sid, topic, peer)
                checked += 1
                if checked % CHECKED_AT_ONCE == 0:
                    await asyncio.sleep(0)

    async def _withdraw(self, service_sid: str, topic: str, peer: Peer) -> None:
        denial = await self._database.read(
            partial(self.source.denial, service_sid=service_sid, identity=peer.grant.identity, sid=topic)
        )
        if denial is None:
            return
        if (peer.id, topic) in self._establishing:
            self._establishing[peer.id, topic] = denial
        else:
            self._end(topic, peer, denial)

    async def _reconcile(self) -> None:
        topics = self.hub.topics()
        for first in range(0, len(topics), NEWEST_AT_ONCE):
            sids = topics[first : first + NEWEST_AT_ONCE]
            newest = await self._database.query(partial(self.source.newest, sids=sids))
            for topic in sids:
                if topic in newest:
                    self.hub.expect(topic, newest[topic])
                else:
                    self._end_all(topic)
            await asyncio.sleep(0)

    def _end_all(self, topic: str) -> None:
        for receiver in self.hub.subscribers(topic):
            peer = self.peer(receiver.id)
            if peer is not None and (peer.id, topic) not in self._establishing:
                self._end(topic, peer, Denial(gone(topic)))

    def _end(self, topic: str, peer: Peer, denial: Denial) -> None:
        outcome = Outcome(topic, kind_of(topic).value, self._version(peer, topic))
        self.cancel(peer, topic)
        if not denial.silent:
            self.send(self.subscriber(peer), outcome.failed(denial.error))

    def _persist(self, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(retry_storage("subscribers", work, log=log))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
