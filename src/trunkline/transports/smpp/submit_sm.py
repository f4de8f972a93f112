"""The bodies of the submit_sm of a message. Pure.

By default a segment has the 6-octet user data header ``05 00 03 reference total number``, which leaves 153 septets or
67 characters of UCS-2, as segments are counted.
"""

from __future__ import annotations

from trunkline.transports.base import Encoding, SenderKind, Submission
from trunkline.transports.smpp.alphabet import Alphabet, NotEncodable, encode
from trunkline.transports.smpp.commands import UDHI, Tag
from trunkline.transports.smpp.pdu_bodies import Parameters, ShortMessage
from trunkline.transports.smpp.settings import SmppRoute

_UDH_OCTETS = 6
_SINGLE_UNITS = 70
_SEGMENT_UNITS = 67
_CODINGS = {"unpacked": Alphabet.GSM, "packed": Alphabet.GSM_PACKED, "latin1": Alphabet.LATIN1}
_DATA_CODINGS = {Alphabet.GSM: 0, Alphabet.GSM_PACKED: 0, Alphabet.LATIN1: 3, Alphabet.UCS2: 8}
_REGISTERED = {"final": 0x01, "all": 0x11, "none": 0x00}
_MAX_SECONDS = 30 * 86_400
"""The longest validity that is sent: a month has no fixed length."""


def bodies(submission: Submission, route: SmppRoute) -> list[ShortMessage]:
    """Return the bodies of the submit_sm of a message, in their order: one for each of its segments, unless the whole
    goes as one payload, or as UCS-2 because the route's alphabet lacks one of its characters."""
    common = _common(submission, route)
    segments, alphabet = _encodable(submission, route)
    if len(segments) > 1 and route.concatenation == "payload":
        payload = encode("".join(segments), alphabet)
        return [_with(common, alphabet, parameters={Tag.MESSAGE_PAYLOAD: payload})]
    if len(segments) == 1:
        return [_with(common, alphabet, encode(segments[0], alphabet))]
    made = []
    for number, segment in enumerate(segments, 1):
        if route.concatenation == "sar":
            text = encode(segment, alphabet)
            made.append(
                _with(common, alphabet, text, parameters=_sar(submission.reference, len(segments), number))
            )
        else:
            udh = bytes((5, 0, 3, submission.reference & 0xFF, len(segments), number))
            text = udh + encode(segment, alphabet, _UDH_OCTETS)
            made.append(_with(common, alphabet, text, esm_class=UDHI))
    return made


def relative_time(seconds: float) -> str:
    """Return a relative SMPP time, ``YYMMDDhhmmss000R``, of up to 30 days."""
    minutes, second = divmod(max(1, min(int(seconds), _MAX_SECONDS)), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"0000{days:02}{hour:02}{minute:02}{second:02}000R"


def split_ucs2(text: str) -> list[str]:
    """Split a text into segments that fit one SMS each in UCS-2; no surrogate pair is cut."""
    units = [2 if ord(sign) > 0xFFFF else 1 for sign in text]
    if sum(units) <= _SINGLE_UNITS:
        return [text]
    segments, begin, left = [], 0, _SEGMENT_UNITS
    for index, size in enumerate(units):
        if size > left:
            segments.append(text[begin:index])
            begin, left = index, _SEGMENT_UNITS
        left -= size
    return [*segments, text[begin:]]


def _encodable(submission: Submission, route: SmppRoute) -> tuple[list[str], Alphabet]:
    segments = list(submission.segments) or [""]
    if submission.encoding is Encoding.UCS2:
        return segments, Alphabet.UCS2
    alphabet = _CODINGS[route.text_coding]
    try:
        for segment in segments:
            encode(segment, alphabet)
    except NotEncodable:
        return split_ucs2("".join(segments)), Alphabet.UCS2
    return segments, alphabet


def _common(submission: Submission, route: SmppRoute) -> ShortMessage:
    """Return the body that all segments have in common."""
    ton, npi = _sender_type(submission.sender_kind, route)
    valid_for = submission.valid_for
    return ShortMessage(
        service_type=route.service_type,
        source_ton=ton,
        source_npi=npi,
        source=_address(submission.sender, route),
        destination_ton=route.recipient_ton,
        destination_npi=route.recipient_npi,
        destination=_address(submission.recipient, route),
        validity=relative_time(valid_for) if route.send_validity and valid_for is not None else "",
        registered_delivery=_REGISTERED[route.receipts],
    )


def _with(
    common: ShortMessage,
    alphabet: Alphabet,
    text: bytes = b"",
    esm_class: int = 0,
    parameters: Parameters | None = None,
) -> ShortMessage:
    return ShortMessage(
        service_type=common.service_type,
        source_ton=common.source_ton,
        source_npi=common.source_npi,
        source=common.source,
        destination_ton=common.destination_ton,
        destination_npi=common.destination_npi,
        destination=common.destination,
        esm_class=esm_class,
        validity=common.validity,
        registered_delivery=common.registered_delivery,
        data_coding=_DATA_CODINGS[alphabet],
        short_message=text,
        parameters=parameters or {},
    )


def _sar(reference: int, total: int, number: int) -> Parameters:
    return {
        Tag.SAR_MSG_REF_NUM: reference.to_bytes(2),
        Tag.SAR_TOTAL_SEGMENTS: bytes((total,)),
        Tag.SAR_SEGMENT_SEQNUM: bytes((number,)),
    }


def _address(address: str, route: SmppRoute) -> str:
    return address if route.keep_plus else address.removeprefix("+")


def _sender_type(kind: SenderKind, route: SmppRoute) -> tuple[int, int]:
    if kind is SenderKind.NUMBER:
        return route.number_ton, route.number_npi
    if kind is SenderKind.SHORT_CODE:
        return route.short_code_ton, route.short_code_npi
    return route.alpha_ton, route.alpha_npi
