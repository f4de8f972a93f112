"""The watch over the clock of a node on PostgreSQL: it compares the machine's clock and the node's with the database's.

1. The start of the database has measured once; ``start`` reports a clock that was off then.
2. One task measures every two seconds, so at once after the process was stopped: the pause is over by then.
3. Each state of the machine's clock is one line in the log and one alert: off, far off, and right again. An alert that
   the storage does not accept now is repeated with the next measurement; the line is not. A state that comes again
   within an hour of its last alert has one after that hour, if it lasts.
"""

from __future__ import annotations

import logging
import socket

from trunkline.core.clock import Clock, steady_clock
from trunkline.core.database_clock import ClockState, DatabaseClock, RoundTrip, describe_skew, round_trip
from trunkline.core.host_alerts import AlertLimit, RecordAlert, record_apart
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.database import Database

log = logging.getLogger("trunkline.clock")

MEASURE_SECONDS = 2.0

_REMEDY = "See to the time services of this machine and of the database's."
_EFFECTS = {
    ClockState.OFF: f"the node is not ready. {_REMEDY}",
    ClockState.FAR_OFF: (
        f"the node is not ready, and leaves jobs, messages, schedules and expiries to other nodes. {_REMEDY}"
    ),
}


class ClockWatch:
    """The watch over ``clock``. ``alert`` records an alert for the operator."""

    def __init__(
        self, database: Database, clock: DatabaseClock, alert: RecordAlert, steady: Clock = steady_clock
    ) -> None:
        self._database = database
        self._clock = clock
        self._alert = alert
        self._limit = AlertLimit(steady)
        self._logged = ClockState.RIGHT
        self._recorded = ClockState.RIGHT
        self._task = PeriodicTask(
            "measurements of the clock", self.check, MEASURE_SECONDS, due_by=None, log=log
        )

    async def start(self) -> None:
        """Report what the start of the database has measured, then watch. Raise StorageError."""
        await self._report()
        self._task.start()

    async def stop(self) -> None:
        """End the watch."""
        await self._task.stop()

    async def check(self) -> None:
        """Measure once. Raise StorageError."""
        await self._clock.measure(self._read)
        await self._report()

    async def _read(self, steady: Clock) -> RoundTrip:
        return await self._database.read(lambda tx: round_trip(tx.value, steady))

    async def _report(self) -> None:
        state = self._clock.state
        text = _describe(state, self._clock.skew)
        if state is not self._logged:
            self._logged = state
            log.log(logging.INFO if state is ClockState.RIGHT else logging.WARNING, "%s", text)
        if state is not self._recorded and self._limit.permits(state):
            await record_apart(self._database, self._alert, text)
            self._recorded = state
            self._limit.recorded(state)


def _describe(state: ClockState, skew: int) -> str:
    machine = f"The clock of {socket.gethostname()}"
    if state is ClockState.RIGHT:
        return f"{machine} agrees with the database's again."
    return f"{machine} is {describe_skew(skew)}'s: {_EFFECTS[state]}"
