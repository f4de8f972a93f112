"""The watch over the clock, and over the stored moments that a clock that was ahead has left.

1. A start puts right the rows of an earlier run, before anything claims work.
2. One task reads the clock once a second; after a jump since the last reading or measurement, which is logged, the rows
   are put right, and then an alert is recorded: one that cannot be stored undoes nothing.
3. Once a minute the task checks the rows that other nodes may have written: it reads first, aside of other queries.
4. Of each kind of jump, and of each state of the clock, there is at most one alert an hour: two time services that pull
   at one clock change it every few seconds. Each is in the log.
5. After a failure of the storage the rows and the alerts that are left have their turn with the next reading.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Sequence

from trunkline.core.clock import SECOND, Clock, WatchedClock, steady_clock
from trunkline.core.database_clock import DatabaseClock
from trunkline.core.host_alerts import AlertLimit, RecordAlert, record_apart
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.database import Database
from trunkline.core.storage.holds import Hold, are_ahead, bring_back

log = logging.getLogger("trunkline.clock")

WATCH_SECONDS = 1.0
CHECK_SECONDS = 60.0
"""Seconds between two checks of the rows that other nodes may have written."""


class HoldWatch:
    """The watch over the clock and ``holds``. ``alert`` records an alert for the operator."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        holds: Sequence[Hold],
        alert: RecordAlert,
        steady: Clock = steady_clock,
    ) -> None:
        self._database = database
        self._clock = clock
        self._holds = holds
        self._alert = alert
        self._limit = AlertLimit(steady)
        self._jumps: dict[bool, str] = {}
        self._alerts: list[str] = []
        self._turns = 0
        self._task = PeriodicTask("checks of the clock", self._watch, WATCH_SECONDS, due_by=None, log=log)

    async def start(self) -> None:
        """Put right what an earlier run, or another node, has left, then watch. Raise StorageError."""
        await self._check("the clock was set back since they were written, or another node's is ahead")
        self._task.start()

    async def stop(self) -> None:
        """End the watch."""
        await self._task.stop()

    async def check(self) -> None:
        """Handle the jumps of the clock since the last call, and what that had to leave. Raise StorageError."""
        if isinstance(self._clock, WatchedClock | DatabaseClock):
            self._clock()
            for jump in self._clock.take_jumps():
                self._jumped(jump, self._clock.owner)
        if self._jumps:
            await self._repair()
        await self._record()

    async def _watch(self) -> None:
        await self.check()
        self._turns += 1
        if self._turns * WATCH_SECONDS >= CHECK_SECONDS:
            self._turns = 0
            await self._check("another node's clock is ahead")

    def _jumped(self, jump: int, owner: str) -> None:
        span = datetime.timedelta(seconds=round(abs(jump) / SECOND))
        text = f"The {owner}'s clock jumped {'ahead' if jump > 0 else 'back'} by {span}."
        log.warning("%s Timers follow it; see to the machine's time service.", text)
        self._jumps[jump > 0] = text

    async def _repair(self) -> None:
        """Put the rows right after the jumps, of which the last of each kind may have an alert."""
        moved = await self._bring_back()
        if moved:
            log.warning("%d waiting items were moved back with the clock", moved)
        more = f" {moved} waiting items were moved back." if moved else ""
        for kind, text in self._jumps.items():
            if self._limit.permits(kind):
                self._alerts.append(f"{text}{more}")
                self._limit.recorded(kind)
        self._jumps.clear()

    async def _check(self, cause: str) -> None:
        if not await self._database.scan(lambda tx: are_ahead(tx, self._holds)):
            return
        if moved := await self._bring_back():
            text = f"{moved} waiting items lay ahead of the clock and were moved back: {cause}"
            log.warning("%s", text)
            self._alerts.append(f"{text}.")
            await self._record()

    async def _record(self) -> None:
        """Record the alerts that are left."""
        while self._alerts:
            await record_apart(self._database, self._alert, self._alerts[0])
            del self._alerts[0]

    async def _bring_back(self) -> int:
        return await self._database.write(lambda tx: bring_back(tx, self._holds))
