"""Delivery receipts in their dialects: the text of SMPP 3.4's appendix B, optional parameters, or both. Pure.

1. Optional parameters win over the text, but for the id where the route converts its base: there the text's counts,
   because the base of that one is configured. The other id is kept beside it, for a receipt that only that one matches.
2. An id is compared without regard to case, leading zeros and spaces; one whose base is converted, as a decimal.
3. A final receipt whose state is neither delivered nor on its way reports a failure, whatever its word or number is;
   one without a state does, too, unless it counts a delivery and has no error.
4. An error code of the operator's table wins over a state of that table, and both over the tables here.
5. The alphabet of the text is the one in which it has an id and a state, because data_coding is often wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum

import msgspec

from trunkline.transports.base import Receipt, ReceiptState
from trunkline.transports.delivery_states import plain_word, state_of_word
from trunkline.transports.done_dates import done_date
from trunkline.transports.smpp.alphabet import Alphabet, decode
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


MAX_OCTETS = 1024
"""The octets of a receipt's text that are read."""


class MessageState(Enum):
    """The message_state, by its names in receipts; the last is of SMPP 5.0."""

    SCHEDULED = 0
    ENROUTE = 1
    DELIVRD = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIV = 5
    ACCEPTD = 6
    UNKNOWN = 7
    REJECTD = 8
    SKIPPED = 9


_STATES = {plain_word(name): state for state in MessageState for name in (state.name, str(state.value))} | {
    "undeliverable": MessageState.UNDELIV,
    "undelivered": MessageState.UNDELIV,
    "rejected": MessageState.REJECTD,
}
"""The states by their names and numbers in receipts; ``delivery_states`` has more words for those of no failure."""

_WAITING = (MessageState.SCHEDULED, MessageState.ENROUTE, MessageState.ACCEPTD)
_CODES = {
    MessageState.EXPIRED: _UNREACHABLE,
    MessageState.REJECTD: _BLOCKED,
    MessageState.DELETED: UNKNOWN_ERROR,
    MessageState.UNKNOWN: UNKNOWN_ERROR,
}
_KEY = re.compile(
    r"(?<![A-Za-z0-9_])(id|sub|dlvrd|submit[ _\x11]?date|done[ _\x11]?date|stat(?:us|e)?|err(?:or)?|text)\s*[:=]",
    re.IGNORECASE,
)
_KEY_OCTETS = re.compile(_KEY.pattern.encode(), re.IGNORECASE)
_OUTCOMES = (b"stat", b"dlvrd", b"err")
_NAMES = {
    "submitdate": "submit date",
    "donedate": "done date",
    "error": "err",
    "status": "stat",
    "state": "stat",
}
_AROUND = " \0\t\r\n\"',;|\ufeff"
_HEX = re.compile(r"(?:0x)?[0-9a-f]{1,64}")
_ALPHABETS = (
    Alphabet.LATIN1,
    Alphabet.UCS2,
    Alphabet.UCS2_LITTLE,
    Alphabet.GSM,
    Alphabet.GSM_PACKED,
)
"""The alphabets in which a text is read, one after the other, until it is a receipt. Read in another one, the
underscore of the GSM alphabet is 0x11."""


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


class ReceiptText(msgspec.Struct, frozen=True):
    """The text of a receipt and the value of each of its keys."""

    text: str
    fields: dict[str, str]

    @property
    def complete(self) -> bool:
        """True if it has an id and a state."""
        return bool(self.fields.get("id") and self.fields.get("stat"))

    @property
    def probable(self) -> bool:
        """True if it has an id, and a state or what stands for one."""
        return bool(self.fields.get("id") and any(map(self.fields.get, ("stat", "dlvrd", "err"))))


def may_be_receipt(octets: bytes) -> bool:
    """Return whether it is worth while to read a text as a receipt: whether it has the names of its keys in ASCII, or
    in UTF-16, which is that with NULs. Packed septets have none."""
    plain = octets[:MAX_OCTETS].replace(b"\0", b"")
    if b":" not in plain and b"=" not in plain:
        return False
    keys = {key.lower() for key in _KEY_OCTETS.findall(plain)}
    return b"id" in keys and any(key.startswith(_OUTCOMES) for key in keys)


def read_text(octets: bytes, declared: Alphabet, header_octets: int = 0) -> ReceiptText:
    """Return the text of a receipt's octets in the first alphabet in which it has an id and a state, beginning with
    the ``declared`` one; else in the one in which it has most keys. ``header_octets`` is the length of a user data
    header in front of it, which may be there without being announced."""
    best = None
    for text in _readings(octets[:MAX_OCTETS], declared, header_octets):
        reading = ReceiptText(text, _fields(text))
        if reading.complete:
            return reading
        if best is None or len(best.fields) < len(reading.fields):
            best = reading
    return best or ReceiptText("", {})


def parse_receipt(
    found: ReceiptText, parameters: Parameters, dialect: Dialect, *, intermediate: bool = False
) -> Receipt | None:
    """Return the receipt in a deliver_sm or data_sm; None if it has no id. An ``intermediate`` one without a known
    state reports that the message is on its way."""
    fields, text = found.fields, found.text
    ids = _ids(fields, parameters, dialect.id_base)
    if not ids:
        return None
    id, others = ids[0], ids[1:]
    word, state = _state(fields, parameters)
    error = _network_error(fields, parameters)
    if state is None and intermediate:
        state = MessageState.ENROUTE
    if state is None and not word and not error and fields.get("dlvrd", "").strip("0"):
        state = MessageState.DELIVRD
    if state in _WAITING:
        return Receipt(dialect.carrier, id, ReceiptState.ENROUTE, text=text, other_ids=others)
    date = done_date(fields.get("done date", ""))
    if state is MessageState.DELIVRD:
        return Receipt(dialect.carrier, id, ReceiptState.DELIVERED, None, date, text, others)
    names = (error, word, state.name if state else "")
    code = next((dialect.errors[name] for name in names if name in dialect.errors), None)
    if code is None:
        code = _CODES[state] if state in _CODES else GSM_ERRORS.get(error, UNKNOWN_ERROR)
    return Receipt(dialect.carrier, id, ReceiptState.UNDELIVERED, code, date, text, others)


def canonical_error(code: str) -> str:
    """Return an error code as in the tables: upper case, without leading zeros; zero is the empty text."""
    return code.strip().lstrip("0").upper()


def _canonical(id: str, *, hexadecimal: bool) -> str:
    plain = id.strip(_AROUND).lower()
    if hexadecimal and _HEX.fullmatch(plain):
        return str(int(plain, 16))
    return plain.lstrip("0") or plain[:1]


def _readings(octets: bytes, declared: Alphabet, header_octets: int) -> Iterator[str]:
    """Yield the texts that the octets may be. A header that nothing announces is tried last."""
    hidden = 1 + octets[0] if octets and not header_octets else 0
    for header in dict.fromkeys((header_octets, 0, hidden if hidden < len(octets) else 0)):
        for alphabet in dict.fromkeys((declared, *_ALPHABETS)):
            yield decode(octets[header:], alphabet, header).strip("\0")


def _fields(text: str) -> dict[str, str]:
    """Return the value of each key; the first of a key counts, and behind ``text:`` one that did not come before."""
    found: dict[str, str] = {}
    keys = list(_KEY.finditer(text))
    for number, key in enumerate(keys):
        name = re.sub("[_\x11]", " ", key[1].lower())
        name = _NAMES.get(name, name)
        end = keys[number + 1].start() if number + 1 < len(keys) else len(text)
        value = text[key.end() : end]
        # A word of a state may have spaces in it, as "in transit" has.
        if name != "done date" and not (name == "stat" and state_of_word(value)):
            value = next(iter(value.split()), "")
        found.setdefault(name, value.strip(_AROUND))
    return found


def _ids(fields: dict[str, str], parameters: Parameters, base: IdBase) -> tuple[str, ...]:
    """Return the canonical forms of the ids that the receipt may be for, the most probable first."""
    parameter = parameters.get(Tag.RECEIPTED_MESSAGE_ID, b"").decode("latin-1").partition("\0")[0]
    ids = [receipt_id(parameter, base), receipt_id(fields.get("id", ""), base)]
    if base is not IdBase.AS_IS:
        # The parameter may repeat the id as the response had it.
        ids = [*reversed(ids), response_id(parameter, base)]
    return tuple(dict.fromkeys(id for id in ids if id))


def _state(fields: dict[str, str], parameters: Parameters) -> tuple[str, MessageState | None]:
    """Return the word of the state as in the operator's table, and the state, None for one that no table has."""
    written = fields.get("stat", "").upper().strip(".")
    words = (
        _state_parameter(parameters.get(Tag.MESSAGE_STATE, b"")),
        canonical_error(written) or written[:1],
    )
    return words[1] or words[0], next(filter(None, map(_state_of, words)), None)


def _state_of(word: str) -> MessageState | None:
    match state_of_word(word):
        case ReceiptState.DELIVERED:
            return MessageState.DELIVRD
        case ReceiptState.ENROUTE:
            return MessageState.ENROUTE
        case _:
            return _STATES.get(plain_word(word))


def _state_parameter(parameter: bytes) -> str:
    """Return a message_state, which is a number of one octet in most networks, as a word or digits."""
    text = parameter.rstrip(b"\0")
    if text.isdigit() or (len(text) > 1 and text.isalpha()):
        return text.decode().lstrip("0").upper() or "0"
    return str(int.from_bytes(parameter[-4:])) if parameter else ""


def _network_error(fields: dict[str, str], parameters: Parameters) -> str:
    """Return the error code, of network_error_code where that is set: a type in front of a number of two octets, or of
    digits; or digits alone."""
    parameter = parameters.get(Tag.NETWORK_ERROR_CODE, b"")
    whole, number = parameter.rstrip(b"\0"), parameter[1:].rstrip(b"\0")
    if len(whole) > 1 and whole.isalnum():
        code = whole.decode()
    elif len(number) > 1 and number.isdigit():
        code = number.decode()
    else:
        code = str(int.from_bytes(parameter[1:] if len(parameter) > 2 else parameter))
    return canonical_error(code) or canonical_error(fields.get("err", ""))
