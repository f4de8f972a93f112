"""The worst input of the allowed size, for each parser: the calls that it costs are bounded, and its time by that of a
plain input of the same size in the same run.

A parser that cuts its input into pieces makes a call for each; one whose pieces are cut in C takes the time instead.
"""

from __future__ import annotations

import base64
import json
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import pytest

from trunkline.api import addressing, auth, form_data, params, sessions
from trunkline.api.errors import ApiError
from trunkline.api.response_content import in_memory, select
from trunkline.core import access_tokens, dates, strict_json
from trunkline.core.egress import cookies, target
from trunkline.core.host_patterns import parse_pattern
from trunkline.core.webhooks import challenges
from trunkline.products.messaging.numbers.parsing import parse_recipient
from trunkline.products.messaging.numbers.patterns import partial_number
from trunkline.products.messaging.opt_outs.keywords import find_keyword
from trunkline.products.messaging.receiving.twiml import TwimlError, read_twiml
from trunkline.products.messaging.text.segments import segment
from trunkline.products.messaging.text.smart import smart_encode
from trunkline.products.messaging.text.urls import replace_urls
from trunkline.products.sync import data
from trunkline.realtime import tunnel, twilsock
from trunkline.realtime.client_packets import TunnelMessage
from trunkline.switch import request_parser
from trunkline.transports import delivery_states, done_dates
from trunkline.transports.http import protocol
from trunkline.transports.smpp import alphabet, deliver_sm, pdu, receipts
from trunkline.transports.smpp.alphabet import Alphabet
from trunkline.transports.smpp.commands import Command, Tag
from trunkline.transports.smpp.settings import SmppRoute
from trunkline.transports.smpp.stream import Splitter

BODY = 2 * 1024 * 1024
HEAD = 64 * 1024
PACKET = 1024 * 1024
DOCUMENT = 64 * 1024
PAYLOAD = 65_535
ROUTE = SmppRoute(name="gate", host="127.0.0.1", system_id="a", password="b")
PASSED = (parse_pattern("*.example.com"),)
FLOAT = b"1.7976931348623157e308,"

MAX_CALLS = 60_000
"""The most calls of Python or C for an input: some 10 ms. The pieces of the worst inputs are ten times as many."""

TIMES = 40
FREE_SECONDS = 0.25
"""The time of an input in that of a plain one of the same size, and what is free: nothing depends on the machine.

A cost that grows with the square of 64 KiB takes seconds, the slowest input of today 25 ms.
"""

RUNS = 5
"""The most times that an input is timed: a busy machine can make one run long, but not all."""


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    a: int = 0


def form(raw: bytes) -> None:
    form_data.parse_form(raw, "body")


def json_body(raw: bytes) -> None:
    form_data.parse_body(raw, "application/json")


def packet(raw: bytes) -> None:
    found = twilsock.decode(raw)
    if not isinstance(found.header, TunnelMessage):
        return
    request = tunnel.parse_request("data_sync", "IS1", found.header.http_request, found.payload)
    tunnel.service_path(request.segments, "IS1")
    tunnel.json_fields(request.body, frozenset({"data"}), 54008)


def twiml(raw: bytes) -> None:
    read_twiml(raw, "text/xml", url="http://a.test/b", number="+15005550006")


def filled(begin: bytes, piece: bytes, size: int, end: bytes = b"") -> bytes:
    return begin + piece * ((size - len(begin) - len(end)) // len(piece)) + end


def message(size: int = 0, payload: bytes = b"", **request: Any) -> bytes:
    head = {"path": "/v3/Maps", "method": "POST", **request}
    header = json.dumps(
        {"method": "message", "id": "1", "payload_size": len(payload), "http_request": head}
    ).encode()
    return b"TWILSOCK V3.0 %d\r\n%b\r\n%b" % (len(header), header, payload)


def text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda raw: parse(raw.decode())


def token_part(claims: bytes) -> bytes:
    return base64.urlsafe_b64encode(claims).rstrip(b"=")


def byte_range(value: str) -> None:
    select(in_memory("text/plain", b"content"), value)


def send_text(value: str) -> None:
    segment(smart_encode(value))
    replace_urls(value, str)


def delivery(parameters: bytes, *, esm_class: int = 0) -> bytes:
    """Return a deliver_sm with optional parameters."""
    fields = b"\0\1\x00100\0\1\x00200\0" + bytes((esm_class, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    return pdu.frame(Command.DELIVER_SM, 0, 1, fields + parameters)


def message_payload(raw: bytes, *, esm_class: int = 0) -> bytes:
    return delivery(struct.pack(">HH", Tag.MESSAGE_PAYLOAD, len(raw)) + raw, esm_class=esm_class)


def deliver(raw: bytes) -> None:
    found = deliver_sm.parse(pdu.decode(raw).body, ROUTE)  # type: ignore[arg-type]
    if isinstance(found, deliver_sm.MobileMessage):
        assert found.text
        return
    assert isinstance(found, deliver_sm.ReceiptMessage)
    receipts.parse_receipt(
        found.found, found.parameters, receipts.Dialect("gate", receipts.IdBase.RECEIPT_HEX)
    )


FORMS = [b"%41", b"%C3%A9", b"%FF", b"1%41", b"%%41", b"+", b"=", b"&", b";", b".", b"\xc3\xa9%41"]
JSONS = [
    filled(b'{"a":[', FLOAT, BODY, b"1]}"),
    filled(b'{"a":{"b":[', FLOAT, BODY, b"1]}}"),
    filled(b'{"a":[', b"[],", BODY, b"1]}"),
    filled(b'{"a":[', b"{},", BODY, b"1]}"),
    filled(b'{"a":', b"[", BODY),
    filled(b'{"a":', b"9", BODY, b"}"),
    filled(b'{"a":1e', b"9", BODY, b"}"),
    filled(b'{"a":"', b"\\u0041", BODY, b'"}'),
    filled(b'{"a":"', b'\\"', BODY, b'"}'),
    b"{" + b",".join(b'"%d":1' % number for number in range(180_000)) + b"}",
]
PACKETS = [
    message(path="/" * (HEAD - 200)),
    message(path="%41" * 20_000),
    message(path="/%41" * 15_000),
    message(path="%" * 60_000),
    message(path="/" * (PACKET - 200)),
    message(params={f"p{number}": "" for number in range(40_000)}),
    message(params={f"p{number}": "" for number in range(4_000)}),
    message(params={"p": [1] * 20_000}),
    message(params={"p": [1] * 20_002}),
    message(params={"p": "%41" * 20_000}),
    message(params={"p": [1.7976931348623157e308] * 2_000}),
    message(headers={f"p{number}": "" for number in range(4_000)}),
    message(headers={"p": [1] * 20_002}),
    message(payload=b"{" + b",".join(b'"%d":1' % number for number in range(90_000)) + b"}"),
    message(payload=filled(b'{"', b"a_", PACKET - 200, b'":1}')),
    message(payload=filled(b'{"data":[', FLOAT, PACKET - 200, b"1]}")),
]
DATA = [
    filled(b'{"a":[', b'"\\n",', BODY, b"1]}"),
    filled(b'{"a":"', b"\\u0041", BODY, b'"}'),
    filled(b'{"a":"', b"\\\\", BODY, b'"}'),
    filled(b'{"a":[', b'"\\n",', 6 * data.MAX_BYTES, b"1]}"),
    filled(b'{"a":[', FLOAT, BODY, b"1]}"),
]
DOCUMENTS = [
    filled(b"<Response>", piece, DOCUMENT, b"</Response>")
    for piece in (b"<a/>", b"<Message/>", b"<Message>a</Message>", b"&#65;", b"<!---->", b"]]&gt;")
] + [
    filled(b"<Response><Message>", b"<Media>a</Media>", DOCUMENT, b"</Message></Response>"),
    filled(b"<Response><Message>", "\u0301".encode(), DOCUMENT, b"</Message></Response>"),
    filled(b"<Response><Message action='", b"../", DOCUMENT, b"'>a</Message></Response>"),
    filled(b"<Response><Message to='", b"1", DOCUMENT, b"'>a</Message></Response>"),
    filled(b"", b"<a>", DOCUMENT),
]
DATES = [filled(b"", piece, BODY) for piece in (b"1 ", b"(", b" ", b"T1 ", b"1", b":")]
WORDS = [filled(b"", piece, BODY) for piece in (b"a_", b"_", b"1 ", b"1", b" ", "é".encode())]
HOSTS = [
    filled(b"http://", piece.encode(), 16_000) for piece in ("é", "é.", "a\u0301", "\ufdfa", "%41", "@", ":")
]

TEXTS = [
    (piece * 1600)[:1600].encode()
    for piece in (
        *("a", "^", "a\u0301", "\u0301", "\U0001f1e6", "\U0001f468\u200d", "\u0301\U0001f3fb", "\u1100"),
        *("\u0600", "\ufdfa", "http://a.b ", "https://", "http://a)", "http://a.", "\u200b"),
    )
]
"""Texts of messages, of as many characters as they may have."""
LONG_TEXTS = [
    filled(b"", piece, PAYLOAD)
    for piece in (b"a", b"\x1b", b"\x1bA", b"\x1bAx", b"\xff", b"\xd8\x00", b"\x24\x22", b"\0", b"\xe2\x82")
]
RECEIPTS = [
    filled(begin, piece, PAYLOAD)
    for begin in (b"", b"id:1 stat:DELIVRD ", b"\0i\0d\0:")
    for piece in (b"id:", b"stat:1 ", b"done date:1 ", b"done ", b"=", b" ", b"9", b"\0i\0d\0:")
]
PARAMETERS = [
    b"\x14\x03\0\0" * 16_000,
    b"\x99\x99\0\0" * 16_000,
    b"\x14\x03\0\1a" * 13_000,
    b"\0\x1e\xff\xf0" + b"f" * 0xFFF0,
    b"\x04\x27\xff\xf0" + b"9" * 0xFFF0,
    b"\x04\x23\xff\xf0" + b"9" * 0xFFF0,
]
HEADS = [
    filled(begin, piece, request_parser.MAX_HEAD, b"\r\n\r\n")
    for begin, piece in (
        (b"CONNECT a:1 HTTP/1.1\r\n", b"a:\r\n"),
        (b"CONNECT a:1 HTTP/1.1\r\na:", b" "),
        (b"CONNECT a:1 HTTP/1.1\r\nHost:", b"a."),
        (b"CONNECT a:1 HTTP/1.1\r\nHost:a\r\nTransfer-Encoding:", b"chunked,"),
        (b"CONNECT ", b"a."),
        (b"CONNECT ", b"a:"),
        (b"CONNECT a:", b"1"),
        (b"", b"\r"),
        (b"A", b"\r\n"),
        (b"GET http://", b"a-."),
    )
]
MULTIPART = [filled(b"", piece, BODY) for piece in (b"--x\r\n", b"--", b"--x\r\n\r\na\r\n", b"\r\n")]

TABLE: list[tuple[str, Callable[[bytes], object], list[bytes]]] = [
    ("form", form, [filled(b"a=", piece, BODY) for piece in FORMS] + [filled(b"", b"a.b=1&", BODY)]),
    ("JSON body", json_body, JSONS),
    ("packet", packet, PACKETS),
    ("path", addressing.segments_of, [filled(b"", p, HEAD) for p in (b"/", b"%41", b"/%41", b"%", b"%%41", b".")]),
    ("data", text(lambda value: data.compact(value, 54008)), DATA),
    (
        "JSON object",
        text(lambda value: params.json_object().parse("A", value)),
        [
            *JSONS[:3],
            *DATA,
            *(
                filled(b'{"a":[', piece, strict_json.MAX_OBJECT, b"1]}")
                for piece in (b"{},", b"[],", b"1,", b'{"a":1},')
            ),
        ],
    ),
    (
        "strict JSON",
        lambda raw: strict_json.decode_json(raw, Strict),
        [filled(b'{"', piece, BODY, b'":1}') for piece in (b" - at `$", b"` - at `$.x", b"`")],
    ),
    (
        "cookies of a request",
        text(lambda value: sessions.read_cookie(value, "c")),
        [filled(b"", piece, HEAD) for piece in (b";", b"c=;", b"=")],
    ),
    ("Basic", text(auth.basic), [filled(b"Basic ", piece, HEAD) for piece in (b"A", b" ", b"=", b"Og==")]),
    (
        "access token",
        text(access_tokens.parse),
        [
            filled(b"", b".", HEAD),
            filled(b"e30.", b"A", HEAD, b".A"),
            b"e30." + token_part(filled(b'{"a":[', FLOAT, 12_000, b"1]}")) + b".A",
        ],
    ),
    ("date", text(dates.parse_period), DATES),
    ("date of a receipt", text(done_dates.done_date), DATES),
    ("state of a receipt", text(delivery_states.state_of_word), WORDS),
    (
        "report of a gateway",
        lambda raw: protocol.receipt("gate", raw),
        [b'{"id":"1","status":' + one[5:] for one in JSONS],
    ),
    (
        "address",
        text(lambda value: parse_recipient(value, "US")),
        [*WORDS, filled(b"whatsapp:+", b"1", BODY)],
    ),
    ("URL", text(target.locate), HOSTS),
    ("multipart", lambda raw: form_data.parse_body(raw, "multipart/form-data; boundary=x"), MULTIPART),
    ("Range", text(byte_range), [b"bytes=" + filled(b"", p, HEAD) for p in (b"9", b"-", b"0-1,", b" ", b"=")]),
    ("text", text(send_text), TEXTS),
    ("keyword", text(find_keyword), [*TEXTS, *WORDS, filled(b"", "\ufdfa".encode(), 3 * 1020)]),
    (
        "part of a number",
        text(lambda value: partial_number().parse("Contains", value)),
        [filled(b"", piece, HEAD) for piece in (b"1", b"*", b"+", b"a")],
    ),
    *(
        (f"long text in {one.value}", partial(alphabet.decode, alphabet=one), LONG_TEXTS)
        for one in (Alphabet.GSM, Alphabet.GSM_PACKED, Alphabet.UCS2, Alphabet.JAPANESE)
    ),
    ("receipt", deliver, [message_payload(raw, esm_class=4) for raw in RECEIPTS]),
    ("unmarked receipt", deliver, [message_payload(raw) for raw in RECEIPTS]),
    ("parameters", deliver, [delivery(raw, esm_class=4) for raw in PARAMETERS]),
    ("user data header", deliver, [message_payload(b"\xff" + b"\0\0" * 200, esm_class=0x40)]),
    ("stream of PDUs", lambda raw: Splitter().feed(raw), [pdu.frame(Command.ENQUIRE_LINK, 0, 1) * 4_000]),
    ("head of the proxy", lambda raw: request_parser.parse_head(raw, PASSED), HEADS),
    ("TwiML", twiml, DOCUMENTS),
    (
        "challenge",
        text(lambda value: challenges.authorization_for((value,), "Basic YTpi", "GET", "http://a.test/", "n")),
        [filled(b"Digest ", piece, HEAD) for piece in (b"a", b'a="', b'a="\\', b"a=b,", b" ")],
    ),
    (
        "cookie of a response",
        text(lambda value: cookies.update_cookies({}, "http://a.test", (("set-cookie", value),), 0)),
        [filled(b"a=b; expires=", piece, HEAD) for piece in (b"1 ", b"(", b"1", b";", b"=")],
    ),
]  # fmt: skip
CASES = [(name, parse, worst) for name, parse, inputs in TABLE for worst in inputs]
EXPECTED = (
    ApiError,
    strict_json.BadJson,
    twilsock.FrameError,
    TwimlError,
    target.BadUrl,
    access_tokens.InvalidToken,
    protocol.BadReport,
)


PROBES = "slipcover.probe"
"""The module of the function that a line calls under ``tests.coverage_probes``."""


def calls(parse: Callable[[bytes], object], raw: bytes) -> int:
    """Return the calls of Python and C that a parser makes, without those of coverage's probes; end it where they are
    more than allowed."""
    count = 0

    def see(_frame: object, event: str, argument: object) -> None:
        nonlocal count
        if event == "call" or (event == "c_call" and getattr(argument, "__module__", None) != PROBES):
            count += 1
            if count > MAX_CALLS:
                sys.setprofile(None)
                raise AssertionError(f"more than {MAX_CALLS} calls")

    sys.setprofile(see)
    try:
        with suppress(*EXPECTED):
            parse(raw)
    finally:
        sys.setprofile(None)
    return count


def seconds(work: Callable[[], object]) -> float:
    """Return the time of the thread that some work takes."""
    began = time.thread_time()
    with suppress(*EXPECTED):
        work()
    return time.thread_time() - began


@pytest.mark.parametrize(
    ("parse", "raw"),
    [pytest.param(parse, raw, id=f"{name}-{number}") for number, (name, parse, raw) in enumerate(CASES)],
)
def test_the_worst_input_costs_hardly_more_than_a_plain_one(
    parse: Callable[[bytes], object], raw: bytes
) -> None:
    plain = filled(b'{"a":"', b"x", max(len(raw), HEAD), b'"}')
    assert any(
        seconds(lambda: parse(raw)) <= TIMES * seconds(lambda: json.loads(plain)) + FREE_SECONDS
        for _ in range(RUNS)
    )
    assert calls(parse, raw) <= MAX_CALLS


@pytest.mark.parametrize("raw", [pytest.param(raw, id=str(number)) for number, raw in enumerate(PACKETS)])
def test_a_packet_is_refused_as_its_session_expects(raw: bytes) -> None:
    with suppress(ApiError, twilsock.FrameError):
        packet(raw)
