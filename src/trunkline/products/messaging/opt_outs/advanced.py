"""Advanced Opt-Out: a Service's own keywords and replies, off until it is enabled (doc)."""

from __future__ import annotations

import msgspec

from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.opt_outs.keywords import STANDARD, KeywordSet, check_keyword_sets

MAX_SETS = 200
"""Sets of keywords of a Service."""


class AdvancedOptOut(Row, frozen=True):
    """A row of ``advanced_opt_outs``; ``sets`` is JSON of a list of ``KeywordSet``."""

    service_sid: str
    account_sid: str
    enabled: bool
    sets: str
    date_created: int
    date_updated: int

    @property
    def keywords(self) -> tuple[KeywordSet, ...]:
        """The sets, decoded."""
        return msgspec.json.decode(self.sets, type=tuple[KeywordSet, ...])


_FIND = f"""
SELECT {columns(AdvancedOptOut)} FROM advanced_opt_outs WHERE account_sid = :account_sid AND service_sid = :service_sid
"""
_CHANGE = """
UPDATE advanced_opt_outs SET enabled = :enabled, sets = :sets, date_updated = :now
WHERE account_sid = :account_sid AND service_sid = :service_sid
"""


async def find(tx: Tx, account_sid: str, service_sid: str) -> AdvancedOptOut:
    """Return the settings of a Service; before the first change these are the standard keywords, disabled. The
    caller must check that the Service exists."""
    found = await tx.one(AdvancedOptOut, _FIND, account_sid=account_sid, service_sid=service_sid)
    return found or AdvancedOptOut(service_sid, account_sid, False, _encoded(STANDARD), 0, 0)


async def change(
    tx: Tx, account_sid: str, service_sid: str, *, enabled: bool | None, sets: tuple[KeywordSet, ...] | None
) -> AdvancedOptOut:
    """Enable or disable it, and replace all sets; None leaves the present value. Raise KeywordError if the sets
    break a rule."""
    if sets is not None:
        check_keyword_sets(sets)
    await tx.lock(f"opt-outs {service_sid}")
    before = await find(tx, account_sid, service_sid)
    after = msgspec.structs.replace(
        before,
        enabled=before.enabled if enabled is None else enabled,
        sets=before.sets if sets is None else _encoded(sets),
        date_created=before.date_created or tx.now,
        date_updated=tx.now,
    )
    if before.date_created:
        await tx.run(
            _CHANGE,
            enabled=after.enabled,
            sets=after.sets,
            now=tx.now,
            account_sid=account_sid,
            service_sid=service_sid,
        )
    else:
        await tx.insert("advanced_opt_outs", after)
    return after


def _encoded(sets: tuple[KeywordSet, ...]) -> str:
    return msgspec.json.encode(sets).decode()
