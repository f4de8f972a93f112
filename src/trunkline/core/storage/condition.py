"""The condition of a database as its engine has found it: whether it accepts changes, and whether it is damaged.

1. Engines call it from their own threads; each method sets one attribute, so nothing is locked.
2. A change of the condition is logged once, with its cause, however many requests meet it. So is an outage, in which
   the engine cannot be reached, and a time in which it responds, but not to every call.
3. A failed commit makes the database not writable until a commit that changed something succeeds. ``probe`` tries one
   for a node without traffic, at most once a second; it writes more than most changes, since a full disk often has
   space for a single page. Damage stays until the process ends.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from time import monotonic

from trunkline.core.outages import Outage
from trunkline.core.storage.database import Busy, DamagedData, NotWritable, StorageError, Tx

log = logging.getLogger("trunkline.storage")

PROBE_SECONDS = 1.0
"""The shortest time between two probes."""

_PROBE = """
INSERT INTO storage_probe (id, filler) VALUES (1, :filler) ON CONFLICT (id) DO UPDATE SET filler = excluded.filler
"""
_PROBE_BYTES = 64 * 1024


class StorageCondition:
    """The condition of one database, which is good at first."""

    def __init__(self) -> None:
        self._unwritable = ""
        self._damage = ""
        self._probe_at = 0.0
        self._refusals = Outage(log)
        self._outage = Outage(log)
        self._load = Outage(log)

    def unavailable(self, error: StorageError) -> None:
        """Record that the engine could not be used, or not by this call."""
        cause = error.__cause__
        reason = f"{error}: {str(cause) or type(cause).__name__}" if cause else str(error)
        if not isinstance(error, Busy):
            self._outage.failed("the database is away: %s", reason, level=logging.ERROR)
        elif not self._outage.lasts:
            self._load.failed("the database is busy: %s", reason)

    def available(self) -> None:
        """Record that the engine could be used."""
        if self._outage.lasts:
            self._outage.works("the database is back")
        if self._load.lasts:
            self._load.works("the database has time for every call again")

    def refused(self, cause: BaseException) -> None:
        """Record that a commit failed."""
        self._refusals.failed("the database accepts no changes: %s", cause, level=logging.ERROR)
        self._unwritable = str(cause) or type(cause).__name__

    def accepted(self) -> None:
        """Record that a commit with a change succeeded."""
        self._unwritable = ""
        if self._refusals.lasts:
            self._refusals.works("the database accepts changes again")

    def damaged(self, error: DamagedData) -> None:
        """Record that damage was found."""
        if not self._damage:
            log.critical(
                "the database is damaged: %s; run `trunkline doctor`, and restore a backup",
                error.__cause__ or error,
            )
        self._damage = str(error.__cause__ or error)

    async def probe(self, write: Callable[[Callable[[Tx], Awaitable[None]]], Awaitable[None]]) -> None:
        """Raise DamagedData if damage was found. After a failed commit, try another change through ``write``, and raise
        NotWritable if that fails, too."""
        if self._damage:
            raise DamagedData("the stored data are damaged")
        if not self._unwritable:
            return
        if (now := monotonic()) >= self._probe_at:
            self._probe_at = now + PROBE_SECONDS
            await write(_fill)
        if self._unwritable:
            raise NotWritable("the database accepts no changes")


async def _fill(tx: Tx) -> None:
    # Random, so that PostgreSQL cannot compress it.
    await tx.run(_PROBE, filler=secrets.token_hex(_PROBE_BYTES // 2))
