"""The queue of a bind: order, outcomes, and the messages that it hands back."""

from __future__ import annotations

from trunkline.transports.base import Acceptance, Deferral, Outcome, Rejection, UnknownOutcome, lease_ended
from trunkline.transports.smpp.submit_queue import OutboundMessage, Segment, SubmitQueue
from unit.transports.smpp.routes import submission


class HandedMessage:
    """A message of some segments, and how it ended."""

    def __init__(self, *bodies: str, expires: float = 1000.0, accepted_ids: tuple[str, ...] = ()) -> None:
        self.outcomes: list[Outcome] = []
        self.held = True
        encoded = [body.encode() for body in bodies]
        self.message = OutboundMessage(
            submission(accepted_ids=accepted_ids, holds=lambda: self.held),
            encoded,
            expires,
            self.outcomes.append,
        )

    @property
    def outcome(self) -> Outcome | None:
        assert len(self.outcomes) <= 1, "a message ends once"
        return self.outcomes[0] if self.outcomes else None


def send(outbox: SubmitQueue, now: float = 0.0) -> Segment | None:
    segment = outbox.peek(now)
    if segment is not None:
        assert outbox.pop() is segment
        segment.message.sent()
    return segment


def drain(outbox: SubmitQueue) -> list[Segment]:
    return list(iter(lambda: send(outbox), None))


def test_segments_go_in_order() -> None:
    outbox = SubmitQueue()
    outbox.add(HandedMessage("a1", "a2").message)
    outbox.add(HandedMessage("b1").message)
    assert len(outbox) == 3
    assert [segment.body for segment in drain(outbox)] == [b"a1", b"a2", b"b1"]


def test_a_message_is_taken_when_all_its_segments_are() -> None:
    outbox, handed = SubmitQueue(), HandedMessage("a1", "a2")
    outbox.add(handed.message)
    first, second = drain(outbox)
    handed.message.accepted(second.index, "y")
    assert handed.outcome is None
    handed.message.accepted(first.index, "x")
    assert handed.outcome == Acceptance(("x", "y"))


def test_what_was_throttled_goes_back_to_its_place() -> None:
    outbox = SubmitQueue()
    for name in "abcd":
        outbox.add(HandedMessage(name).message)
    first, second, third = [send(outbox) for _ in range(3)]
    assert first
    assert second
    assert third
    outbox.requeue(third)
    outbox.requeue(first)
    assert [segment.body for segment in drain(outbox)] == [b"a", b"c", b"d"]


def test_only_what_was_not_taken_is_sent() -> None:
    outbox, handed = SubmitQueue(), HandedMessage("a1", "a2", "a3", accepted_ids=("x", "", "z"))
    outbox.add(handed.message)
    (only,) = drain(outbox)
    assert only.body == b"a2"
    handed.message.accepted(only.index, "y")
    assert handed.outcome == Acceptance(("x", "y", "z"))


def test_a_refused_segment_drops_what_was_not_sent_and_waits_for_what_was() -> None:
    outbox, handed = SubmitQueue(), HandedMessage("a1", "a2", "a3")
    outbox.add(handed.message)
    first, second = send(outbox), send(outbox)
    assert first
    assert second
    handed.message.failed(Rejection(30005, "no"))
    assert handed.outcome is None
    assert send(outbox) is None
    handed.message.accepted(second.index, "y")
    assert handed.outcome == Rejection(30005, "no", ids=("", "y"))


def test_a_message_that_fails_already_is_not_deferred_when_the_link_goes_down() -> None:
    outbox, handed = SubmitQueue(), HandedMessage("a1", "a2", "a3")
    outbox.add(handed.message)
    first = send(outbox)
    assert first
    handed.message.failed(Rejection(30005, "no"), in_flight=False)
    outbox.empty("down", 1.0)
    handed.message.accepted(first.index, "x")
    assert handed.outcome == Rejection(30005, "no", ids=("x",))


def test_the_graver_ending_counts() -> None:
    outbox, handed = SubmitQueue(), HandedMessage("1", "2", "3", "4")
    outbox.add(handed.message)
    _, _, _, last = drain(outbox)
    handed.message.accepted(last.index, "d")
    for ending in (Deferral(5, "later"), UnknownOutcome("reset"), Deferral(5, "later")):
        handed.message.failed(ending)
    assert handed.outcome == UnknownOutcome("reset", ids=("", "", "", "d"))


def test_what_waits_too_long_is_handed_back() -> None:
    outbox, late, fresh = (
        SubmitQueue(),
        HandedMessage("late", expires=10.0),
        HandedMessage("fresh", expires=20.0),
    )
    outbox.add(late.message)
    outbox.add(fresh.message)
    segment = send(outbox, now=10.0)
    assert segment
    assert segment.body == b"fresh"
    assert late.outcome == Deferral(1.0, "it waited too long for its turn", counts=False)


def test_a_throttled_segment_may_wait_too_long_as_well() -> None:
    outbox, handed = SubmitQueue(), HandedMessage("a1", "a2", expires=10.0)
    outbox.add(handed.message)
    first, second = drain(outbox)
    handed.message.accepted(first.index, "x")
    outbox.requeue(second)
    assert send(outbox, now=11.0) is None
    assert isinstance(handed.outcome, Deferral)
    assert handed.outcome.ids == ("x",)


def test_everything_is_handed_back_when_the_link_is_down() -> None:
    outbox, one, other = SubmitQueue(), HandedMessage("a1", "a2"), HandedMessage("b")
    outbox.add(one.message)
    outbox.add(other.message)
    first = send(outbox)
    assert first
    outbox.empty("down", 1.0)
    assert other.outcome == Deferral(1.0, "down", counts=False)
    assert one.outcome is None
    one.message.accepted(first.index, "x")
    assert one.outcome == Deferral(1.0, "down", ids=("x",), counts=False)
    assert not outbox


def test_a_failing_segment_put_back_ends_the_message() -> None:
    outbox, handed = SubmitQueue(), HandedMessage("a1", "a2")
    outbox.add(handed.message)
    _, second = drain(outbox)
    handed.message.failed(Rejection(30005, "no"))
    outbox.requeue(second)
    assert handed.outcome == Rejection(30005, "no")
    assert send(outbox) is None


def test_a_message_whose_lease_ended_is_not_sent_any_more() -> None:
    outbox, lost, held = SubmitQueue(), HandedMessage("a1", "a2", "a3"), HandedMessage("b1")
    outbox.add(lost.message)
    outbox.add(held.message)
    first, second = send(outbox), send(outbox)
    assert first
    assert second
    lost.held = False
    # Also the one that a throttling network returned.
    outbox.requeue(first)
    assert [segment.body for segment in drain(outbox)] == [b"b1"]
    assert lost.outcome is None
    lost.message.accepted(second.index, "y")
    # What the network has is known to whoever sends the others.
    assert lost.outcome == lease_ended(("", "y"))
    assert held.outcome is None
