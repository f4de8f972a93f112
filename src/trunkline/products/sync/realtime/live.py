"""Live events: from what a write announced to the connections that are subscribed, and to other nodes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from trunkline.api.errors import ApiError
from trunkline.core.storage.database import Database, StorageError
from trunkline.products.sync.events import SyncEvent
from trunkline.products.sync.realtime import log, notifications
from trunkline.products.sync.realtime.authors import Authors
from trunkline.products.sync.realtime.lines import Line
from trunkline.products.sync.services import AccessChanged
from trunkline.realtime.border import Peer
from trunkline.realtime.subscriptions import Event, Hub, Receiver, Subscription

logger = logging.getLogger("trunkline.sync")

MakeFrame = Callable[[str, bytes], bytes]
"""Makes a frame from a message type and a JSON payload."""

RETRY_SECONDS = 1.0
"""After which a look at the database that failed is taken again."""


class Live:
    """Tells subscribers of changes. Events of one object reach each of them in order and without holes: the hub
    holds what comes too early, and what is missing is read from the log."""

    def __init__(self, database: Database, frame: MakeFrame) -> None:
        self._database = database
        self._frame = frame
        self.hub = Hub(self._missed)
        self.authors = Authors()
        self._lines: dict[str, Line] = {}
        self._openings: dict[tuple[str, str], ApiError | None] = {}
        self._catching_up: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # Who is there

    def connected(self, peer: Peer) -> None:
        """A client is logged in."""
        self._lines[peer.id] = Line(peer)

    def disconnected(self, peer: Peer) -> None:
        """A client is gone."""
        self._lines.pop(peer.id, None)

    def line(self, peer: Peer) -> Line:
        """The receiver of what is sent to a connection, also to one that is gone already."""
        return self._lines.get(peer.id) or Line(peer)

    @contextmanager
    def writing(self, peer: Peer, then: list[bytes]) -> Iterator[None]:
        """For as long as a connection's request is carried out; what must follow its answer is put into ``then``."""
        try:
            with self.authors.writing(peer.id):
                yield
        finally:
            then += self.line(peer).release()

    def opening(self, peer: Peer, topic: str) -> None:
        """A subscription is being begun; until ``opened``, a loss of access is kept for it instead of told."""
        self._openings[peer.id, topic] = None

    def opened(self, peer: Peer, topic: str) -> ApiError | None:
        """A subscription is about to stand; answers why it must not, if access was lost meanwhile."""
        return self._openings.pop((peer.id, topic), None)

    def begin(self, peer: Peer, topic: str) -> Subscription:
        """Subscribe a connection, in replay."""
        line = self.line(peer)
        line.standing.discard(topic)
        return self.hub.begin(line, topic)

    def establish(self, subscription: Subscription, last: int | None) -> None:
        """The replay is over, up to the event ``last`` (nothing for Streams)."""
        topic = subscription.topic
        if last is not None:
            self.authors.reached(topic, last)
            if (line := self._lines.get(subscription.receiver.id)) is not None:
                line.standing.add(topic)
        self.hub.establish(subscription, last)

    def cancel(self, peer: Receiver, topic: str) -> None:
        """End a subscription."""
        if (line := self._lines.get(peer.id)) is not None:
            line.standing.discard(topic)
        self.hub.cancel(peer, topic)

    # What happens

    def told(self, event: SyncEvent, *, here: bool = True) -> None:
        """Deliver one event. Its author is sought among this node's connections only if it was written ``here``: a
        client that came from another node must hear of what it wrote there."""
        if event.type.value.endswith("_created"):
            return
        author = self.authors.author(event) if here else None
        self._hold(event, author)
        self.hub.publish(event.object_sid, self._made(event, author))

    def access_changed(self, change: AccessChanged) -> None:
        """Somebody may have lost the right to read: whoever did is told so and gets no more events."""
        self._persist(partial(self._recheck, change))

    def catch_up(self) -> None:
        """Look for events that were not told to this node, such as after a lost connection to the bus."""
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = self._persist(self._reconcile)

    async def stop(self) -> None:
        """Give up what is still being looked up."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # The inside

    def _hold(self, event: SyncEvent, author: str | None) -> None:
        """Hold what comes to the author until its answer; of an item it is then told which event its write was, unless
        it still lacks earlier ones: a client that returns sends its waiting writes before it subscribes (client)."""
        line = self._lines.get(author) if author else None
        if line is not None:
            line.hold()
        if event.event_id is None or not event.item_revision:
            return
        follows = self.authors.follows(event.object_sid, event.event_id)
        if line is not None and follows and event.object_sid in line.standing:
            kind = event.type.value.partition("_")[0]
            payload = notifications.noop(kind, event.object_sid, event.event_id)
            line.send(self._frame(notifications.ORDERED, payload))

    def _made(self, event: SyncEvent, author: str | None) -> Event:
        kind = notifications.message_type(event)
        return Event(event.event_id, lambda: self._frame(kind, notifications.live(event)), author)

    def _missed(self, topic: str, after: int) -> None:
        self._persist(partial(self._fill, topic, after))

    async def _fill(self, topic: str, after: int) -> None:
        with self.authors.filling(topic):
            events = await self._database.read(partial(log.missed, sid=topic, after=after))
            made = [self._made(event, self.authors.remembered(event)) for event in events]
            stuck = self.hub.fill(topic, made)
        for subscription in stuck:
            # The log no longer has what is missing: the client asks for all of it by itself.
            payload = notifications.canceled(topic, log.kind_of(topic).value, None)
            subscription.receiver.send(self._frame(notifications.ORDERED, payload))
            self.cancel(subscription.receiver, topic)

    async def _recheck(self, change: AccessChanged) -> None:
        for topic in (change.object_sid,) if change.object_sid else self.hub.topics():
            for receiver in self.hub.subscribers(topic):
                peer = self._peer(receiver.id)
                if peer is None or change.service_sid not in peer.grant.services.values():
                    continue
                if change.identity and peer.grant.identity != change.identity:
                    continue
                await self._withdraw(change.service_sid, topic, peer)

    async def _withdraw(self, service_sid: str, topic: str, peer: Peer) -> None:
        identity = peer.grant.identity
        error = await self._database.read(
            partial(log.readable, service_sid=service_sid, sid=topic, identity=identity)
        )
        if error is None:
            return
        if (peer.id, topic) in self._openings:
            self._openings[peer.id, topic] = error
        else:
            self._end(topic, peer, error)

    async def _reconcile(self) -> None:
        topics = self.hub.topics()
        for first in range(0, len(topics), log.ASKED):
            asked = topics[first : first + log.ASKED]
            newest = await self._database.read(partial(log.newest, sids=asked))
            for topic in asked:
                if topic in newest:
                    self.hub.expect(topic, newest[topic])
                else:
                    self._end_all(topic)

    def _end_all(self, topic: str) -> None:
        for receiver in self.hub.subscribers(topic):
            peer = self._peer(receiver.id)
            if peer is not None and (peer.id, topic) not in self._openings:
                self._end(topic, peer, log.gone(topic))

    def _end(self, topic: str, peer: Peer, error: ApiError) -> None:
        self.cancel(peer, topic)
        payload = notifications.failed(topic, log.kind_of(topic).value, error, None)
        self.line(peer).send(self._frame(notifications.ORDERED, payload))

    def _peer(self, connection: str) -> Peer | None:
        line = self._lines.get(connection)
        return line.peer if line else None

    def _persist(self, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(_until_done(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _until_done(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Subscribers wait for what is looked up here, so it is tried until the database answers."""
    while True:
        try:
            await work()
        except StorageError as error:
            logger.warning("subscribers wait for the database: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return
