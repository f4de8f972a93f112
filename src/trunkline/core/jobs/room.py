"""How many more jobs a node may run: in all, of a kind, and in a lane; and which lanes have parked jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from trunkline.core.jobs.claims import Lane
from trunkline.core.jobs.outcome import Handler

LANES_A_TURN = 32
"""Lanes whose parked jobs are looked for in one turn: each costs a query."""


class Room:
    """Counts what runs under the limits of ``handlers``. A lane without a name has its kind's limit alone."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._capacity = sum(handler.concurrency for handler in handlers.values())
        self._kinds: Counter[str] = Counter()
        self._lanes: Counter[Lane] = Counter()
        self._parked: dict[Lane, None] = {}

    @property
    def free(self) -> int:
        """How many more jobs of any kind may run."""
        return self._capacity - self._kinds.total()

    def enter(self, lane: Lane) -> bool:
        """Count one more job, if there is room for it."""
        if self._left(lane) < 1:
            return False
        self._kinds[lane.kind] += 1
        self._lanes[lane] += 1
        return True

    def leave(self, lane: Lane) -> None:
        """Count one job less."""
        self._kinds[lane.kind] -= 1
        self._lanes[lane] -= 1
        if not self._lanes[lane]:
            del self._lanes[lane]

    def parked(self, lane: Lane) -> None:
        """Remember that the lane has parked jobs; not for kinds that this node does not run."""
        if lane.kind in self._handlers:
            self._parked[lane] = None

    def emptied(self, lane: Lane) -> None:
        """The lane has no parked jobs any more."""
        self._parked.pop(lane, None)

    def openings(self, most: int) -> list[tuple[Lane, int]]:
        """Lanes with parked jobs and how many of these there is room for, ``most`` together; lanes take turns."""
        found: list[tuple[Lane, int]] = []
        planned: Counter[str] = Counter()
        for lane in list(self._parked):
            room = min(most, self._left(lane) - planned[lane.kind], self._lane_left(lane))
            if room < 1:
                continue
            found.append((lane, room))
            planned[lane.kind] += room
            most -= room
            del self._parked[lane]
            self._parked[lane] = None
            if not most or len(found) == LANES_A_TURN:
                break
        return found

    def _left(self, lane: Lane) -> int:
        handler = self._handlers[lane.kind]
        return min(handler.concurrency - self._kinds[lane.kind], self._lane_left(lane))

    def _lane_left(self, lane: Lane) -> int:
        handler = self._handlers[lane.kind]
        return (handler.per_lane if lane.lane else handler.concurrency) - self._lanes[lane]
