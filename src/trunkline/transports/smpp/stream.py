"""The split of a stream of octets, which arrive cut anywhere, into PDUs. Pure."""

from __future__ import annotations

import struct

from trunkline.transports.smpp.commands import CommandStatus
from trunkline.transports.smpp.pdu import HEADER, BadPdu, Fault

MAX_LENGTH = 70_000
"""The longest PDU: a message_payload of 64 KiB and the fields around it (inferred)."""

_LENGTH = struct.Struct(">I")


class Splitter:
    """The splitter of a stream. An impossible length breaks it: nothing behind it can be decoded."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.broken: BadPdu | None = None
        """The fault that broke the stream."""

    @property
    def begun(self) -> bool:
        """True if a PDU has begun and not ended."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the PDUs that ``data`` completes, up to the fault that breaks the stream."""
        stream: bytes | bytearray = data
        if self._held:
            self._held += data
            stream = self._held
        found: list[bytes] = []
        at, size = 0, len(stream)
        while self.broken is None and size - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(stream, at)
            if not HEADER <= length <= MAX_LENGTH:
                self.broken = BadPdu(Fault.HEADER, CommandStatus.RINVCMDLEN)
                at = size
            elif at + length > size:
                break
            else:
                found.append(bytes(stream[at : at + length]))
                at += length
        if stream is self._held:
            del self._held[:at]
        elif at < size:
            self._held += data[at:]
        return found
