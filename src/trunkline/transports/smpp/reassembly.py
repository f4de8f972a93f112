"""The reassembly of inbound messages from their segments. Pure.

1. Parts belong together when carrier, sender, recipient, reference and total are the same.
2. Their octets are joined before they are read, so that a character cut in two is whole again; packed septets alone
   are decoded segment by segment, because each is padded behind its own header.
3. A segment that comes twice counts once: with its last content, and the time at which it came first.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trunkline.transports.base import InboundMessage
from trunkline.transports.smpp.alphabet import Alphabet, decode
from trunkline.transports.smpp.deliver_sm import Concatenation, MobileMessage


class SegmentKey(msgspec.Struct, frozen=True):
    """The fields that the segments of a message have in common."""

    carrier: str
    sender: str
    recipient: str
    reference: int
    total: int


class InboundSegment(msgspec.Struct, frozen=True):
    """A segment. ``number`` counts from 1; ``received`` is in microseconds since 1970 UTC."""

    key: SegmentKey
    number: int
    octets: bytes
    alphabet: Alphabet
    header_octets: int
    received: int


def segment_of(
    carrier: str, mobile: MobileMessage, concatenation: Concatenation, received: int
) -> InboundSegment:
    """Return the segment that a message with a concatenation is."""
    key = SegmentKey(carrier, mobile.sender, mobile.recipient, concatenation.reference, concatenation.total)
    return InboundSegment(
        key, concatenation.number, mobile.octets, mobile.alphabet, mobile.header_octets, received
    )


def complete(segments: Iterable[InboundSegment]) -> bool:
    """Return whether no segment of the message is missing."""
    numbers = {segment.number: segment.key.total for segment in segments}
    return bool(numbers) and len(numbers) == next(iter(numbers.values()))


def join(segments: Iterable[InboundSegment]) -> InboundMessage:
    """Return the message of the segments of one key, as far as they came; there is at least one."""
    ordered = sorted(segments, key=lambda segment: segment.number)
    key = ordered[0].key
    # The id stays the same when the network sends a segment again, because the time at which it came first is kept.
    first = min(segment.received for segment in ordered)
    return InboundMessage(
        carrier=key.carrier,
        sender=key.sender,
        recipient=key.recipient,
        text=_text(ordered),
        segments=key.total,
        missing=len(ordered) < key.total,
        id=f"{key.sender} {key.recipient} {key.reference} {key.total} {first}",
    )


def _text(segments: list[InboundSegment]) -> str:
    text, held, alphabet = "", b"", segments[0].alphabet
    for segment in segments:
        if segment.alphabet is not alphabet or segment.alphabet is Alphabet.GSM_PACKED:
            text += decode(held, alphabet)
            held, alphabet = b"", segment.alphabet
        if alphabet is Alphabet.GSM_PACKED:
            text += decode(segment.octets, alphabet, segment.header_octets)
        else:
            held += segment.octets
    return text + decode(held, alphabet)
