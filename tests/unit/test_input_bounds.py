"""The worst input of the allowed size, for each parser: the calls that it costs are bounded, and its time by that of a
plain input of the same size in the same run.

A parser that cuts its input into pieces makes a call for each; one whose pieces are cut in C takes the time instead.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from trunkline.api import addressing, auth, form_data, params, sessions
from trunkline.api.errors import ApiError
from trunkline.core import access_tokens, dates, strict_json
from trunkline.core.egress import cookies, target
from trunkline.core.webhooks import challenges
from trunkline.products.messaging.numbers.parsing import parse_recipient
from trunkline.products.messaging.receiving.twiml import TwimlError, read_twiml
from trunkline.products.sync import data
from trunkline.realtime import tunnel, twilsock
from trunkline.realtime.client_packets import TunnelMessage
from trunkline.transports import delivery_states, done_dates
from trunkline.transports.http import protocol

BODY = 2 * 1024 * 1024
HEAD = 64 * 1024
PACKET = 1024 * 1024
DOCUMENT = 64 * 1024
FLOAT = b"1.7976931348623157e308,"

MAX_CALLS = 60_000
"""The most calls of Python or C for an input: some 10 ms. The pieces of the worst inputs are ten times as many."""

TIMES = 40
"""The time of an input in that of a plain one of the same size; 20 ms are free, so that nothing depends on the machine.
"""
FREE_SECONDS = 0.02


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


def segment(claims: bytes) -> bytes:
    return base64.urlsafe_b64encode(claims).rstrip(b"=")


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
    message(params={"p": "%41" * 20_000}),
    message(params={"p": [1.7976931348623157e308] * 2_000}),
    message(headers={f"p{number}": "" for number in range(4_000)}),
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

TABLE: list[tuple[str, Callable[[bytes], object], list[bytes]]] = [
    ("form", form, [filled(b"a=", piece, BODY) for piece in FORMS] + [filled(b"", b"a.b=1&", BODY)]),
    ("JSON body", json_body, JSONS),
    ("packet", packet, PACKETS),
    ("path", addressing.segments_of, [filled(b"", p, HEAD) for p in (b"/", b"%41", b"/%41", b"%", b"%%41", b".")]),
    ("data", text(lambda value: data.compact(value, 54008)), DATA),
    ("JSON object", text(lambda value: params.json_object().parse("A", value)), [*JSONS[:3], *DATA]),
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
            b"e30." + segment(filled(b'{"a":[', FLOAT, 12_000, b"1]}")) + b".A",
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


def calls(parse: Callable[[bytes], object], raw: bytes) -> int:
    """Return the calls of Python and C that a parser makes; end it where they are more than allowed."""
    count = 0

    def see(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        if event in ("call", "c_call"):
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
    """Return the least time of the thread that some work takes in two runs."""
    found = []
    for _ in range(2):
        began = time.thread_time()
        with suppress(*EXPECTED):
            work()
        found.append(time.thread_time() - began)
    return min(found)


@pytest.mark.parametrize(
    ("parse", "raw"),
    [pytest.param(parse, raw, id=f"{name}-{number}") for number, (name, parse, raw) in enumerate(CASES)],
)
def test_the_worst_input_costs_hardly_more_than_a_plain_one(
    parse: Callable[[bytes], object], raw: bytes
) -> None:
    plain = filled(b'{"a":"', b"x", max(len(raw), HEAD), b'"}')
    # The first run loads what is loaded late.
    assert seconds(lambda: parse(raw)) <= TIMES * seconds(lambda: json.loads(plain)) + FREE_SECONDS
    assert calls(parse, raw) <= MAX_CALLS
