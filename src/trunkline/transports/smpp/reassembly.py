"""How the parts of an inbound message become one. Pure.

1. Parts belong together when carrier, sender, recipient, reference and total are the same.
2. Their octets are joined before they are read, so that a character cut in two is whole again; packed septets alone
   are read part by part, because each is filled up behind its own header.
3. A part that comes twice counts once: with what it said last, and when it came first.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trunkline.transports.base import Inbound
from trunkline.transports.smpp.alphabet import Alphabet, decode
from trunkline.transports.smpp.inbound import Mobile, Place


class Key(msgspec.Struct, frozen=True):
    """What the parts of a message have in common."""

    carrier: str
    sender: str
    recipient: str
    reference: int
    total: int


class Part(msgspec.Struct, frozen=True):
    """A part that was kept: ``received`` is when, in microseconds since 1970 UTC; ``number`` counts from 1."""

    key: Key
    number: int
    octets: bytes
    alphabet: Alphabet
    header_octets: int
    received: int


def part_of(carrier: str, mobile: Mobile, place: Place, received: int) -> Part:
    """The part that a message with a place is."""
    key = Key(carrier, mobile.sender, mobile.recipient, place.reference, place.total)
    return Part(key, place.number, mobile.octets, mobile.alphabet, mobile.header_octets, received)


def complete(parts: Iterable[Part]) -> bool:
    """Whether no part of the message is missing."""
    numbers = {part.number: part.key.total for part in parts}
    return bool(numbers) and len(numbers) == next(iter(numbers.values()))


def join(parts: Iterable[Part]) -> Inbound:
    """The message of the parts of one key, as far as they came; there is at least one."""
    ordered = sorted(parts, key=lambda part: part.number)
    key = ordered[0].key
    # The id stays the same when the network sends a part again, because the time at which it came first is kept.
    first = min(part.received for part in ordered)
    return Inbound(
        carrier=key.carrier,
        sender=key.sender,
        recipient=key.recipient,
        text=_text(ordered),
        parts=key.total,
        missing=len(ordered) < key.total,
        id=f"{key.sender} {key.recipient} {key.reference} {key.total} {first}",
    )


def _text(parts: list[Part]) -> str:
    text, held, alphabet = "", b"", parts[0].alphabet
    for part in parts:
        if part.alphabet is not alphabet or part.alphabet is Alphabet.GSM_PACKED:
            text += decode(held, alphabet)
            held, alphabet = b"", part.alphabet
        if alphabet is Alphabet.GSM_PACKED:
            text += decode(part.octets, alphabet, part.header_octets)
        else:
            held += part.octets
    return text + decode(held, alphabet)
