"""The stored moments that hold work back, and the change that keeps them from lying further ahead than was added.

Each table names its moments as ``Hold``. A row whose start lies ahead of now was written by a clock that was ahead: the
one of this machine before it was set back, or that of another node. The span that was added then is added to now
instead. So a lease of a node that lives is renewed as ever, and one of a node that is gone ends in its own time.

A moment that a user has chosen (the time of a scheduled message, a time to live, a validity period) is no hold.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trunkline.core.clock import JUMP
from trunkline.core.storage.database import Tx


class Hold(msgspec.Struct, frozen=True):
    """A column ``until`` of a table, in microseconds since 1970 UTC, that holds work back. ``since`` is the column with
    the time at which it was set; without one it lies at most ``span`` ahead. Without ``until`` the row waits for its
    age. ``where`` narrows the rows."""

    table: str
    until: str = ""
    since: str = ""
    span: int = 0
    where: str = ""

    @property
    def condition(self) -> str:
        """The SQL condition for rows that were written by a clock that was ahead."""
        late = f"{self.since or self.until} > :latest"
        return f"{late} AND {self.where}" if self.where else late

    @property
    def changes(self) -> str:
        """The SQL assignments that put such a row right."""
        if not self.since:
            return f"{self.until} = :now"
        moved = f"{self.until} = {self.until} - ({self.since} - :now), " if self.until else ""
        return f"{moved}{self.since} = :now"


async def bring_back(tx: Tx, holds: Sequence[Hold]) -> int:
    """Put right all rows that were written by a clock that was ahead; return their number."""
    moved = 0
    for hold in holds:
        furthest = tx.now + hold.span
        sql = f"UPDATE {hold.table} SET {hold.changes} WHERE {hold.condition}"
        moved += await tx.run(sql, now=furthest, latest=furthest + JUMP)
    return moved


async def are_ahead(tx: Tx, holds: Sequence[Hold]) -> bool:
    """Return whether any row was written by a clock that was ahead."""
    for hold in holds:
        sql = f"SELECT 1 FROM {hold.table} WHERE {hold.condition} LIMIT 1"
        if await tx.value(sql, latest=tx.now + hold.span + JUMP) is not None:
            return True
    return False
