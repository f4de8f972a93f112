"""The removal of what tables keep no longer: one task, in small pieces, whether or not new rows come.

1. The task sweeps a minute after the start and then once a minute. A sweep takes the tables in turn, a few pieces of
   each (``removal``), until none has more to remove.
2. Nodes that share a database may all sweep: what one has locked, the others skip.
3. Limits by number or size are checked every ten minutes, and while they have more to remove.
4. A clock that jumped ahead must not remove everything at once: ages are judged by the time of ``retention_clock``,
   which is now while sweeps follow each other, and else one since which servers have run evenly for an hour. A whole
   turn has one time, whatever the clock does meanwhile.
5. A node whose clock differs from the database's does not sweep (``PeriodicTask``).
6. A failure of the storage ends the sweep; it is done again as any periodic task.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from trunkline.core.clock import SECOND, Clock, steady_clock
from trunkline.core.periodic import PeriodicTask
from trunkline.core.retention_clock import GAP, SETTLE, RetentionClock, advanced, is_trusted
from trunkline.core.storage.database import Database, assignments, columns, placeholders
from trunkline.core.storage.removal import ROWS, in_pieces
from trunkline.core.storage.retention import Limit, Retention, TableRetention

log = logging.getLogger("trunkline.retention")

SWEEP_SECONDS = 60.0
SURVEY = 600 * SECOND
"""The time between two checks of the limits by number or size."""

TURN = 60 * SECOND
"""The time after which a sweep pauses, and the clock is judged anew."""

TURN_ROWS = 10 * ROWS
"""Rows of one table before the next table has its turn."""

_CLOCK = f"SELECT {columns(RetentionClock)} FROM retention_clock WHERE id = 1"
_SET = f"""
INSERT INTO retention_clock (id, {columns(RetentionClock)}) VALUES (1, {placeholders(RetentionClock)})
ON CONFLICT (id) DO UPDATE SET {assignments(RetentionClock.__struct_fields__)}
"""

Count = Callable[[str, int], None]
"""The counter of removed rows, by table."""


class _ClockPair(msgspec.Struct, frozen=True):
    """The two clocks at a turn."""

    now: int
    steady: int


class RetentionSweeper:
    """The task that applies the retention of all tables."""

    def __init__(
        self,
        database: Database,
        retention: Retention,
        clock: Clock,
        count: Count,
        steady: Clock = steady_clock,
    ) -> None:
        self._database = database
        self._retention = retention
        self._clock = clock
        self._count = count
        self._steady = steady
        self._reading: _ClockPair | None = None
        self._surveyed: int | None = None
        self._task = PeriodicTask("removals of old rows", self.turn, SWEEP_SECONDS, due_by=clock, log=log)

    def start(self) -> None:
        """Begin to sweep, after a while."""
        self._task.start()

    async def stop(self) -> None:
        """End the task. May be called again."""
        await self._task.stop()

    async def turn(self) -> float | None:
        """Sweep for a minute at most: by the limits that depend on the time, and by the others if it is their turn.
        Return the seconds until the next turn if there is more to do. Raise StorageError."""
        steady = self._steady()
        surveys = self._surveyed is None or steady - self._surveyed >= SURVEY
        now = await self._trusted_time()
        if not await self.sweep(lambda limit: limit.by_clock or surveys, steady + TURN, now):
            return 0.0
        if surveys:
            self._surveyed = steady
        return None

    async def sweep(
        self,
        applies: Callable[[Limit], bool] = lambda limit: True,
        until: int | None = None,
        now: int | None = None,
    ) -> bool:
        """Remove what the limits, those that apply, keep no longer at ``now``, else at the time of the clock, until a
        time of the steady clock. Return whether all is removed. Raise StorageError."""
        waiting = [
            (table, limit) for table in self._retention.tables for limit in table.limits if applies(limit)
        ]
        now = self._clock() if now is None else now
        while waiting:
            table, limit = waiting.pop(0)
            if await self._remove(table, limit, now):
                waiting.append((table, limit))
            if until is not None and self._steady() >= until:
                return not waiting
        return True

    async def _trusted_time(self) -> int:
        """Return the time to judge ages by, and record it."""
        last, self._reading = self._reading, _ClockPair(self._clock(), self._steady())
        now, passed = self._reading.now, 0
        found = await self._database.read(lambda tx: tx.one(RetentionClock, _CLOCK))
        clock = found or RetentionClock()
        if last is not None:
            passed = self._reading.steady - last.steady
        jumped = last is not None and abs(now - last.now - passed) > GAP
        after = advanced(clock, now, None if jumped else passed)
        if after != clock:
            await self._database.write(lambda tx: tx.run(_SET, **msgspec.structs.asdict(after)))
        if after.read == now and clock.swept:
            log.info(
                "the last removal of old rows was %d s ago by this clock, which is trusted when it has run evenly for"
                " %d s",
                (now - clock.swept) // SECOND,
                SETTLE // SECOND,
            )
        return now if is_trusted(after, now) else after.swept

    async def _remove(self, table: TableRetention, limit: Limit, now: int) -> bool:
        """Remove a few pieces; return whether there may be more."""
        found = await limit.find(self._database, self._retention, table, now)
        if found is None:
            return False
        progress = await in_pieces(self._database, found.piece, most=TURN_ROWS)
        self._count(found.table, progress.rows)
        return progress.rows > 0
