"""The protocol between an HTTP gateway and Trunkline. Pure.

Trunkline posts a message as JSON: ``id`` (the message's SID, the same on every try, so that a gateway can detect a
repetition), ``from``, ``to``, ``text``, ``segments``, ``encoding`` (gsm7 or ucs2), ``media`` (a list of ``url`` and
``content_type``) and ``valid_for`` in seconds. The gateway responds 2xx with ``{"id": …}``, its own name for the
message. 429 means later, as does 503, which uses up one of the message's tries (``Retry-After`` in seconds counts);
401 and 407 mean that the operator has to correct the credentials, for which messages wait. Other 4xx reject the
message, and ``{"error_code": …}`` may give the reason. After any other status, 408 and 425 too, the outcome is
unknown: the gateway may have the message or not.

The gateway posts a receipt, ``{"id", "status", "error_code", "done_date"}`` with the status delivered, enroute or one
of a failure, such as undelivered, to ``/_trunkline/carriers/<name>/receipts``, and a message from a phone, ``{"id",
"from", "to", "text", "segments", "media"}`` with each medium's ``content_type`` and base64 ``content``, to
``/_trunkline/carriers/<name>/messages``. Each has the response 204 once it is durable, and may come twice.
"""

from __future__ import annotations

import re

import msgspec

from trunkline.core.strict_json import BadJson, decode_json
from trunkline.transports.base import (
    MAX_MEDIA,
    Acceptance,
    Deferral,
    InboundMedia,
    InboundMessage,
    Outcome,
    Receipt,
    ReceiptState,
    Rejection,
    Submission,
    UnknownOutcome,
)
from trunkline.transports.delivery_states import plain_word, state_of_word
from trunkline.transports.done_dates import done_date

MAX_PAUSE = 600.0
"""The longest pause that a gateway may request, in seconds."""

MAX_TEXT = 40_000
"""Characters of a message from a phone: 255 segments hold fewer."""

PAUSE = 5.0
"""The seconds before a failed request is tried again, unless the gateway names another time."""

_LEAST_PAUSE = 1.0
_CREDENTIALS_PAUSE = 30.0
_THROTTLED, _BUSY = 429, 503
_BAD_CREDENTIALS = (401, 407)
_UNPROCESSED = (408, 425)
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
_CONGESTED = 30017
_REFUSED = 30008
_ERROR_CODES = range(10_000, 100_000)
_ERROR_CODE = re.compile(r"[1-9]\d{4}", re.ASCII)


class BadReport(ValueError):
    """A report of the gateway that is invalid; the text is the reason."""


class _GatewayResponse(msgspec.Struct, frozen=True):
    id: str | int | None = None
    error_code: int | None = None


class _Receipt(msgspec.Struct, frozen=True):
    id: str | int
    status: str
    error_code: int | str | None = None
    done_date: str | int = ""


class _Message(msgspec.Struct, frozen=True):
    sender: str = msgspec.field(name="from")
    recipient: str = msgspec.field(name="to")
    text: str = ""
    id: str | int = ""
    segments: int = 1
    media: tuple[InboundMedia, ...] = ()


class _EmptyMessage(_Message, frozen=True, forbid_unknown_fields=True):
    """A message without text and media: under another name they would be lost."""


def request(submission: Submission) -> bytes:
    """Return the body that hands a message over."""
    return msgspec.json.encode(
        {
            "id": submission.message_sid,
            "from": submission.sender,
            "to": submission.recipient,
            "text": "".join(submission.segments),
            "segments": len(submission.segments),
            "encoding": submission.encoding.value,
            "media": submission.media,
            "valid_for": submission.valid_for,
        }
    )


def outcome(status: int, body: bytes, retry_after: str, *, receipts: bool, resend: bool) -> Outcome:
    """Return the outcome of a response."""
    response = _parse_response(body)
    reason = f"the gateway responded with {status}"
    if 200 <= status < 300:
        id = str(response.id if response.id is not None else "")
        if _NAME.fullmatch(id):
            return Acceptance((id,), final=not receipts)
        return (
            UnknownOutcome("the gateway's response has no id", resend=resend)
            if receipts
            else Acceptance(("",), True)
        )
    if status in (_THROTTLED, _BUSY):
        return Deferral(_pause(retry_after), reason, _CONGESTED, counts=status == _BUSY)
    if status in _BAD_CREDENTIALS:
        return Deferral(_CREDENTIALS_PAUSE, reason, _REFUSED, counts=False)
    if 400 <= status < 500 and status not in _UNPROCESSED:
        code = response.error_code if response.error_code in _ERROR_CODES else _REFUSED
        return Rejection(code or _REFUSED, reason)
    return UnknownOutcome(reason, resend=resend)


def receipt(carrier: str, body: bytes) -> Receipt:
    """Return the receipt in a report. Raise BadReport if it is invalid."""
    try:
        report = decode_json(body, _Receipt)
    except BadJson as error:
        raise BadReport(str(error)) from None
    id = _checked("id", str(report.id))
    if not plain_word(report.status):
        raise BadReport("status must be a word")
    state = state_of_word(report.status) or ReceiptState.UNDELIVERED
    code = None
    if state is ReceiptState.UNDELIVERED:
        written = str(report.error_code)
        code = int(written) if _ERROR_CODE.fullmatch(written) else _REFUSED
    return Receipt(carrier, id, state, code, done_date(str(report.done_date)))


def inbound(carrier: str, body: bytes) -> InboundMessage:
    """Return the message in a report. Raise BadReport if it is invalid."""
    try:
        report = decode_json(body, _Message)
        if not report.text and not report.media:
            decode_json(body, _EmptyMessage)
    except BadJson as error:
        raise BadReport(str(error)) from None
    if len(report.text) > MAX_TEXT or len(report.media) > MAX_MEDIA:
        raise BadReport(f"a message has at most {MAX_TEXT} characters and {MAX_MEDIA} media")
    return InboundMessage(
        carrier,
        _checked("from", report.sender),
        _checked("to", report.recipient),
        report.text.removeprefix("\ufeff"),
        max(1, min(report.segments, 255)),
        media=report.media,
        id=_checked("id", str(report.id)) if report.id != "" else "",
    )


def _checked(name: str, text: str) -> str:
    if not _NAME.fullmatch(text):
        raise BadReport(f"{name} must be 1 to 255 characters")
    return text


def _pause(retry_after: str) -> float:
    seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else PAUSE
    return max(_LEAST_PAUSE, min(seconds, MAX_PAUSE))


def _parse_response(body: bytes) -> _GatewayResponse:
    try:
        return msgspec.json.decode(body, type=_GatewayResponse)
    except (msgspec.DecodeError, RecursionError):
        return _GatewayResponse()
