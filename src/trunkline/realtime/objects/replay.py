"""The events that clients missed, read and rendered once for all who need them.

A replay goes in pages. ``Replays.page`` returns a page from memory, or joins whoever is making it, or makes it: reads
the events off the event loop and renders a few between two turns of it. A page has bytes that all share; only the
correlation id is put in for each client. Pages are kept for ten seconds after their last use, 16 MiB of them at most.
They end at event ids that are multiples of 64, so that clients that missed different numbers of events share all
but their first page. Compacted events are shared only by clients that had the same last event.

``Turns`` bound what all clients of the source do at the same time: who has a turn has at most one page in hand, and
must not wait for its client meanwhile. Everything else runs between the turns.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from trunkline.core.storage.database import Database, Tx
from trunkline.realtime.objects import notifications
from trunkline.realtime.objects.notifications import EventFrame, MakeFrame
from trunkline.realtime.objects.source import MissedEvents, ObjectSource
from trunkline.realtime.objects.types import ObjectEvent, ObjectKind, ObjectRoot, gone

AT_ONCE = 8
"""The most clients whose replays go on between two turns of the event loop."""
RENDERED_AT_ONCE = 8
"""The most events of one page that are rendered between two turns."""
PAGE_EVENTS = 64
PAGE_BYTES = 128 * 1024
"""The most events of a page, and the most bytes of their data, except for a single event: this much may wait for a
client that does not read."""
KEPT_BYTES = 16 * 1024 * 1024
KEPT_SECONDS = 10.0
_OVERHEAD = 512

V = TypeVar("V")


class Turns:
    """The turns of clients: at most eight have one at a time, each for an ``async with``."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> None:
        """Wait for a turn, first come first served, and let everything else run first."""
        await self._slots.acquire()
        try:
            await asyncio.sleep(0)
        except BaseException:
            self._slots.release()
            raise

    async def __aexit__(self, *failure: object) -> None:
        """End the turn."""
        self._slots.release()


class PageKey(NamedTuple):
    """The key of a page: the events of an object after ``after``, for clients that had all up to ``since`` (None: any),
    in the form of a protocol version and with correlation ids of a width."""

    sid: str
    after: int
    since: int | None
    version: int
    width: int


class ReplayPage(msgspec.Struct, frozen=True):
    """Events, without their data, and the frame of each; whoever has them has all events up to ``last``."""

    events: Sequence[ObjectEvent]
    frames: Sequence[EventFrame]
    last: int
    data_bytes: int

    @property
    def size(self) -> int:
        """About the bytes that the page takes up."""
        return sum(_OVERHEAD + len(head) + len(tail) for head, tail in self.frames)


class Replays:
    """The replays of a source on this node."""

    def __init__(self, source: ObjectSource[Any], database: Database, frame: MakeFrame) -> None:
        self._source = source
        self._database = database
        self._frame = frame
        self.turns = Turns()
        self._pages: OrderedDict[PageKey, tuple[ReplayPage, float]] = OrderedDict()
        self._bytes = 0
        self._making: dict[PageKey, asyncio.Task[tuple[PageKey, ReplayPage]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def kept(self) -> int:
        """About the bytes of the pages that are kept."""
        return self._bytes

    async def page(self, wanted: PageKey) -> ReplayPage:
        """Return the next page. Raise ApiError if the object is gone, and StorageError."""
        shared = wanted._replace(since=None)
        while True:
            for key in (wanted, shared):
                if (found := self._pages.get(key)) is not None:
                    self._pages[key] = found[0], asyncio.get_running_loop().time()
                    self._pages.move_to_end(key)
                    return found[0]
            making = self._making.get(shared)
            if making is None:
                making = asyncio.get_running_loop().create_task(self._make(wanted))
                self._making[shared] = making
                making.add_done_callback(lambda _: self._making.pop(shared, None))
            # Others may wait for the same page when this request is given up.
            key, page = await asyncio.shield(making)
            if key in (wanted, shared):
                return page

    async def stop(self) -> None:
        """Cancel what is being made, and drop all pages."""
        making = tuple(self._making.values())
        for one in making:
            one.cancel()
        await asyncio.gather(*making, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pages.clear()
        self._bytes = 0

    async def _make(self, wanted: PageKey) -> tuple[PageKey, ReplayPage]:
        """Return a page and whom it is for."""
        # A page that begins within a stretch of 64 ids ends with it.
        limit = PAGE_EVENTS - (wanted.after + 1) % PAGE_EVENTS
        root, found = await self._database.query(
            partial(_read, source=self._source, wanted=wanted, limit=limit)
        )
        events: list[ObjectEvent] = []
        frames: list[EventFrame] = []
        size = 0
        for event in found.events[:limit]:
            size += len(event.data or "")
            if size > PAGE_BYTES and frames:
                size -= len(event.data or "")
                break
            if frames and len(frames) % RENDERED_AT_ONCE == 0:
                await asyncio.sleep(0)
            frames.append(notifications.replayed(event, wanted.version, wanted.width, self._frame))
            events.append(msgspec.structs.replace(event, data=None))
        whole = len(events) == len(found.events) and len(events) < limit
        last = root.last_event_id if whole or not events else events[-1].event_id
        page = ReplayPage(events, frames, root.last_event_id if last is None else last, size)
        key = wanted if found.compacted else wanted._replace(since=None)
        self._keep(key, page)
        return key, page

    def _keep(self, key: PageKey, page: ReplayPage) -> None:
        loop = asyncio.get_running_loop()
        self._drop(key)
        self._pages[key] = page, loop.time()
        self._bytes += page.size
        while self._bytes > KEPT_BYTES:
            self._drop(next(iter(self._pages)))
        if self._timer is None:
            self._timer = loop.call_later(KEPT_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Drop the pages that nobody used for a while, which are the first ones."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - KEPT_SECONDS
        for key, (_, used) in list(self._pages.items()):
            if used > oldest:
                break
            self._drop(key)
        self._timer = loop.call_later(KEPT_SECONDS, self._sweep) if self._pages else None

    def _drop(self, key: PageKey) -> None:
        found = self._pages.pop(key, None)
        if found is not None:
            self._bytes -= found[0].size


async def missed(tx: Tx, source: ObjectSource[V], sid: str, after: int, limit: int) -> Sequence[ObjectEvent]:
    """Return the next events of an object after ``after`` for its subscribers; none if the object is gone."""
    root = await source.by_sid(tx, sid)
    if root is None:
        return ()
    return (await source.events_after(tx, root, after, limit, after)).events[:limit]


async def _read(
    tx: Tx, source: ObjectSource[V], wanted: PageKey, limit: int
) -> tuple[ObjectRoot, MissedEvents]:
    root = await source.by_sid(tx, wanted.sid)
    if root is None:
        raise gone(wanted.sid)
    if root.kind is ObjectKind.DOCUMENT:
        return root, MissedEvents([_updated(root)])
    since = wanted.after if wanted.since is None else wanted.since
    return root, await source.events_after(tx, root, wanted.after, limit, since)


def _updated(root: ObjectRoot) -> ObjectEvent:
    """Return the one event that brings a Document up to date, whatever came before it."""
    return ObjectEvent(
        type="document_updated",
        service_sid=root.service_sid,
        object_sid=root.sid,
        unique_name=root.unique_name,
        date=root.date_updated,
        event_id=root.last_event_id,
        object_revision=root.revision,
        data=root.data,
        date_expires=root.date_expires,
    )
