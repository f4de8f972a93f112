"""The clock of a node on PostgreSQL: the database's time, which all nodes share, counted on by the steady clock.

1. ``measure`` reads the database's clock between two readings of the steady clock. The distance of the two clocks then
   lies between two bounds, however long the round trip took or the process was stopped: a slow one proves little, and
   never a wrong thing. Of several round trips the quickest counts. A clock that lies within the bounds is left alone.
   One outside of them is set to the nearest one.
2. A correction ahead counts at once. One back is made up by a clock that goes at half its speed until then, so that the
   time of a node never goes back, but for a jump: a correction of 2 s and more, as after a change to another host of
   the database, which is treated as any jump of a clock.
3. The machine's own clock is read beside the database's and only judged: by more than 2 s off the node is not ready, by
   more than 30 s it does no due work.
4. A jump or another state counts only if a second measurement finds it again: a virtual machine that is halted within
   a round trip has a steady clock that lost time.
5. Before the first measurement there is no time; the start of the database measures first.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from trunkline.core.clock import JUMP, SECOND, Clock, steady_clock, system_clock

LARGEST_SKEW = 2 * SECOND
"""The most by which the clock of a ready node may be off."""

LARGEST_WORKING_SKEW = 30 * SECOND
"""The most by which the clock of a node may be off that does due work."""

_NOW = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"

ReadDatabase = Callable[[Clock], Awaitable["RoundTrip"]]
"""The reading of the database's clock between two of the steady clock that is passed."""

_RETURN = SECOND // 10
"""A state ends this far within its bound, so that a clock at the bound does not change it again and again."""

_ROUND_TRIPS = 3
_QUICK = SECOND // 100


class ClockState(enum.IntEnum):
    """The state of a machine's clock beside the database's."""

    RIGHT = 0
    OFF = 1
    FAR_OFF = 2


_BOUNDS = {ClockState.OFF: LARGEST_SKEW, ClockState.FAR_OFF: LARGEST_WORKING_SKEW}


class RoundTrip(msgspec.Struct, frozen=True):
    """A round trip for the database's time, with the steady clock before and after it."""

    before: int
    database: int
    after: int


class Sample(msgspec.Struct, frozen=True):
    """A reading of the database's clock, and then of the wall clock, with the steady clock before, between and after
    them. All are microseconds."""

    before: int
    database: int
    after: int
    wall: int
    end: int

    @property
    def width(self) -> int:
        """The microseconds for which nothing is known."""
        return self.end - self.before

    @property
    def offsets(self) -> tuple[int, int]:
        """The least and the most by which the database's clock is ahead of the steady clock."""
        return self.database - self.after, self.database - self.before

    @property
    def skews(self) -> tuple[int, int]:
        """The least and the most by which the machine's clock is ahead of the database's."""
        most = self.wall - self.database
        return most - self.width, most

    @property
    def skew(self) -> int:
        """The microseconds by which the machine's clock is ahead of the database's, to half of the width."""
        return sum(self.skews) // 2


async def round_trip(query: Callable[[str], Awaitable[Any]], steady: Clock) -> RoundTrip:
    """Return a round trip to PostgreSQL by ``query``, which returns the one value of its text."""
    before = steady()
    return RoundTrip(before, await query(_NOW), steady())


def state_of(sample: Sample, before: ClockState = ClockState.RIGHT) -> ClockState:
    """Return the state that a sample proves; one that it neither proves nor disproves stays as it was ``before``."""
    low, high = sample.skews
    least, most = max(low, -high, 0), max(-low, high)
    for state in (ClockState.FAR_OFF, ClockState.OFF):
        bound = _BOUNDS[state]
        if least > bound or (before >= state and most > bound - _RETURN):
            return state
    return ClockState.RIGHT


def describe_skew(skew: int) -> str:
    """Return the words for a skew in microseconds."""
    return f"{abs(skew) / SECOND:.1f} s {'ahead of' if skew > 0 else 'behind'} the database"


class DatabaseClock:
    """The database's clock as this node has measured it. Any thread may read it; ``measure`` belongs to one task at a
    time. ``owner`` is the machine whose clock it is."""

    owner = "database"

    def __init__(self, wall: Clock = system_clock, steady: Clock = steady_clock) -> None:
        self._wall = wall
        self._steady = steady
        # The distance to the steady clock, what is added to it still, and since when that is made up.
        self._offset: tuple[int, int, int] | None = None
        self._jumps: list[int] = []
        self.state = ClockState.RIGHT
        self.skew = 0
        """The microseconds by which the machine's own clock was last ahead."""

    def __call__(self) -> int:
        """Return the time. Raise RuntimeError before the first measurement."""
        return self._at(self._steady())

    @property
    def permits_due_work(self) -> bool:
        """True while the machine's clock is near enough for due work."""
        return self.state is not ClockState.FAR_OFF

    async def measure(self, read: ReadDatabase) -> None:
        """Compare the clocks with the database's. Raise what ``read`` raises."""
        sample = await self._quickest(read)
        if self._is_news(sample):
            sample = await self._quickest(read)
        self._adopt(sample)

    def take_jumps(self) -> list[int]:
        """Return the jumps of the database's clock since the last call, in microseconds: above 0 ahead."""
        jumps, self._jumps = self._jumps, []
        return jumps

    def _at(self, steady: int) -> int:
        if self._offset is None:
            raise RuntimeError("the database's time has not been measured")
        offset, excess, since = self._offset
        return steady + offset + max(excess - (steady - since) // 2, 0)

    async def _quickest(self, read: ReadDatabase) -> Sample:
        best: Sample | None = None
        for _ in range(_ROUND_TRIPS):
            found = await read(self._steady)
            sample = Sample(found.before, found.database, found.after, self._wall(), self._steady())
            if best is None or sample.width < best.width:
                best = sample
            if best.width <= _QUICK:
                break
        assert best is not None
        return best

    def _is_news(self, sample: Sample) -> bool:
        jumped = self._offset is not None and abs(self._error(sample)) >= JUMP
        return jumped or state_of(sample, self.state) is not self.state

    def _error(self, sample: Sample) -> int:
        """Return the least by which this clock is wrong as of a sample: above 0, it is behind."""
        low, high = sample.offsets
        offset = self._at(sample.after) - sample.after
        return low - offset if offset < low else min(high - offset, 0)

    def _adopt(self, sample: Sample) -> None:
        self.state, self.skew = state_of(sample, self.state), sample.skew
        low, high = sample.offsets
        middle = (low + high) // 2
        if self._offset is None:
            self._offset = middle, 0, 0
            return
        error = self._error(sample)
        if not error:
            return
        now = self._steady()
        shown = self._at(now) - now
        if abs(error) >= JUMP:
            self._jumps.append(middle - shown)
            self._offset = middle, 0, 0
        else:
            # Nothing says that the middle of wide bounds is nearer to the truth.
            target = min(max(shown, low), high)
            self._offset = target, max(shown - target, 0), now
