"""SMPP PDUs: samples of other encoders, round trips of every command, and each way to be malformed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.smpp import pdu_bodies as b
from trunkline.transports.smpp.commands import RESPONSE, Command, CommandStatus, Tag, status_name
from trunkline.transports.smpp.pdu import BadPdu, Fault, Pdu, decode, encode, encode_body, frame

BIND = "0000001c000000090000000000000001737973007077000034000000"
HI = (
    "0000003c0000000400000000000000020001013135303035353530303036000101313530303535353031303000000000000001000000"
    "054869201b65"
)
PART = (
    "0000003900000004000000000000000300050041434d450001013434373430303132333435360040000000000100080008050003070"
    "201044f"
)
SAMPLES = [
    (BIND, Pdu(Command.BIND_TRANSCEIVER, 0, 1, b.BindRequest("sys", "pw"))),
    (
        HI,
        Pdu(
            Command.SUBMIT_SM,
            0,
            2,
            b.ShortMessage(
                source_ton=1,
                source_npi=1,
                source="15005550006",
                destination_ton=1,
                destination_npi=1,
                destination="15005550100",
                registered_delivery=1,
                short_message=b"Hi \x1be",
            ),
        ),
    ),
    (
        PART,
        Pdu(
            Command.SUBMIT_SM,
            0,
            3,
            b.ShortMessage(
                source_ton=5,
                source="ACME",
                destination_ton=1,
                destination_npi=1,
                destination="447400123456",
                esm_class=0x40,
                registered_delivery=1,
                data_coding=8,
                short_message=bytes.fromhex("050003070201044f"),
            ),
        ),
    ),
    ("00000010000000150000000000000007", Pdu(Command.ENQUIRE_LINK, 0, 7)),
    ("00000015800000040000000000000009" + "6162633100", Pdu(0x80000004, 0, 9, b.MessageResponse("abc1"))),
    ("00000010800000040000005800000009", Pdu(0x80000004, 0x58, 9)),
    ("00000010800000000000000300000001", Pdu(Command.GENERIC_NACK, 3, 1)),
]


@pytest.mark.parametrize(("octets", "pdu"), SAMPLES)
def test_samples_are_read_and_written(octets: str, pdu: Pdu) -> None:
    assert decode(bytes.fromhex(octets)) == pdu
    assert encode(pdu).hex() == octets


def _text(most: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=most - 1)


OCTET = st.integers(0, 255)
PARAMETERS = st.dictionaries(st.sampled_from(sorted(Tag)), st.binary(max_size=300), max_size=4)
DESTINATIONS = st.lists(
    st.one_of(
        st.builds(b.Destination, _text(21), OCTET, OCTET, st.just(False)),
        st.builds(b.Destination, _text(21), st.just(0), st.just(0), st.just(True)),
    ),
    max_size=5,
).map(tuple)
FAILURES = st.lists(
    st.builds(b.UnsuccessfulDestination, OCTET, OCTET, _text(21), st.integers(0, 2**32 - 1)), max_size=5
).map(tuple)


@st.composite
def pdus(draw: st.DrawFn) -> Pdu:
    command = draw(st.sampled_from(sorted(b.SHAPES)))
    shape = b.SHAPES[command]
    values: list[Any] = [draw(_text(field.limit) if field.limit else OCTET) for field in shape.fields]
    if shape.lists_at >= 0:
        values.insert(shape.lists_at, draw(DESTINATIONS if shape.body is b.SubmitMulti else FAILURES))
    if shape.short_message:
        values.append(draw(st.binary(max_size=254)))
    if shape.parameters:
        values.append(draw(PARAMETERS))
    number = st.integers(0, 2**32 - 1)
    return Pdu(command, draw(number), draw(number), shape.body(*values))


@given(pdus())
def test_every_command_survives_the_round_trip(pdu: Pdu) -> None:
    assert decode(encode(pdu)) == pdu


def test_every_command_has_a_shape() -> None:
    unanswered = (Command.OUTBIND, Command.ALERT_NOTIFICATION, Command.GENERIC_NACK)
    for command in Command:
        assert command in b.SHAPES
        assert (command | RESPONSE in b.SHAPES) == (command not in unanswered[:2])


@given(st.binary(max_size=80), st.sampled_from([*sorted(b.SHAPES), 0x99, 0x80000099]))
def test_garbage_raises_nothing_else(body: bytes, command: int) -> None:
    for data in (body, frame(command, 0, 1, body)):
        bad = None
        try:
            assert decode(data).command == command
        except BadPdu as error:
            bad = error
        if bad is not None and bad.response is not None:
            assert decode(bad.response).status == bad.status


def _broken(command: int, body: bytes) -> tuple[BadPdu, Pdu | None]:
    with pytest.raises(BadPdu) as caught:
        decode(frame(command, 0, 5, body))
    bad = caught.value
    return bad, decode(bad.response) if bad.response else None


GOOD = encode_body(Command.SUBMIT_SM, b.ShortMessage(source="1", destination="2", short_message=b"abc"))
LONG = b"1" * 21
MALFORMED = [
    (b"CMT123\0" + bytes(40), Fault.UNTERMINATED, CommandStatus.RINVSERTYP),
    (b"\0\1\1" + LONG + bytes(30), Fault.UNTERMINATED, CommandStatus.RINVSRCADR),
    (b"\0\1\1\0\1\1" + LONG + bytes(30), Fault.UNTERMINATED, CommandStatus.RINVDSTADR),
    (b"\0\1\1\0\1\1\0\0\0\0" + b"2" * 17 + bytes(30), Fault.UNTERMINATED, CommandStatus.RINVSCHED),
    (b"\0\1\1\0\1\1\0\0\0\0\0" + b"2" * 17 + bytes(30), Fault.UNTERMINATED, CommandStatus.RINVEXPIRY),
    (b"", Fault.TRUNCATED, CommandStatus.RINVCMDLEN),
    (GOOD[:3], Fault.TRUNCATED, CommandStatus.RINVCMDLEN),
    (GOOD[:-4], Fault.TRUNCATED, CommandStatus.RINVCMDLEN),
    (GOOD[:-1], Fault.MESSAGE_LENGTH, CommandStatus.RINVMSGLEN),
    (GOOD[:-4] + b"\xff" + bytes(255), Fault.MESSAGE_LENGTH, CommandStatus.RINVMSGLEN),
    (GOOD + b"\x04", Fault.PARAMETERS, CommandStatus.RINVOPTPARSTREAM),
    (GOOD + b"\x04\x27\x00\x02\x01", Fault.PARAMETERS, CommandStatus.RINVOPTPARSTREAM),
]


@pytest.mark.parametrize(("body", "fault", "status"), MALFORMED)
def test_a_malformed_body_is_answered_with_what_is_wrong(
    body: bytes, fault: Fault, status: CommandStatus
) -> None:
    bad, response = _broken(Command.SUBMIT_SM, body)
    assert (bad.fault, bad.status) == (fault, status)
    assert response == Pdu(Command.SUBMIT_SM | RESPONSE, status, 5)


@pytest.mark.parametrize(
    ("body", "source", "text", "parameters"),
    [
        (GOOD + b"\x04", "1", b"abc", {}),
        (GOOD + b"\x04\x27\x00\x02\x01", "1", b"abc", {}),
        (GOOD + b"\x04\x27\x00\x01\x05\0\0\0", "1", b"abc", {Tag.MESSAGE_STATE: b"\5"}),
        (GOOD[:-1], "1", b"ab", {}),
        (GOOD[:-4] + b"\xff" + b"x" * 255, "1", b"x" * 255, {}),
        (GOOD[:-4] + b"\xff" + b"x" * 9, "1", b"x" * 9, {}),
        (b"\0\1\1" + LONG + GOOD[4:], LONG.decode(), b"abc", {}),
        (b"CMT123" + GOOD, "1", b"abc", {}),
    ],
)
def test_a_message_from_a_phone_is_read_as_far_as_it_can_be(
    body: bytes, source: str, text: bytes, parameters: dict[int, bytes]
) -> None:
    found = decode(frame(Command.DELIVER_SM, 0, 5, body)).body
    assert isinstance(found, b.ShortMessage)
    assert (found.source, found.short_message, found.parameters) == (source, text, parameters)


def test_a_message_from_a_phone_without_a_text_is_malformed() -> None:
    for size in range(len(GOOD) - 4):
        assert _broken(Command.DELIVER_SM, GOOD[:size])[0].fault is Fault.TRUNCATED


@pytest.mark.parametrize("command", [0x00, 0x99, 0x1234])
def test_an_unknown_command_is_nacked(command: int) -> None:
    bad, response = _broken(command, b"")
    assert bad.fault is Fault.COMMAND
    assert response == Pdu(Command.GENERIC_NACK, CommandStatus.RINVCMDID, 5)


def test_a_malformed_or_unknown_response_is_not_answered() -> None:
    assert _broken(Command.SUBMIT_SM | RESPONSE, b"abc")[1] is None
    assert _broken(0x80000099, b"")[1] is None


@pytest.mark.parametrize("data", [b"", bytes(15), frame(Command.ENQUIRE_LINK, 0, 1) + b"\0"])
def test_a_length_that_does_not_fit_is_a_fault_of_the_header(data: bytes) -> None:
    with pytest.raises(BadPdu) as caught:
        decode(data)
    assert caught.value.fault is Fault.HEADER
    assert decode(caught.value.response or b"").command == Command.GENERIC_NACK


@pytest.mark.parametrize(
    ("body", "fault", "status"),
    [
        (b"\0\0\0\0\1\3", Fault.DESTINATION, CommandStatus.RINVDESTFLAG),
        (b"\0\0\0\0\1\1\1\1" + b"5" * 25, Fault.UNTERMINATED, CommandStatus.RINVDSTADR),
        (b"\0\0\0\0\1\2" + b"x" * 25, Fault.UNTERMINATED, CommandStatus.RINVDLNAME),
        (b"\0\0\0\0\1", Fault.TRUNCATED, CommandStatus.RINVCMDLEN),
        (b"\0\0\0\0", Fault.TRUNCATED, CommandStatus.RINVCMDLEN),
    ],
)
def test_a_malformed_list_of_destinations_is_found(body: bytes, fault: Fault, status: CommandStatus) -> None:
    bad, _ = _broken(Command.SUBMIT_MULTI, body)
    assert (bad.fault, bad.status) == (fault, status)


def test_a_cut_list_of_failures_is_found() -> None:
    bad, _ = _broken(Command.SUBMIT_MULTI | RESPONSE, b"id\0\1\1\1" + b"5\0\0\0")
    assert bad.fault is Fault.TRUNCATED


def test_unknown_parameters_are_skipped_and_the_last_of_two_counts() -> None:
    tail = bytes.fromhex("1400000101" + "0427000102" + "3fff0000" + "0427000105")
    pdu = decode(frame(Command.DELIVER_SM, 0, 1, GOOD + tail))
    assert isinstance(pdu.body, b.ShortMessage)
    assert pdu.body.parameters == {Tag.MESSAGE_STATE: b"\5"}


def test_octets_behind_a_body_without_parameters_are_ignored() -> None:
    assert decode(frame(Command.ENQUIRE_LINK, 0, 1, b"more")) == Pdu(Command.ENQUIRE_LINK, 0, 1)


@pytest.mark.parametrize(
    ("command", "body"),
    [
        (Command.SUBMIT_SM, b.ShortMessage(short_message=bytes(255))),
        (Command.SUBMIT_SM, b.ShortMessage(destination="1" * 21)),
        (Command.SUBMIT_SM, b.ShortMessage(source="a\0b")),
        (Command.SUBMIT_SM, b.ShortMessage(source="я")),
        (Command.SUBMIT_SM, b.ShortMessage(esm_class=256)),
        (Command.SUBMIT_MULTI, b.SubmitMulti(destinations=(b.Destination("1"),) * 255)),
    ],
)
def test_what_cannot_be_written_is_refused(command: int, body: b.Body) -> None:
    with pytest.raises(ValueError):
        encode_body(command, body)


def test_statuses_are_named() -> None:
    assert status_name(0x58) == "ESME_RTHROTTLED (0x58)"
    assert status_name(0x405) == "status 0x405"


def test_a_message_cut_off_anywhere_is_a_fault() -> None:
    whole = bytes.fromhex(HI)
    for size in range(16, len(whole)):
        with pytest.raises(BadPdu):
            decode(frame(Command.SUBMIT_SM, 0, 2, whole[16:size]))


def test_the_destinations_that_were_rejected_come_back_as_they_were_written() -> None:
    body = b.SubmitMultiResponse("id", (b.UnsuccessfulDestination(1, 1, "15005550100", 0x0B),) * 2)
    command = Command.SUBMIT_MULTI | RESPONSE
    assert decode(encode(Pdu(command, 0, 1, body))).body == body


def test_each_kind_of_destination_comes_back_as_it_was_written() -> None:
    body = b.SubmitMulti(destinations=(b.Destination("15005550100", 1, 1), b.Destination("all", listed=True)))
    assert decode(encode(Pdu(Command.SUBMIT_MULTI, 0, 1, body))).body == body
