"""Two bounds on callers: requests in flight per account, and failed log-ins per address."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from trunkline.api.errors import ApiError
from trunkline.core.clock import SECOND, Clock


class InFlight:
    """The number of each account's requests in flight; over the limit nothing is processed (doc: 429, code 20429)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[str, int] = {}

    def count(self, account_sid: str) -> int:
        """Return how many of an account's requests are in flight."""
        return self._counts.get(account_sid, 0)

    def enter(self, account_sid: str) -> int:
        """Count a request until ``leave``, and return the account's count. Raise ApiError 20429 over the limit."""
        count = self._counts.get(account_sid, 0) + 1
        if count > self._limit:
            raise ApiError(20429, headers={"Retry-After": "1"})
        self._counts[account_sid] = count
        return count

    def leave(self, account_sid: str) -> None:
        """Count a request no longer."""
        left = self._counts[account_sid] - 1
        if left:
            self._counts[account_sid] = left
        else:
            del self._counts[account_sid]


class FailedLogins:
    """The delay of guessed credentials: after 10 failed log-ins within a minute from one address, each further one is
    delayed, 100 ms longer each time, at most 2 s (own rule)."""

    FREE = 10
    STEP_SECONDS = 0.1
    MAX_SECONDS = 2.0
    WINDOW = 60 * SECOND
    MAX_ADDRESSES = 10_000
    MAX_HELD = 1_000

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._held = 0

    def delay(self, address: str) -> float:
        """Record a failure and return the seconds by which its response is delayed."""
        now = self._clock()
        since, count = self._seen.pop(address, (now, 0))
        if not since <= now <= since + self.WINDOW:
            since, count = now, 0
        self._seen[address] = (since, count + 1)
        if len(self._seen) > self.MAX_ADDRESSES:
            self._seen.popitem(last=False)
        return min(max(count + 1 - self.FREE, 0) * self.STEP_SECONDS, self.MAX_SECONDS)

    async def hold(self, address: str) -> None:
        """Record a failure and wait for its delay. Raise ApiError 20429 if too many wait already."""
        seconds = self.delay(address)
        if not seconds:
            return
        if self._held >= self.MAX_HELD:
            raise ApiError(20429, headers={"Retry-After": "2"})
        self._held += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._held -= 1
