"""The speed of a bind: the throttle that an SMSC imposes on it, and the backoff between its connections. Pure.

Times are handed in, in seconds of any monotonic clock; rates are segments a second.
"""

from __future__ import annotations

from collections.abc import Callable

from trunkline.core.clock import SECOND
from trunkline.core.rates import TokenBucket

BURST = SECOND // 50
"""Microseconds by which a fast route may be ahead of its schedule, so that it need not wake for each segment."""

_GUESS = 100.0
_LEAST = 16
_STEPS = 20


class Throttle:
    """The throttling of one bind by its SMSC.

    1. It pauses for ``first`` seconds, twice as long each time that it is throttled again at once, up to ``maximum``.
    2. Its rate is halved, from the one that it had, or from that of the last second, and at least 100, where it had no
       limit; not below a sixteenth of where it began.
    3. A second without throttling gives it a twentieth of that more, until it is as fast as it was, and then no limit
       of its own.
    """

    def __init__(self, first: float, maximum: float, rate: float = 0.0) -> None:
        self._first = first
        self._maximum = maximum
        self._rate = rate
        self._pause = 0.0
        self._resumes_at = 0.0
        self._bucket = TokenBucket(0.0, BURST)
        self._goal = 0.0
        self._raised_at = 0.0
        self._counted_from = 0.0
        self._counted = 0
        self._measured = 0.0
        self.epoch = 0
        """The number of pauses. A throttled response to a segment of an earlier epoch changes nothing."""

    @property
    def limit(self) -> float:
        """The rate that is left, 0 while there is no limit."""
        return self._bucket.rate

    def wait(self, now: float) -> float:
        """Return the seconds until a segment may be sent, 0 for now."""
        if now < self._resumes_at:
            return self._resumes_at - now
        return self._bucket.wait(int(now * SECOND)) / SECOND if self._bucket.rate else 0.0

    def paused(self, now: float) -> bool:
        """Return whether it is paused."""
        return now < self._resumes_at

    def spend(self, now: float) -> None:
        """Count a segment that is sent now."""
        if self._bucket.rate:
            self._bucket.spend(1, int(now * SECOND))
        if now - self._counted_from >= 1.0:
            self._measured = self._counted / max(now - self._counted_from, 1.0)
            self._counted_from, self._counted = now, 0
        self._counted += 1

    def throttled(self, epoch: int, now: float) -> None:
        """Record that a segment that was sent in ``epoch`` was throttled."""
        if epoch != self.epoch:
            return
        self.epoch += 1
        self._pause = min(self._pause * 2, self._maximum) if self._pause else self._first
        self._resumes_at = now + self._pause
        self._goal = self._goal or self._rate or max(self._measured, self._counted, _GUESS)
        self._bucket.rate = max(self._goal / _LEAST, (self._bucket.rate or self._goal) / 2)
        self._raised_at = self._resumes_at

    def accepted(self, epoch: int, now: float) -> None:
        """Record that a segment that was sent in ``epoch`` was accepted."""
        if not self._bucket.rate or epoch != self.epoch:
            return
        self._pause = 0.0
        while now - self._raised_at >= 1.0 and self._bucket.rate:
            self._raised_at += 1.0
            self._bucket.rate += self._goal / _STEPS
            if self._bucket.rate >= self._goal:
                self._bucket.rate = self._goal = 0.0


class Backoff:
    """The waits before reconnecting. ``jitter`` returns numbers from 0 to 1."""

    def __init__(self, first: float, maximum: float, jitter: Callable[[], float]) -> None:
        self._first = first
        self._maximum = maximum
        self._jitter = jitter
        self._next = first

    def after(self, lasted: float) -> float:
        """Return the seconds to wait after a connection that was bound for ``lasted`` seconds, 0 if it never was."""
        if lasted >= self._maximum:
            self._next = self._first
        return self._spread(self._double())

    def slowest(self) -> float:
        """Return the seconds to wait where the operator has to intervene first."""
        self._next = self._maximum
        return self._spread(self._maximum)

    def _double(self) -> float:
        pause, self._next = self._next, min(self._next * 2, self._maximum)
        return pause

    def _spread(self, pause: float) -> float:
        return pause * (1 + self._jitter()) / 2
