"""What waits on a bind: order, outcomes, and what is handed back."""

from __future__ import annotations

from trunkline.transports.base import Deferred, Outcome, Rejected, Submitted, Unknown
from trunkline.transports.smpp.outbox import Message, Outbox, Segment
from unit.transports.smpp.routes import submission


class Handed:
    """A message of some segments, and how it ended."""

    def __init__(self, *bodies: str, expires: float = 1000.0, taken: tuple[str, ...] = ()) -> None:
        self.outcomes: list[Outcome] = []
        encoded = [body.encode() for body in bodies]
        self.message = Message(submission(taken=taken), encoded, expires, self.outcomes.append)

    @property
    def outcome(self) -> Outcome | None:
        assert len(self.outcomes) <= 1, "a message ends once"
        return self.outcomes[0] if self.outcomes else None


def send(outbox: Outbox, now: float = 0.0) -> Segment | None:
    segment = outbox.peek(now)
    if segment is not None:
        assert outbox.pop() is segment
        segment.message.sent()
    return segment


def drain(outbox: Outbox) -> list[Segment]:
    return list(iter(lambda: send(outbox), None))


def test_segments_go_in_order() -> None:
    outbox = Outbox()
    outbox.add(Handed("a1", "a2").message)
    outbox.add(Handed("b1").message)
    assert len(outbox) == 3
    assert [segment.body for segment in drain(outbox)] == [b"a1", b"a2", b"b1"]


def test_a_message_is_taken_when_all_its_segments_are() -> None:
    outbox, handed = Outbox(), Handed("a1", "a2")
    outbox.add(handed.message)
    first, second = drain(outbox)
    handed.message.took(second.place, "y")
    assert handed.outcome is None
    handed.message.took(first.place, "x")
    assert handed.outcome == Submitted(("x", "y"))


def test_what_was_throttled_goes_back_to_its_place() -> None:
    outbox = Outbox()
    for name in "abcd":
        outbox.add(Handed(name).message)
    first, second, third = [send(outbox) for _ in range(3)]
    assert first
    assert second
    assert third
    outbox.again(third)
    outbox.again(first)
    assert [segment.body for segment in drain(outbox)] == [b"a", b"c", b"d"]


def test_only_what_was_not_taken_is_sent() -> None:
    outbox, handed = Outbox(), Handed("a1", "a2", "a3", taken=("x", "", "z"))
    outbox.add(handed.message)
    (only,) = drain(outbox)
    assert only.body == b"a2"
    handed.message.took(only.place, "y")
    assert handed.outcome == Submitted(("x", "y", "z"))


def test_a_refused_segment_drops_what_was_not_sent_and_waits_for_what_was() -> None:
    outbox, handed = Outbox(), Handed("a1", "a2", "a3")
    outbox.add(handed.message)
    first, second = send(outbox), send(outbox)
    assert first
    assert second
    handed.message.failed(Rejected(30005, "no"))
    assert handed.outcome is None
    assert send(outbox) is None
    handed.message.took(second.place, "y")
    assert handed.outcome == Rejected(30005, "no", ids=("", "y"))


def test_the_graver_ending_counts() -> None:
    outbox, handed = Outbox(), Handed("1", "2", "3", "4")
    outbox.add(handed.message)
    _, _, _, last = drain(outbox)
    handed.message.took(last.place, "d")
    for ending in (Deferred(5, "later"), Unknown("reset"), Deferred(5, "later")):
        handed.message.failed(ending)
    assert handed.outcome == Unknown("reset", ids=("", "", "", "d"))


def test_what_waits_too_long_is_handed_back() -> None:
    outbox, late, fresh = Outbox(), Handed("late", expires=10.0), Handed("fresh", expires=20.0)
    outbox.add(late.message)
    outbox.add(fresh.message)
    segment = send(outbox, now=10.0)
    assert segment
    assert segment.body == b"fresh"
    assert late.outcome == Deferred(1.0, "it waited too long for its turn", counts=False)


def test_a_throttled_segment_may_wait_too_long_as_well() -> None:
    outbox, handed = Outbox(), Handed("a1", "a2", expires=10.0)
    outbox.add(handed.message)
    first, second = drain(outbox)
    handed.message.took(first.place, "x")
    outbox.again(second)
    assert send(outbox, now=11.0) is None
    assert isinstance(handed.outcome, Deferred)
    assert handed.outcome.ids == ("x",)


def test_everything_is_handed_back_when_the_link_is_down() -> None:
    outbox, one, other = Outbox(), Handed("a1", "a2"), Handed("b")
    outbox.add(one.message)
    outbox.add(other.message)
    first = send(outbox)
    assert first
    outbox.empty("down", 1.0)
    assert other.outcome == Deferred(1.0, "down", counts=False)
    assert one.outcome is None
    one.message.took(first.place, "x")
    assert one.outcome == Deferred(1.0, "down", ids=("x",), counts=False)
    assert not outbox


def test_a_failing_segment_put_back_ends_the_message() -> None:
    outbox, handed = Outbox(), Handed("a1", "a2")
    outbox.add(handed.message)
    _, second = drain(outbox)
    handed.message.failed(Rejected(30005, "no"))
    outbox.again(second)
    assert handed.outcome == Rejected(30005, "no")
    assert send(outbox) is None
