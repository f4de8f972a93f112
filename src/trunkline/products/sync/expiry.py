"""The removal of expired objects and items, with their events, soon after they have become invisible.

1. A start first removes all that expired while no server ran, so that no request is served before.
2. One task then removes what is due, in transactions of up to ``BATCH`` things, and waits for the next expiry date,
   which it has read from the database.
3. An announcement of an earlier date wakes the task. While it reads the next date, every announcement does, since the
   new date may not be in what it read.
4. It reads again every 5 s in any case, for what another node left behind when it was killed.
5. Every node runs such a task. The row of the object is locked first, so each thing is removed, and its event written,
   once.
6. Once a minute the task also trims the event log. After an error of the storage it pauses for a second and goes on.
"""

from __future__ import annotations

from typing import Any

from trunkline.core.clock import SECOND, Clock, has_passed, permits_due_work
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.database import Database, Row, Tx, columns
from trunkline.core.storage.removal import ROWS
from trunkline.products.sync import event_log, items, objects, services
from trunkline.products.sync.event_types import Expiry
from trunkline.products.sync.items import ItemPosition
from trunkline.products.sync.objects import Object

BATCH = 200
LONGEST_WAIT = 5.0
"""Seconds after which the sweeper reads again in any case: a node that was killed may have left something behind."""
RETRY_SECONDS = 1.0
TRIM_EVERY = 60 * SECOND


class _Due(Row, frozen=True):
    object_sid: str
    item_index: int
    item_key: str


async def purge(tx: Tx, limit: int = BATCH) -> int:
    """Remove at most ``limit`` of the objects and items that are due. Return how many were found. Nodes may do it at
    the same time: each thing is removed, and its event written, once."""
    found = await tx.all(
        _Due,
        "SELECT sid, 0, '' FROM sync_objects WHERE date_expires <= :now"
        " ORDER BY date_expires, sid LIMIT :row_limit",
        now=tx.now,
        row_limit=limit,
    )
    left = ROWS
    for due in sorted(found, key=lambda due: due.object_sid):
        left -= await _purge_object(tx, due.object_sid, max(left, 1))
    inside = await tx.all(
        _Due,
        "SELECT object_sid, item_index, item_key FROM sync_items WHERE date_expires <= :now"
        " ORDER BY date_expires, object_sid LIMIT :row_limit",
        now=tx.now,
        row_limit=limit - len(found),
    )
    for due in sorted(inside, key=lambda due: (due.object_sid, due.item_index, due.item_key)):
        await _purge_item(tx, due)
    return len(found) + len(inside)


async def next_due(tx: Tx) -> int | None:
    """Return the nearest expiry date, in microseconds."""
    nearest = [
        await tx.value(
            "SELECT date_expires FROM sync_objects WHERE date_expires IS NOT NULL"
            " ORDER BY date_expires LIMIT 1"
        ),
        await tx.value(
            "SELECT date_expires FROM sync_items WHERE date_expires IS NOT NULL ORDER BY date_expires LIMIT 1"
        ),
    ]
    return min((date for date in nearest if date is not None), default=None)


async def _purge_object(tx: Tx, sid: str, limit: int) -> int:
    """Remove an object that is due, with up to ``limit`` rows below it; return their number."""
    service_sid = await tx.value("SELECT service_sid FROM live_sync_objects WHERE sid = :sid", sid=sid)
    service = service_sid and await services.by_sid(tx, service_sid)
    removed = await objects.expire(tx, service, sid, limit) if service else None
    if removed is None:
        # A deleted object, or one of a deleted Service, goes with that, without an event.
        await tx.run(
            "UPDATE sync_objects SET date_expires = NULL WHERE sid = :sid AND date_expires <= :now",
            sid=sid,
            now=tx.now,
        )
    return removed or 0


async def _purge_item(tx: Tx, due: _Due) -> None:
    # Writers of items hold their object's row; only behind them is it certain that the item is still due, and only
    # then may an event be counted.
    await tx.run("UPDATE sync_objects SET next_index = next_index WHERE sid = :sid", sid=due.object_sid)
    parent = await tx.one(
        Object,
        "UPDATE sync_objects SET last_event_id = last_event_id + 1, date_updated = :now WHERE sid = :sid"
        " AND EXISTS (SELECT 1 FROM sync_items WHERE object_sid = :sid AND item_index = :item_index"
        " AND item_key = :item_key AND date_expires <= :now)"
        f" AND NOT deleted RETURNING {columns(Object)}",
        sid=due.object_sid,
        item_index=due.item_index,
        item_key=due.item_key,
        now=tx.now,
    )
    service = parent and await services.by_sid(tx, parent.service_sid)
    if parent and service:
        await items.expire(tx, service, parent, ItemPosition(due.item_index, due.item_key))
        return
    # An item of a deleted object, or below a deleted Service, goes with that.
    await tx.run(
        "UPDATE sync_items SET date_expires = NULL WHERE object_sid = :object_sid AND item_index = :item_index"
        " AND item_key = :item_key AND date_expires <= :now",
        object_sid=due.object_sid,
        item_index=due.item_index,
        item_key=due.item_key,
        now=tx.now,
    )


class Sweeper:
    """The task that removes expired things on time, for as long as the node runs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._next_due: int | None = None
        self._trimmed_at = 0
        self._task = PeriodicTask(
            "expired Sync objects", self._run, LONGEST_WAIT, RETRY_SECONDS, due_by=clock
        )

    async def start(self) -> None:
        """Remove what is overdue, then go on in the background. Raise StorageError when that fails."""
        self._database.listen(self._on_events)
        if permits_due_work(self._clock):
            await self._purge()
            await self._trim()
        self._task.start(at_once=True)

    async def stop(self) -> None:
        """End the background work; a removal under way is finished or undone as a whole."""
        await self._task.stop()

    def wake(self) -> None:
        """Remove at once what is due: the clock was moved."""
        self._task.wake()

    def _on_events(self, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, Expiry) and (self._next_due is None or event.date < self._next_due):
                self._task.wake()

    async def _run(self) -> float:
        """Remove what is due; return the seconds until more is."""
        # Until it is read anew, every announcement wakes the task again.
        self._next_due = None
        due = await self._database.read(next_due)
        if due is not None and due <= self._clock():
            await self._purge()
            due = await self._database.read(next_due)
        await self._trim()
        self._next_due = due
        if due is None:
            return LONGEST_WAIT
        return min(max(due - self._clock(), 0) / SECOND, LONGEST_WAIT)

    async def _purge(self) -> None:
        while await self._database.write(purge) == BATCH:
            pass

    async def _trim(self) -> None:
        if not has_passed(self._trimmed_at, TRIM_EVERY, self._clock()):
            return
        while await self._database.write(lambda tx: event_log.trim(tx, BATCH)) == BATCH:
            pass
        self._trimmed_at = self._clock()
