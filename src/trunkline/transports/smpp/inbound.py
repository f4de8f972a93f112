"""What a deliver_sm or data_sm is: a receipt, a message, or a part of one. Pure.

An address of the international type gets its plus sign, one of the national type the route's country prefix; others
are left as the network wrote them.
"""

from __future__ import annotations

import struct

import msgspec

from trunkline.transports.smpp.alphabet import Alphabet, alphabet_of, decode
from trunkline.transports.smpp.bodies import DataMessage, Parameters, ShortMessage
from trunkline.transports.smpp.commands import ACKNOWLEDGEMENTS, INTERMEDIATE, RECEIPT, TYPE, UDHI, Tag
from trunkline.transports.smpp.settings import SmppRoute

_INTERNATIONAL = 1
_NATIONAL = 2
_CONCATENATED_8 = 0x00
_CONCATENATED_16 = 0x08
_DEFAULTS = {
    "unpacked": Alphabet.GSM,
    "packed": Alphabet.GSM_PACKED,
    "latin1": Alphabet.LATIN1,
    "ascii": Alphabet.ASCII,
}


class Unreadable(Exception):
    """A message that cannot be understood, and would not be better a second time; the text says why."""


class Place(msgspec.Struct, frozen=True):
    """Which part of a long message it is. ``reference`` is the sender's; ``number`` counts from 1."""

    reference: int
    total: int
    number: int


class Mobile(msgspec.Struct, frozen=True):
    """A message from a phone, or with ``place`` a part of one. ``header_octets`` is the length of the user data header
    that was cut off in front of ``octets``."""

    sender: str
    recipient: str
    octets: bytes
    alphabet: Alphabet
    header_octets: int = 0
    place: Place | None = None

    @property
    def text(self) -> str:
        """What it says."""
        return decode(self.octets, self.alphabet, self.header_octets)


class Report(msgspec.Struct, frozen=True):
    """A delivery receipt, not read yet."""

    text: str
    parameters: Parameters


class Acknowledgement(msgspec.Struct, frozen=True):
    """A handset's own acknowledgement, which tells no more than receipts do."""


def read(body: ShortMessage | DataMessage, route: SmppRoute) -> Mobile | Report | Acknowledgement:
    """What came. Raises Unreadable."""
    octets = body.parameters.get(Tag.MESSAGE_PAYLOAD)
    if octets is None:
        octets = body.short_message if isinstance(body, ShortMessage) else b""
    kind = body.esm_class & TYPE
    if kind in (RECEIPT, INTERMEDIATE) or Tag.RECEIPTED_MESSAGE_ID in body.parameters:
        alphabet = alphabet_of(body.data_coding, Alphabet.LATIN1)
        return Report(decode(octets, alphabet or Alphabet.LATIN1).strip("\0"), body.parameters)
    if kind in ACKNOWLEDGEMENTS:
        return Acknowledgement()
    alphabet = alphabet_of(body.data_coding, _DEFAULTS[route.default_coding])
    if alphabet is None:
        raise Unreadable(f"data_coding 0x{body.data_coding:02X} is not supported")
    place, header = _sar(body.parameters), 0
    if body.esm_class & UDHI:
        header, from_udh = _udh(octets)
        place = from_udh or place
    return Mobile(
        _address(body.source, body.source_ton, route),
        _address(body.destination, body.destination_ton, route),
        octets[header:],
        alphabet,
        header,
        place,
    )


def _udh(octets: bytes) -> tuple[int, Place | None]:
    """The length of the user data header with its own octet, and what it says of the part's place. Of its elements
    only the concatenations are read."""
    end = 1 + octets[0] if octets else 1
    if end > len(octets):
        raise Unreadable("the user data header goes beyond the message")
    place, at = None, 1
    while at + 2 <= end:
        element, size = octets[at], octets[at + 1]
        value = octets[at + 2 : at + 2 + size]
        at += 2 + size
        if at > end:
            raise Unreadable("an element goes beyond the user data header")
        if element == _CONCATENATED_8 and size == 3:
            place = _place(*value)
        elif element == _CONCATENATED_16 and size == 4:
            place = _place(*struct.unpack(">HBB", value))
    return end, place


def _sar(parameters: Parameters) -> Place | None:
    try:
        (reference,) = struct.unpack(">H", parameters[Tag.SAR_MSG_REF_NUM])
        (total,) = parameters[Tag.SAR_TOTAL_SEGMENTS]
        (number,) = parameters[Tag.SAR_SEGMENT_SEQNUM]
    except (KeyError, ValueError, struct.error):
        return None
    return _place(reference, total, number)


def _place(reference: int, total: int, number: int) -> Place | None:
    """None for the only part of a message, and for a place that cannot be."""
    return Place(reference, total, number) if 1 <= number <= total and total > 1 else None


def _address(address: str, ton: int, route: SmppRoute) -> str:
    if not (address.isascii() and address.isdigit()):
        return address
    if ton == _INTERNATIONAL:
        return f"+{address}"
    if ton == _NATIONAL and route.country_prefix:
        return f"+{route.country_prefix}{address.removeprefix('0')}"
    return address
