"""The timer wheel: nobody early, nobody forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.realtime.timer_wheel import NOWHERE, SLOT, TimerWheel


class Item:
    """Something that is due."""

    def __init__(self) -> None:
        self.slot = NOWHERE


def test_an_item_comes_up_when_it_is_due_and_not_before() -> None:
    wheel: TimerWheel[Item] = TimerWheel()
    item = Item()
    wheel.put(item, 10 * SLOT + 1)
    assert wheel
    assert wheel.due(10 * SLOT + 1) == []
    assert wheel.due(11 * SLOT) == [item]
    assert not wheel
    assert wheel.due(99 * SLOT) == []


def test_the_earlier_time_counts() -> None:
    wheel: TimerWheel[Item] = TimerWheel()
    item = Item()
    wheel.put(item, 10 * SLOT)
    wheel.put(item, 5 * SLOT)
    wheel.put(item, 20 * SLOT)
    assert wheel.due(5 * SLOT) == [item]
    assert wheel.due(99 * SLOT) == []


def test_what_is_removed_does_not_come_up() -> None:
    wheel: TimerWheel[Item] = TimerWheel()
    item, other = Item(), Item()
    wheel.put(item, SLOT)
    wheel.put(other, SLOT)
    wheel.remove(item)
    wheel.remove(item)
    assert wheel.due(SLOT) == [other]


@given(st.lists(st.integers(0, 10**8), max_size=30), st.lists(st.integers(0, 10**7), max_size=30))
def test_everybody_comes_up_in_time(dues: list[int], steps: list[int]) -> None:
    wheel: TimerWheel[Item] = TimerWheel()
    items = {Item(): due for due in dues}
    for item, due in items.items():
        wheel.put(item, due)
    now = 0
    for step in [*steps, 10**8 + SLOT]:
        now += step
        for item in wheel.due(now):
            assert now - step - SLOT < items.pop(item) <= now
        assert all(due > now - SLOT for due in items.values())
    assert not items
