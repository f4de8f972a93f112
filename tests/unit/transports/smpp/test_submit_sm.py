"""From messages to submit_sm, each option of a route with its effect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.products.messaging.text.segments import segment
from trunkline.transports.base import Encoding, SenderKind
from trunkline.transports.smpp.commands import Command, Tag
from trunkline.transports.smpp.pdu import encode_body
from trunkline.transports.smpp.pdu_bodies import ShortMessage
from trunkline.transports.smpp.submit_sm import bodies, relative_time, split_ucs2
from unit.transports.smpp.routes import route, submission


def test_a_plain_message() -> None:
    assert bodies(submission(), route()) == [
        ShortMessage(
            source_ton=1,
            source_npi=1,
            source="15005550006",
            destination_ton=1,
            destination_npi=1,
            destination="15005550100",
            registered_delivery=1,
            short_message=b"Hi \x1be",
        )
    ]


def test_parts_have_a_header_of_six_octets() -> None:
    parts = ("a" * 153, "b" * 153, "c")
    found = bodies(submission(*parts), route())
    assert [body.short_message[:6].hex() for body in found] == [
        "050003070301",
        "050003070302",
        "050003070303",
    ]
    assert [body.short_message[6:].decode() for body in found] == list(parts)
    assert {(body.esm_class, body.data_coding) for body in found} == {(0x40, 0)}


def test_ucs2_goes_big_endian() -> None:
    (one,) = bodies(submission("я😀", encoding=Encoding.UCS2), route())
    assert (one.data_coding, one.esm_class, one.short_message.hex()) == (8, 0, "044fd83dde00")
    first, second = bodies(submission("я" * 67, "ж", encoding=Encoding.UCS2), route())
    assert len(first.short_message) == 140
    assert second.short_message.hex() == "0500030702020436"


def test_parts_may_be_told_by_parameters() -> None:
    found = bodies(submission("a" * 153, "b", reference=200), route(concatenation="sar"))
    assert [body.parameters for body in found] == [
        {Tag.SAR_MSG_REF_NUM: b"\0\xc8", Tag.SAR_TOTAL_SEGMENTS: b"\2", Tag.SAR_SEGMENT_SEQNUM: b"\1"},
        {Tag.SAR_MSG_REF_NUM: b"\0\xc8", Tag.SAR_TOTAL_SEGMENTS: b"\2", Tag.SAR_SEGMENT_SEQNUM: b"\2"},
    ]
    assert [(body.esm_class, body.short_message) for body in found] == [(0, b"a" * 153), (0, b"b")]


def test_the_whole_may_go_as_one_payload() -> None:
    (one,) = bodies(submission("a" * 153, "€"), route(concatenation="payload"))
    assert (one.esm_class, one.short_message) == (0, b"")
    assert one.parameters == {Tag.MESSAGE_PAYLOAD: b"a" * 153 + b"\x1be"}
    (short,) = bodies(submission("a"), route(concatenation="payload"))
    assert (short.short_message, short.parameters) == (b"a", {})


def test_septets_may_be_packed() -> None:
    (one,) = bodies(submission("hellohello"), route(text_coding="packed"))
    assert (one.data_coding, one.short_message.hex()) == (0, "e8329bfd4697d9ec37")
    first, _ = bodies(submission("a" * 153, "b"), route(text_coding="packed"))
    assert len(first.short_message) == 140


def test_a_text_may_go_as_latin1() -> None:
    (one,) = bodies(submission("Grüße"), route(text_coding="latin1"))
    assert (one.data_coding, one.short_message) == (3, "Grüße".encode("latin-1"))


def test_what_latin1_lacks_goes_as_ucs2_in_new_parts() -> None:
    found = bodies(submission("€" + "a" * 151, "b" * 10), route(text_coding="latin1"))
    assert {body.data_coding for body in found} == {8}
    assert [len(body.short_message) for body in found] == [140, 140, 6 + 28 * 2]
    text = "".join(body.short_message[6:].decode("utf-16-be") for body in found)
    assert text == "€" + "a" * 151 + "b" * 10


@given(st.text(st.sampled_from("a€я😀"), max_size=300))
def test_ucs2_is_split_without_cutting_a_pair(text: str) -> None:
    parts = split_ucs2(text)
    assert "".join(parts) == text
    most = 70 if len(parts) == 1 else 67
    assert all(len(part.encode("utf-16-be")) <= 2 * most for part in parts)


@pytest.mark.parametrize(
    ("kind", "sender", "expected"),
    [
        (SenderKind.NUMBER, "+15005550006", (1, 1, "15005550006")),
        (SenderKind.SHORT_CODE, "12345", (3, 0, "12345")),
        (SenderKind.ALPHANUMERIC, "ACME", (5, 0, "ACME")),
    ],
)
def test_senders_by_their_kind(kind: SenderKind, sender: str, expected: tuple[int, int, str]) -> None:
    (one,) = bodies(submission(sender=sender, sender_kind=kind), route())
    assert (one.source_ton, one.source_npi, one.source) == expected


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        (SenderKind.NUMBER, "number"),
        (SenderKind.SHORT_CODE, "short_code"),
        (SenderKind.ALPHANUMERIC, "alpha"),
    ],
)
def test_types_of_senders_may_be_set(kind: SenderKind, option: str) -> None:
    options = {f"{option}_ton": 6, f"{option}_npi": 9}
    (one,) = bodies(submission(sender_kind=kind), route(**options))
    assert (one.source_ton, one.source_npi) == (6, 9)


def test_addresses_of_recipients_may_be_set() -> None:
    (one,) = bodies(submission(), route(recipient_ton=0, recipient_npi=2, keep_plus=True))
    assert (one.destination_ton, one.destination_npi, one.destination) == (0, 2, "+15005550100")
    assert one.source == "+15005550006"


@pytest.mark.parametrize(("receipts", "registered"), [("final", 0x01), ("all", 0x11), ("none", 0x00)])
def test_receipts_are_asked_for(receipts: str, registered: int) -> None:
    found = bodies(submission("a", "b"), route(receipts=receipts))
    assert {body.registered_delivery for body in found} == {registered}


def test_the_service_type_goes_with_each() -> None:
    assert bodies(submission(), route(service_type="WAP"))[0].service_type == "WAP"


def test_validity_is_told_on_demand() -> None:
    assert bodies(submission(valid_for=36_000.0), route())[0].validity == ""
    assert bodies(submission(), route(send_validity=True))[0].validity == ""
    validity = bodies(submission(valid_for=36_000.0), route(send_validity=True))[0].validity
    assert validity == "000000100000000R"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "000000000001000R"),
        (61.9, "000000000101000R"),
        (90_061, "000001010101000R"),
        (1e9, "000030000000000R"),
    ],
)
def test_relative_times(seconds: float, text: str) -> None:
    assert relative_time(seconds) == text


def test_a_message_without_text_is_one_empty_part() -> None:
    assert bodies(submission("x", segments=()), route())[0].short_message == b""


def test_the_sample_of_a_part() -> None:
    message = submission(
        "я",
        "ж",
        sender="ACME",
        sender_kind=SenderKind.ALPHANUMERIC,
        recipient="+447400123456",
        encoding=Encoding.UCS2,
    )
    body = encode_body(Command.SUBMIT_SM, bodies(message, route())[0])
    assert body.hex() == (
        "00050041434d450001013434373430303132333435360040000000000100080008050003070201044f"
    )


@pytest.mark.parametrize("text", ["€" * 80, "Ω" + "a" * 200, "a" * 161, "[" * 81, "я" * 71, "ç" * 100])
@pytest.mark.parametrize("coding", ["unpacked", "packed", "latin1"])
def test_as_many_are_submitted_as_segments_were_counted(text: str, coding: str) -> None:
    options = route(text_coding=coding)
    counted = segment(text, options.lacks)
    made = bodies(submission(*counted.parts, encoding=counted.encoding), options)
    assert len(made) == len(counted.parts)
    # The codings without a character send its message as UCS-2 in any case.
    composed_for_another = segment(text)
    again = bodies(submission(*composed_for_another.parts, encoding=composed_for_another.encoding), options)
    assert [body.data_coding for body in again] == [body.data_coding for body in made]
