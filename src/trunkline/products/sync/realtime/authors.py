"""Who causes which event: a connection is not told of its own writes, and is told how far it has all events. Pure.

The author is the connection that the request came over, as long as that is in hand, and not its endpoint: a client that
lost its connection does not know what became of its last request, and must hear of that write on its next connection,
also when the write is done while a request of the next one is in hand.

After its own write an author gets a notification that only moves its event id on (client): without it, the write would
come back in the replay after its next reconnect. That is sent only when no earlier event can still be on its way.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from trunkline.products.sync.events import SyncEvent

K = TypeVar("K")
V = TypeVar("V")

MAX_REMEMBERED = 16_384
"""Events, and topics, of which something is remembered."""


class Authors:
    """The writers of this node, and what they wrote of late."""

    def __init__(self) -> None:
        self._writing: Counter[str] = Counter()
        self._wrote: OrderedDict[tuple[str, int], str] = OrderedDict()
        self._latest: OrderedDict[str, int] = OrderedDict()
        self._filling: dict[str, int] = {}

    @contextmanager
    def writing(self, connection: str) -> Iterator[None]:
        """For as long as a connection's request is carried out."""
        self._writing[connection] += 1
        try:
            yield
        finally:
            self._writing[connection] -= 1
            if not self._writing[connection]:
                del self._writing[connection]

    def author(self, event: SyncEvent) -> str | None:
        """The connection that caused an event which is told now, and that is about to have its answer; None for
        anybody else."""
        author = event.actor.connection if event.actor.connection in self._writing else None
        if author is not None and event.event_id is not None:
            _keep(self._wrote, (event.object_sid, event.event_id), author)
        return author

    def remembered(self, event: SyncEvent) -> str | None:
        """The same of an event that is read from the log: what was told not long ago."""
        return None if event.event_id is None else self._wrote.get((event.object_sid, event.event_id))

    def reached(self, topic: str, event_id: int) -> None:
        """A subscriber has all events of a topic up to this one."""
        _keep(self._latest, topic, max(event_id, self._latest.get(topic, event_id)))

    def follows(self, topic: str, event_id: int) -> bool:
        """Whether everything before this event has gone out to all subscribers; says that the event goes out now."""
        latest = self._latest.get(topic)
        self.reached(topic, event_id)
        return latest == event_id - 1 and topic not in self._filling

    @contextmanager
    def filling(self, topic: str) -> Iterator[None]:
        """For as long as a topic's missing events are looked up, none is known to have all before it."""
        self._filling[topic] = self._filling.get(topic, 0) + 1
        try:
            yield
        finally:
            self._filling[topic] -= 1
            if not self._filling[topic]:
                del self._filling[topic]


def _keep(table: OrderedDict[K, V], key: K, value: V) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > MAX_REMEMBERED:
        table.popitem(last=False)
