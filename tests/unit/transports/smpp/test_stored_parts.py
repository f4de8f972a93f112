"""Parts of inbound messages in the database: kept over a restart, joined by any node, forgotten once told."""

from __future__ import annotations

import asyncio

import msgspec

from engines import opened
from trunkline.core.storage.database import Database
from trunkline.transports.smpp.alphabet import Alphabet
from trunkline.transports.smpp.reassembly import Key, Part
from trunkline.transports.smpp.stored_parts import MIGRATIONS, StoredParts

KEY = Key("main", "+15005550100", "+15005550006", 7, 3)


def part(number: int, octets: bytes = b"text", received: int = 1_000, key: Key = KEY) -> Part:
    return Part(key, number, octets, Alphabet.UCS2, 6, received)


def test_parts_are_joined_by_their_key_whoever_kept_them(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url, MIGRATIONS) as database:
            await _keep_and_forget(database)

    asyncio.run(scenario())


async def _keep_and_forget(database: Database) -> None:
    one, other = StoredParts(database), StoredParts(database)
    elsewhere = part(1, key=msgspec.structs.replace(KEY, reference=8))
    assert await one.keep(part(2)) == [part(2)]
    assert await other.keep(elsewhere) == [elsewhere]
    assert await other.keep(part(1, b"\x04\x1f\xd8")) == [part(1, b"\x04\x1f\xd8"), part(2)]
    # Sent again: what it says counts, and when it came first.
    again = await one.keep(part(2, b"new", received=9_000))
    assert again == [part(1, b"\x04\x1f\xd8"), part(2, b"new", received=1_000)]
    await one.forget(KEY)
    assert await other.keep(part(3)) == [part(3)]


def test_what_waits_too_long_is_found_whole(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url, MIGRATIONS) as database:
            parts = StoredParts(database)
            young = msgspec.structs.replace(KEY, reference=9)
            foreign = msgspec.structs.replace(KEY, carrier="other")
            for one in (
                part(1, received=100),
                part(3, received=5_000),
                part(1, received=5_000, key=young),
                part(1, received=1, key=foreign),
            ):
                await parts.keep(one)
            assert await parts.stale("main", 1_000) == [[part(1, received=100), part(3, received=5_000)]]
            assert await parts.stale("main", 50) == []

    asyncio.run(scenario())
