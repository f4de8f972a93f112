"""What an HTTP gateway and Trunkline say to each other. Pure.

Trunkline posts a message as JSON: ``id`` (the message's SID, the same on every try, so that a gateway can tell a
repetition), ``from``, ``to``, ``text``, ``segments``, ``encoding`` (gsm7 or ucs2), ``media`` (a list of ``url`` and
``content_type``) and ``valid_for`` in seconds. The gateway answers 2xx with ``{"id": …}``, its own name for the
message. 429 means later, as does 503, which uses up one of the message's tries (``Retry-After`` in seconds counts);
401 and 407 mean that the operator has to mend the credentials, for which messages wait. Other 4xx mean no, and
``{"error_code": …}`` may say why. Whatever else comes, 408 and 425 too, tells nothing: the gateway may have the
message or not.

The gateway posts a receipt, ``{"id", "status", "error_code", "done_date"}`` with the status delivered, undelivered or
enroute, to ``/_trunkline/carriers/<name>/receipts``, and a message from a phone, ``{"id", "from", "to", "text",
"segments", "media"}`` with each medium's ``content_type`` and base64 ``content``, to
``/_trunkline/carriers/<name>/messages``. Each is answered 204 once it is durable, and may come twice.
"""

from __future__ import annotations

import re

import msgspec

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

MAX_PAUSE = 600.0
"""Seconds that a gateway may ask to be left alone for."""

MAX_TEXT = 40_000
"""Characters of a message from a phone: 255 segments hold fewer."""

PAUSE = 5.0
"""Seconds before what failed is tried again, where the gateway does not say."""

_LEAST_PAUSE = 1.0
_CREDENTIALS_PAUSE = 30.0
_THROTTLED, _BUSY = 429, 503
_BAD_CREDENTIALS = (401, 407)
_UNHEARD = (408, 425)
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
_CONGESTED = 30017
_REFUSED = 30008
_ERROR_CODES = range(10_000, 100_000)


class BadReport(ValueError):
    """What the gateway told cannot be understood; the text says what."""


class _Answer(msgspec.Struct, frozen=True):
    id: str | int | None = None
    error_code: int | None = None


class _Receipt(msgspec.Struct, frozen=True):
    id: str | int
    status: ReceiptState
    error_code: int | None = None
    done_date: str = ""


class _Message(msgspec.Struct, frozen=True):
    sender: str = msgspec.field(name="from")
    recipient: str = msgspec.field(name="to")
    text: str = ""
    id: str | int = ""
    segments: int = 1
    media: tuple[InboundMedia, ...] = ()


def request(submission: Submission) -> bytes:
    """The body that hands a message over."""
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
    """What an answer means."""
    answer = _answer(body)
    said = f"the gateway answered {status}"
    if 200 <= status < 300:
        id = str(answer.id if answer.id is not None else "")
        if _NAME.fullmatch(id):
            return Acceptance((id,), final=not receipts)
        return (
            UnknownOutcome("the gateway's answer has no id", resend=resend)
            if receipts
            else Acceptance(("",), True)
        )
    if status in (_THROTTLED, _BUSY):
        return Deferral(_pause(retry_after), said, _CONGESTED, counts=status == _BUSY)
    if status in _BAD_CREDENTIALS:
        return Deferral(_CREDENTIALS_PAUSE, said, _REFUSED, counts=False)
    if 400 <= status < 500 and status not in _UNHEARD:
        code = answer.error_code if answer.error_code in _ERROR_CODES else _REFUSED
        return Rejection(code or _REFUSED, said)
    return UnknownOutcome(said, resend=resend)


def receipt(carrier: str, body: bytes) -> Receipt:
    """The receipt that the gateway told. Raises BadReport."""
    try:
        told = msgspec.json.decode(body, type=_Receipt)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadReport(str(error)) from None
    id = _checked("id", str(told.id))
    code = None
    if told.status is ReceiptState.UNDELIVERED:
        code = told.error_code if told.error_code in _ERROR_CODES else _REFUSED
    done = told.done_date if told.done_date.isascii() and told.done_date.isdigit() else ""
    return Receipt(carrier, id, told.status, code, done[:10])


def inbound(carrier: str, body: bytes) -> InboundMessage:
    """The message that the gateway told. Raises BadReport."""
    try:
        told = msgspec.json.decode(body, type=_Message)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadReport(str(error)) from None
    if len(told.text) > MAX_TEXT or len(told.media) > MAX_MEDIA:
        raise BadReport(f"a message has at most {MAX_TEXT} characters and {MAX_MEDIA} media")
    return InboundMessage(
        carrier,
        _checked("from", told.sender),
        _checked("to", told.recipient),
        told.text,
        max(1, min(told.segments, 255)),
        media=told.media,
        id=_checked("id", str(told.id)) if told.id != "" else "",
    )


def _checked(name: str, text: str) -> str:
    if not _NAME.fullmatch(text):
        raise BadReport(f"{name} must be 1 to 255 characters")
    return text


def _pause(retry_after: str) -> float:
    seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else PAUSE
    return max(_LEAST_PAUSE, min(seconds, MAX_PAUSE))


def _answer(body: bytes) -> _Answer:
    try:
        return msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, RecursionError):
        return _Answer()
