"""WebSocket frames: a client's from bytes, the server's to bytes (RFC 6455, section 5). Pure.

Written out for speed: clients acknowledge every event that they get, so this runs as often as frames are sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Opcode

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

_FIN, _MASK, _SIZE = 0x80, 0x80, 0x7F
_MAX_CONTROL = 125
_CONTROL = 0x08

_HEADS = {
    opcode | fin: (opcode, bool(fin))
    for opcode in (Opcode.CONT, Opcode.TEXT, Opcode.BINARY, Opcode.CLOSE, Opcode.PING, Opcode.PONG)
    for fin in ((_FIN,) if opcode & _CONTROL else (0, _FIN))
}
"""The first bytes that a frame may begin with: no reserved bit, no unknown opcode, no control frame in fragments."""


class ClientFrame(NamedTuple):
    """A whole frame, its payload unmasked."""

    opcode: Opcode
    fin: bool
    payload: bytes


class FrameReader:
    """The bytes of a connection, cut into frames of at most ``max_bytes`` of payload, which may be changed."""

    __slots__ = ("_needed", "_rest", "max_bytes")

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._rest: bytearray | None = None
        self._needed = 0

    def feed(self, data: bytes) -> Iterator[ClientFrame]:
        """Yield the frames that are whole with ``data``. Raise PayloadTooBig or ProtocolError as soon as a head shows
        it."""
        if self._rest is not None:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data, self._rest = bytes(self._rest), None
        at, size = 0, len(data)
        while at < size:
            start, length = self._measure(data, at, size)
            end = start + length
            if end > size:
                self._rest, self._needed = bytearray(data[at:]), end - at
                return
            opcode, fin = _HEADS[data[at]]
            yield ClientFrame(opcode, fin, apply_mask(data[start:end], data[start - 4 : start]))
            at = end

    def _measure(self, data: bytes, at: int, size: int) -> tuple[int, int]:
        """Return the start of the payload of the frame at ``at``, and its length, 0 while the head is not whole."""
        if data[at] not in _HEADS:
            raise ProtocolError("a reserved bit, an unknown opcode, or a control frame in fragments")
        if size - at < 2:
            return at + 2, 0
        if not data[at + 1] & _MASK:
            raise ProtocolError("a frame without a mask")
        length = data[at + 1] & _SIZE
        if length <= _MAX_CONTROL:
            return at + 6, length
        if data[at] & _CONTROL:
            raise ProtocolError("a control frame that is too long")
        start = at + (4 if length == _MAX_CONTROL + 1 else 10)
        if start > size:
            return start, 0
        length = int.from_bytes(data[at + 2 : start], "big")
        if length > self.max_bytes:
            raise PayloadTooBig(length, self.max_bytes)
        return start + 4, length


def binary_frame(payload: bytes) -> bytes:
    """Return the server's frame of a binary message; every connection may send the same bytes."""
    return frame(Opcode.BINARY, payload)


def frame(opcode: Opcode, payload: bytes) -> bytes:
    """Return a whole, unmasked frame."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return b"%c\x7e%b%b" % (0x80 | opcode, size.to_bytes(2, "big"), payload)
    return b"%c\x7f%b%b" % (0x80 | opcode, size.to_bytes(8, "big"), payload)
