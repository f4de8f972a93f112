"""The events that a client missed, as a subscription replays them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from trunkline.api.errors import ApiError
from trunkline.core.storage.database import Tx
from trunkline.realtime.objects.source import ObjectSource
from trunkline.realtime.objects.types import ObjectEvent, ObjectKind, ObjectRoot

CHUNK = 500
MAX_BYTES = 1024 * 1024
"""The most events that one replay sends, and the most bytes of their data, except for a single event; the client
requests the rest (client)."""

V = TypeVar("V")


class Snapshot(msgspec.Struct, frozen=True):
    """An object, and the events that its subscriber missed, in order; ``complete`` is false if there are more."""

    root: ObjectRoot
    missed: Sequence[ObjectEvent] = ()
    complete: bool = True

    @property
    def last_event_id(self) -> int | None:
        """The newest event that the subscriber has after the replay; None for a Stream."""
        if self.root.kind is ObjectKind.STREAM:
            return None
        return self.root.last_event_id if self.complete else self.missed[-1].event_id


async def snapshot(
    tx: Tx, source: ObjectSource[V], viewer: V, kind: ObjectKind, sid: str, known: int | None
) -> Snapshot:
    """Return the object and the events after ``known`` (None: nothing is replayed). Raise as ``ObjectSource.find``,
    and the error for an unknown object if there never was an event ``known``."""
    root = await source.find(tx, viewer, kind, sid)
    if known is None or kind is ObjectKind.STREAM or known == root.last_event_id:
        return Snapshot(root)
    if known > root.last_event_id:
        # The database is older than the client's state, as after a restored backup. The client would ignore all
        # events up to ``known``; of an object that is gone it drops its state (client).
        raise ApiError(kind.traits.missing)
    if kind is ObjectKind.DOCUMENT:
        return Snapshot(root, [_updated(root)])
    missed = await source.events_after(tx, root, known, CHUNK + 1)
    sent = missed[: _fitting(missed)]
    return Snapshot(root, sent, complete=len(sent) == len(missed))


async def missed(tx: Tx, source: ObjectSource[V], sid: str, after: int) -> Sequence[ObjectEvent]:
    """Return the events of an object after ``after`` for its subscribers; none if the object is gone."""
    root = await source.by_sid(tx, sid)
    return () if root is None else (await source.events_after(tx, root, after, CHUNK))[:CHUNK]


def _fitting(events: Sequence[ObjectEvent]) -> int:
    """Return the number of events that fit in one replay."""
    size = 0
    for count, event in enumerate(events[:CHUNK]):
        size += len(event.data or "")
        if size > MAX_BYTES and count:
            return count
    return min(len(events), CHUNK)


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
