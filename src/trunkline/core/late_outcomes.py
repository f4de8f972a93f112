"""The reports of outcomes that came in under a lease that was over.

Each is a line in the log, written when its announcement comes in after the commit. One task records the Alerts: one at
once, and then at most one a minute, so that a node that resumes with a thousand of them does not make a thousand. An
Alert names the first ones and counts the others, which is all that is kept of them until the storage accepts it.
``stop`` records the last one, which is only in the log if that fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from trunkline.core.host_alerts import RecordAlert, record_apart
from trunkline.core.leases import LateOutcome
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.database import Database, StorageError

log = logging.getLogger("trunkline.leases")

PAUSE_SECONDS = 60.0
NAMED = 5
"""Outcomes that an Alert names."""


class LateOutcomes:
    """The reports of a node; ``alert`` records one for the operator."""

    def __init__(self, database: Database, alert: RecordAlert) -> None:
        self._database = database
        self._alert = alert
        self._named: list[str] = []
        self._count = 0
        self._task = PeriodicTask("reports of late outcomes", self._report, None, due_by=None, log=log)

    def start(self) -> None:
        """Begin to report."""
        self._database.listen(self._on_events)
        self._task.start()

    async def stop(self) -> None:
        """Report what is left."""
        await self._task.stop()
        with contextlib.suppress(StorageError):
            await self._write()

    def _on_events(self, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, LateOutcome):
                log.warning("%s", event.text)
                self._count += 1
                if len(self._named) < NAMED:
                    self._named.append(event.text)
                self._task.wake()

    async def _report(self) -> None:
        while self._count:
            await self._write()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _write(self) -> None:
        if not self._count:
            return
        named, count = self._named, self._count
        self._named, self._count = [], 0
        others = count - len(named)
        more = f"; and {others} more, which are in the log" if others else ""
        text = f"A lease ended before its outcome came in, perhaps as a node stood still: {'; '.join(named)}{more}."
        try:
            await record_apart(self._database, self._alert, text)
        except BaseException:
            self._named, self._count = (named + self._named)[:NAMED], count + self._count
            raise
