"""What waits on a bind to be sent: messages as their segments, in the order in which they were handed over. Pure.

1. A segment that a throttling SMSC refused goes back to its place, ahead of what was handed over later.
2. When a segment fails, those of its message that were not sent are dropped; the message ends when the answers to
   those under way are in. A refusal weighs more than an unknown outcome, and that more than a delay.
3. A message whose time is over is handed back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

import msgspec

from trunkline.transports.base import Deferred, Outcome, Rejected, Submission, Submitted, Unknown

Ending = Rejected | Unknown | Deferred
_WEIGHT: dict[type[Ending], int] = {Deferred: 1, Unknown: 2, Rejected: 3}


class Message:
    """A message under way. ``bodies`` are its encoded submit_sm; ``expires`` is when it is handed back unless it is on
    the air. ``done`` hears the outcome, once."""

    def __init__(
        self, submission: Submission, bodies: Sequence[bytes], expires: float, done: Callable[[Outcome], None]
    ) -> None:
        self.submission = submission
        self.bodies = bodies
        self.expires = expires
        self._done = done
        taken = submission.taken[: len(bodies)]
        self._ids = [*taken, *[""] * (len(bodies) - len(taken))]
        self._under_way = 0
        self._ending: Ending | None = None
        self.ended = False

    @property
    def to_send(self) -> list[int]:
        """The places of the segments that the network has not taken."""
        return [place for place, id in enumerate(self._ids) if not id]

    def sent(self) -> None:
        """One of its segments is under way."""
        self._under_way += 1

    def refused_for_now(self) -> None:
        """One of its segments goes back into the queue."""
        self._under_way -= 1
        self._end_when_done()

    def took(self, place: int, id: str) -> None:
        """The network took the segment at ``place`` as ``id``."""
        self._under_way -= 1
        self._ids[place] = id
        self._end_when_done()

    def failed(self, ending: Ending, *, under_way: bool = True) -> None:
        """One of its segments failed, which was ``under_way`` or still waited."""
        self._under_way -= under_way
        if self._ending is None or _WEIGHT[type(ending)] > _WEIGHT[type(self._ending)]:
            self._ending = ending
        self._end_when_done()

    @property
    def failing(self) -> bool:
        """Whether no more of it is to be sent."""
        return self._ending is not None

    def _end_when_done(self) -> None:
        if self.ended or self._under_way:
            return
        if self._ending is not None:
            self._end(msgspec.structs.replace(self._ending, ids=self._known_ids()))
        elif all(self._ids):
            self._end(Submitted(tuple(self._ids)))

    def _known_ids(self) -> tuple[str, ...]:
        ids = list(self._ids)
        while ids and not ids[-1]:
            ids.pop()
        return tuple(ids)

    def _end(self, outcome: Outcome) -> None:
        self.ended = True
        self._done(outcome)


class Segment(msgspec.Struct, frozen=True):
    """A part of a message by its ticket, which is its turn."""

    ticket: int
    place: int
    message: Message

    @property
    def body(self) -> bytes:
        """Its encoded submit_sm."""
        return self.message.bodies[self.place]


class Outbox:
    """The segments that wait."""

    def __init__(self) -> None:
        self._fresh: deque[Segment] = deque()
        self._again: list[tuple[int, Segment]] = []
        self._ticket = 0

    def __len__(self) -> int:
        return len(self._fresh) + len(self._again)

    def add(self, message: Message) -> None:
        """Queue what of a message is to be sent."""
        for place in message.to_send:
            self._ticket += 1
            self._fresh.append(Segment(self._ticket, place, message))

    def again(self, segment: Segment) -> None:
        """Put back a segment that was under way."""
        heappush(self._again, (segment.ticket, segment))
        segment.message.refused_for_now()

    def peek(self, now: float) -> Segment | None:
        """The next segment to send; hands back what may wait no longer on the way there."""
        while self._again or self._fresh:
            segment = self._again[0][1] if self._again else self._fresh[0]
            message = segment.message
            if not message.failing and message.expires > now:
                return segment
            self.pop()
            if not message.failing:
                late = Deferred(1.0, "it waited too long for its turn", counts=False)
                message.failed(late, under_way=False)
        return None

    def pop(self) -> Segment:
        """Take what ``peek`` answered."""
        return heappop(self._again)[1] if self._again else self._fresh.popleft()

    def empty(self, reason: str, after: float) -> None:
        """Hand everything back, to be handed over again after some seconds."""
        waiting = [segment for _, segment in sorted(self._again)] + list(self._fresh)
        self._again.clear()
        self._fresh.clear()
        for segment in waiting:
            if not segment.message.failing:
                segment.message.failed(Deferred(after, reason, counts=False), under_way=False)
