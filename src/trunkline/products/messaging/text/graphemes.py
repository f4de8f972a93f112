"""Graphemes: the characters as a reader sees them, such as a letter with its marks or a family of joined emoji. Pure.

The rules are those of Unicode 10 (UAX 29) as the vendor's calculator of segments applies them (client). It differs
from the standard where a mark stands in front of a skin tone or behind a flag.
"""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.products.messaging.text.grapheme_classes import GraphemeClass, class_of, may_join

_C = GraphemeClass
_MARKS = (_C.EXTEND, _C.JOINER)
_BASES = (_C.BASE, _C.JOINED_BASE)
_SYLLABLES = {
    (_C.LEADING, _C.LEADING),
    (_C.LEADING, _C.VOWEL),
    (_C.LEADING, _C.OPEN_SYLLABLE),
    (_C.LEADING, _C.CLOSED_SYLLABLE),
    (_C.OPEN_SYLLABLE, _C.VOWEL),
    (_C.OPEN_SYLLABLE, _C.TRAILING),
    (_C.VOWEL, _C.VOWEL),
    (_C.VOWEL, _C.TRAILING),
    (_C.CLOSED_SYLLABLE, _C.TRAILING),
    (_C.TRAILING, _C.TRAILING),
}


def split_graphemes(text: str) -> Iterator[str]:
    """Yield the graphemes of ``text`` in their order."""
    if not may_join(text):
        yield from text
        return
    start = 0
    cluster: list[GraphemeClass | None] = []
    for place, character in enumerate(text):
        following = class_of(character)
        if place and ((following is None and cluster[-1] is None) or not _joins(cluster, following)):
            yield text[start:place]
            start = place
            cluster = []
        cluster.append(following)
    yield text[start:]


def _joins(cluster: list[GraphemeClass | None], following: GraphemeClass | None) -> bool:
    """Return whether the grapheme whose characters are ``cluster`` goes on with a character of this class."""
    previous = cluster[-1]
    if _C.CONTROL in (previous, following) or _ends_flag(cluster):
        return False
    if following in _MARKS or following is _C.SPACING_MARK or previous is _C.PREPEND:
        return True
    if following is _C.MODIFIER:
        return _has_skin(cluster)
    if previous is _C.JOINER:
        return following in (_C.JOINED, _C.JOINED_BASE)
    return (previous, following) in _SYLLABLES or (following is _C.FLAG_HALF and cluster == [_C.FLAG_HALF])


def _ends_flag(cluster: list[GraphemeClass | None]) -> bool:
    """Return whether a mark ends a flag, behind which the calculator goes on with nothing."""
    return cluster[1:2] == [_C.FLAG_HALF] and cluster[-1] is not _C.FLAG_HALF


def _has_skin(cluster: list[GraphemeClass | None]) -> bool:
    """Return whether a skin tone belongs to the end of the grapheme: to an emoji that has one, with at most one mark
    between them, which must be the only one of the grapheme."""
    if _C.EXTEND not in cluster:
        return cluster[-1] in _BASES
    return cluster[-1] is _C.EXTEND and len(cluster) > 1 and cluster[-2] in _BASES
