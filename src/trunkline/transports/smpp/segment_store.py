"""The store of inbound segments that wait for the others of their message.

A segment is acknowledged to the SMSC once it is stored, because many SMSCs send the next one only then: so the store
must be durable, lest a segment is lost with its node. Any node may join the segments in the database. The store in
memory is for callers that can do without.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from trunkline.core.storage.database import Database, Row, Tx, columns
from trunkline.core.storage.migrate import Migration
from trunkline.transports.smpp.alphabet import Alphabet
from trunkline.transports.smpp.reassembly import InboundSegment, SegmentKey

MIGRATIONS = (
    Migration(
        "smpp",
        1,
        (
            """CREATE TABLE smpp_parts (
                carrier TEXT NOT NULL,
                sender TEXT NOT NULL,
                recipient TEXT NOT NULL,
                reference BIGINT NOT NULL,
                total BIGINT NOT NULL,
                number BIGINT NOT NULL,
                octets BLOB NOT NULL,
                alphabet TEXT NOT NULL,
                header_octets BIGINT NOT NULL,
                received BIGINT NOT NULL,
                PRIMARY KEY (carrier, sender, recipient, reference, total, number)
            )""",
            # DatabaseSegmentStore.stale
            "CREATE INDEX smpp_parts_by_age ON smpp_parts (carrier, received)",
        ),
    ),
)

_BATCH = 100
"""Overdue messages that are returned at once."""


class _Row(Row, frozen=True):
    carrier: str
    sender: str
    recipient: str
    reference: int
    total: int
    number: int
    octets: bytes
    alphabet: str
    header_octets: int
    received: int


_KEY = (
    "carrier = :carrier AND sender = :sender AND recipient = :recipient"
    " AND reference = :reference AND total = :total"
)
_OF_KEY = f"SELECT {columns(_Row)} FROM smpp_parts WHERE {_KEY} ORDER BY number"
_STALE = f"""
SELECT {columns(_Row)} FROM smpp_parts WHERE carrier = :carrier AND received < :before
ORDER BY received LIMIT :limit
"""
_ADD = f"""
INSERT INTO smpp_parts ({columns(_Row)})
VALUES (:carrier, :sender, :recipient, :reference, :total, :number, :octets, :alphabet, :header_octets, :received)
ON CONFLICT (carrier, sender, recipient, reference, total, number)
DO UPDATE SET octets = excluded.octets, alphabet = excluded.alphabet, header_octets = excluded.header_octets
"""


class SegmentStore(Protocol):
    """The store of segments. Every call raises if it fails; the SMSC then sends the segment again."""

    async def add(self, segment: InboundSegment) -> list[InboundSegment]:
        """Add a segment durably, and return all stored segments of its message, this one among them. One with the same
        key and number is replaced, but for its time."""
        ...

    async def remove(self, key: SegmentKey) -> None:
        """Remove the segments of a message."""
        ...

    async def stale(self, carrier: str, before: int) -> list[list[InboundSegment]]:
        """Return the segments, by message, of a carrier's messages whose first one came before a time, in
        microseconds since 1970 UTC."""
        ...


class MemorySegmentStore:
    """The store in memory, until the node stops."""

    def __init__(self) -> None:
        self._segments: dict[SegmentKey, dict[int, InboundSegment]] = {}

    async def add(self, segment: InboundSegment) -> list[InboundSegment]:
        """Add a segment, and return all of its message."""
        stored = self._segments.setdefault(segment.key, {})
        if before := stored.get(segment.number):
            segment = msgspec.structs.replace(segment, received=before.received)
        stored[segment.number] = segment
        return list(stored.values())

    async def remove(self, key: SegmentKey) -> None:
        """Remove the segments of a message."""
        self._segments.pop(key, None)

    async def stale(self, carrier: str, before: int) -> list[list[InboundSegment]]:
        """Return the segments of messages that are overdue."""
        return [
            list(stored.values())
            for key, stored in self._segments.items()
            if key.carrier == carrier and min(segment.received for segment in stored.values()) < before
        ]


class DatabaseSegmentStore:
    """The store in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, segment: InboundSegment) -> list[InboundSegment]:
        """Add a segment, and return all of its message. Raise StorageError if it is not durable."""

        async def write(tx: Tx) -> list[_Row]:
            await tx.lock(f"smpp parts {segment.key.sender} {segment.key.recipient}")
            await tx.run(_ADD, **msgspec.structs.asdict(_row(segment)))
            return await tx.all(_Row, _OF_KEY, **msgspec.structs.asdict(segment.key))

        return [_segment(stored) for stored in await self._database.write(write)]

    async def remove(self, key: SegmentKey) -> None:
        """Remove the segments of a message. Raise StorageError if that is not durable."""
        await self._database.write(
            lambda tx: tx.run(f"DELETE FROM smpp_parts WHERE {_KEY}", **msgspec.structs.asdict(key))
        )

    async def stale(self, carrier: str, before: int) -> list[list[InboundSegment]]:
        """Return the segments of messages that are overdue. Raise StorageError if they cannot be read."""

        async def read(tx: Tx) -> list[list[_Row]]:
            old = await tx.all(_Row, _STALE, carrier=carrier, before=before, limit=_BATCH)
            keys = dict.fromkeys(_segment(stored).key for stored in old)
            return [await tx.all(_Row, _OF_KEY, **msgspec.structs.asdict(key)) for key in keys]

        return [[_segment(stored) for stored in segments] for segments in await self._database.read(read)]


def _row(segment: InboundSegment) -> _Row:
    key = segment.key
    return _Row(
        carrier=key.carrier,
        sender=key.sender,
        recipient=key.recipient,
        reference=key.reference,
        total=key.total,
        number=segment.number,
        octets=segment.octets,
        alphabet=segment.alphabet.value,
        header_octets=segment.header_octets,
        received=segment.received,
    )


def _segment(stored: _Row) -> InboundSegment:
    key = SegmentKey(stored.carrier, stored.sender, stored.recipient, stored.reference, stored.total)
    return InboundSegment(
        key, stored.number, stored.octets, Alphabet(stored.alphabet), stored.header_octets, stored.received
    )
