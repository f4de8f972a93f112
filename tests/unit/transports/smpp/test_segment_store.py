"""Segments of inbound messages in the database: kept over a restart, joined by any node, deleted once
notified.
"""

from __future__ import annotations

import asyncio

import msgspec

from engines import opened
from trunkline.core.clock import SECOND, system_clock
from trunkline.core.storage.database import Database
from trunkline.transports.smpp.alphabet import Alphabet
from trunkline.transports.smpp.reassembly import InboundSegment, SegmentKey
from trunkline.transports.smpp.segment_store import MEMORY, MIGRATIONS, REPEATED, DatabaseSegmentStore
from trunkline.transports.smpp.shift_tables import Shifts

KEY = SegmentKey("main", "+15005550100", "+15005550006", 7, 3)


def segment(
    number: int, octets: bytes = b"text", received: int = 1_000, key: SegmentKey = KEY
) -> InboundSegment:
    return InboundSegment(key, number, octets, Alphabet.UCS2, 6, received)


def test_parts_are_joined_by_their_key_whoever_kept_them(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url, MIGRATIONS) as database:
            await _keep_and_forget(database)

    asyncio.run(scenario())


async def _keep_and_forget(database: Database) -> None:
    one, other = DatabaseSegmentStore(database), DatabaseSegmentStore(database)
    elsewhere = segment(1, key=msgspec.structs.replace(KEY, reference=8))
    assert await one.add(segment(2)) == [segment(2)]
    assert await other.add(elsewhere) == [elsewhere]
    assert await other.add(segment(1, b"\x04\x1f\xd8")) == [segment(1, b"\x04\x1f\xd8"), segment(2)]
    # Sent again: what it says counts, and when it came first.
    again = await one.add(segment(2, b"new", received=9_000))
    assert again == [segment(1, b"\x04\x1f\xd8"), segment(2, b"new", received=1_000)]
    assert await other.passed(KEY, 0) == {}
    passed = system_clock()
    await one.close(again, passed)
    assert await other.passed(KEY, passed) == {part.number: part.digest for part in again}
    assert await other.passed(KEY, passed + 1) == {}
    assert await other.passed(elsewhere.key, 0) == {}
    # A part of it is dropped while no other waits, for some minutes.
    repeated = segment(2, b"new", received=passed + REPEATED)
    assert await other.add(repeated) == []
    late = segment(2, b"new", received=passed + REPEATED + 1)
    assert await other.add(late) == [late]
    assert await one.add(repeated) == [late]
    await one.close([late], passed)
    shifted = msgspec.structs.replace(segment(3), shifts=Shifts(2, 3))
    assert await other.add(shifted) == [shifted]
    await other.close([shifted], system_clock())
    # Parts are recognized for an hour.
    await one.close([segment(1), segment(2)], system_clock() - MEMORY - SECOND)
    assert await other.passed(KEY, system_clock() - MEMORY) == {3: shifted.digest}


def test_what_waits_too_long_is_found_whole(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url, MIGRATIONS) as database:
            segments = DatabaseSegmentStore(database)
            young = msgspec.structs.replace(KEY, reference=9)
            foreign = msgspec.structs.replace(KEY, carrier="other")
            for one in (
                segment(1, received=100),
                segment(3, received=5_000),
                segment(1, received=5_000, key=young),
                segment(1, received=1, key=foreign),
            ):
                await segments.add(one)
            assert await segments.stale("main", 1_000) == [
                [segment(1, received=100), segment(3, received=5_000)]
            ]
            assert await segments.stale("main", 50) == []

    asyncio.run(scenario())
