"""When a message may be scheduled for, and how many may wait (doc)."""

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
"""The part of the room that is used up before it is counted anew; other nodes use it up meanwhile."""


def check_schedule(asked: CreateMessage, now: int) -> int | None:
    """When the message is to be sent, in microseconds since 1970 UTC; None for at once. Raises ApiError 35118, 35111,
    35114, and 20001 for a time without its type (inferred)."""
    if asked.schedule_type in (UNSET, None):
        if isinstance(asked.send_at, str):
            raise invalid("ScheduleType", "must be fixed when SendAt is given")
        return None
    if not isinstance(asked.messaging_service_sid, str):
        raise ApiError(35118)
    if not isinstance(asked.send_at, str):
        raise ApiError(35111)
    moment = parse_date(asked.send_at)
    if moment is None or not now + EARLIEST <= moment <= now + LATEST:
        raise ApiError(35114)
    return moment


_WAITING = "SELECT count(*) FROM message_queue WHERE account_sid = :account_sid AND step = 'scheduled'"


class ScheduleRoom:
    """Bounds the scheduled messages of each account. Counting them takes long when they are many, so they are counted
    anew only when a part of the room that was found has been used up."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._free: dict[str, int] = {}

    async def take(self, tx: Tx, account_sid: str) -> None:
        """Make sure that there is room for one more. Raises ApiError 35125."""
        left = self._free.get(account_sid, 0)
        if left == 0:
            room = self._most - await tx.value(_WAITING, account_sid=account_sid)
            if room <= 0:
                raise ApiError(35125)
            left = 1 + (room - 1) // _SHARE
        self._free[account_sid] = left - 1
