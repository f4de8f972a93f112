"""Twilsock packets: exact byte counts, and everything else refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.realtime.client_packets import (
    ClientAcknowledgement,
    ClosePacket,
    DeleteContext,
    InitPacket,
    LargeMessage,
    PutContext,
    Telemetry,
    TunnelMessage,
    UnknownPacket,
    UpdatePacket,
)
from trunkline.realtime.twilsock import MAX_HEADER_BYTES, MAX_PACKET_BYTES, FrameError, Packet, decode, encode


def raw(header: dict[str, Any] | bytes, payload: bytes = b"", tail: bytes = b"") -> bytes:
    """Return a packet as the JavaScript client writes it: no line end after the payload."""
    text = header if isinstance(header, bytes) else json.dumps(header, ensure_ascii=False).encode()
    return b"TWILSOCK V3.0 %d\r\n%b\r\n%b%b" % (len(text), text, payload, tail)


REQUEST = {
    "host": "h",
    "path": "/v3/Maps",
    "method": "POST",
    "params": {"a": ["1", "2"]},
    "headers": {"X": "y"},
}


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ({"method": "init", "token": "t", "continuation_token": None, "tweaks": None}, InitPacket),
        (
            {"method": "init", "metadata": {"osa": 64}, "registrations": [{"product": "data_sync"}]},
            InitPacket,
        ),
        ({"method": "update", "token": "t"}, UpdatePacket),
        ({"method": "message", "active_grant": "data_sync", "http_request": REQUEST}, TunnelMessage),
        ({"method": "reply", "status": {"code": 200, "status": "OK"}}, ClientAcknowledgement),
        ({"method": "close"}, ClosePacket),
        ({"method": "telemetry.v1", "events": [{"start": -1}]}, Telemetry),
        ({"method": "put_notification_ctx", "notification_ctx_id": "n"}, PutContext),
        ({"method": "delete_notification_ctx", "notification_ctx_id": "n"}, DeleteContext),
        ({"method": "dance"}, UnknownPacket),
    ],
)
def test_each_method_has_its_type(header: dict[str, Any], kind: type) -> None:
    packet = decode(raw({"id": "TM1", "payload_size": 0, **header}))
    assert isinstance(packet.header, kind)
    assert packet.header.id == "TM1"


def test_fields_are_read() -> None:
    init = decode(
        raw(
            {
                "id": "1",
                "method": "init",
                "token": "t",
                "continuation_token": "c",
                "registrations": [{"product": "p", "type": "ers", "message_types": ["a"], "x": 1}],
                "capabilities": ["client_update"],
            }
        )
    ).header
    assert isinstance(init, InitPacket)
    assert (init.token, init.continuation_token, init.capabilities) == ("t", "c", ("client_update",))
    assert init.registrations is not None
    assert (init.registrations[0].product, init.registrations[0].message_types) == ("p", ("a",))
    message = decode(raw({"id": "1", "method": "message", "http_request": REQUEST})).header
    assert isinstance(message, TunnelMessage)
    assert message.http_request.params is not None
    assert bytes(message.http_request.params["a"]) == b'["1", "2"]'


@pytest.mark.parametrize("tail", [b"", b"\r\n"])
def test_sizes_count_bytes(tail: bytes) -> None:
    payload = '{"ü":"\u2028\U0001f600"}'.encode()
    packet = decode(raw({"id": "ü", "method": "x", "payload_size": len(payload)}, payload, tail))
    assert packet == Packet(UnknownPacket("ü", "x", len(payload)), payload)


def test_spaces_around_the_size_are_tolerated() -> None:
    assert decode(b'TWILSOCK  V3.0  24 \t\r\n{"id":"1","method":"x1"}\r\n').header == UnknownPacket("1", "x1")


def test_the_server_ends_a_payload_with_a_line_end() -> None:
    assert encode({"id": "1"}) == b'TWILSOCK V3.0 27\r\n{"id":"1","payload_size":0}\r\n'
    assert encode({"id": "1"}, b"{}").endswith(
        b'"payload_size":2,"payload_type":"application/json"}\r\n{}\r\n'
    )
    assert b'"payload_type":"text/plain"' in encode({"id": "1"}, b"{}", "text/plain")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\r\n",
        b"hello",
        b"TWILSOCK V2.0 2\r\n{}\r\n",
        b"twilsock V3.0 2\r\n{}\r\n",
        b"TWILSOCK V3.0 \r\n{}\r\n",
        b"TWILSOCK V3.0 -2\r\n{}\r\n",
        b"TWILSOCK V3.0 1_0\r\n{}\r\n",
        b"TWILSOCK V3.0 99999999\r\n{}\r\n",
        b"TWILSOCK V3.0 9999999\r\n{}\r\n",
        "TWILSOCK V3.0 ٣\r\n{}\r\n".encode(),
        raw(b"{}"),
        raw(b"[]"),
        raw(b"5"),
        raw(b"null"),
        raw(b"{'id':1}"),
        raw(b'{"id":"1","method":"\xff"}'),
        raw(b"[" * 100_000),
        raw({"id": 1, "method": "x"}),
        raw({"id": "1"}),
        raw({"method": "close"}),
        raw({"id": "1", "method": 5}),
        raw({"id": "1", "method": "init", "token": 5}),
        raw({"id": "1", "method": "init", "registrations": [{}]}),
        raw({"id": "1", "method": "message"}),
        raw({"id": "1", "method": "message", "http_request": {"path": "/"}}),
        raw({"id": "x" * 257, "method": "x"}),
        raw({"id": "1", "method": "x", "payload_size": -1}),
        raw({"id": "1", "method": "x", "payload_size": "0"}),
        raw({"id": "1", "method": "x", "payload_size": 3}, b"{}"),
        raw({"id": "1", "method": "x", "payload_size": 1}, b"{}"),
        raw({"id": "1", "method": "x", "payload_size": 0}, b"{}"),
        raw({"id": "1", "method": "x"}, b"", b"\r\n\r\n"),
    ],
)
def test_what_is_no_packet_is_refused(message: bytes) -> None:
    with pytest.raises(FrameError):
        decode(message)


def test_a_packet_of_a_mebibyte_is_read_and_a_larger_one_not() -> None:
    def of(size: int) -> bytes:
        around = len(raw({"id": "1", "method": "x", "payload_size": 1_000_000}))
        return raw({"id": "1", "method": "x", "payload_size": size - around}, b"x" * (size - around))

    assert len(of(MAX_PACKET_BYTES)) == MAX_PACKET_BYTES
    assert len(decode(of(MAX_PACKET_BYTES)).payload) > 1_000_000
    with pytest.raises(FrameError):
        decode(of(MAX_PACKET_BYTES + 1))


def test_every_truncation_is_refused() -> None:
    whole = raw({"id": "TM1", "method": "x", "payload_size": 2}, b"{}")
    assert decode(whole)
    for end in range(len(whole)):
        with pytest.raises(FrameError):
            decode(whole[:end])


@given(st.text(max_size=50), st.binary(max_size=300), st.booleans())
def test_what_is_encoded_decodes(id: str, payload: bytes, with_line_end: bool) -> None:
    try:
        message = encode({"id": id, "method": "any"}, payload)
    except UnicodeEncodeError:  # half a surrogate pair is no text
        return
    if payload and not with_line_end:
        message = message[:-2]
    packet = decode(message)
    assert (packet.header.id, packet.payload) == (id, payload)


@given(st.binary(max_size=200))
def test_garbage_never_surprises(garbage: bytes) -> None:
    for message in (garbage, b"TWILSOCK V3.0 %d\r\n%b\r\n" % (len(garbage), garbage)):
        try:
            decode(message)
        except FrameError:
            continue


def test_of_a_header_that_is_too_long_only_the_id_of_a_request_is_read() -> None:
    long = {"id": "1", "payload_size": 2, "http_request": {**REQUEST, "path": "/" * MAX_HEADER_BYTES}}
    assert decode(raw({**long, "method": "message"}, b"ab")) == Packet(LargeMessage("1", 2), b"ab")
    for header in ({**long, "method": "init"}, {**long, "method": 7}):
        with pytest.raises(FrameError):
            decode(raw(header, b"ab"))


def test_a_header_that_is_no_utf_8_is_no_packet() -> None:
    header = b'{"id":"1","method":"message","http_request":{"path":"/","method":"GET","params":{"a":"\xff"}}}'
    with pytest.raises(FrameError):
        decode(b"TWILSOCK V3.0 %d\r\n%b\r\n" % (len(header), header))
