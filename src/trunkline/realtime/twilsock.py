"""Twilsock packets to and from bytes. Pure.

    TWILSOCK V3.0 <H>\\r\\n
    <header: UTF-8 JSON, exactly H bytes>\\r\\n
    <payload: exactly header.payload_size bytes>[\\r\\n]

Both sizes count bytes (client). A client sends no line end after its payload, the server sends one after a payload
that is not empty (captured). Spaces around the header's size are tolerated (client); anything else that is not as
above is a FrameError. Of a header that is too long nothing but its id is read, and only if it tunnels a request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from trunkline.realtime.client_packets import METHODS, Header, Known, LargeMessage, UnknownPacket

MAX_PACKET_BYTES = 1024 * 1024
"""The largest packet that is read (inferred): data are at most 16 KiB, and a header comes on top."""

MAX_HEADER_BYTES = 64 * 1024
"""The longest header that is read: path, parameters and headers of a tunnelled request have the bound of the head of a
request over HTTP."""

JSON = "application/json"

_LINE = re.compile(rb"TWILSOCK +V3\.0 +([0-9]{1,7})[ \t]*\r\n")
_known = msgspec.json.Decoder(Known)
_unknown = msgspec.json.Decoder(UnknownPacket)
_encode = msgspec.json.Encoder().encode


class FrameError(Exception):
    """Bytes that are not a packet; the text has the reason."""


class Packet(NamedTuple):
    """A client's packet."""

    header: Header
    payload: bytes


def encode(header: Mapping[str, Any], payload: bytes = b"", payload_type: str = JSON) -> bytes:
    """Return the bytes of a packet. Add ``payload_size``, and with a payload ``payload_type``, to the header."""
    if payload:
        raw = _encode({**header, "payload_size": len(payload), "payload_type": payload_type})
        return b"TWILSOCK V3.0 %d\r\n%b\r\n%b\r\n" % (len(raw), raw, payload)
    raw = _encode({**header, "payload_size": 0})
    return b"TWILSOCK V3.0 %d\r\n%b\r\n" % (len(raw), raw)


def decode(message: bytes) -> Packet:
    """Return the packet that a message is, at most 1 MiB. Raise FrameError if it is none."""
    if len(message) > MAX_PACKET_BYTES:
        raise FrameError(f"a packet of {len(message)} bytes")
    line = _LINE.match(message)
    if line is None:
        raise FrameError("no magic line")
    start = line.end()
    end = start + int(line[1])
    if not message.startswith(b"\r\n", end):
        raise FrameError("the header does not end at its size")
    header = _header(message[start:end])
    body = end + 2
    stop = body + header.payload_size
    if stop > len(message):
        raise FrameError("the payload is shorter than its size")
    if stop != len(message) and message[stop:] != b"\r\n":
        raise FrameError("the payload is longer than its size")
    return Packet(header, message[body:stop])


def _header(raw: bytes) -> Header:
    if len(raw) > MAX_HEADER_BYTES:
        return _large(raw)
    try:
        # Values that are kept as they were written are not checked by the decoder.
        raw.decode()
        header: Header = _known.decode(raw)
    except msgspec.ValidationError as error:
        return _other(raw, error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"the header is not JSON: {error}") from None
    return header


def _large(raw: bytes) -> LargeMessage:
    try:
        header = _unknown.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"the header is wrong: {error}") from None
    if header.method != "message":
        raise FrameError(f"a header of {len(raw)} bytes")
    return LargeMessage(header.id, header.payload_size)


def _other(raw: bytes, why: msgspec.ValidationError) -> UnknownPacket:
    """Return the header of a method that is not listed. Raise FrameError if the method is listed: the header is
    wrong."""
    try:
        header = _unknown.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"the header is wrong: {error}") from None
    if header.method in METHODS:
        raise FrameError(f"the header is wrong: {why}")
    return header
