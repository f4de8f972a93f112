"""The alerts about a node's machine, for the operator.

Each is written in a transaction of its own, after its cause: an alert that cannot be stored undoes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Hashable

from trunkline.core.clock import SECOND, Clock
from trunkline.core.storage.database import LOGGED_ONCE, Database, OutcomeUnknown, StorageError, Tx

log = logging.getLogger("trunkline.alerts")

ALERT_INTERVAL = 3600 * SECOND

RecordAlert = Callable[[Tx, str], Awaitable[None]]
"""The recording of an alert with a text for the operator."""


async def record_apart(database: Database, alert: RecordAlert, text: str) -> None:
    """Record an alert. One that the storage refuses for good is in the log alone, and so may be one whose commit has an
    unknown outcome: it must not come twice. Raise StorageError if it may be accepted later."""
    try:
        await database.write(lambda tx: alert(tx, text))
    except OutcomeUnknown as error:
        log.warning("an alert may not be stored (%s): %s", error, text)
    except LOGGED_ONCE:
        raise
    except StorageError as error:
        log.error("an alert cannot be stored (%s): %s", error, text)


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
