"""Parts of inbound messages, kept in the database: none is lost with its node, and any node may join them."""

from __future__ import annotations

import msgspec

from trunkline.core.storage.database import Database, Row, Tx, columns
from trunkline.core.storage.migrate import Migration
from trunkline.transports.smpp.alphabet import Alphabet
from trunkline.transports.smpp.reassembly import Key, Part

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
            # StoredParts.stale
            "CREATE INDEX smpp_parts_by_age ON smpp_parts (carrier, received)",
        ),
    ),
)

_MOST = 100
"""Messages that one look for stale parts finds."""


class _Stored(Row, frozen=True):
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
_OF_KEY = f"SELECT {columns(_Stored)} FROM smpp_parts WHERE {_KEY} ORDER BY number"
_STALE = f"""
SELECT {columns(_Stored)} FROM smpp_parts WHERE carrier = :carrier AND received < :before
ORDER BY received LIMIT :most
"""
_KEEP = f"""
INSERT INTO smpp_parts ({columns(_Stored)})
VALUES (:carrier, :sender, :recipient, :reference, :total, :number, :octets, :alphabet, :header_octets, :received)
ON CONFLICT (carrier, sender, recipient, reference, total, number)
DO UPDATE SET octets = excluded.octets, alphabet = excluded.alphabet, header_octets = excluded.header_octets
"""


class StoredParts:
    """Implements ``PartStore``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, part: Part) -> list[Part]:
        """Keep a part durably, and answer all parts of its message. Raises StorageError."""

        async def write(tx: Tx) -> list[_Stored]:
            await tx.lock(f"smpp parts {part.key.sender} {part.key.recipient}")
            await tx.run(_KEEP, **msgspec.structs.asdict(_stored(part)))
            return await tx.all(_Stored, _OF_KEY, **msgspec.structs.asdict(part.key))

        return [_part(stored) for stored in await self._database.write(write)]

    async def forget(self, key: Key) -> None:
        """Drop the parts of a message. Raises StorageError."""
        await self._database.write(
            lambda tx: tx.run(f"DELETE FROM smpp_parts WHERE {_KEY}", **msgspec.structs.asdict(key))
        )

    async def stale(self, carrier: str, before: int) -> list[list[Part]]:
        """Messages whose first part came before a time. Raises StorageError."""

        async def read(tx: Tx) -> list[list[_Stored]]:
            old = await tx.all(_Stored, _STALE, carrier=carrier, before=before, most=_MOST)
            keys = dict.fromkeys(_part(stored).key for stored in old)
            return [await tx.all(_Stored, _OF_KEY, **msgspec.structs.asdict(key)) for key in keys]

        return [[_part(stored) for stored in parts] for parts in await self._database.read(read)]


def _stored(part: Part) -> _Stored:
    key = part.key
    return _Stored(
        carrier=key.carrier,
        sender=key.sender,
        recipient=key.recipient,
        reference=key.reference,
        total=key.total,
        number=part.number,
        octets=part.octets,
        alphabet=part.alphabet.value,
        header_octets=part.header_octets,
        received=part.received,
    )


def _part(stored: _Stored) -> Part:
    key = Key(stored.carrier, stored.sender, stored.recipient, stored.reference, stored.total)
    return Part(
        key, stored.number, stored.octets, Alphabet(stored.alphabet), stored.header_octets, stored.received
    )
