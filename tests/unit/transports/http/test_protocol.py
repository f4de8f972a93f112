"""The protocol between an HTTP gateway and Trunkline, in tables."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.base import (
    Acceptance,
    Deferral,
    Encoding,
    InboundMedia,
    MediaAddress,
    Outcome,
    Receipt,
    ReceiptState,
    Rejection,
    SenderKind,
    Submission,
    UnknownOutcome,
)
from trunkline.transports.http import protocol
from trunkline.transports.http.settings import HttpRoute


def test_a_message_is_handed_over_whole() -> None:
    submission = Submission(
        message_sid="SM1",
        account_sid="AC1",
        sender="+15005550006",
        sender_kind=SenderKind.NUMBER,
        recipient="+15005550100",
        encoding=Encoding.UCS2,
        segments=("я" * 67, "ж"),
        media=(MediaAddress("https://media.example.com/1", "image/png"),),
        valid_for=12.5,
    )
    assert json.loads(protocol.request(submission)) == {
        "id": "SM1",
        "from": "+15005550006",
        "to": "+15005550100",
        "text": "я" * 67 + "ж",
        "segments": 2,
        "encoding": "ucs2",
        "media": [{"url": "https://media.example.com/1", "content_type": "image/png"}],
        "valid_for": 12.5,
    }


@pytest.mark.parametrize(
    ("status", "body", "retry_after", "expected"),
    [
        (200, b'{"id": "g1"}', "", Acceptance(("g1",))),
        (202, b'{"id": 17}', "", Acceptance(("17",))),
        (200, b"ok", "", UnknownOutcome("the gateway's response has no id")),
        (200, b'{"id": ""}', "", UnknownOutcome("the gateway's response has no id")),
        (200, b'{"id": "a\\u0000"}', "", UnknownOutcome("the gateway's response has no id")),
        (200, b'{"id": "%s"}' % (b"x" * 255), "", Acceptance(("x" * 255,))),
        (200, b'{"id": "%s"}' % (b"x" * 256), "", UnknownOutcome("the gateway's response has no id")),
        (429, b"", "7", Deferral(7.0, "the gateway responded with 429", 30017, counts=False)),
        (429, b"", "0", Deferral(1.0, "the gateway responded with 429", 30017, counts=False)),
        (503, b"", "", Deferral(5.0, "the gateway responded with 503", 30017)),
        (503, b"", "99999", Deferral(600.0, "the gateway responded with 503", 30017)),
        (429, b"", "soon", Deferral(5.0, "the gateway responded with 429", 30017, counts=False)),
        (503, b"", "9" * 400, Deferral(600.0, "the gateway responded with 503", 30017)),
        (401, b'{"error_code": 30005}', "", Deferral(30.0, "the gateway responded with 401", counts=False)),
        (407, b"", "1", Deferral(30.0, "the gateway responded with 407", counts=False)),
        (408, b"", "", UnknownOutcome("the gateway responded with 408")),
        (400, b'{"error_code": 30005}', "", Rejection(30005, "the gateway responded with 400")),
        (403, b"<html>", "", Rejection(30008, "the gateway responded with 403")),
        (400, b'{"error_code": 7}', "", Rejection(30008, "the gateway responded with 400")),
        (500, b"", "", UnknownOutcome("the gateway responded with 500")),
        (302, b"", "", UnknownOutcome("the gateway responded with 302")),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, retry_after: str, expected: Outcome) -> None:
    assert protocol.outcome(status, body, retry_after, receipts=True, resend=True) == expected


def test_without_receipts_an_answer_needs_no_id_and_is_final() -> None:
    assert protocol.outcome(200, b"", "", receipts=False, resend=True) == Acceptance(("",), final=True)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"id": "g1", "status": "delivered"}, Receipt("gate", "g1", ReceiptState.DELIVERED)),
        (
            {"id": 5, "status": "undelivered", "error_code": 30003, "done_date": "2601021504"},
            Receipt("gate", "5", ReceiptState.UNDELIVERED, 30003, "2601021504"),
        ),
        (
            {"id": "g1", "status": "undelivered", "error_code": 4},
            Receipt("gate", "g1", ReceiptState.UNDELIVERED, 30008),
        ),
        (
            {"id": "g1", "status": "enroute", "error_code": 30003, "done_date": "today"},
            Receipt("gate", "g1", ReceiptState.ENROUTE),
        ),
        (
            {"id": "g1", "status": "Delivered", "done_date": "2026-01-02T15:04:05Z"},
            Receipt("gate", "g1", ReceiptState.DELIVERED, None, "2601021504"),
        ),
        (
            {"id": "g1", "status": "lost", "error_code": "30003", "done_date": 202601021504},
            Receipt("gate", "g1", ReceiptState.UNDELIVERED, 30003, "2601021504"),
        ),
        ({"id": "g1", "status": "QUEUED"}, Receipt("gate", "g1", ReceiptState.ENROUTE)),
        ({"id": "g1", "status": "failed"}, Receipt("gate", "g1", ReceiptState.UNDELIVERED, 30008)),
    ],
)
def test_receipts(event: dict[str, object], expected: Receipt) -> None:
    assert protocol.receipt("gate", json.dumps(event).encode()) == expected


def test_a_message_from_a_phone_with_a_picture() -> None:
    event = {
        "id": "m1",
        "from": "+15005550100",
        "to": "+15005550006",
        "text": "\ufeffHi",
        "segments": 2,
        "media": [{"content_type": "image/png", "content": base64.b64encode(b"\x89PNG").decode()}],
    }
    found = protocol.inbound("gate", json.dumps(event).encode())
    assert (found.carrier, found.sender, found.recipient, found.text, found.segments, found.id) == (
        "gate",
        "+15005550100",
        "+15005550006",
        "Hi",
        2,
        "m1",
    )
    assert found.media == (InboundMedia("image/png", b"\x89PNG"),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"id": "x", "status": ""}',
        b'{"id": "x", "status": 5}',
        b'{"from": "", "to": "+15005550006"}',
        b'{"id": "", "status": "delivered"}',
        b'{"id": "\\u0000", "status": "delivered"}',
        b'{"id": "%s", "status": "delivered"}' % (b"x" * 256),
        b'{"from": "+15005550100", "to": "+15005550006", "id": "\\u0000"}',
        b'{"from": "+15005550100", "to": "\\n", "id": "1"}',
        b'{"from": "+15005550100", "to": "+15005550006", "text": "\\ud800"}',
        b'{"from": "+15005550100", "to": "+15005550006", "text": "%s"}' % (b"x" * 40_001),
        b'{"from": "+15005550100", "to": "+15005550006", "media": [%s]}'
        % b",".join(31 * [b'{"content_type": "a/b", "content": ""}']),
        b'{"from": "+1500", "to": "+1501", "media": [{"content_type": "a/b\\r\\nc: d", "content": ""}]}',
        b'{"from": "+15005550100", "to": "+15005550006", "media": [{"content_type": "a/b", "content": "?"}]}',
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_understood_is_refused(body: bytes) -> None:
    for read in (protocol.receipt, protocol.inbound):
        with pytest.raises(protocol.BadReport):
            read("gate", body)


def test_what_other_fields_say_loses_no_message() -> None:
    more = {"timestamp": 1, "tags": {"a": []}}
    media = {"content_type": "image/png", "content": "iVBORw0KGgo=", "name": "a.png"}
    message = {"from": "1", "to": "2", "text": "hi", "media": [media], **more}
    assert protocol.inbound("gate", json.dumps(message).encode()).text == "hi"
    assert protocol.receipt("gate", json.dumps({"id": 1, "status": "read", **more}).encode()).id == "1"
    assert protocol.inbound("gate", b'{"from": "1", "to": "2", "text": ""}').text == ""
    with pytest.raises(protocol.BadReport, match="body is unknown"):
        protocol.inbound("gate", b'{"from": "1", "to": "2", "body": "hi"}')


@given(st.binary(max_size=200))
def test_no_bytes_break_it(body: bytes) -> None:
    protocol.outcome(200, body, "", receipts=True, resend=True)
    for read in (protocol.receipt, protocol.inbound):
        try:
            read("gate", body)
        except protocol.BadReport:
            continue


def test_secrets_are_not_shown() -> None:
    route = HttpRoute(name="gate", url="https://me:word@gate.example.com/sms?key=1", secret="s" * 16)
    assert route.address == "https://gate.example.com/sms"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://gate"},
        {"url": "http://"},
        {"url": "http://gate:99999/"},
        {"url": "http://gate/ x"},
        {"name": ""},
        {"name": "a/b"},
        {"secret": "s" * 15 + "\n"},
        {"secret": "ß" * 16},
        {"authorization": "Bearer x\r\nX-Evil: 1"},
        {"secret": "short"},
        {"timeout": 0},
        {"timeout": 301},
        {"window": 0},
        {"unknown": "perhaps"},
        {"colour": "red"},
        {"kind": "smpp"},
    ],
)
def test_options_are_checked(wrong: dict[str, object]) -> None:
    good = {"name": "gate", "kind": "http", "url": "https://gate.example.com", "secret": "s" * 16}
    assert msgspec.convert(good, HttpRoute).window == 50
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(good | wrong, HttpRoute)
