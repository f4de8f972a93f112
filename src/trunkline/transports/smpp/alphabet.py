"""Texts as octets and octets as texts, by alphabet and data_coding. Pure.

The GSM 03.38 default alphabet goes one octet a septet (unpacked), or eight septets in seven octets (packed). National
shift tables are not supported: a message that announces one is decoded with the default tables.
"""

from __future__ import annotations

from base64 import b64encode
from enum import Enum

from trunkline.core.gsm import BASIC, EXTENSION

_ESCAPE = 0x1B
_CARRIAGE_RETURN = 0x0D
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


class Alphabet(Enum):
    """The encoding of a text in octets."""

    GSM = "gsm"
    GSM_PACKED = "gsm_packed"
    ASCII = "ascii"
    LATIN1 = "latin1"
    UCS2 = "ucs2"
    BINARY = "binary"
    """Octets that are no text."""


class NotEncodable(ValueError):
    """A character that the alphabet lacks."""


class _Codes(dict[int, str]):
    """For ``str.translate``: from a character to its codes as characters."""

    def __missing__(self, character: int) -> str:
        raise NotEncodable(f"U+{character:04X} is not in the GSM alphabet")


_CODES = _Codes({ord(sign): chr(code) for code, sign in enumerate(BASIC) if code != _ESCAPE})
_CODES.update({ord(sign): chr(_ESCAPE) + chr(code) for sign, code in EXTENSION.items()})
_EXTENSION = {code: sign for sign, code in EXTENSION.items()}
_SIGNS = BASIC + _UNKNOWN * 128


def encode(text: str, alphabet: Alphabet, header_octets: int = 0) -> bytes:
    """Return the octets of a text. ``header_octets`` is the length of the user data header in front of it, after which
    packed septets are padded to the next septet. Raise NotEncodable if the alphabet lacks a character."""
    if alphabet is Alphabet.UCS2:
        return text.encode("utf-16-be", "surrogatepass")
    if alphabet in (Alphabet.LATIN1, Alphabet.ASCII):
        try:
            return text.encode("latin-1" if alphabet is Alphabet.LATIN1 else "ascii")
        except UnicodeEncodeError as error:
            raise NotEncodable(str(error)) from None
    if alphabet is Alphabet.BINARY:
        raise NotEncodable("a text is not binary")
    septets = text.translate(_CODES).encode("latin-1")
    return septets if alphabet is Alphabet.GSM else pack(septets, -header_octets * 8 % 7)


def decode(octets: bytes, alphabet: Alphabet, header_octets: int = 0) -> str:
    """Return the text of octets; an invalid character becomes U+FFFD, and binary octets are written in base64."""
    match alphabet:
        case Alphabet.UCS2:
            return octets.decode("utf-16-be", "replace")
        case Alphabet.LATIN1:
            return octets.decode("latin-1")
        case Alphabet.ASCII:
            return octets.decode("ascii", "replace")
        case Alphabet.BINARY:
            return b64encode(octets).decode()
        case Alphabet.GSM:
            return _text(octets)
        case _:
            return _text(unpack(octets, -header_octets * 8 % 7))


def alphabet_of(data_coding: int, default: Alphabet) -> Alphabet | None:
    """Return the alphabet that data_coding names; None for one that is not supported, such as compressed text.
    ``default`` is the SMSC's for 0 (spec; the groups are those of GSM 03.38)."""
    if data_coding in _PLAIN:
        return _PLAIN[data_coding]
    group, low = data_coding >> 4, data_coding & 0x0F
    if data_coding == 0 or group in (0xC, 0xD):
        return default
    if group == 0xE:
        return Alphabet.UCS2
    if group == 0xF:
        return Alphabet.BINARY if low & 0x04 else _of_class(default)
    if group == 1:
        return (_of_class(default), Alphabet.BINARY, Alphabet.UCS2, None)[low >> 2]
    return None


def pack(septets: bytes, fill: int = 0) -> bytes:
    """Pack eight septets into seven octets, behind ``fill`` bits."""
    bits = 0
    for place, septet in enumerate(septets):
        bits |= septet << (place * 7 + fill)
    return bits.to_bytes((len(septets) * 7 + fill + 7) // 8, "little")


def unpack(octets: bytes, fill: int = 0) -> bytes:
    """Unpack the septets behind ``fill`` bits. A last septet that only pads the last octet is dropped."""
    bits = int.from_bytes(octets, "little") >> fill
    bits_left = len(octets) * 8 - fill
    septets = bytes((bits >> place * 7) & 0x7F for place in range(bits_left // 7))
    if septets and bits_left % 7 == 0 and septets[-1] in (0, _CARRIAGE_RETURN):
        return septets[:-1]
    return septets


def _text(septets: bytes) -> str:
    first, *escaped = septets.split(b"\x1b")
    text = first.decode("latin-1").translate(_TABLE)
    for piece in escaped:
        if not piece:
            # An escape without a character, or one that announces an unsupported table, is shown as a space.
            text += " "
            continue
        text += _EXTENSION.get(piece[0]) or _SIGNS[piece[0]]
        text += piece[1:].decode("latin-1").translate(_TABLE)
    return text


def _of_class(default: Alphabet) -> Alphabet:
    """Return the GSM alphabet, which a message class implies whatever the SMSC's default is."""
    return Alphabet.GSM_PACKED if default is Alphabet.GSM_PACKED else Alphabet.GSM


_TABLE = dict(enumerate(_SIGNS))
_PLAIN = {1: Alphabet.ASCII, 2: Alphabet.BINARY, 3: Alphabet.LATIN1, 4: Alphabet.BINARY, 8: Alphabet.UCS2}
