"""Who is subscribed to what, and what each subscriber has been sent. Pure.

Every subscriber of a topic gets each event once, in the order of event ids and without a hole; the author of an event
is left out. The rules:

- A subscription begins in replay: live events are held, at most 1,000. ``establish`` tells up to which event the
  replay went; what is held beyond it follows, and the subscription is live.
- An event that is not newer than what was sent is dropped.
- An event that leaves a hole is held, and ``missed`` is told the topic and the last event that all have. Whoever
  keeps the log answers with ``fill``; who cannot be helped by it is returned, to be told to start over.
- An event without an id (a stream's) goes to all who are live, now or never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

MAX_HELD = 1000

Frame = Callable[[], bytes]


class Receiver(Protocol):
    """A connection, as far as events are concerned."""

    @property
    def id(self) -> str:
        """Its name."""
        ...

    def send(self, frame: bytes) -> None:
        """Send a frame."""
        ...


class Event(NamedTuple):
    """An event of a topic. ``author`` is the id of the connection that caused it; ``frame`` makes the bytes, and is
    called at most once a delivery to all."""

    id: int | None
    frame: Frame
    author: str | None = None


class Subscription:
    """One connection's subscription to one topic. ``last`` is the last event that it has."""

    __slots__ = ("held", "last", "newest", "receiver", "replaying", "topic")

    def __init__(self, receiver: Receiver, topic: str) -> None:
        self.receiver = receiver
        self.topic = topic
        self.last: int | None = None
        self.newest: int | None = None
        self.replaying = True
        self.held: list[Event] | None = None

    @property
    def live(self) -> bool:
        """Whether events are sent as they come."""
        return not self.replaying and self.held is None

    @property
    def behind(self) -> bool:
        """Whether an event is known that has not been sent, nor is held in an unbroken row."""
        return self.newest is not None and (self.last is None or self.last < self.newest)


class Hub:
    """All subscriptions of this node. ``missed(topic, after)`` is called when events after ``after`` are to be read
    from the log and given to ``fill``; it must not call back at once."""

    def __init__(self, missed: Callable[[str, int], None]) -> None:
        self._missed = missed
        self._topics: dict[str, dict[str, Subscription]] = {}
        self._of: dict[str, dict[str, Subscription]] = {}

    def __len__(self) -> int:
        """How many topics have subscribers."""
        return len(self._topics)

    def count(self, receiver: Receiver) -> int:
        """To how many topics a connection is subscribed."""
        return len(self._of.get(receiver.id, ()))

    def subscribers(self, topic: str) -> tuple[Receiver, ...]:
        """Who is subscribed to a topic."""
        return tuple(one.receiver for one in self._topics.get(topic, {}).values())

    def topics(self) -> tuple[str, ...]:
        """What has subscribers."""
        return tuple(self._topics)

    def expect(self, topic: str, newest: int) -> None:
        """Say which event is the newest of a topic, as the log has it: whoever lacks some is reported."""
        after: int | None = None
        for one in self._topics.get(topic, {}).values():
            if one.live and one.last is not None and one.last < newest:
                one.newest = max(newest, one.newest if one.newest is not None else newest)
                one.held = []
                after = one.last if after is None else min(after, one.last)
        if after is not None:
            self._missed(topic, after)

    def begin(self, receiver: Receiver, topic: str) -> Subscription:
        """Subscribe, in replay; a subscription of the same connection to the topic is replaced. Take the snapshot of
        what is to be replayed after this, and end with ``establish``."""
        made = Subscription(receiver, topic)
        self._topics.setdefault(topic, {})[receiver.id] = made
        self._of.setdefault(receiver.id, {})[topic] = made
        return made

    def establish(self, subscription: Subscription, snapshot: int | None) -> None:
        """The replay is complete up to the event ``snapshot`` (nothing for streams). Does nothing for a subscription
        that was replaced or cancelled meanwhile."""
        if not self._stands(subscription):
            return
        subscription.replaying = False
        subscription.last = snapshot
        held, subscription.held = subscription.held or [], None
        for event in held:
            self._deliver(subscription, event, _once(event.frame))
        if subscription.behind and subscription.last is not None:
            subscription.held = subscription.held or []
            self._missed(subscription.topic, subscription.last)

    def cancel(self, receiver: Receiver, topic: str) -> None:
        """End a subscription."""
        _drop(self._topics, topic, receiver.id)
        _drop(self._of, receiver.id, topic)

    def leave(self, receiver: Receiver) -> None:
        """End all subscriptions of a connection."""
        for topic in self._of.pop(receiver.id, {}):
            _drop(self._topics, topic, receiver.id)

    def publish(self, topic: str, event: Event) -> None:
        """Deliver an event to the subscribers of its topic."""
        subscriptions = self._topics.get(topic)
        if not subscriptions:
            return
        frame = _once(event.frame)
        after: int | None = None
        for one in tuple(subscriptions.values()):
            was_live = one.live
            self._deliver(one, event, frame)
            if was_live and not one.live and one.last is not None:
                after = one.last if after is None else min(after, one.last)
        if after is not None:
            self._missed(topic, after)

    def fill(self, topic: str, events: Iterable[Event]) -> list[Subscription]:
        """Deliver what was missed, read from the log in ascending order, to whoever lacks it. Answers the
        subscriptions that still have a hole: their events are no longer in the log."""
        waiting = [
            one for one in self._topics.get(topic, {}).values() if not one.replaying and one.held is not None
        ]
        held = [one.held or [] for one in waiting]
        for one in waiting:
            one.held = None
        for event in events:
            frame = _once(event.frame)
            for one in waiting:
                self._deliver(one, event, frame)
        for one, later in zip(waiting, held, strict=True):
            for event in later:
                self._deliver(one, event, _once(event.frame))
            if one.behind and one.held is None:
                one.held = []
        return [one for one in waiting if one.held is not None]

    def _stands(self, subscription: Subscription) -> bool:
        return self._topics.get(subscription.topic, {}).get(subscription.receiver.id) is subscription

    def _deliver(self, one: Subscription, event: Event, frame: Frame) -> None:
        if not one.live:
            _hold(one, event)
            return
        if event.id is not None:
            if one.last is not None and event.id <= one.last:
                return
            if one.last is not None and event.id > one.last + 1:
                _hold(one, event)
                return
            one.last = event.id
        if one.receiver.id != event.author:
            one.receiver.send(frame())


def _hold(one: Subscription, event: Event) -> None:
    """Keep an event for later. Beyond 1,000 it is only known that there is more, which the log has."""
    if one.held is None:
        one.held = []
    if event.id is not None:
        one.newest = max(event.id, one.newest if one.newest is not None else event.id)
    if len(one.held) < MAX_HELD:
        one.held.append(event)


def _once(make: Frame) -> Frame:
    made: list[bytes] = []

    def frame() -> bytes:
        if not made:
            made.append(make())
        return made[0]

    return frame


def _drop(table: dict[str, dict[str, Subscription]], outer: str, inner: str) -> None:
    members = table.get(outer)
    if members is not None and members.pop(inner, None) is not None and not members:
        del table[outer]
