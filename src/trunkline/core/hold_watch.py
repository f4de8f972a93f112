"""The watch over the clock, and over the stored moments that a clock that was ahead has left.

1. A start puts right the rows of an earlier run, before anything claims work.
2. One task reads the clock once a second; a jump since the last reading or measurement is logged, recorded as an
   alert, and after a jump back the rows are put right in the same transaction.
3. Once a minute the task checks the rows that other nodes may have written: it reads first, aside of other queries.
4. Of each kind of jump, and of each state of the clock, there is at most one alert an hour: two time services that pull
   at one clock change it every few seconds. Each is in the log.
5. A failure of the storage is repeated as any periodic task; a jump that could not be recorded is in the log.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence

from trunkline.core.clock import SECOND, Clock, WatchedClock, steady_clock
from trunkline.core.database_clock import DatabaseClock
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.database import Database, Tx
from trunkline.core.storage.holds import Hold, are_ahead, bring_back

log = logging.getLogger("trunkline.clock")

WATCH_SECONDS = 1.0
ALERT_INTERVAL = 3600 * SECOND
CHECK_SECONDS = 60.0
"""Seconds between two checks of the rows that other nodes may have written."""

RecordAlert = Callable[[Tx, str], Awaitable[None]]
"""The recording of an alert with a text for the operator."""


class AlertLimit:
    """The limit of one alert an hour of each kind, by ``steady``."""

    def __init__(self, steady: Clock) -> None:
        self._steady = steady
        self._last: dict[Hashable, int] = {}

    def permits(self, kind: Hashable) -> bool:
        """Return whether the last alert of a kind is old enough."""
        last = self._last.get(kind)
        return last is None or self._steady() >= last + ALERT_INTERVAL

    def recorded(self, kind: Hashable) -> None:
        """Note that there is one now."""
        self._last[kind] = self._steady()


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
        """Handle the jumps of the clock since the last call. Raise StorageError."""
        if isinstance(self._clock, WatchedClock | DatabaseClock):
            self._clock()
            for jump in self._clock.take_jumps():
                await self._jumped(jump, self._clock.owner)

    async def _watch(self) -> None:
        await self.check()
        self._turns += 1
        if self._turns * WATCH_SECONDS >= CHECK_SECONDS:
            self._turns = 0
            await self._check("another node's clock is ahead")

    async def _jumped(self, jump: int, owner: str) -> None:
        span = datetime.timedelta(seconds=round(abs(jump) / SECOND))
        text = f"The {owner}'s clock jumped {'ahead' if jump > 0 else 'back'} by {span}."
        log.warning("%s Timers follow it; see to the machine's time service.", text)
        kind = jump > 0
        permitted = self._limit.permits(kind)

        async def write(tx: Tx) -> int:
            moved = await bring_back(tx, self._holds)
            if permitted:
                await self._alert(tx, f"{text} {moved} waiting items were moved back." if moved else text)
            return moved

        moved = await self._database.write(write)
        if permitted:
            self._limit.recorded(kind)
        if moved:
            log.warning("%d waiting items were moved back with the clock", moved)

    async def _check(self, cause: str) -> None:
        if not await self._database.scan(lambda tx: are_ahead(tx, self._holds)):
            return

        async def write(tx: Tx) -> int:
            if moved := await bring_back(tx, self._holds):
                await self._alert(
                    tx, f"{moved} waiting items lay ahead of the clock and were moved back: {cause}."
                )
            return moved

        if moved := await self._database.write(write):
            log.warning("%d waiting items lay ahead of the clock and were moved back: %s", moved, cause)
