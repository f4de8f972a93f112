"""Segmentation of a text into the segments that the network carries. Pure.

A message of one segment has 140 octets; in a longer one a header occupies 6 of them in each segment (doc). A
character of two units, an escaped one of GSM 03.38 or a surrogate pair of UCS-2, is never cut in two: the segment
before it stays shorter (doc).
"""

from __future__ import annotations

import msgspec

from trunkline.core.gsm import is_gsm, septets
from trunkline.transports.base import Encoding

SINGLE = {Encoding.GSM7: 160, Encoding.UCS2: 70}
"""Units, septets or UTF-16 code units, of a message of one segment (doc)."""

JOINED = {Encoding.GSM7: 153, Encoding.UCS2: 67}
"""Units of each segment of a longer one (doc)."""

_LAST_OF_ONE_UNIT = "\uffff"


class Segmentation(msgspec.Struct, frozen=True):
    """The alphabet of a text and its segments; ``parts`` joined are the text. The empty text has one segment."""

    encoding: Encoding
    parts: tuple[str, ...]


def segment(text: str) -> Segmentation:
    """Return the segments of ``text``, in GSM 03.38 if that has all of its characters, else in UCS-2."""
    encoding = Encoding.GSM7 if is_gsm(text) else Encoding.UCS2
    if units(text, encoding) <= SINGLE[encoding]:
        return Segmentation(encoding, (text,))
    return Segmentation(encoding, _cut(text, encoding))


def units(text: str, encoding: Encoding) -> int:
    """Return the number of septets or UTF-16 code units of ``text``."""
    if encoding is Encoding.GSM7:
        return septets(text)
    return len(text) + sum(character > _LAST_OF_ONE_UNIT for character in text)


def _cut(text: str, encoding: Encoding) -> tuple[str, ...]:
    capacity = JOINED[encoding]
    double = {one for one in set(text) if units(one, encoding) == 2}
    parts = []
    start = used = 0
    for place, character in enumerate(text):
        cost = 2 if character in double else 1
        if used + cost > capacity:
            parts.append(text[start:place])
            start, used = place, 0
        used += cost
    return (*parts, text[start:])
