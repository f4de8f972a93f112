"""How fast a sender sends. Pure: times are handed in, in microseconds since 1970 UTC.

A sender that may send R segments a second is free again 1/R s after each. Fast ones send what falls due within a
twentieth of a second at once, so that they need not be woken for each segment.
"""

from __future__ import annotations

import msgspec

from trunkline.core.clock import SECOND

SLACK = SECOND // 20
"""How far ahead of its schedule a sender may go."""

_MILLI = 1000


class Pace(msgspec.Struct):
    """A sender's schedule: ``rate`` in thousandths of a segment a second; it may send from ``free_at`` on."""

    rate: int
    free_at: int = 0

    def wait(self, now: int) -> int:
        """Microseconds until something may be sent."""
        return max(0, self.free_at - SLACK - now) if self._fast else max(0, self.free_at - now)

    def spend(self, segments: int, now: int) -> None:
        """Count segments that are sent now."""
        self.free_at = max(self.free_at, now) + self.cost(segments)

    def at_once(self) -> int:
        """The most segments that may be sent without a pause."""
        return SLACK // max(self.cost(1), 1) + 1

    def cost(self, segments: int) -> int:
        """Microseconds that segments take."""
        return segments * SECOND * _MILLI // self.rate

    @property
    def _fast(self) -> bool:
        """Whether several segments fall into the slack."""
        return self.cost(1) < SLACK


class Paces:
    """The schedules that several senders share: an account's and a Service's, in segments a second; 0 is no limit.
    They hold on one node."""

    def __init__(self, account_rate: float = 0, service_rate: float = 0) -> None:
        self._rates = {"AC": int(account_rate * _MILLI), "MG": int(service_rate * _MILLI)}
        self._paces: dict[str, Pace] = {}

    def of(self, *sids: str | None) -> list[Pace]:
        """The schedules of an account and of a Service, as far as they have one."""
        found = []
        for sid in sids:
            rate = self._rates[sid[:2]] if sid else 0
            if sid and rate:
                found.append(self._paces.setdefault(sid, Pace(rate)))
        return found
