"""The candidates for the choice of a sender: the senders of a Service, each with its capabilities and its load."""

from __future__ import annotations

import msgspec

from trunkline.core.storage.database import Row, Tx


class PoolSender(Row, frozen=True):
    """A sender of a Service. ``kind`` is a value of ``PoolSenderKind``; ``value`` is the address that recipients see.
    An alphanumeric sender has no country and no kind of number; its ``iso_country_code`` is the country that it is
    for, None for all. ``rate`` is in thousandths of a segment a second, 0 for the default; ``queued`` counts the
    segments that wait for it, ``last_used`` increases with each use."""

    sid: str
    kind: str
    value: str
    iso_country_code: str | None
    country: str
    sms: bool
    mms: bool
    number_kind: str
    carrier: str
    rate: int
    queued: int
    last_used: int


_SELECT = """
SELECT s.sid, s.kind, s.value, s.iso_country_code, COALESCE(n.country, ''), COALESCE(n.sms, TRUE),
    COALESCE(n.mms, FALSE), COALESCE(n.kind, ''), COALESCE(n.carrier, ''), COALESCE(n.rate, 0),
    COALESCE(l.queued, 0), COALESCE(l.last_used, 0)
FROM messaging_senders s
LEFT JOIN numbers n ON n.sid = s.sid
LEFT JOIN message_lanes l ON l.lane = s.account_sid || ' ' || s.value
"""


class AddedLoad:
    """The load that a transaction has chosen senders for, and not written yet: the segments, and the last use, of each
    sender of each account. It counts as if it were written, as ``reserve_place`` does it."""

    def __init__(self) -> None:
        self._added: dict[tuple[str, str], tuple[int, int]] = {}

    def add(self, account_sid: str, sender: PoolSender, segments: int, now: int) -> None:
        """Count a message of a sender, which is one of ``counted``."""
        before, _ = self._added.get((account_sid, sender.value), (0, 0))
        last_used = max(now, sender.last_used + 1)
        self._added[account_sid, sender.value] = before + segments, last_used

    def counted(self, account_sid: str, pool: list[PoolSender]) -> list[PoolSender]:
        """Return an account's senders with what was added."""
        return [self._loaded(account_sid, one) for one in pool] if self._added else pool

    def _loaded(self, account_sid: str, sender: PoolSender) -> PoolSender:
        added = self._added.get((account_sid, sender.value))
        if added is None:
            return sender
        segments, last_used = added
        return msgspec.structs.replace(
            sender, queued=sender.queued + segments, last_used=max(sender.last_used, last_used)
        )


async def pool_of(tx: Tx, account_sid: str, service_sid: str) -> list[PoolSender]:
    """Return all senders of the account's Service."""
    return await tx.all(
        PoolSender,
        f"{_SELECT} WHERE s.service_sid = :service_sid AND s.account_sid = :account_sid",
        account_sid=account_sid,
        service_sid=service_sid,
    )


async def in_pool(tx: Tx, account_sid: str, service_sid: str, address: str) -> PoolSender | None:
    """Return the sender of the account's Service that recipients see as ``address``."""
    return await tx.one(
        PoolSender,
        f"{_SELECT} WHERE s.service_sid = :service_sid AND s.account_sid = :account_sid AND s.value = :address"
        " LIMIT 1",
        account_sid=account_sid,
        service_sid=service_sid,
        address=address,
    )
