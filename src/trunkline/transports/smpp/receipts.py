"""Delivery receipts in their dialects: the text of SMPP 3.4's appendix B, optional parameters, or both. Pure.

1. Optional parameters win over the text, but for the id where the route converts its base: there the text's counts,
   because the base of that one is configured.
2. An id is compared without regard to case, leading zeros and spaces; one whose base is converted, as a decimal.
3. An error code of the operator's table wins over a state of that table, and both over the tables here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

import msgspec

from trunkline.transports.base import Receipt, ReceiptState
from trunkline.transports.smpp.commands import Tag
from trunkline.transports.smpp.pdu_bodies import Parameters

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


class MessageState(Enum):
    """The message_state, by its names in receipts."""

    SCHEDULED = 0
    ENROUTE = 1
    DELIVRD = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIV = 5
    ACCEPTD = 6
    UNKNOWN = 7
    REJECTD = 8


_WORDS = {state.name: state for state in MessageState} | {
    "DELIVERED": MessageState.DELIVRD,
    "UNDELIVERABLE": MessageState.UNDELIV,
    "UNDELIVERED": MessageState.UNDELIV,
    "ACCEPTED": MessageState.ACCEPTD,
    "REJECTED": MessageState.REJECTD,
}
_NUMBERS = {str(state.value): state for state in MessageState}
_WAITING = (MessageState.SCHEDULED, MessageState.ENROUTE, MessageState.ACCEPTD)
_CODES = {MessageState.EXPIRED: _UNREACHABLE, MessageState.REJECTD: _BLOCKED}
_KEY = re.compile(r"(?:^|(?<=\s))(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text):", re.IGNORECASE)
_HEX = re.compile(r"(?:0x)?[0-9a-f]{1,64}")
_DATE = re.compile(r"\d{10}(?:\d\d)?")


class IdBase(Enum):
    """The base in which a network writes ids in its responses and in its receipts."""

    AS_IS = "as_is"
    RESPONSE_HEX = "response_hex"
    """Hexadecimal in responses, decimal in receipts."""
    RECEIPT_HEX = "receipt_hex"
    """The reverse."""


class Dialect(msgspec.Struct, frozen=True):
    """The dialect of a route's receipts. ``errors`` goes from error codes and names of MessageState to the API's
    codes."""

    carrier: str
    id_base: IdBase = IdBase.AS_IS
    errors: Mapping[str, int] = {}


def response_id(id: str, base: IdBase) -> str:
    """Return the canonical form of an id in a response."""
    return _canonical(id, hexadecimal=base is IdBase.RESPONSE_HEX)


def receipt_id(id: str, base: IdBase) -> str:
    """Return the canonical form of an id in a receipt."""
    return _canonical(id, hexadecimal=base is IdBase.RECEIPT_HEX)


def parse_receipt(text: str, parameters: Parameters, dialect: Dialect) -> Receipt | None:
    """Return the receipt in a deliver_sm or data_sm; None if it has no id or no state."""
    fields = _fields(text)
    id = _id(fields, parameters, dialect.id_base)
    state = _state(fields, parameters)
    if not id or state is None:
        return None
    date = _DATE.match(fields.get("done date", ""))
    done_date = date[0][:10] if date else ""
    if state in _WAITING:
        return Receipt(dialect.carrier, id, ReceiptState.ENROUTE, text=text)
    if state is MessageState.DELIVRD:
        return Receipt(dialect.carrier, id, ReceiptState.DELIVERED, done_date=done_date, text=text)
    code = _error_code(state, _network_error(fields, parameters), dialect.errors)
    return Receipt(dialect.carrier, id, ReceiptState.UNDELIVERED, code, done_date, text)


def canonical_error(code: str) -> str:
    """Return an error code as in the tables: upper case, without leading zeros; zero is the empty text."""
    return code.strip().lstrip("0").upper()


def _canonical(id: str, *, hexadecimal: bool) -> str:
    plain = id.strip(" \0\t\r\n").lower()
    if hexadecimal and _HEX.fullmatch(plain):
        return str(int(plain, 16))
    return plain.lstrip("0") or plain[:1]


def _fields(text: str) -> dict[str, str]:
    """Return the value of each key; the first of a key counts, and nothing behind ``text:`` is a key."""
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


def _id(fields: dict[str, str], parameters: Parameters, base: IdBase) -> str:
    parameter = parameters.get(Tag.RECEIPTED_MESSAGE_ID, b"").decode("latin-1")
    texts = (fields.get("id", ""), parameter)
    if base is IdBase.AS_IS:
        texts = (parameter, fields.get("id", ""))
    ids = (receipt_id(text, base) for text in texts)
    return next((id for id in ids if id), "")


def _state(fields: dict[str, str], parameters: Parameters) -> MessageState | None:
    parameter = parameters.get(Tag.MESSAGE_STATE, b"")
    if len(parameter) == 1 and parameter[0] <= MessageState.REJECTD.value:
        return MessageState(parameter[0])
    word = fields.get("stat", "").upper()
    return _WORDS.get(word) or _NUMBERS.get(word.lstrip("0") or word[:1])


def _network_error(fields: dict[str, str], parameters: Parameters) -> str:
    parameter = parameters.get(Tag.NETWORK_ERROR_CODE, b"")
    if len(parameter) == 3 and any(parameter[1:]):
        return str(int.from_bytes(parameter[1:]))
    return canonical_error(fields.get("err", ""))


def _error_code(state: MessageState, error: str, operators: Mapping[str, int]) -> int:
    if error in operators:
        return operators[error]
    if state.name in operators:
        return operators[state.name]
    if state is MessageState.UNDELIV:
        return GSM_ERRORS.get(error, UNKNOWN_ERROR)
    return _CODES.get(state, UNKNOWN_ERROR)
