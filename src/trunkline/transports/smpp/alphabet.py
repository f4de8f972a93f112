"""Texts as octets, by alphabet and data_coding. Pure.

1. The GSM 03.38 default alphabet goes one octet a septet (unpacked), or eight septets in seven octets (packed).
2. A text is read as well as can be. A byte order mark is believed, and dropped; octets that the announced alphabet
   cannot have are read as UTF-8, or as Windows-1252; binary octets that are a text are read as one.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache

from trunkline.core.gsm import BASIC, ESCAPE, EXTENSION
from trunkline.transports.smpp.shift_tables import NO_SHIFTS, Shifts, locking_table, single_table

_CHARACTER = re.compile(f"{ESCAPE}[^{ESCAPE}]?|[^{ESCAPE}]", re.DOTALL)
_CARRIAGE_RETURN = b"\r"
_FULL = 140
"""The octets of a segment."""


class Alphabet(Enum):
    """The encoding of a text in octets."""

    GSM = "gsm"
    GSM_PACKED = "gsm_packed"
    ASCII = "ascii"
    LATIN1 = "latin1"
    UCS2 = "ucs2"
    UCS2_LITTLE = "ucs2_little"
    """The least significant octet first."""
    CYRILLIC = "cyrillic"
    HEBREW = "hebrew"
    JAPANESE = "japanese"
    JAPANESE_EXTENDED = "japanese_extended"
    """JIS X 0212."""
    KOREAN = "korean"
    BINARY = "binary"
    """Octets that may be no text, or a compressed one."""


class NotEncodable(ValueError):
    """A character that the alphabet lacks."""


class _Codes(dict[int, str]):
    """For ``str.translate``: from a character to its codes as characters."""

    def __missing__(self, character: int) -> str:
        raise NotEncodable(f"U+{character:04X} is not in the GSM alphabet")


_CODES = _Codes({ord(sign): chr(code) for code, sign in enumerate(BASIC) if sign != ESCAPE})
_CODES.update({ord(sign): ESCAPE + chr(code) for sign, code in EXTENSION.items()})

_PLAIN = {
    1: Alphabet.ASCII,
    2: Alphabet.BINARY,
    3: Alphabet.LATIN1,
    4: Alphabet.BINARY,
    5: Alphabet.JAPANESE,
    6: Alphabet.CYRILLIC,
    7: Alphabet.HEBREW,
    8: Alphabet.UCS2,
    9: Alphabet.JAPANESE,
    10: Alphabet.JAPANESE,
    13: Alphabet.JAPANESE_EXTENDED,
    14: Alphabet.KOREAN,
}
"""The values of SMPP; 9 has pictograms, and 10 escapes, of Japan."""
_CODECS = {
    Alphabet.UCS2: ("utf-16-be",),
    Alphabet.UCS2_LITTLE: ("utf-16-le",),
    Alphabet.CYRILLIC: ("iso8859_5",),
    Alphabet.HEBREW: ("iso8859_8",),
    Alphabet.JAPANESE: ("cp932", "shift_jis_2004", "euc_jp"),
    Alphabet.JAPANESE_EXTENDED: ("euc_jp", "cp932"),
    Alphabet.KOREAN: ("cp949",),
}
"""From an alphabet to the encodings that its octets may have; the first of them where none fits."""
_ESCAPED = {
    Alphabet.JAPANESE: "iso2022_jp_ext",
    Alphabet.JAPANESE_EXTENDED: "iso2022_jp_ext",
    Alphabet.KOREAN: "iso2022_kr",
}
"""Those of octets with escapes."""
_JIS_X_0208 = b"\x1b$B"
_KANA = frozenset((0x24, 0x25))
_MARKS = {b"\xfe\xff": "utf-16-be", b"\xff\xfe": "utf-16-le", b"\xef\xbb\xbf": "utf-8"}
_UNMARKED = (Alphabet.GSM_PACKED, Alphabet.BINARY)
_BREAKS = str.maketrans("", "", "\t\r\n")


def encode(text: str, alphabet: Alphabet, header_octets: int = 0) -> bytes:
    """Return the octets of a text. ``header_octets`` is the length of the user data header in front of it, after which
    packed septets are padded to the next septet. Raise NotEncodable if the alphabet lacks a character, or is one of
    those that only phones use."""
    if alphabet is Alphabet.UCS2:
        return text.encode("utf-16-be", "surrogatepass")
    if alphabet in (Alphabet.LATIN1, Alphabet.ASCII):
        try:
            return text.encode("latin-1" if alphabet is Alphabet.LATIN1 else "ascii")
        except UnicodeEncodeError as error:
            raise NotEncodable(str(error)) from None
    if alphabet not in (Alphabet.GSM, Alphabet.GSM_PACKED):
        raise NotEncodable(f"no text is sent as {alphabet.value}")
    septets = text.translate(_CODES).encode("latin-1")
    return septets if alphabet is Alphabet.GSM else pack(septets, header_octets)


def decode(octets: bytes, alphabet: Alphabet, header_octets: int = 0, shifts: Shifts = NO_SHIFTS) -> str:
    """Return the text of octets; an invalid character becomes U+FFFD, and octets that are no text are written in
    base64. ``shifts`` are the tables of a GSM text."""
    if alphabet not in _UNMARKED and (text := _marked(octets)) is not None:
        return text
    match alphabet:
        case Alphabet.GSM:
            return _text(octets, shifts) if octets.isascii() else _of_eight_bits(octets)
        case Alphabet.GSM_PACKED:
            return _text(unpack(octets, header_octets), shifts)
        case Alphabet.ASCII | Alphabet.LATIN1:
            return _of_eight_bits(octets)
        case Alphabet.BINARY:
            plain = _first(octets, ("utf-8",))
            if plain is not None and plain.translate(_BREAKS).isprintable():
                return plain
            return b64encode(octets).decode()
    return _of_codec(octets, alphabet)


def alphabet_of(data_coding: int, default: Alphabet) -> Alphabet:
    """Return the alphabet that data_coding names; ``default`` is the SMSC's for 0 and for reserved values (spec; the
    groups are those of GSM 03.38)."""
    group = data_coding >> 4
    if data_coding in _PLAIN:
        return _PLAIN[data_coding]
    if group == 0xE:
        return Alphabet.UCS2
    if group == 0xF:
        return Alphabet.BINARY if data_coding & 0x04 else _of_class(default)
    if group == 0 or group >= 8:
        return default
    if group & 0x02:
        # Compressed.
        return Alphabet.BINARY
    return (_of_class(default), Alphabet.BINARY, Alphabet.UCS2, _of_class(default))[data_coding >> 2 & 0x03]


def pack(septets: bytes, header_octets: int = 0) -> bytes:
    """Pack eight septets into seven octets, behind the bits that complete a header to septets.

    Seven bits that are left over would be one more septet to a peer that counts octets: they are a carriage return
    then, and a meant one that ends with an octet is doubled (spec, 3GPP 23.038 6.1.2.3.1), unless the segment is full.
    """
    fill = -header_octets * 8 % 7
    spare = -(len(septets) * 7 + fill) % 8
    size = (len(septets) * 7 + fill + 7) // 8
    doubled = spare == 0 and septets.endswith(_CARRIAGE_RETURN) and header_octets + size != _FULL
    if spare == 7 or doubled:
        septets += _CARRIAGE_RETURN
    packed = b"".join(
        sum(septet << place * 7 for place, septet in enumerate(eight)).to_bytes(7, "little")
        for eight in _pieces(septets, 8)
    )
    bits = int.from_bytes(packed, "little") << fill
    return bits.to_bytes(len(packed) + 1, "little")[: (len(septets) * 7 + fill + 7) // 8]


def unpack(octets: bytes, header_octets: int = 0) -> bytes:
    """Unpack the septets behind the bits that complete a header. A carriage return that only fills the last octet is
    dropped, and so is the second of two that ``pack`` made of one."""
    fill = -header_octets * 8 % 7
    bits_left = max(len(octets) * 8 - fill, 0)
    count = len(octets) // 7 + 1
    shifted = (int.from_bytes(octets, "little") >> fill).to_bytes(count * 7, "little")
    # Each seven octets get eight. Then the halves of all of them move apart at once, down to single septets: a loop
    # over the septets of a long payload would hold up the others.
    spread = int.from_bytes(b"".join(seven + b"\0" for seven in _pieces(shifted, 7)), "little")
    for half, place in ((28, 8), (14, 4), (7, 2)):
        low = int.from_bytes(((1 << half) - 1).to_bytes(place, "little") * (count * 8 // place), "little")
        spread = spread & low | (spread & low << half) << half // 7
    found = spread.to_bytes(count * 8, "little")[: bits_left // 7]
    fills = bits_left % 7 == 0 and found.endswith(_CARRIAGE_RETURN)
    doubled = bits_left % 7 == 1 and found.endswith(_CARRIAGE_RETURN * 2)
    return found[:-1] if fills or doubled else found


def _pieces(octets: bytes, size: int) -> Iterator[bytes]:
    return (octets[at : at + size] for at in range(0, len(octets), size))


def _text(septets: bytes, shifts: Shifts) -> str:
    text = septets.decode("latin-1")
    if ESCAPE not in text:
        return text.translate(locking_table(shifts.locking))
    return "".join(map(_characters(shifts).__getitem__, _CHARACTER.findall(text)))


@lru_cache(64)
def _characters(shifts: Shifts) -> dict[str, str]:
    """Return the character of each septet, with an escape or without. An escape without a character, or one that
    announces a further table, is shown as a space (spec)."""
    main, extension = locking_table(shifts.locking), single_table(shifts.single)
    escaped = {ESCAPE + chr(code): extension.get(code) or sign for code, sign in main.items()}
    return {chr(code): sign for code, sign in main.items()} | escaped | {ESCAPE: " "}


def _marked(octets: bytes) -> str | None:
    """Return the text behind a byte order mark; None without one."""
    for mark, codec in _MARKS.items():
        if octets.startswith(mark) and (codec != "utf-8" or _first(octets, (codec,)) is not None):
            return octets[len(mark) :].decode(codec, "replace")
    return None


def _of_eight_bits(octets: bytes) -> str:
    return _first(octets, ("utf-8", "cp1252")) or octets.decode("latin-1")


def _of_codec(octets: bytes, alphabet: Alphabet) -> str:
    if alphabet in _ESCAPED and b"\x1b" in octets:
        return octets.decode(_ESCAPED[alphabet], "replace")
    if alphabet in _ESCAPED and octets.isascii() and (text := _bare_jis(octets, alphabet)) is not None:
        return text
    codecs = _CODECS[alphabet]
    found = _first(octets, codecs)
    return octets.decode(codecs[0], "replace") if found is None else found


def _bare_jis(octets: bytes, alphabet: Alphabet) -> str | None:
    """Return the text of octets that are pairs of JIS without the escape that announces them; None if they are not.
    A Japanese text has kana, whose first octet is a rare one in ASCII."""
    if alphabet is Alphabet.KOREAN or _KANA.isdisjoint(octets[::2]):
        return None
    return _first(_JIS_X_0208 + octets, ("iso2022_jp_ext",)) if len(octets) % 2 == 0 else None


def _first(octets: bytes, codecs: tuple[str, ...]) -> str | None:
    """Return the text in the first of some encodings that has all the octets."""
    for codec in codecs:
        try:
            return octets.decode(codec)
        except UnicodeDecodeError:
            continue
    return None


def _of_class(default: Alphabet) -> Alphabet:
    """Return the GSM alphabet, which a message class implies whatever the SMSC's default is."""
    return Alphabet.GSM_PACKED if default is Alphabet.GSM_PACKED else Alphabet.GSM
