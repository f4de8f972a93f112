"""Moments in parameters: the time that they mean."""

from __future__ import annotations

from trunkline.core.clock import SECOND
from trunkline.products.messaging.messages.moments import DAY, Stretch, stretch_of


def test_a_midnight_means_its_day_and_another_moment_its_second() -> None:
    assert stretch_of(3 * DAY) == Stretch(3 * DAY, 4 * DAY)
    assert stretch_of(3 * DAY + 1) == Stretch(3 * DAY, 3 * DAY + SECOND)
    assert stretch_of(3 * DAY + 5 * SECOND) == Stretch(3 * DAY + 5 * SECOND, 3 * DAY + 6 * SECOND)
