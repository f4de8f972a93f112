"""The removal of what tables keep no longer: one task, in small pieces, whether or not new rows come.

1. The task sweeps a minute after the start and then once a minute. A sweep takes the tables in turn, a few pieces of
   each (``removal``), until none has more to remove.
2. Nodes that share a database may all sweep: what one has locked, the others skip.
3. Limits by number or size are checked every ten minutes, and while they have more to remove.
4. A clock that jumped ahead must not remove everything at once. The database has the time of the last sweep: if more
   than ``GAP`` lies between that and now, the clock jumped or no server ran, and limits that depend on the time are
   applied only after ``SETTLE`` of even running. A jump back needs no pause: it keeps rows longer.
5. A node whose clock differs from the database's does not sweep (``PeriodicTask``).
6. A failure of the storage ends the sweep; it is done again as any periodic task.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from trunkline.core.clock import SECOND, Clock, steady_clock
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.database import Database
from trunkline.core.storage.removal import ROWS, in_pieces
from trunkline.core.storage.retention import Limit, Retention, TableRetention

log = logging.getLogger("trunkline.retention")

SWEEP_SECONDS = 60.0
SURVEY = 600 * SECOND
"""The time between two checks of the limits by number or size."""

GAP = 600 * SECOND
SETTLE = 3600 * SECOND
TURN = 60 * SECOND
"""The time after which a sweep pauses, and the clock is judged anew."""

TURN_ROWS = 10 * ROWS
"""Rows of one table before the next table has its turn."""

_SWEPT = "SELECT swept FROM retention_clock WHERE id = 1"
_MARK = """
INSERT INTO retention_clock (id, swept) VALUES (1, :now) ON CONFLICT (id) DO UPDATE SET swept = :now
"""

Count = Callable[[str, int], None]
"""The counter of removed rows, by table."""


class _EvenRun(msgspec.Struct, frozen=True):
    """The start of a wait, on the steady clock, and the distance between the clocks then."""

    since: int
    ahead: int


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
        self._even_run: _EvenRun | None = None
        self._surveyed: int | None = None
        self._task = PeriodicTask("removals of old rows", self.turn, SWEEP_SECONDS, due_by=clock, log=log)

    def start(self) -> None:
        """Begin to sweep, after a while."""
        self._task.start()

    async def stop(self) -> None:
        """End the task. May be called again."""
        await self._task.stop()

    async def turn(self) -> float | None:
        """Sweep for a minute at most: by the limits that depend on the time if the clock is trusted, by the others if
        it is time. Return the seconds until the next turn if there is more to do. Raise StorageError."""
        steady = self._steady()
        surveys = self._surveyed is None or steady - self._surveyed >= SURVEY
        trusted = await self._is_trusted()
        if not await self.sweep(lambda limit: trusted if limit.by_clock else surveys, steady + TURN):
            return 0.0
        if surveys:
            self._surveyed = steady
        return None

    async def sweep(
        self, applies: Callable[[Limit], bool] = lambda limit: True, until: int | None = None
    ) -> bool:
        """Remove what the limits, those that apply, keep no longer, until a time of the steady clock. Return whether
        all is removed. Raise StorageError."""
        waiting = [
            (table, limit) for table in self._retention.tables for limit in table.limits if applies(limit)
        ]
        ahead = self._clock() - self._steady()
        while waiting:
            table, limit = waiting.pop(0)
            if await self._remove(table, limit, ahead):
                waiting.append((table, limit))
            if until is not None and self._steady() >= until:
                return not waiting
        return True

    async def _is_trusted(self) -> bool:
        """Return whether no jump ahead was seen for a while, and record the time if so."""
        swept = await self._database.read(lambda tx: tx.value(_SWEPT))
        now, steady = self._clock(), self._steady()
        if swept is not None and now - swept <= GAP:
            self._even_run = None
            if 0 <= now - swept <= GAP // 2:
                return True
        elif not self._has_settled(now, steady, swept):
            return False
        await self._database.write(lambda tx: tx.run(_MARK, now=tx.now))
        return True

    def _has_settled(self, now: int, steady: int, swept: int | None) -> bool:
        """Return whether the clock has run evenly for long enough since it jumped, or since the server was away."""
        ahead = now - steady
        if self._even_run is None or abs(ahead - self._even_run.ahead) > GAP:
            self._even_run = _EvenRun(steady, ahead)
            if swept is not None:
                log.info(
                    "the last removal of old rows was %d s ago by this clock, which is trusted in %d s",
                    (now - swept) // SECOND,
                    SETTLE // SECOND,
                )
        return steady - self._even_run.since >= SETTLE

    async def _remove(self, table: TableRetention, limit: Limit, ahead: int) -> bool:
        """Remove a few pieces; return whether there may be more."""
        found = await limit.find(self._database, self._retention, table)
        if limit.by_clock and abs(self._clock() - self._steady() - ahead) > GAP:
            # The clock has jumped since the sweep began: the next one judges it.
            return False
        if found is None:
            return False
        progress = await in_pieces(self._database, found.piece, most=TURN_ROWS)
        self._count(found.table, progress.rows)
        return progress.rows > 0
