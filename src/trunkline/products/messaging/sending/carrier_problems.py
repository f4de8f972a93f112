"""Alerts for what a carrier's operator has to mend, such as receipts that cannot be read.

An Alert goes to the account of the number that it concerns, else to the oldest account, which is the operator's. An
account gets at most one from a carrier in ten minutes and node, because a network that sends one bad receipt sends
many; all are in the log.
"""

from __future__ import annotations

import logging

import msgspec

from trunkline.core.clock import SECOND, Clock
from trunkline.core.storage.database import Database, Tx
from trunkline.products.accounts import facade as accounts
from trunkline.products.messaging.numbers.owned_numbers import owned_by_address
from trunkline.transports.base import CarrierProblem

log = logging.getLogger("trunkline.messaging")

CODE = 30008
INTERVAL = 600 * SECOND

PAIRS = 10_000
"""Carriers and accounts whose last Alert is remembered."""


class _Last(msgspec.Struct):
    """The time of the last Alert, and the number of problems since."""

    time: int
    omitted: int = 0


class CarrierProblems:
    """The reports of a node's carriers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._last: dict[tuple[str, str], _Last] = {}

    async def report(self, problem: CarrierProblem) -> None:
        """Raise an Alert, unless the account got one from this carrier just now. Raise StorageError if it cannot be
        stored."""

        async def find(tx: Tx) -> str | None:
            owned = await owned_by_address(tx, problem.number) if problem.number else None
            return owned.account_sid if owned else await accounts.oldest_account(tx)

        account_sid = await self._database.read(find)
        if account_sid is None:
            return
        key = problem.carrier, account_sid
        now, last = self._clock(), self._last.get(key)
        # A clock that was put back does not silence a carrier.
        if last is not None and 0 <= now - last.time < INTERVAL:
            last.omitted += 1
            return
        more = f" ({last.omitted} more since the last Alert)" if last is not None and last.omitted else ""
        text = f"{problem.carrier}: {problem.text}{more}"
        self._last.pop(key, None)
        self._last[key] = _Last(now)
        if len(self._last) > PAIRS:
            del self._last[next(iter(self._last))]
        try:
            await self._database.write(
                lambda tx: accounts.record_alert(tx, account_sid, CODE, text, level="error")
            )
        except BaseException:
            self._last.pop(key, None)
            raise
