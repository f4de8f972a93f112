"""The time by which ages are judged, after jumps and starts."""

from __future__ import annotations

import pytest

from trunkline.core.clock import SECOND
from trunkline.core.retention_clock import GAP, SETTLE, RetentionClock, advanced, is_trusted

DAY = 24 * 3600 * SECOND
MINUTE = 60 * SECOND
NOW = 1_800_000_000 * SECOND
SWEPT = NOW - DAY
"""The last sweep, of yesterday."""


@pytest.mark.parametrize(
    ("before", "passed", "after"),
    [
        # Sweeps follow each other; the time is not written each time.
        (RetentionClock(NOW - MINUTE), MINUTE, RetentionClock(NOW - MINUTE)),
        (RetentionClock(NOW - GAP), GAP, RetentionClock(NOW)),
        (RetentionClock(NOW - GAP), None, RetentionClock(NOW)),
        # The clock was set back.
        (RetentionClock(NOW + DAY), None, RetentionClock(NOW)),
        (RetentionClock(NOW + DAY, NOW, NOW, MINUTE), 0, RetentionClock(NOW)),
        # A wait begins: at the first turn at all, or after a day; and anew after a jump, or a start with a clock that
        # was ahead.
        (RetentionClock(), 0, RetentionClock(0, NOW, NOW, 0)),
        (RetentionClock(SWEPT), 0, RetentionClock(SWEPT, NOW, NOW, 0)),
        (
            RetentionClock(SWEPT, NOW - 2 * MINUTE, NOW - MINUTE, MINUTE),
            None,
            RetentionClock(SWEPT, NOW, NOW, 0),
        ),
        (RetentionClock(SWEPT, NOW + DAY, NOW + DAY, MINUTE), 0, RetentionClock(SWEPT, NOW, NOW, 0)),
        # It goes on, in this run, and after a start.
        (
            RetentionClock(SWEPT, NOW - MINUTE, NOW - MINUTE, 0),
            MINUTE,
            RetentionClock(SWEPT, NOW - MINUTE, NOW, MINUTE),
        ),
        (
            RetentionClock(SWEPT, NOW - DAY // 2, NOW - DAY // 3, MINUTE),
            0,
            RetentionClock(SWEPT, NOW - DAY // 2, NOW, MINUTE),
        ),
        # Another node has looked half a minute ago, or is a little ahead.
        (
            RetentionClock(SWEPT, NOW - MINUTE, NOW - MINUTE // 2, MINUTE),
            MINUTE,
            RetentionClock(SWEPT, NOW - MINUTE, NOW, 3 * MINUTE // 2),
        ),
        (
            RetentionClock(SWEPT, NOW - MINUTE, NOW + 1, MINUTE),
            MINUTE,
            RetentionClock(SWEPT, NOW - MINUTE, NOW, MINUTE),
        ),
        # It ends: now is trusted after an hour in one go, else the time at which it began.
        (RetentionClock(SWEPT, NOW - SETTLE, NOW - MINUTE, SETTLE - MINUTE), MINUTE, RetentionClock(NOW)),
        (
            RetentionClock(SWEPT, NOW - DAY // 2, NOW - MINUTE, SETTLE - MINUTE),
            MINUTE,
            RetentionClock(NOW - DAY // 2, NOW, NOW, 0),
        ),
    ],
)
def test_the_time_that_is_trusted(before: RetentionClock, passed: int | None, after: RetentionClock) -> None:
    assert advanced(before, NOW, passed) == after


def test_a_clock_that_was_ahead_at_some_starts_is_never_trusted() -> None:
    clock, ahead = RetentionClock(NOW), 365 * DAY
    now = NOW
    for start in range(40):
        now += DAY
        wrong = start % 2 == 1
        for passed in (0, *[MINUTE] * 40):
            now += passed
            shown = now + ahead * wrong
            clock = advanced(clock, shown, passed)
            assert clock.swept <= now
            assert not (wrong and is_trusted(clock, shown))
