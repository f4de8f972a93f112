"""What an HTTP gateway and Trunkline say to each other. Pure.

Trunkline posts a message as JSON: ``id`` (the message's SID, the same on every try, so that a gateway can tell a
repetition), ``from``, ``to``, ``text``, ``segments``, ``encoding`` (gsm7 or ucs2), ``media`` (a list of ``url`` and
``content_type``) and ``valid_for`` in seconds. The gateway answers 2xx with ``{"id": …}``, its own name for the
message; 429 and 503 mean later (``Retry-After`` in seconds counts), other 4xx mean no, and ``{"error_code": …}`` may
say why.

The gateway posts a receipt, ``{"id", "status", "error_code", "done_date"}`` with the status delivered, undelivered or
enroute, to ``/_trunkline/carriers/<name>/receipts``, and a message from a phone, ``{"id", "from", "to", "text",
"segments", "media"}`` with each medium's ``content_type`` and base64 ``content``, to
``/_trunkline/carriers/<name>/messages``. Each is answered 204 once it is durable, and may come twice.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from trunkline.transports.base import (
    Deferred,
    Inbound,
    InboundMedia,
    Outcome,
    Receipt,
    ReceiptState,
    Rejected,
    Submission,
    Submitted,
    Unknown,
)

MAX_PAUSE = 600.0
_PAUSE = 5.0
_BUSY = (429, 503)
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


class _Medium(msgspec.Struct, frozen=True):
    content_type: str
    content: str


class _Message(msgspec.Struct, frozen=True):
    sender: str = msgspec.field(name="from")
    recipient: str = msgspec.field(name="to")
    text: str = ""
    id: str = ""
    segments: int = 1
    media: tuple[_Medium, ...] = ()


def request(submission: Submission) -> bytes:
    """The body that hands a message over."""
    return msgspec.json.encode(
        {
            "id": submission.message_sid,
            "from": submission.sender,
            "to": submission.recipient,
            "text": "".join(submission.parts),
            "segments": len(submission.parts),
            "encoding": submission.encoding.value,
            "media": submission.media,
            "valid_for": submission.valid_for,
        }
    )


def outcome(status: int, body: bytes, retry_after: str, *, receipts: bool, resend: bool) -> Outcome:
    """What an answer means."""
    answer = _answer(body)
    if 200 <= status < 300:
        if answer.id is None and receipts:
            return Unknown("the gateway's answer has no id", resend=resend)
        return Submitted((str(answer.id or ""),), final=not receipts)
    if status in _BUSY:
        seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else _PAUSE
        return Deferred(min(seconds, MAX_PAUSE), f"the gateway answered {status}", _CONGESTED)
    if 400 <= status < 500:
        code = answer.error_code if answer.error_code in _ERROR_CODES else _REFUSED
        return Rejected(code or _REFUSED, f"the gateway answered {status}")
    return Unknown(f"the gateway answered {status}", resend=resend)


def receipt(carrier: str, body: bytes) -> Receipt:
    """The receipt that the gateway told. Raises BadReport."""
    try:
        told = msgspec.json.decode(body, type=_Receipt)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadReport(str(error)) from None
    code = None
    if told.status is ReceiptState.UNDELIVERED:
        code = told.error_code if told.error_code in _ERROR_CODES else _REFUSED
    done = told.done_date if told.done_date.isascii() and told.done_date.isdigit() else ""
    return Receipt(carrier, str(told.id), told.status, code, done[:10])


def inbound(carrier: str, body: bytes) -> Inbound:
    """The message that the gateway told. Raises BadReport."""
    try:
        told = msgspec.json.decode(body, type=_Message)
        media = tuple(
            InboundMedia(one.content_type, base64.b64decode(one.content, validate=True)) for one in told.media
        )
    except (msgspec.DecodeError, RecursionError, binascii.Error) as error:
        raise BadReport(str(error)) from None
    if not told.sender or not told.recipient:
        raise BadReport("a message needs from and to")
    parts = max(1, min(told.segments, 255))
    return Inbound(carrier, told.sender, told.recipient, told.text, parts, media=media, id=told.id)


def _answer(body: bytes) -> _Answer:
    try:
        return msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, RecursionError):
        return _Answer()
