"""The wall clock."""

from __future__ import annotations

import time

from trunkline.core.clock import SECOND, system_clock


def test_the_clock_counts_microseconds_since_1970() -> None:
    before = time.time()
    now = system_clock() / SECOND
    assert before - 0.001 <= now <= time.time() + 0.001
