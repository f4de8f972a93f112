"""The queue of a bind: the segments to submit, in the order in which their messages were submitted. Pure.

1. A segment that a throttling SMSC rejected returns to its position, ahead of messages that were submitted later.
2. When a segment fails, those of its message that were not sent are dropped; the message ends when the responses to
   those in flight are in. A rejection weighs more than an unknown outcome, and that more than a deferral.
3. A message that expires in the queue is deferred, as is one whose lease has ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

import msgspec

from trunkline.transports.base import (
    Acceptance,
    Deferral,
    Outcome,
    Rejection,
    Submission,
    UnknownOutcome,
    lease_ended,
)

Ending = Rejection | UnknownOutcome | Deferral
_WEIGHT: dict[type[Ending], int] = {Deferral: 1, UnknownOutcome: 2, Rejection: 3}


class OutboundMessage:
    """A message in progress. ``bodies`` are its encoded submit_sm; at ``expires`` it is deferred unless it is in
    flight. ``done`` is called with the outcome, once."""

    def __init__(
        self, submission: Submission, bodies: Sequence[bytes], expires: float, done: Callable[[Outcome], None]
    ) -> None:
        self.submission = submission
        self.bodies = bodies
        self.expires = expires
        self._done = done
        accepted = submission.accepted_ids[: len(bodies)]
        self._ids = [*accepted, *[""] * (len(bodies) - len(accepted))]
        self._in_flight = 0
        self._ending: Ending | None = None
        self.ended = False

    @property
    def to_send(self) -> list[int]:
        """The indexes of the segments that the network has not accepted."""
        return [index for index, id in enumerate(self._ids) if not id]

    def sent(self) -> None:
        """Count a segment that is sent."""
        self._in_flight += 1

    def requeued(self) -> None:
        """Count a segment that returns to the queue."""
        self._in_flight -= 1
        self._end_when_done()

    def accepted(self, index: int, id: str) -> None:
        """Record that the network accepted the segment at ``index`` as ``id``."""
        self._in_flight -= 1
        self._ids[index] = id
        self._end_when_done()

    def failed(self, ending: Ending, *, in_flight: bool = True) -> None:
        """Record the failure of a segment, which was ``in_flight`` or still queued."""
        self._in_flight -= in_flight
        if self._ending is None or _WEIGHT[type(ending)] > _WEIGHT[type(self._ending)]:
            self._ending = ending
        self._end_when_done()

    @property
    def failing(self) -> bool:
        """True if no more of it must be sent."""
        return self._ending is not None

    def _end_when_done(self) -> None:
        if self.ended or self._in_flight:
            return
        if self._ending is not None:
            self._end(msgspec.structs.replace(self._ending, ids=self._known_ids()))
        elif all(self._ids):
            self._end(Acceptance(tuple(self._ids)))

    def _known_ids(self) -> tuple[str, ...]:
        ids = list(self._ids)
        while ids and not ids[-1]:
            ids.pop()
        return tuple(ids)

    def _end(self, outcome: Outcome) -> None:
        self.ended = True
        self._done(outcome)


class Segment(msgspec.Struct, frozen=True):
    """A segment of a message; ``ticket`` is its position in the order."""

    ticket: int
    index: int
    message: OutboundMessage

    @property
    def body(self) -> bytes:
        """Its encoded submit_sm."""
        return self.message.bodies[self.index]


class SubmitQueue:
    """The queued segments."""

    def __init__(self) -> None:
        self._fresh: deque[Segment] = deque()
        self._requeued: list[tuple[int, Segment]] = []
        self._ticket = 0

    def __len__(self) -> int:
        return len(self._fresh) + len(self._requeued)

    def add(self, message: OutboundMessage) -> None:
        """Enqueue the segments of a message that the network has not accepted."""
        for index in message.to_send:
            self._ticket += 1
            self._fresh.append(Segment(self._ticket, index, message))

    def requeue(self, segment: Segment) -> None:
        """Return a segment that was in flight to its position."""
        heappush(self._requeued, (segment.ticket, segment))
        segment.message.requeued()

    def peek(self, now: float) -> Segment | None:
        """Return the next segment to send; messages that have expired or lost their lease are deferred on the way."""
        while self._requeued or self._fresh:
            segment = self._requeued[0][1] if self._requeued else self._fresh[0]
            message = segment.message
            held = message.submission.holds()
            if held and not message.failing and message.expires > now:
                return segment
            self.pop()
            if not message.failing:
                late = Deferral(1.0, "it waited too long for its turn", counts=False)
                message.failed(late if held else lease_ended(()), in_flight=False)
        return None

    def pop(self) -> Segment:
        """Remove and return the segment that ``peek`` returned."""
        return heappop(self._requeued)[1] if self._requeued else self._fresh.popleft()

    def empty(self, reason: str, after: float) -> None:
        """Defer every message, to be submitted again after some seconds."""
        waiting = [segment for _, segment in sorted(self._requeued)] + list(self._fresh)
        self._requeued.clear()
        self._fresh.clear()
        for segment in waiting:
            if not segment.message.failing:
                segment.message.failed(Deferral(after, reason, counts=False), in_flight=False)
