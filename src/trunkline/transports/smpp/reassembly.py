"""The reassembly of inbound messages from their segments. Pure.

1. Parts belong together when carrier, sender, recipient, reference and total are the same.
2. Their octets are joined before they are read, so that a character cut in two is whole again; packed septets alone
   are decoded segment by segment, because each is padded behind its own header, and so are segments with tables of
   different languages. The byte order mark of the first segment counts for all.
3. A segment that comes twice counts once: with its last content, and the time at which it came first.
4. Segments that were part of a message that was passed on, with the same content, make no second one for some minutes,
   and less than all of them for longer: the network sends the last segment again when it lost our response.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import groupby

import msgspec

from trunkline.transports.base import InboundMessage
from trunkline.transports.smpp.alphabet import Alphabet, decode
from trunkline.transports.smpp.deliver_sm import Concatenation, MobileMessage
from trunkline.transports.smpp.shift_tables import NO_SHIFTS, Shifts

_MARKS = (b"\xfe\xff", b"\xff\xfe")


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
    shifts: Shifts = NO_SHIFTS

    @property
    def digest(self) -> str:
        """The content, shortened."""
        return sha256(self.octets).hexdigest()


def segment_of(
    carrier: str, mobile: MobileMessage, concatenation: Concatenation, received: int
) -> InboundSegment:
    """Return the segment that a message with a concatenation is."""
    key = SegmentKey(carrier, mobile.sender, mobile.recipient, concatenation.reference, concatenation.total)
    return InboundSegment(
        key,
        concatenation.number,
        mobile.octets,
        mobile.alphabet,
        mobile.header_octets,
        received,
        mobile.shifts,
    )


def complete(segments: Iterable[InboundSegment]) -> bool:
    """Return whether no segment of the message is missing."""
    numbers = {segment.number: segment.key.total for segment in segments}
    return bool(numbers) and len(numbers) == next(iter(numbers.values()))


def repeated(segments: Iterable[InboundSegment], digests: Mapping[int, str]) -> bool:
    """Return whether all segments belong to a message that was passed on, whose ``digests`` are by their numbers."""
    return all(digests.get(segment.number) == segment.digest for segment in segments)


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
    text = ""
    for (alphabet, shifts, header), run in groupby(segments, _reading):
        octets = [segment.octets for segment in run]
        if alphabet is Alphabet.GSM_PACKED:
            text += "".join(decode(one, alphabet, header, shifts) for one in octets)
        else:
            if alphabet is Alphabet.UCS2:
                octets[1:] = map(_without_mark, octets[1:])
            text += decode(b"".join(octets), alphabet, 0, shifts)
    return text


def _reading(segment: InboundSegment) -> tuple[Alphabet, Shifts, int]:
    """Return how a segment is read; those that are read alike are read together."""
    packed = segment.alphabet is Alphabet.GSM_PACKED
    return segment.alphabet, segment.shifts, segment.header_octets if packed else 0


def _without_mark(octets: bytes) -> bytes:
    return octets[2:] if octets.startswith(_MARKS) else octets
