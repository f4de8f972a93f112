"""The watch over receipts whose id no message has: their messages stay sent, and nothing else would report it.

A receipt may be early, by as long as a segment of the same message waits for its turn, so it is stored. One that is
still stored after ``PATIENCE`` is no proof, but it is what a wrong ``id_base`` looks like. Once a minute the watch
counts what has become overdue since the last time. Each carrier gets one line in the log and one problem, whose Alerts
are limited like all others. Each node watches for itself, and a start reports nothing from before.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from trunkline.core.clock import SECOND, Clock
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.database import Database, Row, Tx
from trunkline.transports.base import CarrierProblem

log = logging.getLogger("trunkline.messaging")

PATIENCE = 300 * SECOND
"""Time after which a receipt without its message is reported."""

POLL_SECONDS = 60.0

_UNMATCHED = """
SELECT carrier, count(*) AS number, min(id) AS id FROM early_receipts
WHERE date_created > :since AND date_created <= :until GROUP BY carrier ORDER BY carrier
"""


class _CarrierCount(Row, frozen=True):
    carrier: str
    number: int
    id: str


class UnmatchedReceipts:
    """The watch of a node. ``report`` gets one problem a carrier for all that became overdue since the last check."""

    def __init__(
        self, database: Database, clock: Clock, report: Callable[[CarrierProblem], Awaitable[None]]
    ) -> None:
        self._database = database
        self._clock = clock
        self._report = report
        self._until = 0
        self._task = PeriodicTask(
            "receipts without a message", self.check, POLL_SECONDS, due_by=clock, log=log
        )

    def start(self) -> None:
        """Begin to check, once a minute, for those that become overdue from now on."""
        self._until = self._clock() - PATIENCE
        self._task.start()

    async def stop(self) -> None:
        """End the watch."""
        await self._task.stop()

    async def check(self) -> None:
        """Report the receipts that have become overdue. Raise StorageError."""
        since, until = self._until, self._clock() - PATIENCE

        async def read(tx: Tx) -> list[_CarrierCount]:
            return await tx.all(_CarrierCount, _UNMATCHED, since=since, until=until)

        for one in await self._database.scan(read):
            text = (
                f"{one.number} delivery receipts have ids that no message has, such as {one.id}: unless the messages"
                " were removed, they stay sent, and the ids may need another id_base of the carrier"
            )
            log.warning("%s: %s", one.carrier, text)
            await self._report(CarrierProblem(one.carrier, text))
        self._until = until
