"""Moments in parameters: the time that they mean."""

from __future__ import annotations

from trunkline.core.clock import SECOND
from trunkline.products.messaging.messages.time_filters import DAY, TimeRange, range_of


def test_a_midnight_means_its_day_and_another_moment_its_second() -> None:
    assert range_of(3 * DAY) == TimeRange(3 * DAY, 4 * DAY)
    assert range_of(3 * DAY + 1) == TimeRange(3 * DAY, 3 * DAY + SECOND)
    assert range_of(3 * DAY + 5 * SECOND) == TimeRange(3 * DAY + 5 * SECOND, 3 * DAY + 6 * SECOND)
