"""The kinds of deliver_sm, and the joining of segments to one message."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.base import InboundMessage
from trunkline.transports.smpp.alphabet import Alphabet, encode
from trunkline.transports.smpp.commands import Tag
from trunkline.transports.smpp.deliver_sm import (
    Concatenation,
    HandsetAcknowledgement,
    MobileMessage,
    ReceiptMessage,
    UnreadableMessage,
    parse,
)
from trunkline.transports.smpp.pdu_bodies import DataMessage, ShortMessage
from trunkline.transports.smpp.reassembly import InboundSegment, complete, join, segment_of
from unit.transports.smpp.routes import route

ROUTE = route()


def mobile(body: ShortMessage | DataMessage, **options: Any) -> MobileMessage:
    found = parse(body, route(**options))
    assert isinstance(found, MobileMessage)
    return found


def deliver(octets: bytes = b"hi", **more: Any) -> ShortMessage:
    fields: dict[str, Any] = {"source_ton": 1, "source": "15005550100", "destination": "12345", **more}
    return ShortMessage(short_message=octets, **fields)


def test_a_plain_message() -> None:
    assert mobile(deliver()) == MobileMessage("+15005550100", "12345", b"hi", Alphabet.GSM)


@pytest.mark.parametrize(
    ("ton", "address", "prefix", "expected"),
    [
        (1, "447400123456", "", "+447400123456"),
        (1, "+447400123456", "", "+447400123456"),
        (2, "7400123456", "44", "+447400123456"),
        (2, "07400123456", "44", "+447400123456"),
        (2, "7400123456", "", "7400123456"),
        (5, "ACME", "44", "ACME"),
        (0, "12345", "44", "12345"),
        (3, "12345", "44", "12345"),
        (1, "²³", "", "²³"),
    ],
)
def test_addresses(ton: int, address: str, prefix: str, expected: str) -> None:
    body = deliver(source_ton=ton, source=address, destination_ton=ton, destination=address)
    found = mobile(body, country_prefix=prefix)
    assert (found.sender, found.recipient) == (expected, expected)


@pytest.mark.parametrize(
    ("coding", "octets", "text"),
    [("unpacked", "00", "@"), ("packed", "e8329bfd06", "hello"), ("latin1", "e7", "ç"), ("ascii", "40", "@")],
)
def test_the_default_coding_may_be_set(coding: str, octets: str, text: str) -> None:
    assert mobile(deliver(bytes.fromhex(octets)), default_coding=coding).text == text


@pytest.mark.parametrize(
    ("data_coding", "octets", "text"),
    [
        (1, "6869", "hi"),
        (3, "e7", "ç"),
        (8, "044f", "я"),
        (0x10, "00", "@"),
        (0x18, "044f", "я"),
        (4, "00ff", "AP8="),
    ],
)
def test_texts_by_data_coding(data_coding: int, octets: str, text: str) -> None:
    assert mobile(deliver(bytes.fromhex(octets), data_coding=data_coding)).text == text


def test_compressed_text_cannot_be_read() -> None:
    with pytest.raises(UnreadableMessage, match="0x20"):
        parse(deliver(data_coding=0x20), ROUTE)


def test_the_payload_counts_where_there_is_one() -> None:
    payload = {Tag.MESSAGE_PAYLOAD: b"x" * 300}
    assert mobile(deliver(b"", parameters=payload)).text == "x" * 300
    assert mobile(DataMessage(source="1", destination="2", parameters=payload)).text == "x" * 300
    assert mobile(DataMessage(source="1", destination="2")).text == ""


@pytest.mark.parametrize(
    ("udh", "concatenation"),
    [
        ("050003070201", Concatenation(7, 2, 1)),
        ("06080401070202", Concatenation(263, 2, 2)),
        ("0b05040b8423f00003070302", Concatenation(7, 3, 2)),
        ("082401030003070201", Concatenation(7, 2, 1)),
        ("050003070100", None),
        ("050003070203", None),
        ("050003070101", None),
        ("0400020702", None),
        ("03240103", None),
        ("00", None),
    ],
)
def test_user_data_headers(udh: str, concatenation: Concatenation | None) -> None:
    header = bytes.fromhex(udh)
    found = mobile(deliver(header + b"hi", esm_class=0x40))
    assert (found.concatenation, found.octets, found.header_octets) == (concatenation, b"hi", len(header))


@pytest.mark.parametrize("octets", ["", "05", "0500030702", "050004070201"])
def test_a_header_that_lies_cannot_be_read(octets: str) -> None:
    with pytest.raises(UnreadableMessage):
        parse(deliver(bytes.fromhex(octets), esm_class=0x40), ROUTE)


@given(st.binary(max_size=60), st.integers(0, 255), st.integers(0, 255))
def test_no_message_breaks_the_reader(octets: bytes, esm_class: int, data_coding: int) -> None:
    try:
        found = parse(deliver(octets, esm_class=esm_class, data_coding=data_coding), ROUTE)
    except UnreadableMessage:
        return
    if isinstance(found, MobileMessage):
        assert isinstance(found.text, str)


def sar(reference: int, total: int, number: int) -> dict[int, bytes]:
    return {
        Tag.SAR_MSG_REF_NUM: struct.pack(">H", reference),
        Tag.SAR_TOTAL_SEGMENTS: bytes((total,)),
        Tag.SAR_SEGMENT_SEQNUM: bytes((number,)),
    }


def test_sar_parameters() -> None:
    assert mobile(deliver(parameters=sar(300, 3, 2))).concatenation == Concatenation(300, 3, 2)
    assert mobile(deliver(parameters=sar(300, 1, 1))).concatenation is None
    broken = {**sar(300, 3, 2), Tag.SAR_MSG_REF_NUM: b"\1"}
    assert mobile(deliver(parameters=broken)).concatenation is None


@pytest.mark.parametrize(
    ("esm_class", "kind"), [(0x04, ReceiptMessage), (0x20, ReceiptMessage), (0x08, HandsetAcknowledgement)]
)
def test_messages_by_their_type(esm_class: int, kind: type) -> None:
    assert isinstance(parse(deliver(esm_class=esm_class), ROUTE), kind)


def test_a_receipted_id_makes_it_a_receipt() -> None:
    parameters = {Tag.RECEIPTED_MESSAGE_ID: b"1\0"}
    assert parse(deliver(b"", parameters=parameters), ROUTE) == ReceiptMessage("", parameters)


def test_a_receipt_may_be_written_in_ucs2() -> None:
    body = deliver("id:1 stat:DELIVRD".encode("utf-16-be"), esm_class=4, data_coding=8)
    assert parse(body, ROUTE) == ReceiptMessage("id:1 stat:DELIVRD", {})


def test_a_text_that_looks_like_a_receipt_is_none() -> None:
    assert isinstance(parse(deliver(b"id:1 stat:DELIVRD"), ROUTE), MobileMessage)


def segment(
    number: int, octets: bytes, total: int = 3, alphabet: Alphabet = Alphabet.UCS2, received: int = 5
) -> InboundSegment:
    found = MobileMessage("+15005550100", "12345", octets, alphabet, 6, Concatenation(7, total, number))
    assert found.concatenation is not None
    return segment_of("main", found, found.concatenation, received)


TEXT = "я😀" * 40


def test_parts_become_one_in_their_order() -> None:
    octets = TEXT.encode("utf-16-be")
    # The second cut goes through a surrogate pair.
    segments = [segment(3, octets[100:]), segment(1, octets[:60], received=4), segment(2, octets[60:100])]
    assert not complete(segments[:2])
    assert not complete([])
    assert complete(segments)
    expected = InboundMessage(
        "main", "+15005550100", "12345", TEXT, segments=3, id="+15005550100 12345 7 3 4"
    )
    assert join(segments) == expected


def test_what_is_there_is_joined_when_some_are_missing() -> None:
    found = join([segment(1, b"\0a"), segment(3, b"\0c")])
    assert (found.text, found.segments, found.missing) == ("ac", 3, True)


def test_a_part_that_came_twice_counts_once() -> None:
    assert not complete([segment(1, b"\0a"), segment(1, b"\0a"), segment(2, b"\0b")])


def test_an_escape_pair_cut_in_two_is_whole_again() -> None:
    segments = [segment(1, b"a\x1b", 2, Alphabet.GSM), segment(2, b"eb", 2, Alphabet.GSM)]
    assert join(segments).text == "a€b"


def test_packed_parts_are_read_one_by_one() -> None:
    packed = Alphabet.GSM_PACKED
    segments = [
        segment(1, encode("hello", packed, 6), 2, packed),
        segment(2, encode("world", packed, 6), 2, packed),
    ]
    assert join(segments).text == "helloworld"


def test_parts_of_several_alphabets_are_read_each_in_its_own() -> None:
    segments = [
        segment(1, b"a", 3, Alphabet.GSM),
        segment(2, "я".encode("utf-16-be")),
        segment(3, b"\xe7", 3, Alphabet.LATIN1),
    ]
    assert join(segments).text == "aяç"
