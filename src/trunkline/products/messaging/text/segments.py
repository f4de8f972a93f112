"""Segmentation of a text into the segments that the network carries. Pure.

A message of one segment has 140 octets; in a longer one a header occupies 6 of them in each segment (doc). An escaped
character of GSM 03.38 and a grapheme of UCS-2 are never cut in two: the segment before them stays shorter (doc,
client). Only a grapheme that no segment can hold is cut, between its characters.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from trunkline.core.gsm import is_gsm, septets
from trunkline.products.messaging.text.graphemes import split_graphemes
from trunkline.transports.base import Encoding

SINGLE = {Encoding.GSM7: 160, Encoding.UCS2: 70}
"""Units, septets or UTF-16 code units, of a message of one segment (doc)."""

JOINED = {Encoding.GSM7: 153, Encoding.UCS2: 67}
"""Units of each segment of a longer one (doc)."""


class Segmentation(msgspec.Struct, frozen=True):
    """The alphabet of a text and its segments; ``parts`` joined are the text. The empty text has one segment."""

    encoding: Encoding
    parts: tuple[str, ...]


def segment(text: str, lacked: frozenset[str] = frozenset()) -> Segmentation:
    """Return the segments of ``text``, in GSM 03.38 if that has all of its characters, else in UCS-2. ``lacked`` are
    characters of GSM 03.38 that its carrier cannot send in it."""
    gsm = is_gsm(text) and lacked.isdisjoint(text)
    encoding = Encoding.GSM7 if gsm else Encoding.UCS2
    if units(text, encoding) <= SINGLE[encoding]:
        return Segmentation(encoding, (text,))
    return Segmentation(encoding, _cut(text, encoding))


def units(text: str, encoding: Encoding) -> int:
    """Return the number of septets or UTF-16 code units of ``text``."""
    if encoding is Encoding.GSM7:
        return septets(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str, encoding: Encoding) -> tuple[str, ...]:
    capacity = JOINED[encoding]
    costs: dict[str, int] = {}
    parts = []
    start = end = used = 0
    for piece in _pieces(text, encoding):
        cost = costs.get(piece) or costs.setdefault(piece, units(piece, encoding))
        if used + cost > capacity:
            parts.append(text[start:end])
            start, used = end, 0
        used += cost
        end += len(piece)
    return (*parts, text[start:])


def _pieces(text: str, encoding: Encoding) -> Iterator[str]:
    """Yield the pieces of ``text`` that are never cut in two."""
    if encoding is Encoding.GSM7:
        yield from text
        return
    for grapheme in split_graphemes(text):
        if len(grapheme) == 1 or units(grapheme, encoding) <= JOINED[encoding]:
            yield grapheme
        else:
            yield from grapheme
