"""Delivery receipts in their dialects: the text of SMPP 3.4's appendix B, optional parameters, or both. Pure.

1. Optional parameters win over the text, but for the id where the route converts its base: there the text's counts,
   because the base is known of that one.
2. An id is compared without regard to case, leading zeros and spaces; one whose base is converted, as a decimal.
3. An error code of the operator's table wins over a state of that table, and both over the tables here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

import msgspec

from trunkline.transports.base import Receipt, ReceiptState
from trunkline.transports.smpp.bodies import Parameters
from trunkline.transports.smpp.commands import Tag

UNKNOWN_ERROR = 30008
_UNREACHABLE = 30003
_BLOCKED = 30004
_NO_SUCH_HANDSET = 30005
_LANDLINE = 30006

GSM_ERRORS: Mapping[str, int] = {
    "1": _NO_SUCH_HANDSET,
    "5": _NO_SUCH_HANDSET,
    "6": _UNREACHABLE,
    "9": _BLOCKED,
    "11": _LANDLINE,
    "12": _BLOCKED,
    "13": _BLOCKED,
    "27": _UNREACHABLE,
    "31": _UNREACHABLE,
}
"""From the error codes of GSM 09.02, which most networks report, to the API's: unknown and unidentified subscriber,
absent, illegal, teleservice not provisioned, illegal equipment, barred, absent, busy (inferred)."""


class State(Enum):
    """message_state, by the words that receipts write it with."""

    SCHEDULED = 0
    ENROUTE = 1
    DELIVRD = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIV = 5
    ACCEPTD = 6
    UNKNOWN = 7
    REJECTD = 8


_WORDS = {state.name: state for state in State} | {
    "DELIVERED": State.DELIVRD,
    "UNDELIVERABLE": State.UNDELIV,
    "UNDELIVERED": State.UNDELIV,
    "ACCEPTED": State.ACCEPTD,
    "REJECTED": State.REJECTD,
}
_NUMBERS = {str(state.value): state for state in State}
_WAITING = (State.SCHEDULED, State.ENROUTE, State.ACCEPTD)
_CODES = {State.EXPIRED: _UNREACHABLE, State.REJECTD: _BLOCKED}
_KEY = re.compile(r"(?:^|(?<=\s))(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text):", re.IGNORECASE)
_HEX = re.compile(r"(?:0x)?[0-9a-f]{1,64}")
_DATE = re.compile(r"\d{10}(?:\d\d)?")


class IdBase(Enum):
    """In which base a network writes ids in its answers and in its receipts."""

    AS_IS = "as_is"
    RESPONSE_HEX = "response_hex"
    """Hexadecimal in answers, decimal in receipts."""
    RECEIPT_HEX = "receipt_hex"
    """The reverse."""


class Dialect(msgspec.Struct, frozen=True):
    """How a route's receipts are read. ``errors`` goes from error codes and words of State to the API's codes."""

    carrier: str
    id_base: IdBase = IdBase.AS_IS
    errors: Mapping[str, int] = {}


def response_id(id: str, base: IdBase) -> str:
    """The canonical form of an id that an answer told."""
    return _canonical(id, hexadecimal=base is IdBase.RESPONSE_HEX)


def receipt_id(id: str, base: IdBase) -> str:
    """The canonical form of an id that a receipt told."""
    return _canonical(id, hexadecimal=base is IdBase.RECEIPT_HEX)


def read(text: str, parameters: Parameters, dialect: Dialect) -> Receipt | None:
    """The receipt in a deliver_sm or data_sm, None when it does not tell which message or what became of it."""
    told = _fields(text)
    id = _id(told, parameters, dialect.id_base)
    state = _state(told, parameters)
    if not id or state is None:
        return None
    date = _DATE.match(told.get("done date", ""))
    done_date = date[0][:10] if date else ""
    if state in _WAITING:
        return Receipt(dialect.carrier, id, ReceiptState.ENROUTE, text=text)
    if state is State.DELIVRD:
        return Receipt(dialect.carrier, id, ReceiptState.DELIVERED, done_date=done_date, text=text)
    code = _error_code(state, _network_error(told, parameters), dialect.errors)
    return Receipt(dialect.carrier, id, ReceiptState.UNDELIVERED, code, done_date, text)


def canonical_error(code: str) -> str:
    """An error code as tables have it: upper case, without leading zeros; of nought nothing is left."""
    return code.strip().lstrip("0").upper()


def _canonical(id: str, *, hexadecimal: bool) -> str:
    plain = id.strip(" \0\t\r\n").lower()
    if hexadecimal and _HEX.fullmatch(plain):
        return str(int(plain, 16))
    return plain.lstrip("0") or plain[:1]


def _fields(text: str) -> dict[str, str]:
    """What stands behind each key; the first of a key counts, and nothing behind ``text:`` is a key."""
    found: dict[str, str] = {}
    keys = list(_KEY.finditer(text))
    for number, key in enumerate(keys):
        name = key[1].lower().replace("_", " ")
        name = {"submitdate": "submit date", "donedate": "done date"}.get(name, name)
        if name == "text":
            break
        end = keys[number + 1].start() if number + 1 < len(keys) else len(text)
        words = text[key.end() : end].split()
        found.setdefault(name, words[0] if words else "")
    return found


def _id(told: dict[str, str], parameters: Parameters, base: IdBase) -> str:
    parameter = parameters.get(Tag.RECEIPTED_MESSAGE_ID, b"").decode("latin-1")
    texts = (told.get("id", ""), parameter)
    if base is IdBase.AS_IS:
        texts = (parameter, told.get("id", ""))
    ids = (receipt_id(text, base) for text in texts)
    return next((id for id in ids if id), "")


def _state(told: dict[str, str], parameters: Parameters) -> State | None:
    parameter = parameters.get(Tag.MESSAGE_STATE, b"")
    if len(parameter) == 1 and parameter[0] <= State.REJECTD.value:
        return State(parameter[0])
    word = told.get("stat", "").upper()
    return _WORDS.get(word) or _NUMBERS.get(word.lstrip("0") or word[:1])


def _network_error(told: dict[str, str], parameters: Parameters) -> str:
    parameter = parameters.get(Tag.NETWORK_ERROR_CODE, b"")
    if len(parameter) == 3 and any(parameter[1:]):
        return str(int.from_bytes(parameter[1:]))
    return canonical_error(told.get("err", ""))


def _error_code(state: State, error: str, operators: Mapping[str, int]) -> int:
    if error in operators:
        return operators[error]
    if state.name in operators:
        return operators[state.name]
    if state is State.UNDELIV:
        return GSM_ERRORS.get(error, UNKNOWN_ERROR)
    return _CODES.get(state, UNKNOWN_ERROR)
