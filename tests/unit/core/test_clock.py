"""The clocks of the machine."""

from __future__ import annotations

import time

import pytest

from trunkline.core.clock import SECOND, awake_clock, steady_clock, system_clock


def test_the_clock_counts_microseconds_since_1970() -> None:
    before = time.time()
    now = system_clock() / SECOND
    assert before - 0.001 <= now <= time.time() + 0.001


def test_the_steady_clock_counts_on_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(time, "CLOCK_BOOTTIME"):
        assert steady_clock() <= steady_clock()
        return
    asleep = 3600 * SECOND
    read = time.clock_gettime_ns
    shift = {time.CLOCK_BOOTTIME: asleep * 1000}
    before, awake = steady_clock(), awake_clock()
    monkeypatch.setattr(time, "clock_gettime_ns", lambda clock: read(clock) + shift.get(clock, 0))
    assert steady_clock() - before >= asleep
    assert awake_clock() - awake < asleep
