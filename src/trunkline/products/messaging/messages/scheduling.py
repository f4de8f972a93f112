"""The bounds of scheduling: the earliest and latest time of a message, and the number of scheduled messages (doc)."""

from __future__ import annotations

from msgspec import UNSET

from trunkline.api.errors import ApiError, invalid
from trunkline.core.clock import SECOND
from trunkline.core.dates import parse_date
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.messages.parameters import CreateMessage

EARLIEST = 900 * SECOND
LATEST = 35 * 24 * 3600 * SECOND
_SHARE = 16
"""The part of the free number that is used before it is counted again; other nodes use it meanwhile."""


def check_schedule(params: CreateMessage, now: int) -> int | None:
    """Return the time for sending the message, in microseconds since 1970 UTC; None for now. Raise ApiError 35118,
    35111 or 35114 if it is not allowed, and 20001 for a time without its type (inferred)."""
    if params.schedule_type in (UNSET, None):
        if isinstance(params.send_at, str):
            raise invalid("ScheduleType", "must be fixed when SendAt is given")
        return None
    if not isinstance(params.messaging_service_sid, str):
        raise ApiError(35118)
    if not isinstance(params.send_at, str):
        raise ApiError(35111)
    moment = parse_date(params.send_at)
    if moment is None or not now + EARLIEST <= moment <= now + LATEST:
        raise ApiError(35114)
    return moment


_WAITING = "SELECT count(*) FROM message_queue WHERE account_sid = :account_sid AND step = 'scheduled'"


class ScheduleLimit:
    """The limit of scheduled messages of each account. Counting many of them takes long, so they are counted again
    only after a part of the free number was used."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._free: dict[str, int] = {}

    async def reserve(self, tx: Tx, account_sid: str) -> None:
        """Count one more message. Raise ApiError 35125 if the limit is reached."""
        left = self._free.get(account_sid, 0)
        if left == 0:
            free = self._limit - await tx.value(_WAITING, account_sid=account_sid)
            if free <= 0:
                raise ApiError(35125)
            left = 1 + (free - 1) // _SHARE
        self._free[account_sid] = left - 1
