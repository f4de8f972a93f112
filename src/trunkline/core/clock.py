"""The one place that reads the wall clock, so that a test can own time."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""The function that returns the time now, in microseconds since 1970 UTC."""

SECOND = 1_000_000


def system_clock() -> int:
    """Return the microseconds since 1970 UTC, from the machine's clock."""
    return time.time_ns() // 1000
