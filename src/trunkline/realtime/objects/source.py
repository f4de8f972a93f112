"""The border to a product whose objects clients subscribe to: the Protocol of a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from trunkline.api.operation import Call
from trunkline.api.paging import Window
from trunkline.core.storage.database import Tx
from trunkline.core.storage.list_query import WalkResult
from trunkline.realtime.objects.types import Denial, ObjectEvent, ObjectItem, ObjectKind, ObjectRoot

V = TypeVar("V")
"""The type of a source's viewer: a Service and the identity that reads in it."""


class MissedEvents(msgspec.Struct, frozen=True):
    """Events of an object, oldest first. If they are ``compacted``, they are right only for a client that had just the
    events up to the ``since`` of their request."""

    events: Sequence[ObjectEvent]
    compacted: bool = False


class ObjectSource(Protocol[V]):
    """A product's objects. All methods await nothing but ``tx``."""

    async def enter(self, tx: Tx, call: Call[Any]) -> V:
        """Return the viewer that a request reads as. Raise ApiError if the request may not read in the Service of its
        path, and NeedsWrite."""
        ...

    async def viewer(self, tx: Tx, service_sid: str, identity: str) -> V:
        """Return the viewer of a token. Raise ApiError if there is no such Service."""
        ...

    async def find(self, tx: Tx, viewer: V, kind: ObjectKind, name: str) -> ObjectRoot:
        """Return the object with this SID or unique name. Raise ApiError if there is none, or if the viewer may not
        read it."""
        ...

    async def by_sid(self, tx: Tx, sid: str) -> ObjectRoot | None:
        """Return the object with this SID, whoever may read it."""
        ...

    async def item(self, tx: Tx, root: ObjectRoot, index: int, key: str) -> ObjectItem | None:
        """Return an item of a List or Map."""
        ...

    async def items(
        self, tx: Tx, root: ObjectRoot, window: Window
    ) -> Sequence[ObjectItem] | WalkResult[ObjectItem]:
        """Return the items in a window over ``BY_POSITION``, in the order and number of ``window.tail``."""
        ...

    async def events_after(
        self, tx: Tx, root: ObjectRoot, event_id: int, limit: int, since: int
    ) -> MissedEvents:
        """Return the events of an object after ``event_id``, oldest first: all of them, or at least ``limit``. They are
        for a client that had all events up to ``since``, and got those up to ``event_id`` by now.

        They may be compacted: of an item that exists only its last event, ``added`` if the item was created after
        ``since``, else ``updated``; of one that was removed only the removal; of a Document one ``updated``. If
        that leaves gaps, ``previous_id`` is the id of the event before in this result, ``event_id`` for the first. A
        source whose log no longer has the events, and whose result therefore has holes, leaves it None.

        It reads no more rows than a small multiple of ``limit``, however large the object is.
        """
        ...

    async def newest(self, tx: Tx, sids: Sequence[str]) -> Mapping[str, int]:
        """Return the ids of the newest events of at most 500 objects, without those that are gone."""
        ...

    async def denial(self, tx: Tx, service_sid: str, identity: str, sid: str) -> Denial | None:
        """Return the reason why an identity may not read an object (any more), None if it may."""
        ...
