"""The kinds of deliver_sm, and the joining of segments to one message."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.base import InboundMessage
from trunkline.transports.smpp.alphabet import Alphabet, encode, pack
from trunkline.transports.smpp.commands import Tag
from trunkline.transports.smpp.deliver_sm import (
    Concatenation,
    HandsetAcknowledgement,
    MobileMessage,
    ReceiptMessage,
    parse,
)
from trunkline.transports.smpp.pdu_bodies import DataMessage, ShortMessage
from trunkline.transports.smpp.reassembly import InboundSegment, complete, join, repeated, segment_of
from trunkline.transports.smpp.shift_tables import NO_SHIFTS, Shifts
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
        (4, "53544f50", "STOP"),
        (5, "82b182f182c982bf82cd", "こんにちは"),
        (5, "1b2442244b1b2842", "に"),
        (5, "2433247324 4b2441244f", "こんにちは"),
        (5, "68656c6c6f21", "hello!"),
        (6, "bfe0d8d2d5e2", "Привет"),
        (7, "f9ece5ed", "שלום"),
        (9, "82b1", "こ"),
        (0x0A, "1b2442244b1b2842", "に"),
        (0x0D, "8fb0a1", "丂"),
        (0x0E, "bec8b3e7", "안녕"),
        (0x0E, "6869", "hi"),
        (0x20, "00ff", "AP8="),
        (8, "feff00680069", "hi"),
        (8, "fffe68006900", "hi"),
        (1, "efbbbf53544f50", "STOP"),
        (0, "fffe530054004f005000", "STOP"),
        (0, "c3a9", "é"),
        (3, "80", "€"),
    ],
)
def test_texts_by_data_coding(data_coding: int, octets: str, text: str) -> None:
    assert mobile(deliver(bytes.fromhex(octets), data_coding=data_coding)).text == text


def test_the_payload_counts_where_there_is_one() -> None:
    payload = {Tag.MESSAGE_PAYLOAD: b"x" * 300}
    assert mobile(deliver(b"", parameters=payload)).text == "x" * 300
    assert mobile(DataMessage(source="1", destination="2", parameters=payload)).text == "x" * 300
    assert mobile(DataMessage(source="1", destination="2")).text == ""
    assert mobile(deliver(b"hi", parameters={Tag.MESSAGE_PAYLOAD: b""})).text == "hi"


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
    ],
)
def test_user_data_headers(udh: str, concatenation: Concatenation | None) -> None:
    header = bytes.fromhex(udh)
    found = mobile(deliver(header + b"hi", esm_class=0x40))
    assert (found.concatenation, found.octets, found.header_octets) == (concatenation, b"hi", len(header))


@pytest.mark.parametrize(
    ("octets", "data_coding", "text"),
    [
        ("", 0, ""),
        ("05", 0, "é"),
        ("0500030702", 0, "é@¥ì$"),
        ("050004070201", 0, "é@èì$£"),
        ("53544f50", 0, "STOP"),
        ("0135" + b" please come".hex(), 0, "£5 please come"),
        ("0148", 0, "£H"),
        ("00" + b"home".hex(), 0, "@home"),
        ("0200036869", 0, "$@¥hi"),
        ("04000002" + b"hello".hex(), 0, "è@@$hello"),
        ("0148006900", 3, "\x01H\0i\0"),
        ("0168", 5, "\x01h"),
        ("01300031", 8, "İ1"),
        ("00530054004f0050", 8, "STOP"),
        ("01610062", 8, "šb"),
        ("0421043f", 8, "\u0421п"),
        ("05d005d105d205d305d405d5", 8, "אבגדהו"),
    ],
)
def test_a_header_that_is_none_is_text(octets: str, data_coding: int, text: str) -> None:
    found = mobile(deliver(bytes.fromhex(octets), esm_class=0x40, data_coding=data_coding))
    assert (found.text, found.header_octets, found.concatenation) == (text, 0, None)


@pytest.mark.parametrize(
    ("elements", "octets", "text"),
    [
        ("240101", "1b671b69", "ğı"),
        ("250101", "0b1c1d", "ĞŞş"),
        ("240102", "611b61", "aá"),
        ("240103250103", "1b7b0960", "ãç~"),
        ("250106240106", "15501b1c", "कि"[0] + "\u093e" + "०"),
        ("25010d", "00014c", "\u0627\u0622\u06b1"),
        ("2401ff", "1b65", "€"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_national_tables(elements: str, octets: str, text: str, packed: bool) -> None:
    header = bytes((len(elements) // 2,)) + bytes.fromhex(elements)
    septets = bytes.fromhex(octets)
    body = deliver(header + (pack(septets, len(header)) if packed else septets), esm_class=0x40)
    assert mobile(body, default_coding="packed" if packed else "unpacked").text == text


@given(st.binary(max_size=60), st.integers(0, 255), st.integers(0, 255))
def test_every_message_can_be_read(octets: bytes, esm_class: int, data_coding: int) -> None:
    found = parse(deliver(octets, esm_class=esm_class, data_coding=data_coding), ROUTE)
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


RECEIPT = b"id:1 stat:DELIVRD"


@pytest.mark.parametrize(
    ("esm_class", "kind"),
    [
        (0x04, ReceiptMessage),
        (0x20, ReceiptMessage),
        (0x24, ReceiptMessage),
        (0x44, ReceiptMessage),
        (0x08, HandsetAcknowledgement),
        (0x00, MobileMessage),
        (0x18, MobileMessage),
    ],
)
def test_messages_by_their_type(esm_class: int, kind: type) -> None:
    assert isinstance(parse(deliver(RECEIPT, esm_class=esm_class), ROUTE), kind)


def test_an_intermediate_receipt_is_marked() -> None:
    for esm_class, intermediate in ((0x04, False), (0x20, True), (0x24, False)):
        found = parse(deliver(RECEIPT, esm_class=esm_class), ROUTE)
        assert isinstance(found, ReceiptMessage)
        assert found.intermediate is intermediate


def test_a_receipted_id_makes_it_a_receipt() -> None:
    parameters = {Tag.RECEIPTED_MESSAGE_ID: b"1\0"}
    found = parse(deliver(b"", parameters=parameters), ROUTE)
    assert isinstance(found, ReceiptMessage)
    assert (found.found.text, found.parameters, found.number) == ("", parameters, "12345")


@pytest.mark.parametrize("data_coding", [0, 3, 4, 8])
@pytest.mark.parametrize("codec", ["ascii", "utf-16-be", "utf-16-le"])
def test_a_receipt_may_be_written_in_any_alphabet(data_coding: int, codec: str) -> None:
    text = RECEIPT.decode().encode(codec)
    found = parse(deliver(text, esm_class=4, data_coding=data_coding), ROUTE)
    assert isinstance(found, ReceiptMessage)
    assert found.found.fields == {"id": "1", "stat": "DELIVRD"}


def test_a_receipt_may_have_a_header_in_front() -> None:
    found = parse(deliver(bytes.fromhex("050003070201") + RECEIPT, esm_class=0x44), ROUTE)
    assert isinstance(found, ReceiptMessage)
    assert found.found.text == RECEIPT.decode()


@pytest.mark.parametrize("esm_class", [0x00, 0x08])
@pytest.mark.parametrize("octets", [RECEIPT, RECEIPT.decode().encode("utf-16-be"), b"\3\x24\1\1" + RECEIPT])
def test_a_text_that_looks_like_a_receipt_may_be_one(esm_class: int, octets: bytes) -> None:
    found = parse(deliver(octets, esm_class=esm_class), ROUTE)
    assert isinstance(found, MobileMessage | HandsetAcknowledgement)
    assert found.receipt is not None
    assert found.receipt.found.fields == {"id": "1", "stat": "DELIVRD"}


@pytest.mark.parametrize(
    "text",
    [
        "id=12 stat=DELIVRD",
        "id: 12 status: DELIVERED",
        "ID :12 Stat : DELIVRD",
        "id:12;state:2",
        "id:12 sub:001 dlvrd:001 text:",
        "id:12 sub:001 dlvrd:000 err:005",
        "id:12 error=5",
    ],
)
@pytest.mark.parametrize("codec", ["ascii", "utf-16-be", "utf-16-le"])
def test_a_text_may_be_a_receipt_in_every_spelling_that_is_read(text: str, codec: str) -> None:
    found = mobile(deliver(text.encode(codec), data_coding=0 if codec == "ascii" else 8)).receipt
    assert found is not None
    assert found.found.fields["id"] == "12"
    if codec == "ascii":
        packed = mobile(deliver(pack(text.encode())), default_coding="packed").receipt
        assert packed is not None
        assert packed.found.fields == found.found.fields


@pytest.mark.parametrize(
    "octets",
    [b"at 5: paid: 12, status: fine", b"id: 5", b"stat: 5", b"grid=1 stat=2", b"id: err:"],
)
def test_a_text_with_some_keys_of_a_receipt_is_none(octets: bytes) -> None:
    assert mobile(deliver(octets)).receipt is None


@pytest.mark.parametrize("octets", [b"hi", b"my id: none, my stat: none"[:9], b"id: stat: 5"])
def test_a_text_that_does_not_look_like_a_receipt_is_none(octets: bytes) -> None:
    assert mobile(deliver(octets)).receipt is None
    assert mobile(deliver(pack(octets)), default_coding="packed").receipt is None


def segment(
    number: int,
    octets: bytes,
    total: int = 3,
    alphabet: Alphabet = Alphabet.UCS2,
    received: int = 5,
    shifts: Shifts = NO_SHIFTS,
) -> InboundSegment:
    concatenation = Concatenation(7, total, number)
    found = MobileMessage("+15005550100", "12345", octets, alphabet, 6, concatenation, shifts)
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


def test_parts_are_read_with_their_own_tables() -> None:
    turkish, spanish = Shifts(single=1), Shifts(single=2)
    segments = [
        segment(1, b"a\x1b", 3, Alphabet.GSM, shifts=turkish),
        segment(2, b"g", 3, Alphabet.GSM, shifts=turkish),
        segment(3, b"\x1ba", 3, Alphabet.GSM, shifts=spanish),
    ]
    assert join(segments).text == "ağá"


@pytest.mark.parametrize("codec", ["utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("marks", [1, 3])
def test_a_mark_in_front_of_parts_counts_for_all(codec: str, marks: int) -> None:
    texts = [("\ufeff" if number < marks else "") + f"я{number}" for number in range(3)]
    parts = [segment(number, text.encode(codec)) for number, text in enumerate(texts, 1)]
    assert join(parts).text == "я0я1я2"


def test_parts_of_a_message_that_was_passed_on_are_recognized() -> None:
    first, last, other = segment(1, b"a", 2), segment(2, b"b", 2), segment(2, b"c", 2)
    digests = {1: first.digest, 2: last.digest}
    assert repeated([last], digests)
    assert repeated([first, last], digests)
    assert not repeated([first, other], digests)
    assert not repeated([last], {})
