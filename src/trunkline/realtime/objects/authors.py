"""The authors of events: a connection does not receive its own writes, and learns up to which event it has all. Pure.

The author is the connection that a request came over, for as long as the request runs, and not its endpoint: a client
that lost its connection does not have the outcome of its last request, and must receive that write on its next
connection, even if the write happens while a request of the next connection runs.

After its own write an author gets a notification that only advances its event id (client): without it, the write would
come back in the replay after its next reconnect. It is sent only if no earlier event can still be on its way.

A client takes an event as proof that it has all earlier ones. The response alone reports its own write to it, so an
event that overtook the response would, if the connection then broke, hide that write from the client for good. The
author's frames are therefore held until the response.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from trunkline.realtime.border import Peer
from trunkline.realtime.objects.types import ObjectEvent

K = TypeVar("K")
V = TypeVar("V")

MAX_REMEMBERED = 16_384
"""The most events, topics and items that are remembered."""


class Authors:
    """The writers of this node, and their latest writes."""

    def __init__(self) -> None:
        self._writing: dict[str, int] = {}
        self._wrote: OrderedDict[tuple[str, int], str] = OrderedDict()
        self._topics: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._items: OrderedDict[tuple[str, str, int | None, str | None], int] = OrderedDict()
        self._latest: OrderedDict[str, int] = OrderedDict()
        self._filling: dict[str, int] = {}

    def begin(self, connection: str) -> None:
        """Count a connection as a writer until ``end``, while its request runs."""
        self._writing[connection] = self._writing.get(connection, 0) + 1

    def end(self, connection: str) -> None:
        """Count a connection as a writer no longer."""
        left = self._writing[connection] - 1
        if left:
            self._writing[connection] = left
        else:
            del self._writing[connection]

    def author(self, event: ObjectEvent) -> str | None:
        """Return the connection that caused a live event and is about to get its response; None for any other."""
        author = event.connection if event.connection in self._writing else None
        if author is not None and event.event_id is not None:
            _keep(self._wrote, (event.object_sid, event.event_id), author)
            if event.item_revision:
                _keep(self._topics, (author, event.object_sid), None)
                _keep(self._items, (author, *_position(event)), event.event_id)
        return author

    def remembered(self, event: ObjectEvent) -> str | None:
        """Return the author of an event that is read from the log, if the event was published not long ago."""
        return None if event.event_id is None else self._wrote.get((event.object_sid, event.event_id))

    def has_written(self, connection: str, topic: str) -> bool:
        """Return whether a connection wrote items of a topic not long ago."""
        return (connection, topic) in self._topics

    def knows(self, connection: str, event: ObjectEvent) -> bool:
        """Return whether a connection has the state of an item after ``event`` by a later write of its own, or by this
        one. It has the results of its writes from their responses; an older removal would undo them (client)."""
        newest = self._items.get((connection, *_position(event)))
        return newest is not None and event.event_id is not None and event.event_id <= newest

    def reached(self, topic: str, event_id: int) -> None:
        """Record that a subscriber has all events of a topic up to this one."""
        _keep(self._latest, topic, max(event_id, self._latest.get(topic, event_id)))

    def follows(self, topic: str, event_id: int, previous_id: int | None = None) -> bool:
        """Return whether all events before this one, the newest of which is ``previous_id`` (None for ``event_id``
        - 1), went out to all subscribers. Record that this one goes out now."""
        latest = self._latest.get(topic)
        self.reached(topic, event_id)
        previous = event_id - 1 if previous_id is None else previous_id
        return latest == previous and topic not in self._filling

    @contextmanager
    def filling(self, topic: str) -> Iterator[None]:
        """Let no event count as following while missing events of its topic are read."""
        self._filling[topic] = self._filling.get(topic, 0) + 1
        try:
            yield
        finally:
            self._filling[topic] -= 1
            if not self._filling[topic]:
                del self._filling[topic]


class Subscriber:
    """A connection as the hub's receiver. ``send`` is the connection's own, or collects frames while they are held.
    The established topics are those whose replay is over: of these the client has all events that were sent."""

    __slots__ = ("_established", "_held", "id", "peer", "send")

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.id = peer.id
        self.send: Callable[[bytes], None] = peer.send
        # Most connections have few topics and never hold a frame: both are made at their first use.
        self._established: set[str] | None = None
        self._held: list[bytes] | None = None

    def establish(self, topic: str) -> None:
        """Record that the replay of a topic is over."""
        if self._established is None:
            self._established = set()
        self._established.add(topic)

    def forget(self, topic: str) -> None:
        """Record that a subscription to a topic begins anew or has ended."""
        if self._established is not None:
            self._established.discard(topic)

    def has_established(self, topic: str) -> bool:
        """Return whether the replay of a topic is over."""
        return self._established is not None and topic in self._established

    def hold(self) -> None:
        """Collect frames from now on."""
        if self._held is None:
            self._held = []
        self.send = self._held.append

    def release(self) -> tuple[bytes, ...]:
        """Send directly again. Return the frames that were held, which must go out before any other."""
        if self._held is None:
            return ()
        held, self._held = tuple(self._held), None
        self.send = self.peer.send
        return held


def _position(event: ObjectEvent) -> tuple[str, int | None, str | None]:
    return event.object_sid, event.item_index, event.item_key


def _keep(table: OrderedDict[K, V], key: K, value: V) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > MAX_REMEMBERED:
        table.popitem(last=False)
