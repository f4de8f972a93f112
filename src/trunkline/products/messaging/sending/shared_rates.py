"""The rates of senders, in segments a second: a bucket for each sender, and those that several senders share. Pure."""

from __future__ import annotations

from trunkline.core.clock import SECOND
from trunkline.core.rates import TokenBucket, TokenBuckets

BURST = SECOND // 20
"""Time by which a sender may be ahead of its schedule, so that a fast one need not be woken for each segment."""

MAX_BUCKETS = 100_000


class SharedRates:
    """The buckets that several senders share: an account's and a Service's, in segments a second; 0 is no limit.
    They hold on one node."""

    def __init__(self, account_rate: float = 0, service_rate: float = 0) -> None:
        self._rates = {"AC": account_rate, "MG": service_rate}
        self._buckets: TokenBuckets[str] = TokenBuckets(MAX_BUCKETS)

    def of(self, *sids: str | None) -> list[TokenBucket]:
        """Return the buckets of an account and of a Service, as far as they have one."""
        found = []
        for sid in sids:
            rate = self._rates[sid[:2]] if sid else 0
            if sid and rate:
                found.append(self._buckets.get(sid, rate, BURST))
        return found
