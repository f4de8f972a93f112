"""Where the parts of inbound messages wait for the others.

A part is acknowledged to the SMSC once it is kept, because many SMSCs send the next part only then: so a store has to
be durable for no part to be lost with its node. The store in memory is for those who can do without.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from trunkline.transports.smpp.reassembly import Key, Part


class PartStore(Protocol):
    """Keeps parts. Every call raises when it cannot be done; the SMSC then sends the part again."""

    async def keep(self, part: Part) -> list[Part]:
        """Keep a part durably, and answer all parts of its message that are kept, this one among them. One with the
        same key and number is replaced, but for its time."""
        ...

    async def forget(self, key: Key) -> None:
        """Drop the parts of a message."""
        ...

    async def stale(self, carrier: str, before: int) -> list[list[Part]]:
        """The parts, by message, of a carrier's messages whose first part came before a time, in microseconds."""
        ...


class MemoryParts:
    """Implements ``PartStore`` until the node stops."""

    def __init__(self) -> None:
        self._parts: dict[Key, dict[int, Part]] = {}

    async def keep(self, part: Part) -> list[Part]:
        """Keep a part while the node runs."""
        kept = self._parts.setdefault(part.key, {})
        if before := kept.get(part.number):
            part = msgspec.structs.replace(part, received=before.received)
        kept[part.number] = part
        return list(kept.values())

    async def forget(self, key: Key) -> None:
        """Drop the parts of a message."""
        self._parts.pop(key, None)

    async def stale(self, carrier: str, before: int) -> list[list[Part]]:
        """Messages that wait for too long."""
        return [
            list(kept.values())
            for key, kept in self._parts.items()
            if key.carrier == carrier and min(part.received for part in kept.values()) < before
        ]
