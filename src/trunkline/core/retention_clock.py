"""The time by which the age of rows is judged: one that a clock that was ahead for a while cannot have shown.

The database has the time of the last sweep, as ``swept``. If no more than ``GAP`` lies between that and now, now is
trusted. If more does, the clock jumped or no server ran, and which of them is unknown. Then a time that the clock
shows, as ``read``, is trusted once servers have run evenly for ``SETTLE`` since, all starts together; until then
``swept`` is. A clock that is ahead at some starts is never trusted by this: a start with the right clock finds a time
ahead of that, and the wait begins anew. A jump back needs no wait: it keeps rows longer.
"""

from __future__ import annotations

from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Row

GAP = 600 * SECOND
SETTLE = 3600 * SECOND


class RetentionClock(Row, frozen=True):
    """A row of ``retention_clock``. Times are in microseconds since 1970 UTC; ``swept`` is 0 before the first sweep,
    ``read`` while now is trusted. Servers have run evenly for ``ran`` from ``read`` to ``seen``."""

    swept: int = 0
    read: int = 0
    seen: int = 0
    ran: int = 0


def advanced(clock: RetentionClock, now: int, passed: int | None) -> RetentionClock:
    """Return the clock at ``now``: ``passed`` is the time for which this server has run evenly since its last turn, 0
    at its start, None if its clock has jumped since. ``swept`` is the time to judge by, unless now is trusted."""
    if is_trusted(clock, now):
        is_near = 0 <= now - clock.swept <= GAP // 2
        return RetentionClock(clock.swept if is_near else now)
    if not clock.read or passed is None or clock.seen - now > GAP:
        return RetentionClock(clock.swept, now, now, 0)
    # Servers that share the row run at the same time.
    ran = clock.ran + max(0, min(passed, now - clock.seen))
    if ran < SETTLE:
        return RetentionClock(clock.swept, clock.read, now, ran)
    if now - clock.read - ran <= GAP:
        return RetentionClock(now)
    return RetentionClock(clock.read, now, now, 0)


def is_trusted(clock: RetentionClock, now: int) -> bool:
    """Return whether rows may be judged by ``now``."""
    return now - clock.swept <= GAP
