"""The content of a deliver_sm or data_sm: a receipt, a message, or a segment of one. Pure.

An address of the international type gets its plus sign, one of the national type the route's country prefix; others
are left as the network wrote them.
"""

from __future__ import annotations

import struct

import msgspec

from trunkline.transports.smpp.alphabet import Alphabet, alphabet_of, decode
from trunkline.transports.smpp.commands import ACKNOWLEDGEMENTS, INTERMEDIATE, RECEIPT, TYPE, UDHI, Tag
from trunkline.transports.smpp.pdu_bodies import DataMessage, Parameters, ShortMessage
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


class UnreadableMessage(Exception):
    """A message that cannot be decoded, this time or another; the text is the reason."""


class Concatenation(msgspec.Struct, frozen=True):
    """The position of a segment in a long message. ``reference`` is the sender's; ``number`` counts from 1."""

    reference: int
    total: int
    number: int


class MobileMessage(msgspec.Struct, frozen=True):
    """A message from a phone, or with ``concatenation`` a segment of one. ``header_octets`` is the length of the user
    data header that was cut off in front of ``octets``."""

    sender: str
    recipient: str
    octets: bytes
    alphabet: Alphabet
    header_octets: int = 0
    concatenation: Concatenation | None = None

    @property
    def text(self) -> str:
        """The decoded text."""
        return decode(self.octets, self.alphabet, self.header_octets)


class ReceiptMessage(msgspec.Struct, frozen=True):
    """A delivery receipt, not parsed yet."""

    text: str
    parameters: Parameters


class HandsetAcknowledgement(msgspec.Struct, frozen=True):
    """A handset's own acknowledgement, which adds nothing to receipts."""


def parse(
    body: ShortMessage | DataMessage, route: SmppRoute
) -> MobileMessage | ReceiptMessage | HandsetAcknowledgement:
    """Return the content of a message. Raise UnreadableMessage if it cannot be decoded."""
    octets = body.parameters.get(Tag.MESSAGE_PAYLOAD)
    if octets is None:
        octets = body.short_message if isinstance(body, ShortMessage) else b""
    kind = body.esm_class & TYPE
    if kind in (RECEIPT, INTERMEDIATE) or Tag.RECEIPTED_MESSAGE_ID in body.parameters:
        alphabet = alphabet_of(body.data_coding, Alphabet.LATIN1)
        return ReceiptMessage(decode(octets, alphabet or Alphabet.LATIN1).strip("\0"), body.parameters)
    if kind in ACKNOWLEDGEMENTS:
        return HandsetAcknowledgement()
    alphabet = alphabet_of(body.data_coding, _DEFAULTS[route.default_coding])
    if alphabet is None:
        raise UnreadableMessage(f"data_coding 0x{body.data_coding:02X} is not supported")
    concatenation, header = _sar(body.parameters), 0
    if body.esm_class & UDHI:
        header, from_udh = _udh(octets)
        concatenation = from_udh or concatenation
    return MobileMessage(
        _address(body.source, body.source_ton, route),
        _address(body.destination, body.destination_ton, route),
        octets[header:],
        alphabet,
        header,
        concatenation,
    )


def _udh(octets: bytes) -> tuple[int, Concatenation | None]:
    """Return the length of the user data header with its own octet, and the concatenation in it; other elements are
    skipped."""
    end = 1 + octets[0] if octets else 1
    if end > len(octets):
        raise UnreadableMessage("the user data header goes beyond the message")
    concatenation, at = None, 1
    while at + 2 <= end:
        element, size = octets[at], octets[at + 1]
        value = octets[at + 2 : at + 2 + size]
        at += 2 + size
        if at > end:
            raise UnreadableMessage("an element goes beyond the user data header")
        if element == _CONCATENATED_8 and size == 3:
            concatenation = _concatenation(*value)
        elif element == _CONCATENATED_16 and size == 4:
            concatenation = _concatenation(*struct.unpack(">HBB", value))
    return end, concatenation


def _sar(parameters: Parameters) -> Concatenation | None:
    try:
        (reference,) = struct.unpack(">H", parameters[Tag.SAR_MSG_REF_NUM])
        (total,) = parameters[Tag.SAR_TOTAL_SEGMENTS]
        (number,) = parameters[Tag.SAR_SEGMENT_SEQNUM]
    except (KeyError, ValueError, struct.error):
        return None
    return _concatenation(reference, total, number)


def _concatenation(reference: int, total: int, number: int) -> Concatenation | None:
    """Return the concatenation; None for the only segment of a message, and for an impossible one."""
    return Concatenation(reference, total, number) if 1 <= number <= total and total > 1 else None


def _address(address: str, ton: int, route: SmppRoute) -> str:
    if not (address.isascii() and address.isdigit()):
        return address
    if ton == _INTERNATIONAL:
        return f"+{address}"
    if ton == _NATIONAL and route.country_prefix:
        return f"+{route.country_prefix}{address.removeprefix('0')}"
    return address
