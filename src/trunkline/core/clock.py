"""The one place that reads the machine's clocks, so that a test can own time; and the watch over jumps.

Everything that is stored uses a wall clock, since only that is the same after a restart and on other nodes: the
machine's on SQLite, the database's on PostgreSQL (``database_clock.py``). It may jump: it is set, or the machine was
asleep. A jump shows as a change of its distance to a clock that counts on evenly and stands still while the machine
sleeps. ``has_passed`` and ``hold_watch.py`` keep a moment from a time when the clock was ahead from holding anything
back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

Clock = Callable[[], int]
"""The function that returns the time now, in microseconds since 1970 UTC."""

SECOND = 1_000_000

JUMP = 2 * SECOND
"""The smallest jump; what is less may be a clock that is adjusted, or one of two nodes."""

_STEADY_READING = SECOND // 10

# The one that counts on while the machine sleeps: on Linux only CLOCK_BOOTTIME does, on macOS CLOCK_MONOTONIC.
_STEADY: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def system_clock() -> int:
    """Return the microseconds since 1970 UTC, from the machine's clock."""
    return time.time_ns() // 1000


def steady_clock() -> int:
    """Return microseconds that no setting of the machine's clock changes, from any start. They count on while the
    process is stopped, and while the machine sleeps where the system has such a clock."""
    return (time.monotonic_ns() if _STEADY is None else time.clock_gettime_ns(_STEADY)) // 1000


def awake_clock() -> int:
    """Return microseconds as ``steady_clock`` does, but for the time in which the machine sleeps."""
    return time.monotonic_ns() // 1000


def permits_due_work(clock: Clock) -> bool:
    """Return whether a node with this clock may do what falls due by it: False while it is too far off."""
    return bool(getattr(clock, "permits_due_work", True))


def has_passed(since: int, span: int, now: int) -> bool:
    """Return whether ``span`` has passed since a moment. A moment ahead of now is from a clock that was set back since,
    and counts as long past."""
    return not since <= now < since + span


class WatchedClock:
    """A wall clock that records its jumps. Any thread may read it. ``owner`` is the machine whose clock it is."""

    owner = "server"

    def __init__(self, wall: Clock = system_clock, steady: Clock = awake_clock) -> None:
        self._wall = wall
        self._steady = steady
        self._ahead = wall() - steady()
        self._jumps: list[int] = []
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Return the time, and record a jump since the last reading."""
        now = self._wall()
        ahead = now - self._steady()
        if abs(ahead - self._ahead) < JUMP:
            self._ahead = ahead
        else:
            self._record()
        return now

    def take_jumps(self) -> list[int]:
        """Return the jumps since the last call, in microseconds: above 0 ahead, below 0 back."""
        with self._lock:
            jumps, self._jumps = self._jumps, []
        return jumps

    def _record(self) -> None:
        with self._lock:
            # The thread may have been held up between two readings, which looks like a jump.
            before = self._steady()
            now = self._wall()
            while self._steady() - before > _STEADY_READING:
                before, now = self._steady(), self._wall()
            jump = now - before - self._ahead
            self._ahead = now - before
            if abs(jump) >= JUMP:
                self._jumps.append(jump)
