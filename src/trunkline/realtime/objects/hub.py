"""The subscriptions of a node, and the last event that each subscriber has. Pure.

Every subscriber of a topic gets each event once, in the order of event ids and without a hole; the author of an event
is left out. The rules:

- A subscription begins in replay: live events are held, at most 64 of those with an id. ``establish`` ends the replay
  at an event; held events beyond it follow, and the subscription is live. Of more events than are held, ``overtaken``
  returns the newest, up to which the replay then goes on.
- An event that is not newer than the last one sent is dropped.
- An event that leaves a hole is held, and ``missed`` is called with the topic and the last event that all have. The
  owner of the log passes the missing events to ``fill``, which returns the subscriptions that still have a hole.
- An event without an id (a stream's) goes to all live subscribers once, and is not kept.
- Ids may have gaps: an event then carries the id of the topic's event before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

MAX_HELD = 64
"""The most events that a subscription holds: the log has the others."""
MAX_UNLOGGED = 1000
"""The most that it holds if there are events without an id among them, which no log has."""

Frame = Callable[[int], bytes]
"""The maker of an event's bytes for a protocol version."""


class EventReceiver(Protocol):
    """A connection, as far as events are concerned."""

    @property
    def id(self) -> str:
        """The id of the connection."""
        ...

    def send(self, frame: bytes) -> None:
        """Send a frame."""
        ...


class TopicEvent(NamedTuple):
    """An event of a topic. ``author`` is the id of the connection that caused it; ``frame`` makes the bytes, and is
    called at most once a version for all that the event is delivered to, now or after it was held; ``previous`` is the
    id of the event before it, None for ``id`` - 1."""

    id: int | None
    frame: Frame
    author: str | None = None
    previous: int | None = None


class Subscription:
    """A connection's subscription to a topic. ``version`` is the protocol version in which its client reads events,
    ``last`` the id of the last event that it has."""

    __slots__ = ("held", "last", "newest", "receiver", "replaying", "topic", "version")

    def __init__(self, receiver: EventReceiver, topic: str, version: int) -> None:
        self.receiver = receiver
        self.topic = topic
        self.version = version
        self.last: int | None = None
        self.newest: int | None = None
        self.replaying = True
        self.held: list[TopicEvent] | None = None

    @property
    def live(self) -> bool:
        """True if events are sent as they come."""
        return not self.replaying and self.held is None

    @property
    def behind(self) -> bool:
        """True if an event is known that was not sent and is not held without a hole before it."""
        return self.newest is not None and (self.last is None or self.last < self.newest)

    def overtaken(self) -> int | None:
        """Drop the events that are held and return the newest, if more came during the replay than are held."""
        if self.held is None or self.newest is None or len(self.held) < MAX_HELD:
            return None
        self.held = [event for event in self.held if event.id is None] or None
        return self.newest


class Hub:
    """All subscriptions of this node. ``missed(topic, after)`` is called when events after ``after`` must be read
    from the log and passed to ``fill``; it must not call back at once."""

    def __init__(self, missed: Callable[[str, int], None]) -> None:
        self._missed = missed
        self._topics: dict[str, dict[str, Subscription]] = {}
        self._of: dict[str, dict[str, Subscription]] = {}

    def __len__(self) -> int:
        """Return the number of topics with subscribers."""
        return len(self._topics)

    def count(self, receiver: EventReceiver) -> int:
        """Return the number of topics that a connection is subscribed to."""
        return len(self._of.get(receiver.id, ()))

    def subscribers(self, topic: str) -> tuple[EventReceiver, ...]:
        """Return the subscribers of a topic."""
        return tuple(one.receiver for one in self._topics.get(topic, {}).values())

    def subscription(self, receiver: EventReceiver, topic: str) -> Subscription | None:
        """Return a connection's subscription to a topic."""
        return self._topics.get(topic, {}).get(receiver.id)

    def topics(self) -> tuple[str, ...]:
        """Return the topics with subscribers."""
        return tuple(self._topics)

    def waiting(self, topic: str) -> list[int]:
        """Return the last events of the subscribers with a hole, each once and in order."""
        return sorted({one.last for one in self._waiting(topic) if one.last is not None})

    def expect(self, topic: str, newest: int) -> None:
        """Record the newest event of a topic in the log. Call ``missed`` if a subscriber lacks some."""
        after: int | None = None
        for one in self._topics.get(topic, {}).values():
            if one.live and one.last is not None and one.last < newest:
                one.newest = max(newest, one.newest if one.newest is not None else newest)
                one.held = []
                after = one.last if after is None else min(after, one.last)
        if after is not None:
            self._missed(topic, after)

    def begin(self, receiver: EventReceiver, topic: str, version: int = 4) -> Subscription:
        """Subscribe in replay, in place of a subscription of the same connection to the topic. Read the events to
        replay after this, and end with ``establish``."""
        made = Subscription(receiver, topic, version)
        self._topics.setdefault(topic, {})[receiver.id] = made
        self._of.setdefault(receiver.id, {})[topic] = made
        return made

    def establish(self, subscription: Subscription, snapshot: int | None) -> None:
        """End a replay that was complete up to the event ``snapshot`` (None for streams). Do nothing for a
        subscription that was replaced or cancelled meanwhile."""
        if not self._is_current(subscription):
            return
        subscription.replaying = False
        subscription.last = snapshot
        held, subscription.held = subscription.held or [], None
        for event in held:
            self._deliver(subscription, event)
        if subscription.behind and subscription.last is not None:
            subscription.held = subscription.held or []
            self._missed(subscription.topic, subscription.last)

    def cancel(self, receiver: EventReceiver, topic: str) -> None:
        """End a subscription."""
        _drop(self._topics, topic, receiver.id)
        _drop(self._of, receiver.id, topic)

    def leave(self, receiver: EventReceiver) -> None:
        """End all subscriptions of a connection."""
        for topic in self._of.pop(receiver.id, {}):
            _drop(self._topics, topic, receiver.id)

    def publish(self, topic: str, event: TopicEvent) -> None:
        """Deliver an event to the subscribers of its topic."""
        subscriptions = self._topics.get(topic)
        if not subscriptions:
            return
        event = event._replace(frame=_once(event.frame))
        after: int | None = None
        for one in tuple(subscriptions.values()):
            was_live = one.live
            self._deliver(one, event)
            if was_live and not one.live and one.last is not None:
                after = one.last if after is None else min(after, one.last)
        if after is not None:
            self._missed(topic, after)

    def fill(self, topic: str, events: Iterable[TopicEvent], after: int | None = None) -> list[Subscription]:
        """Deliver missed events, read from the log in ascending order, to the subscribers that lack them; with
        ``after`` only to those whose last event that is. Return the subscriptions that still have a hole: there are
        more events, or, for those that ``events`` did not bring further, the log no longer has them."""
        waiting = [one for one in self._waiting(topic) if after is None or one.last == after]
        held = [one.held or [] for one in waiting]
        for one in waiting:
            one.held = None
        for event in events:
            shared = event._replace(frame=_once(event.frame))
            for one in waiting:
                self._deliver(one, shared)
        for one, later in zip(waiting, held, strict=True):
            for event in later:
                self._deliver(one, event)
            if one.behind and one.held is None:
                one.held = []
        return [one for one in waiting if one.held is not None]

    def _waiting(self, topic: str) -> list[Subscription]:
        return [
            one for one in self._topics.get(topic, {}).values() if not one.replaying and one.held is not None
        ]

    def _is_current(self, subscription: Subscription) -> bool:
        return self._topics.get(subscription.topic, {}).get(subscription.receiver.id) is subscription

    def _deliver(self, one: Subscription, event: TopicEvent) -> None:
        if not one.live:
            _hold(one, event)
            return
        if event.id is not None:
            if one.last is not None and event.id <= one.last:
                return
            if one.last is not None and event.id > one.last + 1 and _leaves_hole(event, one.last):
                _hold(one, event)
                return
            one.last = event.id
        if one.receiver.id != event.author:
            one.receiver.send(event.frame(one.version))


def _hold(one: Subscription, event: TopicEvent) -> None:
    """Keep an event for later. Beyond 64, record only that there are more, which the log has."""
    if one.held is None:
        one.held = []
    if event.id is not None:
        one.newest = max(event.id, one.newest if one.newest is not None else event.id)
    if len(one.held) < (MAX_UNLOGGED if event.id is None else MAX_HELD):
        one.held.append(event)


def _leaves_hole(event: TopicEvent, last: int) -> bool:
    return event.previous is None or event.previous > last


def _once(make: Frame) -> Frame:
    made: dict[int, bytes] = {}

    def frame(version: int) -> bytes:
        found = made.get(version)
        if found is None:
            found = made[version] = make(version)
        return found

    return frame


def _drop(table: dict[str, dict[str, Subscription]], outer: str, inner: str) -> None:
    members = table.get(outer)
    if members is not None and members.pop(inner, None) is not None and not members:
        del table[outer]
