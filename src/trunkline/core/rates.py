"""Token buckets, which bound how often something may happen. Pure: times are handed in, in microseconds.

1. A bucket gains ``rate`` tokens a second. It is stored as the time at which it is full again, so that an idle bucket
   needs no work.
2. A token may be spent ahead of its time, as long as all that was spent fits into ``burst`` microseconds. A bucket
   whose burst holds at most one token spends none ahead: it is free again 1/rate seconds after each token.
3. A time before the last one is from a clock that was set back, and takes ``full_at`` with it.
4. ``spend`` does not check. A caller that may spend more than the bucket holds, such as a long message, waits until
   the bucket is out of debt.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

import msgspec

from trunkline.core.clock import SECOND

K = TypeVar("K", bound=Hashable)


class TokenBucket(msgspec.Struct, gc=False):
    """A bucket of ``rate`` tokens a second, 0 for no limit. It is full again at ``full_at``, as of ``since``."""

    rate: float
    burst: int = 0
    full_at: int = 0
    since: int = 0

    def wait(self, now: int, tokens: float = 0) -> int:
        """Return the microseconds until ``tokens`` may be spent; without them, until the bucket is out of debt."""
        if not self.rate:
            return 0
        self._follow(now)
        ahead = max(self.full_at - now, 0) + self.duration(tokens)
        return max(ahead - self._allowance, 0)

    def spend(self, tokens: float, now: int) -> None:
        """Count tokens that are spent now."""
        if self.rate:
            self._follow(now)
            self.full_at = max(self.full_at, now) + self.duration(tokens)

    def at_once(self) -> int:
        """Return how many single tokens may be spent without a wait, from a full bucket with a rate."""
        return self._allowance // max(self.duration(1), 1) + 1

    def duration(self, tokens: float) -> int:
        """Return the microseconds in which a bucket with a rate gains ``tokens``."""
        return int(tokens * SECOND / self.rate)

    def _follow(self, now: int) -> None:
        if now < self.since:
            self.full_at -= self.since - now
        self.since = now

    @property
    def _allowance(self) -> int:
        """Microseconds that may be spent ahead."""
        return self.burst if self.burst * self.rate > SECOND else 0


class TokenBuckets(Generic[K]):
    """A bucket for each key. Beyond ``limit`` keys the least recently used ones are dropped, and begin full again."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buckets: OrderedDict[K, TokenBucket] = OrderedDict()

    def get(self, key: K, rate: float, burst: int) -> TokenBucket:
        """Return the bucket of ``key``; a new one has ``rate`` and ``burst``."""
        bucket = self._buckets.get(key)
        if bucket is not None:
            self._buckets.move_to_end(key)
            return bucket
        bucket = self._buckets[key] = TokenBucket(rate, burst)
        if len(self._buckets) > self._limit:
            self._buckets.popitem(last=False)
        return bucket
