"""Subscribers see each event once, in order, without a hole, whatever the order of things."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from trunkline.realtime.objects.hub import MAX_HELD, MAX_UNLOGGED, Hub, TopicEvent


class Reader:
    """A connection that keeps what it is sent."""

    def __init__(self, id: str = "c1") -> None:
        self.id = id
        self.got: list[int] = []

    def send(self, frame: bytes) -> None:
        self.got.append(int(frame))


def event(id: int, author: str | None = None) -> TopicEvent:
    return TopicEvent(id, lambda _: b"%d" % id, author)


def live(hub: Hub, reader: Reader, at: int = 0) -> None:
    hub.establish(hub.begin(reader, "T"), at)


def _hub() -> tuple[Hub, list[tuple[str, int]]]:
    missed: list[tuple[str, int]] = []
    return Hub(lambda topic, after: missed.append((topic, after))), missed


def test_events_reach_the_subscribers_of_their_topic_but_not_the_author() -> None:
    hub, missed = _hub()
    author, reader, elsewhere = Reader("a"), Reader("b"), Reader("c")
    live(hub, author)
    live(hub, reader)
    hub.establish(hub.begin(elsewhere, "U"), 0)
    hub.publish("T", event(1, "a"))
    hub.publish("T", event(2, "b"))
    hub.publish("nobody", event(1))
    assert (author.got, reader.got, elsewhere.got, missed) == ([2], [1], [], [])


def test_a_frame_is_made_once_and_only_for_somebody() -> None:
    hub, _ = _hub()
    made: list[int] = []

    def frame(version: int) -> bytes:
        made.append(version)
        return b"%d" % version

    hub.publish("T", TopicEvent(1, frame))
    live(hub, Reader("a"))
    hub.publish("T", TopicEvent(1, frame, "a"))
    assert made == []
    for name in "bcd":
        live(hub, Reader(name), 1)
    hub.publish("T", TopicEvent(2, frame))
    assert made == [4]


def test_a_frame_is_made_once_for_all_who_held_it() -> None:
    hub, _ = _hub()
    made: list[int] = []

    def frame(version: int) -> bytes:
        made.append(version)
        return b"1"

    readers = [Reader(name) for name in "abc"]
    replaying = [hub.begin(reader, "T") for reader in readers]
    hub.publish("T", TopicEvent(1, frame))
    for subscription in replaying:
        hub.establish(subscription, 0)
    assert made == [4]
    assert [reader.got for reader in readers] == [[1]] * 3


def test_a_replay_goes_on_to_events_that_are_not_held() -> None:
    hub, missed = _hub()
    reader = Reader()
    subscription = hub.begin(reader, "T")
    assert subscription.overtaken() is None
    hub.publish("T", event(1))
    assert subscription.overtaken() is None
    hub.publish("T", TopicEvent(None, lambda _: b"-1"))
    for id in range(2, MAX_HELD + 20):
        hub.publish("T", event(id))
    assert subscription.overtaken() == MAX_HELD + 19
    assert subscription.overtaken() is None
    hub.publish("T", event(MAX_HELD + 20))
    hub.establish(subscription, MAX_HELD + 19)
    # What no log has was kept.
    assert reader.got == [-1, MAX_HELD + 20]
    assert missed == []


def test_events_that_no_log_has_are_held_beyond_the_others() -> None:
    hub, _ = _hub()
    reader = Reader()
    subscription = hub.begin(reader, "T")
    assert subscription.overtaken() is None
    for number in range(MAX_UNLOGGED + 5):
        hub.publish("T", TopicEvent(None, lambda _, number=number: b"%d" % number))  # type: ignore[misc]
    assert subscription.overtaken() is None
    hub.establish(subscription, None)
    assert reader.got == list(range(MAX_UNLOGGED))


def test_old_events_are_dropped() -> None:
    hub, missed = _hub()
    reader = Reader()
    live(hub, reader, 5)
    for id in (4, 5, 6, 6, 3, 7):
        hub.publish("T", event(id))
    assert (reader.got, missed) == ([6, 7], [])


def test_live_events_wait_for_the_replay() -> None:
    hub, missed = _hub()
    reader = Reader()
    subscription = hub.begin(reader, "T")
    for id in (3, 4, 5):
        hub.publish("T", event(id))
    assert reader.got == []
    hub.establish(subscription, 4)
    hub.publish("T", event(6))
    assert (reader.got, missed) == ([5, 6], [])


def test_a_second_subscription_replaces_the_first() -> None:
    hub, _ = _hub()
    reader = Reader()
    old = hub.begin(reader, "T")
    new = hub.begin(reader, "T")
    hub.publish("T", event(1))
    hub.establish(old, 0)
    assert reader.got == []
    hub.establish(new, 0)
    assert reader.got == [1]
    assert (hub.count(reader), len(hub)) == (1, 1)


def test_a_hole_is_reported_once_and_filled() -> None:
    hub, missed = _hub()
    near, far = Reader("n"), Reader("f")
    live(hub, near, 4)
    live(hub, far, 2)
    hub.publish("T", event(6))
    hub.publish("T", event(7))
    assert (near.got, far.got, missed) == ([], [], [("T", 2)])
    assert hub.fill("T", [event(3), event(4), event(5)]) == []
    assert (near.got, far.got) == ([5, 6, 7], [3, 4, 5, 6, 7])
    hub.publish("T", event(8))
    assert (near.got[-1], far.got[-1], len(missed)) == (8, 8, 1)


def test_a_hole_that_the_log_cannot_fill_is_answered() -> None:
    hub, _ = _hub()
    reader = Reader()
    live(hub, reader, 1)
    hub.publish("T", event(5))
    behind = hub.fill("T", [event(4)])
    assert [one.receiver for one in behind] == [reader]
    assert reader.got == []
    assert hub.fill("T", [event(2), event(3)]) == []
    assert reader.got == [2, 3, 4, 5]


def test_a_replay_that_ends_before_what_is_held_is_a_hole() -> None:
    hub, missed = _hub()
    reader = Reader()
    subscription = hub.begin(reader, "T")
    hub.publish("T", event(5))
    hub.establish(subscription, 3)
    assert (reader.got, missed) == ([], [("T", 3)])
    hub.fill("T", [event(4), event(5)])
    assert reader.got == [4, 5]


def test_what_is_held_is_bounded_and_the_rest_comes_from_the_log() -> None:
    hub, missed = _hub()
    reader = Reader()
    subscription = hub.begin(reader, "T")
    for id in range(1, MAX_HELD + 11):
        hub.publish("T", event(id))
    hub.establish(subscription, 0)
    assert reader.got == list(range(1, MAX_HELD + 1))
    assert missed == [("T", MAX_HELD)]
    hub.publish("T", event(MAX_HELD + 11))
    assert hub.fill("T", [event(id) for id in range(MAX_HELD + 1, MAX_HELD + 12)]) == []
    assert reader.got == list(range(1, MAX_HELD + 12))


def test_events_without_an_id_go_to_who_is_there() -> None:
    hub, missed = _hub()
    reader = Reader()
    subscription = hub.begin(reader, "T")
    hub.publish("T", TopicEvent(None, lambda _: b"1"))
    hub.establish(subscription, None)
    hub.publish("T", TopicEvent(None, lambda _: b"2"))
    hub.publish("T", TopicEvent(None, lambda _: b"3", "c1"))
    assert (reader.got, missed) == ([1, 2], [])


def test_leaving_ends_everything() -> None:
    hub, _ = _hub()
    reader, other = Reader("a"), Reader("b")
    for topic in ("T", "U"):
        hub.establish(hub.begin(reader, topic), 0)
    live(hub, other)
    assert {one.id for one in hub.subscribers("T")} == {"a", "b"}
    hub.cancel(reader, "U")
    hub.cancel(reader, "U")
    assert (hub.count(reader), hub.subscribers("U")) == (1, ())
    hub.leave(reader)
    hub.leave(reader)
    hub.publish("T", event(1))
    assert (reader.got, other.got, len(hub)) == ([], [1], 1)


STEPS = st.lists(
    st.sampled_from(["write", "lose", "late", "begin", "establish", "again", "leave", "recover"]), max_size=60
)


@given(STEPS)
def test_no_interleaving_makes_a_hole(steps: list[str]) -> None:
    """Follow one object; its events reach the hub, or are lost, or come late and twice; a client comes and
    goes. A replay and a recovery read the log as it then is.
    """
    missed: list[tuple[str, int]] = []
    hub = Hub(lambda topic, after: missed.append((topic, after)))
    reader, log, late = Reader(), 0, list[int]()
    pending = None
    snapshot, seen = 0, 0

    def begin() -> None:
        nonlocal pending, snapshot
        pending, snapshot = hub.begin(reader, "T"), log

    def establish() -> None:
        nonlocal pending
        if pending is not None:
            reader.got += range(seen_by(reader), snapshot + 1)
            hub.establish(pending, snapshot)
            pending = None

    def seen_by(one: Reader) -> int:
        return (one.got[-1] if one.got else 0) + 1

    def write(deliver: Callable[[int], None]) -> None:
        nonlocal log
        log += 1
        deliver(log)

    for step in steps:
        if step == "write":
            write(lambda id: hub.publish("T", event(id)))
        elif step == "lose":
            write(late.append)
        elif step == "late":
            for id in late:
                hub.publish("T", event(id))
        elif step == "begin":
            begin()
        elif step == "establish":
            establish()
        elif step == "leave":
            hub.leave(reader)
            pending = None
        elif step == "again" and log:
            hub.publish("T", event(log))
        elif step == "recover" and missed:
            topic, after = missed.pop()
            hub.fill(topic, [event(id) for id in range(after + 1, log + 1)])
        assert reader.got == list(range(1, len(reader.got) + 1))
        seen = len(reader.got)
    hub.leave(reader)
    begin()
    establish()
    write(lambda id: hub.publish("T", event(id)))
    assert reader.got == list(range(1, log + 1))
    assert seen <= log


def test_what_the_log_has_and_a_subscriber_lacks_is_read_from_it() -> None:
    hub, missed = _hub()
    near, far, ahead = Reader("n"), Reader("f"), Reader("a")
    live(hub, near, 4)
    live(hub, far, 2)
    live(hub, ahead, 6)
    hub.begin(Reader("replaying"), "T")
    hub.expect("T", 6)
    hub.expect("T", 6)
    hub.expect("nobody", 6)
    assert missed == [("T", 2)]
    assert hub.waiting("T") == [2, 4]
    assert hub.fill("T", [event(id) for id in range(3, 7)]) == []
    assert (near.got, far.got, ahead.got) == ([5, 6], [3, 4, 5, 6], [])


def test_who_is_ahead_of_the_log_needs_nothing_of_it() -> None:
    hub, missed = _hub()
    live(hub, Reader(), 6)
    hub.expect("T", 6)
    assert (missed, hub.waiting("T")) == ([], [])


def test_an_event_that_the_log_lost_leaves_a_hole() -> None:
    hub, _ = _hub()
    live(hub, Reader(), 2)
    hub.expect("T", 6)
    assert [one.last for one in hub.fill("T", [event(3)])] == [3]
