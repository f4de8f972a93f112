"""The content of a deliver_sm or data_sm: a receipt, a message, or a segment of one. Pure.

1. An address of the international type gets its plus sign, one of the national type the route's country prefix; others
   are left as the network wrote them.
2. Every message can be read. One that announces a user data header and has none is a text from its first octet on.
3. A text that looks like a receipt and is not announced as one may be a person's: it comes with both meanings.
"""

from __future__ import annotations

import struct

import msgspec

from trunkline.transports.smpp.alphabet import Alphabet, alphabet_of, decode
from trunkline.transports.smpp.commands import ACKNOWLEDGEMENTS, INTERMEDIATE, RECEIPT, TYPE, UDHI, Tag
from trunkline.transports.smpp.pdu_bodies import DataMessage, Parameters, ShortMessage
from trunkline.transports.smpp.receipts import ReceiptText, may_be_receipt, read_text
from trunkline.transports.smpp.settings import SmppRoute
from trunkline.transports.smpp.shift_tables import NO_SHIFTS, Shifts

_INTERNATIONAL = 1
_NATIONAL = 2
_CONCATENATED_8 = 0x00
_CONCATENATED_16 = 0x08
_SINGLE_SHIFT = 0x24
_LOCKING_SHIFT = 0x25
_DEFAULTS = {
    "unpacked": Alphabet.GSM,
    "packed": Alphabet.GSM_PACKED,
    "latin1": Alphabet.LATIN1,
    "ascii": Alphabet.ASCII,
}


class Concatenation(msgspec.Struct, frozen=True):
    """The position of a segment in a long message. ``reference`` is the sender's; ``number`` counts from 1."""

    reference: int
    total: int
    number: int


class ReceiptMessage(msgspec.Struct, frozen=True):
    """A delivery receipt, not parsed yet. ``number`` is the sender of the message that it is for, ``phone`` its
    recipient; ``intermediate`` if it is not the last."""

    found: ReceiptText
    parameters: Parameters
    octets: bytes = b""
    number: str = ""
    phone: str = ""
    intermediate: bool = False


class MobileMessage(msgspec.Struct, frozen=True):
    """A message from a phone, or with ``concatenation`` a segment of one. ``header_octets`` is the length of the user
    data header that was cut off in front of ``octets``. ``receipt`` is what it is instead if a message waits for
    that."""

    sender: str
    recipient: str
    octets: bytes
    alphabet: Alphabet
    header_octets: int = 0
    concatenation: Concatenation | None = None
    shifts: Shifts = NO_SHIFTS
    receipt: ReceiptMessage | None = None

    @property
    def text(self) -> str:
        """The decoded text."""
        return decode(self.octets, self.alphabet, self.header_octets, self.shifts)


class HandsetAcknowledgement(msgspec.Struct, frozen=True):
    """A handset's own acknowledgement, which adds nothing to receipts. Some networks mark their receipts so:
    ``receipt`` is what it is if a message waits for that."""

    receipt: ReceiptMessage | None = None


class _Header(msgspec.Struct, frozen=True):
    """A user data header: its length with its own octet, and its elements."""

    octets: int = 0
    concatenation: Concatenation | None = None
    shifts: Shifts = NO_SHIFTS


def parse(
    body: ShortMessage | DataMessage, route: SmppRoute
) -> MobileMessage | ReceiptMessage | HandsetAcknowledgement:
    """Return the content of a message."""
    # An empty payload stands beside the text in some networks.
    octets = body.parameters.get(Tag.MESSAGE_PAYLOAD) or (
        body.short_message if isinstance(body, ShortMessage) else b""
    )
    kind = body.esm_class & TYPE
    alphabet = alphabet_of(body.data_coding, _DEFAULTS[route.default_coding])
    header = _header(octets) if body.esm_class & UDHI else _Header()
    sender = _address(body.source, body.source_ton, route)
    recipient = _address(body.destination, body.destination_ton, route)

    def receipt() -> ReceiptMessage:
        declared = Alphabet.LATIN1 if body.data_coding == 0 else alphabet
        found = read_text(octets, declared, header.octets)
        return ReceiptMessage(found, body.parameters, octets, recipient, sender, kind == INTERMEDIATE)

    if kind & ~INTERMEDIATE == RECEIPT or kind == INTERMEDIATE or Tag.RECEIPTED_MESSAGE_ID in body.parameters:
        return receipt()
    unmarked = receipt() if alphabet is Alphabet.GSM_PACKED or may_be_receipt(octets) else None
    if unmarked is not None and not unmarked.found.probable:
        unmarked = None
    if kind in ACKNOWLEDGEMENTS:
        return HandsetAcknowledgement(unmarked)
    return MobileMessage(
        sender,
        recipient,
        octets[header.octets :],
        alphabet,
        header.octets,
        header.concatenation or _sar(body.parameters),
        header.shifts,
        unmarked,
    )


def _header(octets: bytes) -> _Header:
    """Return the user data header in front of a text; elements without a meaning here are skipped. Return an empty one
    if the octets are none, but a text from the first on: if there is no element, or the last ends elsewhere than the
    header."""
    end = 1 + octets[0] if octets else 1
    if end > len(octets):
        return _Header()
    concatenation, shifts, at = None, NO_SHIFTS, 1
    while at + 2 <= end:
        element, size = octets[at], octets[at + 1]
        value = octets[at + 2 : at + 2 + size]
        at += 2 + size
        if at > end:
            return _Header()
        if element == _CONCATENATED_8 and size == 3:
            concatenation = _concatenation(*value)
        elif element == _CONCATENATED_16 and size == 4:
            concatenation = _concatenation(*struct.unpack(">HBB", value))
        elif element == _SINGLE_SHIFT and size == 1:
            shifts = msgspec.structs.replace(shifts, single=value[0])
        elif element == _LOCKING_SHIFT and size == 1:
            shifts = msgspec.structs.replace(shifts, locking=value[0])
    if at == 1 or at != end:
        # A lone zero is an @ or the first half of a Latin letter.
        return _Header()
    return _Header(end, concatenation, shifts)


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
