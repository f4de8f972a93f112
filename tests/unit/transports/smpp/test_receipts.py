"""Delivery receipts in their dialects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.base import Receipt, ReceiptState
from trunkline.transports.smpp.commands import Tag
from trunkline.transports.smpp.pdu_bodies import Parameters
from trunkline.transports.smpp.receipts import (
    GSM_ERRORS,
    Dialect,
    IdBase,
    canonical_error,
    parse_receipt,
    receipt_id,
    response_id,
)

PLAIN = (
    "id:0123456789 sub:001 dlvrd:001 submit date:2611210700 done date:2611210701 stat:DELIVRD err:000 text:Hi"
)
DIALECT = Dialect("main")


def parsed(
    text: str, parameters: Parameters | None = None, dialect: Dialect = DIALECT
) -> tuple[object, ...] | None:
    receipt = parse_receipt(text, parameters or {}, dialect)
    return receipt and (receipt.id, receipt.state.name, receipt.error_code, receipt.done_date)


def undelivered(stat: str, err: str = "000", dialect: Dialect = DIALECT) -> int | None:
    receipt = parse_receipt(f"id:1 stat:{stat} err:{err}", {}, dialect)
    assert receipt is not None
    assert receipt.state is ReceiptState.UNDELIVERED
    return receipt.error_code


def test_the_form_of_the_specification() -> None:
    expected = Receipt("main", "123456789", ReceiptState.DELIVERED, None, "2611210701", PLAIN)
    assert parse_receipt(PLAIN, {}, DIALECT) == expected


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
    ],
)
def test_dialects_of_the_text(text: str) -> None:
    assert parsed(text) == DELIVERED


@pytest.mark.parametrize(
    ("date", "done"),
    [
        ("done date:261121070105", "2611210701"),
        ("done_date:2611210701", "2611210701"),
        ("donedate:2611210701", "2611210701"),
        ("Done Date:2611210701", "2611210701"),
        ("done date:26112107", ""),
        ("done date:soon", ""),
    ],
)
def test_done_dates(date: str, done: str) -> None:
    assert parsed(f"id:1 {date} stat:DELIVRD") == ("1", "DELIVERED", None, done)


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
}


@pytest.mark.parametrize(("word", "expected"), STATES.items())
def test_states(word: str, expected: tuple[str, int | None]) -> None:
    found = parsed(f"id:1 stat:{word} err:000")
    assert found is not None
    assert found[1:3] == expected


@pytest.mark.parametrize(
    ("number", "state"),
    list(
        enumerate(("ENROUTE", "ENROUTE", "DELIVERED", *["UNDELIVERED"] * 3, "ENROUTE", *["UNDELIVERED"] * 2))
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


@pytest.mark.parametrize(
    "text", ["", "garbage", "id: stat:DELIVRD", "id:1", "id:1 stat:", "id:1 stat:NONSENSE"]
)
def test_what_tells_too_little_is_no_receipt(text: str) -> None:
    assert parsed(text) is None


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    for base in IdBase:
        parse_receipt(text, {}, Dialect("main", base))
        parse_receipt(f"id:{text} stat:{text} err:{text}", {}, Dialect("main", base))


def test_a_hostile_id_does_not_break_the_reader() -> None:
    assert (
        parsed("id:" + "f" * 60_000 + " stat:DELIVRD", dialect=Dialect("main", IdBase.RECEIPT_HEX))
        is not None
    )
    assert parsed("id:1 stat:" + "9" * 60_000) is None


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


@pytest.mark.parametrize(
    ("code", "canonical"), [("000", ""), ("04a", "4A"), (" 12 ", "12"), ("REJECTD", "REJECTD")]
)
def test_canonical_error_codes(code: str, canonical: str) -> None:
    assert canonical_error(code) == canonical
