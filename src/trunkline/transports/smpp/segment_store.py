"""The store of inbound segments that wait for the others of their message.

A segment is acknowledged to the SMSC once it is stored, because many SMSCs send the next one only then: so the store
must be durable, lest a segment is lost with its node. Any node may join the segments in the database. The contents of
the segments of a message that was passed on are remembered for an hour, in a shortened form, because an SMSC that lost
the response to the last one sends it again, perhaps to another node. For some minutes such a segment is dropped: it
must not wait, lest it becomes part of the next message of its reference. Later it may belong to the same text, sent
once more. The store in memory is for callers that can do without.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Database, Row, Tx, columns
from trunkline.core.storage.holds import Hold
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.retention import AgeLimit, TableRetention
from trunkline.transports.smpp.alphabet import Alphabet
from trunkline.transports.smpp.reassembly import InboundSegment, SegmentKey, repeated
from trunkline.transports.smpp.shift_tables import Shifts

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
    Migration(
        "smpp",
        2,
        (
            "ALTER TABLE smpp_parts ADD COLUMN single_shift BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE smpp_parts ADD COLUMN locking_shift BIGINT NOT NULL DEFAULT 0",
            """CREATE TABLE smpp_passed_parts (
                carrier TEXT NOT NULL,
                sender TEXT NOT NULL,
                recipient TEXT NOT NULL,
                reference BIGINT NOT NULL,
                total BIGINT NOT NULL,
                number BIGINT NOT NULL,
                digest TEXT NOT NULL,
                passed BIGINT NOT NULL,
                PRIMARY KEY (carrier, sender, recipient, reference, total, number)
            )""",
            # its retention
            "CREATE INDEX smpp_passed_parts_by_age ON smpp_passed_parts (passed)",
        ),
    ),
)

MEMORY = 3600 * SECOND
"""The time for which the segments of a message that was passed on are recognized."""

REPEATED = 300 * SECOND
"""The time for which they are repetitions if a whole message of them comes, or one while no other waits."""

_BATCH = 100
"""Overdue messages that are returned at once."""


RETENTION = (
    TableRetention(
        table="smpp_parts",
        rule="until its message is whole, or overdue and delivered without the rest",
        key=("carrier", "sender", "recipient", "reference", "total", "number"),
    ),
    TableRetention(
        table="smpp_passed_parts",
        key=("carrier", "sender", "recipient", "reference", "total", "number"),
        limits=(AgeLimit("passed", span=MEMORY),),
    ),
)

HOLDS = (
    # The parts of a message whose rest never comes are delivered when they are old enough.
    Hold("smpp_parts", since="received"),
    # A part under the same reference counts as a repeated one for a while.
    Hold("smpp_passed_parts", since="passed"),
)


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
    single_shift: int
    locking_shift: int


class _PassedRow(Row, frozen=True):
    carrier: str
    sender: str
    recipient: str
    reference: int
    total: int
    number: int
    digest: str
    passed: int


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
VALUES (
    :carrier, :sender, :recipient, :reference, :total, :number, :octets, :alphabet, :header_octets, :received,
    :single_shift, :locking_shift
)
ON CONFLICT (carrier, sender, recipient, reference, total, number)
DO UPDATE SET octets = excluded.octets, alphabet = excluded.alphabet, header_octets = excluded.header_octets,
    single_shift = excluded.single_shift, locking_shift = excluded.locking_shift
"""
_PASSED = f"SELECT {columns(_PassedRow)} FROM smpp_passed_parts WHERE {_KEY} AND passed >= :since"
_PASS = f"""
INSERT INTO smpp_passed_parts ({columns(_PassedRow)})
VALUES (:carrier, :sender, :recipient, :reference, :total, :number, :digest, :passed)
ON CONFLICT (carrier, sender, recipient, reference, total, number)
DO UPDATE SET digest = excluded.digest, passed = excluded.passed
"""


class SegmentStore(Protocol):
    """The store of segments. Every call raises if it fails; the SMSC then sends the segment again."""

    async def add(self, segment: InboundSegment) -> list[InboundSegment]:
        """Add a segment durably, and return all stored segments of its message, this one among them. One with the same
        key and number is replaced, but for its time. Return none, and drop it, if no segment of its message waits and
        it was part of a message that was passed on in the last ``REPEATED``."""
        ...

    async def passed(self, key: SegmentKey, since: int) -> dict[int, str]:
        """Return the digests of the segments, by their numbers, of a message with this key that was passed on since a
        time, in microseconds since 1970 UTC."""
        ...

    async def close(self, segments: list[InboundSegment], passed: int) -> None:
        """Remove the segments of a message that was passed on at this time, in microseconds since 1970 UTC, and
        remember what they were."""
        ...

    async def stale(self, carrier: str, before: int) -> list[list[InboundSegment]]:
        """Return the segments, by message, of a carrier's messages whose first one came before a time, in
        microseconds since 1970 UTC."""
        ...


class MemorySegmentStore:
    """The store in memory, until the node stops."""

    def __init__(self) -> None:
        self._segments: dict[SegmentKey, dict[int, InboundSegment]] = {}
        self._passed: dict[SegmentKey, tuple[int, dict[int, str]]] = {}

    async def add(self, segment: InboundSegment) -> list[InboundSegment]:
        """Add a segment, and return all of its message."""
        if segment.key not in self._segments and repeated(
            [segment], await self.passed(segment.key, segment.received - REPEATED)
        ):
            return []
        stored = self._segments.setdefault(segment.key, {})
        if before := stored.get(segment.number):
            segment = msgspec.structs.replace(segment, received=before.received)
        stored[segment.number] = segment
        return list(stored.values())

    async def passed(self, key: SegmentKey, since: int) -> dict[int, str]:
        """Return the digests of a message that was passed on."""
        passed, digests = self._passed.get(key, (0, {}))
        return digests if passed >= since else {}

    async def close(self, segments: list[InboundSegment], passed: int) -> None:
        """Remove the segments of a message that was passed on."""
        key = segments[0].key
        self._segments.pop(key, None)
        self._passed = {one: kept for one, kept in self._passed.items() if kept[0] >= passed - MEMORY}
        self._passed[key] = passed, {segment.number: segment.digest for segment in segments}

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
            key = msgspec.structs.asdict(segment.key)
            await tx.lock(f"smpp parts {segment.key.sender} {segment.key.recipient}")
            if not await tx.all(_Row, _OF_KEY, **key):
                passed = await tx.all(_PassedRow, _PASSED, since=segment.received - REPEATED, **key)
                if repeated([segment], _digests(passed)):
                    return []
            await tx.run(_ADD, **msgspec.structs.asdict(_row(segment)))
            return await tx.all(_Row, _OF_KEY, **key)

        return [_segment(stored) for stored in await self._database.write(write)]

    async def passed(self, key: SegmentKey, since: int) -> dict[int, str]:
        """Return the digests of a message that was passed on. Raise StorageError if they cannot be read."""

        async def read(tx: Tx) -> list[_PassedRow]:
            return await tx.all(_PassedRow, _PASSED, since=since, **msgspec.structs.asdict(key))

        return _digests(await self._database.read(read))

    async def close(self, segments: list[InboundSegment], passed: int) -> None:
        """Remove the segments of a message that was passed on. Raise StorageError if that is not durable."""
        key = msgspec.structs.asdict(segments[0].key)

        async def write(tx: Tx) -> None:
            await tx.run(f"DELETE FROM smpp_parts WHERE {_KEY}", **key)
            await tx.run_many(
                _PASS,
                [{**key, "number": one.number, "digest": one.digest, "passed": passed} for one in segments],
            )

        await self._database.write(write)

    async def stale(self, carrier: str, before: int) -> list[list[InboundSegment]]:
        """Return the segments of messages that are overdue. Raise StorageError if they cannot be read."""

        async def read(tx: Tx) -> list[list[_Row]]:
            old = await tx.all(_Row, _STALE, carrier=carrier, before=before, limit=_BATCH)
            keys = dict.fromkeys(_segment(stored).key for stored in old)
            return [await tx.all(_Row, _OF_KEY, **msgspec.structs.asdict(key)) for key in keys]

        return [[_segment(stored) for stored in segments] for segments in await self._database.query(read)]


def _digests(passed: list[_PassedRow]) -> dict[int, str]:
    return {row.number: row.digest for row in passed}


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
        single_shift=segment.shifts.single,
        locking_shift=segment.shifts.locking,
    )


def _segment(stored: _Row) -> InboundSegment:
    key = SegmentKey(stored.carrier, stored.sender, stored.recipient, stored.reference, stored.total)
    return InboundSegment(
        key,
        stored.number,
        stored.octets,
        Alphabet(stored.alphabet),
        stored.header_octets,
        stored.received,
        Shifts(stored.single_shift, stored.locking_shift),
    )
