"""The sizes of the tables among the metrics of a node, and the rules that govern them.

1. One task measures all tables a few seconds after the start, and then every ten minutes.
2. It reads aside of other queries, and as little of a large table as of a small one.
3. The metrics show its last result, so that they cost nothing, however often they are read.
4. The rule that governs a table is known from the settings and shown from the start.
5. A failure of the storage leaves the last result and is tried again, as of any periodic task.
"""

from __future__ import annotations

import logging
from functools import partial

from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.database import Database
from trunkline.core.storage.retention import Retention
from trunkline.core.storage.table_sizes import measure_tables
from trunkline.core.telemetry import Metrics

log = logging.getLogger("trunkline.retention")

FIRST_SECONDS = 5.0
EVERY_SECONDS = 600.0


class TableMeter:
    """The task that measures the tables."""

    def __init__(self, database: Database, retention: Retention, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        for table in retention.tables:
            metrics.describe_table(table.table, table.words(retention.options))
        self._task = PeriodicTask("sizes of tables", self.measure, EVERY_SECONDS, due_by=None, log=log)

    def start(self) -> None:
        """Begin to measure, soon after the start."""
        self._task.start(after=FIRST_SECONDS)

    async def stop(self) -> None:
        """End the task. May be called again."""
        await self._task.stop()

    async def measure(self) -> None:
        """Measure the tables now. Raise StorageError."""
        for size in await self._database.scan(partial(measure_tables, engine=self._database.name)):
            self._metrics.set_table(size.table, size.rows, size.bytes)
