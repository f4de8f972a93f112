"""Alerts for what a carrier's operator has to mend, such as receipts that cannot be read.

An Alert goes to the account of the number that it concerns, else to the oldest account, which is the operator's. A
carrier raises at most one in ten minutes and node, because a network that sends one bad receipt sends many; all are
in the log.
"""

from __future__ import annotations

import logging

from trunkline.core.clock import SECOND, Clock
from trunkline.core.storage.database import Database, Tx
from trunkline.products.accounts import facade as accounts
from trunkline.products.messaging.numbers.owned_numbers import owned_by_address
from trunkline.transports.base import CarrierProblem

log = logging.getLogger("trunkline.messaging")

CODE = 30008
INTERVAL = 600 * SECOND


class CarrierProblems:
    """The reports of a node's carriers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._last: dict[str, int] = {}
        self._omitted: dict[str, int] = {}

    async def report(self, problem: CarrierProblem) -> None:
        """Raise an Alert, unless this carrier raised one just now. Raise StorageError if it cannot be stored."""
        now, carrier = self._clock(), problem.carrier
        # A clock that was put back does not silence a carrier.
        if 0 <= now - self._last.get(carrier, -INTERVAL) < INTERVAL:
            self._omitted[carrier] = self._omitted.get(carrier, 0) + 1
            return
        omitted = self._omitted.pop(carrier, 0)
        text = f"{carrier}: {problem.text}" + (f" ({omitted} more since the last Alert)" if omitted else "")

        async def write(tx: Tx) -> None:
            owned = await owned_by_address(tx, problem.number) if problem.number else None
            account_sid = owned.account_sid if owned else await accounts.oldest_account(tx)
            if account_sid is not None:
                await accounts.record_alert(tx, account_sid, CODE, text, level="error")

        await self._database.write(write)
        self._last[carrier] = now
