"""Delivery receipts in their dialects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.base import Receipt, ReceiptState
from trunkline.transports.smpp.alphabet import Alphabet, encode
from trunkline.transports.smpp.commands import Tag
from trunkline.transports.smpp.pdu_bodies import Parameters
from trunkline.transports.smpp.receipts import (
    GSM_ERRORS,
    Dialect,
    IdBase,
    canonical_error,
    parse_receipt,
    read_text,
    receipt_id,
    response_id,
)

PLAIN = (
    "id:0123456789 sub:001 dlvrd:001 submit date:2611210700 done date:2611210701 stat:DELIVRD err:000 text:Hi"
)
DIALECT = Dialect("main")


def read(
    text: str, parameters: Parameters | None = None, dialect: Dialect = DIALECT, *, intermediate: bool = False
) -> Receipt | None:
    octets = text.encode("latin-1", "replace")
    return parse_receipt(
        read_text(octets, Alphabet.LATIN1), parameters or {}, dialect, intermediate=intermediate
    )


def parsed(
    text: str, parameters: Parameters | None = None, dialect: Dialect = DIALECT
) -> tuple[object, ...] | None:
    receipt = read(text, parameters, dialect)
    return receipt and (receipt.id, receipt.state.name, receipt.error_code, receipt.done_date)


def undelivered(stat: str, err: str = "000", dialect: Dialect = DIALECT) -> int | None:
    receipt = read(f"id:1 stat:{stat} err:{err}", {}, dialect)
    assert receipt is not None
    assert receipt.state is ReceiptState.UNDELIVERED
    return receipt.error_code


def test_the_form_of_the_specification() -> None:
    expected = Receipt("main", "123456789", ReceiptState.DELIVERED, None, "2611210701", PLAIN)
    assert read(PLAIN) == expected


DELIVERED = ("1", "DELIVERED", None, "")


@pytest.mark.parametrize(
    "text",
    [
        "id:1 stat:DELIVRD",
        "ID:1 STAT:delivrd",
        "stat:DELIVRD id:1",
        "id:1 sub: dlvrd: submit date: done date: stat:DELIVRD err: text:",
        "id:1 vendor:x stat:DELIVRD",
        "  id: 0001  stat: DELIVRD",
        "id:1\nstat:DELIVRD\n",
        "id:1 stat:DELIVERED",
        "id:1 stat:2",
        "id:1 stat:002",
        "id:1 stat:DELIVRD Text:id:2 stat:UNDELIV",
        "id:1 stat:DELIVRD id:2 stat:UNDELIV",
        "id:1,sub:001,dlvrd:001,stat:DELIVRD,err:000",
        "id:1;stat:DELIVRD;text:id:2",
        'id:"1" stat:"DELIVRD"',
        "id : 1 stat : DELIVRD",
        "id=1 stat=DELIVRD",
        "id:1 status:DELIVERED error:0",
        "id:1 stat:DELIVERD",
        "id:1 stat:DELIVRED.",
        "id:1 stat:DLVRD",
        "text:Hello id:1 stat:DELIVRD",
        "id:1 sub:001 dlvrd:001 err:000 text:",
        "id:1 dlvrd:1",
    ],
)
def test_dialects_of_the_text(text: str) -> None:
    assert parsed(text) == DELIVERED


@pytest.mark.parametrize(
    "date", ["done date:261121070105", "done_date:2611210701", "donedate:2611210701", "Done Date:2611210701"]
)
def test_done_dates(date: str) -> None:
    assert parsed(f"id:1 {date} stat:DELIVRD") == ("1", "DELIVERED", None, "2611210701")
    assert parsed(f"id:1 {date} stat:UNDELIV") == ("1", "UNDELIVERED", 30008, "2611210701")


STATES = {
    "SCHEDULED": ("ENROUTE", None),
    "ENROUTE": ("ENROUTE", None),
    "ACCEPTD": ("ENROUTE", None),
    "ACCEPTED": ("ENROUTE", None),
    "DELIVRD": ("DELIVERED", None),
    "EXPIRED": ("UNDELIVERED", 30003),
    "DELETED": ("UNDELIVERED", 30008),
    "UNKNOWN": ("UNDELIVERED", 30008),
    "UNDELIV": ("UNDELIVERED", 30008),
    "UNDELIVERABLE": ("UNDELIVERED", 30008),
    "REJECTD": ("UNDELIVERED", 30004),
    "REJECTED": ("UNDELIVERED", 30004),
    "BUFFERED": ("ENROUTE", None),
    "SKIPPED": ("UNDELIVERED", 30008),
    "FAILED": ("UNDELIVERED", 30008),
    "BLACKLST": ("UNDELIVERED", 30008),
    "NONSENSE": ("UNDELIVERED", 30008),
    "9": ("UNDELIVERED", 30008),
    "77": ("UNDELIVERED", 30008),
    "": ("UNDELIVERED", 30008),
}


@pytest.mark.parametrize(("word", "expected"), STATES.items())
def test_states(word: str, expected: tuple[str, int | None]) -> None:
    found = parsed(f"id:1 stat:{word} err:000")
    assert found is not None
    assert found[1:3] == expected


@pytest.mark.parametrize(
    ("number", "state"),
    list(
        enumerate(("ENROUTE", "ENROUTE", "DELIVERED", *["UNDELIVERED"] * 3, "ENROUTE", *["UNDELIVERED"] * 14))
    ),
)
def test_states_as_parameters(number: int, state: str) -> None:
    found = parsed("", {Tag.RECEIPTED_MESSAGE_ID: b"77\0", Tag.MESSAGE_STATE: bytes((number,))})
    assert found is not None
    assert found[:2] == ("77", state)


def test_parameters_win_over_the_text() -> None:
    parameters = {
        Tag.RECEIPTED_MESSAGE_ID: b"00AB\0",
        Tag.MESSAGE_STATE: b"\5",
        Tag.NETWORK_ERROR_CODE: b"\3\0\1",
    }
    assert parsed(PLAIN, parameters) == ("ab", "UNDELIVERED", 30005, "2611210701")


def test_parameters_that_say_nothing_leave_it_to_the_text() -> None:
    parameters = {
        Tag.RECEIPTED_MESSAGE_ID: b"\0",
        Tag.MESSAGE_STATE: b"\x63",
        Tag.NETWORK_ERROR_CODE: b"\3\0\0",
    }
    assert parsed("id:1 stat:UNDELIV err:006", parameters) == ("1", "UNDELIVERED", 30003, "")


@pytest.mark.parametrize("text", ["", "garbage", "id: stat:DELIVRD", "stat:DELIVRD"])
def test_without_an_id_it_is_no_receipt(text: str) -> None:
    assert parsed(text) is None


def test_an_intermediate_receipt_without_a_known_state_is_on_its_way() -> None:
    for text in ("id:1", "id:1 stat:", "id:1 stat:NONSENSE"):
        found = read(text, intermediate=True)
        assert found is not None
        assert found.state is ReceiptState.ENROUTE
    final = read("id:1 stat:DELIVRD", intermediate=True)
    assert final is not None
    assert final.state is ReceiptState.DELIVERED


UDH = bytes.fromhex("050003070201")
BOM = "\ufeff"
READINGS = {
    "as declared": PLAIN.encode(),
    "UTF-16, the most significant octet first": PLAIN.encode("utf-16-be"),
    "UTF-16, the least significant octet first": PLAIN.encode("utf-16-le"),
    "a mark in front": (BOM + PLAIN).encode("utf-16-le"),
    "UTF-8 with a mark": (BOM + PLAIN).encode(),
    "GSM": encode(PLAIN.replace("done date", "done_date"), Alphabet.GSM),
    "packed GSM": encode(PLAIN, Alphabet.GSM_PACKED),
    "an end of NULs": PLAIN.encode() + b"\0\0",
    "a header that nothing announces": UDH + PLAIN.encode(),
    "a header in front of UTF-16": UDH + PLAIN.encode("utf-16-be"),
    "a header in front of packed GSM": UDH + encode(PLAIN, Alphabet.GSM_PACKED, len(UDH)),
    "other text in Latin-1": PLAIN.encode() + b" caf\xe9",
}


@pytest.mark.parametrize("declared", list(Alphabet), ids=lambda one: one.value)
@pytest.mark.parametrize("octets", READINGS.values(), ids=list(READINGS))
def test_the_alphabet_is_the_one_in_which_it_can_be_read(octets: bytes, declared: Alphabet) -> None:
    receipt = parse_receipt(read_text(octets, declared), {}, DIALECT)
    assert receipt is not None
    assert (receipt.id, receipt.state, receipt.done_date) == (
        "123456789",
        ReceiptState.DELIVERED,
        "2611210701",
    )


def test_an_announced_header_may_be_missing() -> None:
    for octets in (PLAIN.encode(), UDH + PLAIN.encode()):
        assert read_text(octets, Alphabet.UCS2, len(UDH)).fields["id"] == "0123456789"


@given(st.binary(max_size=200), st.sampled_from(list(Alphabet)), st.integers(0, 20), st.binary(max_size=5))
def test_no_octets_break_the_reader(octets: bytes, declared: Alphabet, header: int, parameter: bytes) -> None:
    parameters = {
        Tag.MESSAGE_STATE: parameter,
        Tag.NETWORK_ERROR_CODE: parameter,
        Tag.RECEIPTED_MESSAGE_ID: parameter,
    }
    for base in IdBase:
        for found in (read_text(octets, declared, header), read_text(PLAIN.encode() + octets, declared)):
            for given_parameters in ({}, parameters):
                parse_receipt(found, given_parameters, Dialect("main", base))


@given(st.text(max_size=100), st.binary(max_size=4))
def test_every_receipt_with_an_id_has_a_state(word: str, parameter: bytes) -> None:
    assert read(f"id:7 stat:{word}", {Tag.MESSAGE_STATE: parameter}) is not None


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        (b"\3\0\6", 30003),
        (b"006", 30003),
        (b"\x0306", 30003),
        (b"6", 30008),
        (b"\6", 30003),
        (b"\0\6", 30003),
        (b"0006\0", 30003),
        (b"\3\1\0", 30008),
        (b"\3\0\0", 30005),
        (b"000", 30005),
        (b"", 30005),
        (b"ABC", 30007),
    ],
)
def test_network_error_codes_in_their_forms(parameter: bytes, code: int) -> None:
    found = read(
        "id:1 stat:UNDELIV err:001",
        {Tag.NETWORK_ERROR_CODE: parameter},
        Dialect("main", errors={"ABC": 30007}),
    )
    assert found is not None
    assert found.error_code == code


@pytest.mark.parametrize(
    ("parameter", "state"),
    [
        (b"\2", "DELIVERED"),
        (b"2", "DELIVERED"),
        (b"\0\2", "DELIVERED"),
        (b"\0", "ENROUTE"),
        (b"DELIVRD\0", "DELIVERED"),
        (b"\x63", "DELIVERED"),
        (b"", "DELIVERED"),
        (b"\5", "UNDELIVERED"),
    ],
)
def test_message_states_in_their_forms(parameter: bytes, state: str) -> None:
    found = parsed("id:1 stat:DELIVRD", {Tag.MESSAGE_STATE: parameter})
    assert found is not None
    assert found[1] == state


def test_a_hostile_id_does_not_break_the_reader() -> None:
    assert (
        parsed("id:" + "f" * 60_000 + " stat:DELIVRD", dialect=Dialect("main", IdBase.RECEIPT_HEX))
        is not None
    )
    assert parsed("id:1 stat:" + "9" * 60_000) == ("1", "UNDELIVERED", 30008, "")


@pytest.mark.parametrize(
    ("base", "response", "receipt"),
    [
        (IdBase.AS_IS, "1234", "1234"),
        (IdBase.AS_IS, "00AbC ", "ABC"),
        (IdBase.AS_IS, "0000", "0"),
        (IdBase.AS_IS, "5f0c-99", "5F0C-99"),
        (IdBase.RESPONSE_HEX, "1A", "26"),
        (IdBase.RESPONSE_HEX, "0x1a", "0000000026"),
        (IdBase.RESPONSE_HEX, "10", "16"),
        (IdBase.RESPONSE_HEX, "not-hex", "NOT-HEX"),
        (IdBase.RECEIPT_HEX, "26", "1A"),
        (IdBase.RECEIPT_HEX, "0016", "10"),
    ],
)
def test_ids_of_answers_and_receipts_come_to_one_form(base: IdBase, response: str, receipt: str) -> None:
    assert response_id(response, base) == receipt_id(receipt, base) != ""


def test_a_decimal_and_a_hexadecimal_id_differ_without_the_setting() -> None:
    assert response_id("1a", IdBase.AS_IS) != receipt_id("26", IdBase.AS_IS)


def test_ids_that_contradict_each_other_are_all_kept() -> None:
    parameters = {Tag.RECEIPTED_MESSAGE_ID: b"1A\0", Tag.MESSAGE_STATE: b"\2"}
    for base, ids in (
        (IdBase.AS_IS, ("1a", "27")),
        (IdBase.RESPONSE_HEX, ("27", "1a", "26")),
        (IdBase.RECEIPT_HEX, ("39", "26", "1a")),
    ):
        found = read("id:27 stat:DELIVRD", parameters, Dialect("main", base))
        assert found is not None
        assert found.ids == ids


def test_where_the_base_is_converted_the_id_of_the_text_counts() -> None:
    dialect = Dialect("main", IdBase.RESPONSE_HEX)
    parameters = {Tag.RECEIPTED_MESSAGE_ID: b"1A\0", Tag.MESSAGE_STATE: b"\2"}
    assert parsed("id:26 stat:DELIVRD", parameters, dialect) == ("26", "DELIVERED", None, "")
    assert parsed("", {**parameters, Tag.RECEIPTED_MESSAGE_ID: b"26"}, dialect) == (
        "26",
        "DELIVERED",
        None,
        "",
    )


@pytest.mark.parametrize(("error", "code"), GSM_ERRORS.items())
def test_errors_of_the_network(error: str, code: int) -> None:
    assert undelivered("UNDELIV", error.zfill(3)) == code


def test_an_unknown_error_has_a_code_too() -> None:
    assert undelivered("UNDELIV", "9Z9") == 30008
    assert undelivered("EXPIRED", "013") == 30003


def test_the_operators_table_wins() -> None:
    dialect = Dialect("main", errors={"4A": 30006, "REJECTD": 30007, "6": 30005})
    assert undelivered("UNDELIV", "04a", dialect) == 30006
    assert undelivered("REJECTD", "000", dialect) == 30007
    assert undelivered("REJECTD", "006", dialect) == 30005
    assert undelivered("UNDELIV", "001", dialect) == 30005


def test_the_operators_table_has_words_that_no_other_has() -> None:
    dialect = Dialect(
        "main", errors={"BLACKLST": 30004, "FAILED": 30007, "UNDELIVERABLE": 30006, "SKIPPED": 30017}
    )
    assert undelivered("BlackLst", dialect=dialect) == 30004
    assert undelivered("FAILED", dialect=dialect) == 30007
    assert undelivered("UNDELIVERABLE", dialect=dialect) == 30006
    found = read("id:1", {Tag.MESSAGE_STATE: b"\x09"}, dialect)
    assert found is not None
    assert found.error_code == 30017
    assert undelivered("FAILED", "006") == 30003


@pytest.mark.parametrize(
    ("code", "canonical"), [("000", ""), ("04a", "4A"), (" 12 ", "12"), ("REJECTD", "REJECTD")]
)
def test_canonical_error_codes(code: str, canonical: str) -> None:
    assert canonical_error(code) == canonical
