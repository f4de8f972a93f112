"""One coarse timer for many connections, in slots of a tenth of a second. Pure.

A connection is in one slot at a time. One whose time moves back stays in its slot and is returned too early, so that a
move costs nothing. The wheel may stand still and may jump, as a clock in tests does.
"""

from __future__ import annotations

import heapq
from typing import Generic, Protocol, TypeVar

SLOT = 100_000
"""Microseconds in a slot: nobody is asked before it is due, nor more than this later."""

NOWHERE = -1


class WheelItem(Protocol):
    """A thing that is due some time. ``slot`` belongs to the wheel; it starts as ``NOWHERE``."""

    slot: int


T = TypeVar("T", bound=WheelItem)


class TimerWheel(Generic[T]):
    """The items by the slots of their times."""

    __slots__ = ("_order", "_slots")

    def __init__(self) -> None:
        self._slots: dict[int, set[T]] = {}
        self._order: list[int] = []

    def __bool__(self) -> bool:
        """Return whether any item is due some time."""
        return bool(self._slots)

    def put(self, item: T, due: int) -> None:
        """Make ``item`` due by the time ``due``, in microseconds."""
        slot = -(-due // SLOT)
        if item.slot != NOWHERE:
            if item.slot <= slot:
                return
            self.remove(item)
        item.slot = slot
        members = self._slots.get(slot)
        if members is None:
            self._slots[slot] = {item}
            heapq.heappush(self._order, slot)
        else:
            members.add(item)

    def remove(self, item: T) -> None:
        """Remove ``item``."""
        if item.slot != NOWHERE:
            self._slots[item.slot].discard(item)
            item.slot = NOWHERE

    def due(self, now: int) -> list[T]:
        """Remove the items that are due by ``now``. Return them, earliest first."""
        found: list[T] = []
        while self._order and self._order[0] * SLOT <= now:
            found += self._slots.pop(heapq.heappop(self._order))
        for item in found:
            item.slot = NOWHERE
        return found
