"""The limits on the jobs that a node runs at once: in all, of a kind, and in a lane; and the lanes with parked jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from trunkline.core.jobs.claims import JobLane
from trunkline.core.jobs.outcomes import Handler

LANES_A_TURN = 32
"""Lanes whose parked jobs are claimed in one turn: each costs a query."""


class ConcurrencyLimits:
    """The counts of running jobs under the limits of ``handlers``. A lane without a name has its kind's limit alone."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._capacity = sum(handler.concurrency for handler in handlers.values())
        self._kinds: Counter[str] = Counter()
        self._lanes: Counter[JobLane] = Counter()
        self._parked: dict[JobLane, None] = {}

    @property
    def free(self) -> int:
        """The number of further jobs of any kind that may run."""
        return self._capacity - self._kinds.total()

    def acquire(self, lane: JobLane) -> bool:
        """Count one more job and return True, unless a limit is reached."""
        if self._left(lane) < 1:
            return False
        self._kinds[lane.kind] += 1
        self._lanes[lane] += 1
        return True

    def release(self, lane: JobLane) -> None:
        """Count one job less."""
        self._kinds[lane.kind] -= 1
        self._lanes[lane] -= 1
        if not self._lanes[lane]:
            del self._lanes[lane]

    def add_parked(self, lane: JobLane) -> None:
        """Remember that the lane has parked jobs; not for kinds that this node does not run."""
        if lane.kind in self._handlers:
            self._parked[lane] = None

    def remove_parked(self, lane: JobLane) -> None:
        """Remember that the lane has no parked jobs any more."""
        self._parked.pop(lane, None)

    def claimable(self, limit: int) -> list[tuple[JobLane, int]]:
        """Return lanes with parked jobs, each with the number of them that may run now, ``limit`` together. Lanes take
        turns."""
        found: list[tuple[JobLane, int]] = []
        planned: Counter[str] = Counter()
        for lane in list(self._parked):
            count = min(limit, self._left(lane) - planned[lane.kind], self._lane_left(lane))
            if count < 1:
                continue
            found.append((lane, count))
            planned[lane.kind] += count
            limit -= count
            del self._parked[lane]
            self._parked[lane] = None
            if not limit or len(found) == LANES_A_TURN:
                break
        return found

    def _left(self, lane: JobLane) -> int:
        handler = self._handlers[lane.kind]
        return min(handler.concurrency - self._kinds[lane.kind], self._lane_left(lane))

    def _lane_left(self, lane: JobLane) -> int:
        handler = self._handlers[lane.kind]
        return (handler.per_lane if lane.lane else handler.concurrency) - self._lanes[lane]
