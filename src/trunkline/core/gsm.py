"""The alphabet of GSM 03.38: its characters, and the septets of each. Pure."""

from __future__ import annotations

ESCAPE = "\x1b"

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    f"Δ_ΦΓΛΩΠΨΣΘΞ{ESCAPE}ÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
"""The 128 characters of one septet, each at its code (doc). The escape at 0x1B is no character of a text."""

EXTENSION = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
"""The characters of two septets, an escape and the code (doc)."""

_CHARACTERS = frozenset({*BASIC, *EXTENSION} - {ESCAPE})


def is_gsm(text: str) -> bool:
    """Return whether the alphabet has every character of ``text``."""
    return _CHARACTERS.issuperset(text)


def septets(text: str) -> int:
    """Count the septets of ``text``, which is in the alphabet."""
    return len(text) + sum(map(text.count, EXTENSION))
