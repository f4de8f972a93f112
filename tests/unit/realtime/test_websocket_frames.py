"""A client's frames: whole, in pieces, and wrong."""

from __future__ import annotations

import pytest
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Frame, Opcode

from trunkline.realtime.websocket_frames import ClientFrame, FrameReader

MAX = 100_000
FRAMES = [
    Frame(Opcode.BINARY, b""),
    Frame(Opcode.BINARY, b"abc"),
    Frame(Opcode.PING, b"x" * 125),
    Frame(Opcode.TEXT, b"y" * 125, fin=False),
    Frame(Opcode.CONT, b"z" * 126, fin=False),
    Frame(Opcode.CONT, bytes(range(256)) * 255 + b"e" * 255),
    Frame(Opcode.BINARY, b"f" * 65_536),
    Frame(Opcode.PONG, b""),
    Frame(Opcode.CLOSE, b"\x03\xe8bye"),
]
EXPECTED = [ClientFrame(one.opcode, one.fin, bytes(one.data)) for one in FRAMES]
SENT = b"".join(one.serialize(mask=True) for one in FRAMES)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 126, 4096, 65_536, len(SENT)])
def test_frames_come_out_whole_however_they_are_cut(size: int) -> None:
    inbound = FrameReader(MAX)
    pieces = [SENT[at : at + size] for at in range(0, len(SENT), size)]
    assert [got for piece in pieces for got in inbound.feed(piece)] == EXPECTED


def test_a_frame_may_be_cut_in_two_anywhere() -> None:
    sent = b"".join(one.serialize(mask=True) for one in FRAMES[:5])
    for at in range(len(sent) + 1):
        inbound = FrameReader(MAX)
        found = [*inbound.feed(sent[:at]), *inbound.feed(sent[at:])]
        assert found == EXPECTED[:5]


@pytest.mark.parametrize(
    "head",
    [
        b"\xc2\x81",
        b"\xa2\x81",
        b"\x92\x81",
        b"\x83\x81",
        b"\x8b\x81",
        b"\x09\x81",
        b"\x08\x80",
        b"\x82\x01",
        b"\x89\xfe",
        b"\x88\xff",
    ],
)
def test_a_wrong_head_is_refused_before_the_rest_has_come(head: bytes) -> None:
    inbound = FrameReader(MAX)
    assert list(inbound.feed(FRAMES[1].serialize(mask=True))) == [EXPECTED[1]]
    with pytest.raises(ProtocolError):
        list(inbound.feed(head))


@pytest.mark.parametrize("head", [b"\x82\xff" + (MAX + 1).to_bytes(8, "big"), b"\x02\xff" + b"\xff" * 8])
def test_what_is_too_big_is_refused_by_its_head(head: bytes) -> None:
    inbound = FrameReader(MAX)
    assert list(inbound.feed(head[:9])) == []
    with pytest.raises(PayloadTooBig):
        list(inbound.feed(head[9:]))


def test_the_largest_frame_is_read() -> None:
    inbound = FrameReader(MAX)
    sent = Frame(Opcode.BINARY, b"x" * MAX).serialize(mask=True)
    assert list(inbound.feed(sent)) == [ClientFrame(Opcode.BINARY, True, b"x" * MAX)]
