"""Live events: from what a write announced to the connections that are subscribed, and to other nodes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from trunkline.core.storage.database import Database, StorageError, Tx
from trunkline.products.sync.events import SyncEvent
from trunkline.products.sync.realtime import log, notifications
from trunkline.products.sync.services import AccessChanged
from trunkline.realtime.border import Peer
from trunkline.realtime.subscriptions import Event, Hub

logger = logging.getLogger("trunkline.sync")

MakeFrame = Callable[[str, bytes], bytes]
"""Makes a frame from a message type and a JSON payload."""


class Live:
    """Tells subscribers of changes. Events of one object reach each of them in order and without holes: the hub
    holds what comes too early, and what is missing is read from the log."""

    def __init__(self, database: Database, frame: MakeFrame) -> None:
        self._database = database
        self._frame = frame
        self.hub = Hub(self._missed)
        self._peers: dict[str, Peer] = {}
        self._endpoints: dict[str, str] = {}
        self._noops: dict[str, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # Who is there

    def connected(self, peer: Peer) -> None:
        """A client is logged in."""
        self._peers[peer.id] = peer
        self._endpoints[peer.endpoint_id] = peer.id

    def disconnected(self, peer: Peer) -> None:
        """A client is gone."""
        self._peers.pop(peer.id, None)
        self._noops.pop(peer.endpoint_id, None)
        if self._endpoints.get(peer.endpoint_id) == peer.id:
            del self._endpoints[peer.endpoint_id]

    def noop(self, endpoint: str) -> bytes | None:
        """The frame that moves an author's own event id on, after the write that it just made, if there is one."""
        return self._noops.pop(endpoint, None)

    # What happens

    def told(self, event: SyncEvent) -> None:
        """Deliver one event. It may come from this node's own writes or from another node."""
        author = self._endpoints.get(event.actor.endpoint) if event.actor.endpoint else None
        if author is not None and event.item_revision and event.event_id is not None:
            kind = event.type.value.partition("_")[0]
            payload = notifications.noop(kind, event.object_sid, event.event_id)
            self._noops[event.actor.endpoint] = self._frame(notifications.ORDERED, payload)
        if event.type.value.endswith("_created"):
            return
        kind = notifications.message_type(event)
        made = Event(event.event_id, lambda: self._frame(kind, notifications.live(event)), author)
        self.hub.publish(event.object_sid, made)

    def access_changed(self, change: AccessChanged) -> None:
        """Somebody may have lost the right to read: whoever did gets no more events, from the next one on."""
        self._spawn(self._recheck(change))

    def catch_up(self) -> None:
        """Look for events that were not told to this node, such as after a lost connection to the bus."""
        self._spawn(self._reconcile())

    async def stop(self) -> None:
        """Give up what is still being looked up."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # The inside

    def _missed(self, topic: str, after: int) -> None:
        self._spawn(self._fill(topic, after))

    async def _fill(self, topic: str, after: int) -> None:
        async def read(tx: Tx) -> list[SyncEvent]:
            return await log.missed(tx, topic, after)

        events = await self._database.read(read)
        frames = [self._replay(event) for event in events]
        for subscription in self.hub.fill(topic, frames):
            # The log no longer has what is missing: the client asks for all of it by itself.
            kind = _kind_of(topic)
            payload = notifications.canceled(topic, kind, None)
            subscription.receiver.send(self._frame(notifications.ORDERED, payload))
            self.hub.cancel(subscription.receiver, topic)

    def _replay(self, event: SyncEvent) -> Event:
        author = self._endpoints.get(event.actor.endpoint) if event.actor.endpoint else None
        kind = notifications.message_type(event)
        return Event(event.event_id, lambda: self._frame(kind, notifications.live(event)), author)

    async def _recheck(self, change: AccessChanged) -> None:
        for topic in self.hub.topics() if not change.object_sid else (change.object_sid,):
            for receiver in self.hub.subscribers(topic):
                peer = self._peers.get(receiver.id)
                if peer is None or change.service_sid not in peer.grant.services.values():
                    continue
                if change.identity and peer.grant.identity != change.identity:
                    continue
                await self._withdraw(change.service_sid, topic, peer)

    async def _withdraw(self, service_sid: str, topic: str, peer: Peer) -> None:
        identity = peer.grant.identity

        async def check(tx: Tx) -> Any:
            return await log.readable(tx, service_sid, topic, identity)

        error = await self._database.read(check)
        if error is not None:
            self.hub.cancel(peer, topic)
            payload = notifications.failed(topic, _kind_of(topic), error, None)
            peer.send(self._frame(notifications.ORDERED, payload))

    async def _reconcile(self) -> None:
        for topic in self.hub.topics():
            found = await self._database.read(partial(log.newest, sid=topic))
            if found is None:
                self._gone(topic)
            else:
                self.hub.expect(topic, found)

    def _gone(self, topic: str) -> None:
        kind = _kind_of(topic)
        for receiver in self.hub.subscribers(topic):
            error = log.gone(topic)
            payload = notifications.failed(topic, kind, error, None)
            receiver.send(self._frame(notifications.ORDERED, payload))
            self.hub.cancel(receiver, topic)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except StorageError as error:
        logger.error("missed events could not be read: %s", error)


def _kind_of(sid: str) -> str:
    return log.kind_of(sid).value
