"""SMPP PDUs from octets and to octets. Pure.

1. ``decode`` takes one whole PDU, as a ``Splitter`` cuts them, and raises nothing but ``BadPdu``, which has the fault
   and the response to it.
2. Unsupported optional parameters are skipped; of one that comes twice the last counts.
3. A response may lack its body, whatever its status; octets behind a body without optional parameters are ignored.
4. A deliver_sm or data_sm is read as far as it can be, because the SMSC would drop the phone's message: texts may be
   longer than their limits, and behind a wrong sm_length or a broken optional parameter the rest is ignored.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import Enum
from typing import Any

import msgspec

from trunkline.transports.smpp.commands import RESPONSE, Command, CommandStatus, Tag
from trunkline.transports.smpp.pdu_bodies import (
    SHAPES,
    Body,
    Destination,
    EmptyBody,
    Field,
    Parameters,
    Shape,
    SubmitMulti,
    UnsuccessfulDestination,
)

HEADER = 16
MAX_SHORT_MESSAGE = 254

_HEADER = struct.Struct(">IIII")
_TLV = struct.Struct(">HH")
_STATUS = struct.Struct(">I")
_KNOWN_TAGS = frozenset(Tag)
_LENIENT = (Command.DELIVER_SM, Command.DATA_SM)
_MAX_DESTINATIONS = 254
_ADDRESS = Field(21, CommandStatus.RINVDSTADR)
_LIST_NAME = Field(21, CommandStatus.RINVDLNAME)
_TO_ADDRESS = 1
_TO_LIST = 2


class Fault(Enum):
    """The fault of a PDU."""

    HEADER = "the header is cut off or lies about the length"
    COMMAND = "the command is unknown"
    TRUNCATED = "the body is cut off"
    UNTERMINATED = "a text has no end within its limit"
    MESSAGE_LENGTH = "sm_length goes beyond the end"
    PARAMETERS = "an optional parameter goes beyond the end"
    DESTINATION = "a destination is neither an address nor a list"


class Pdu(msgspec.Struct, frozen=True):
    """A PDU. ``status`` is command_status."""

    command: int
    status: int
    sequence: int
    body: Body = EmptyBody()


class BadPdu(Exception):
    """A PDU that cannot be understood. ``status`` is that of the response; ``head`` is as much of it as could be
    read, without its body."""

    def __init__(self, fault: Fault, status: CommandStatus, head: Pdu | None = None) -> None:
        self.head = head or Pdu(0, 0, 0)
        super().__init__(f"{fault.value}: command 0x{self.head.command:08X}, sequence {self.head.sequence}")
        self.fault = fault
        self.status = status

    @property
    def response(self) -> bytes | None:
        """The PDU to respond with: the response where the command is a known request, else generic_nack; None for
        a response."""
        if self.head.command & RESPONSE:
            return None
        command: int = Command.GENERIC_NACK
        if self.head.command | RESPONSE in SHAPES and self.fault is not Fault.HEADER:
            command = self.head.command | RESPONSE
        return frame(command, self.status, self.head.sequence)


class _Fault(Exception):
    def __init__(self, fault: Fault, status: CommandStatus) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.status = status


def frame(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    """Return a whole PDU around an encoded body."""
    return _HEADER.pack(HEADER + len(body), command, status, sequence) + body


def encode(pdu: Pdu) -> bytes:
    """Return a whole PDU. Raise ValueError as ``encode_body`` does."""
    return frame(pdu.command, pdu.status, pdu.sequence, encode_body(pdu.command, pdu.body))


def encode_body(command: int, body: Body) -> bytes:
    """Return the octets behind the header. Raise ValueError if a value is too long or not of Latin-1."""
    if isinstance(body, EmptyBody):
        return b""
    shape = SHAPES[command]
    values: Sequence[Any] = msgspec.structs.astuple(body)
    if shape.lists_at >= 0:
        before = _write_fields(shape.fields[: shape.lists_at], values[: shape.lists_at])
        behind = _write_fields(shape.fields[shape.lists_at :], values[shape.lists_at + 1 :])
        out = before + _write_list(body, values[shape.lists_at]) + behind
        values = values[1:]
    else:
        out = _write_fields(shape.fields, values)
    at = len(shape.fields)
    if shape.short_message:
        text: bytes = values[at]
        if len(text) > MAX_SHORT_MESSAGE:
            raise ValueError(f"short_message has {len(text)} octets, more than {MAX_SHORT_MESSAGE}")
        out += bytes((len(text),)) + text
        at += 1
    if shape.parameters:
        for tag, value in values[at].items():
            out += _TLV.pack(tag, len(value)) + value
    return bytes(out)


def decode(data: bytes) -> Pdu:
    """Return the PDU of its octets. Raise BadPdu if they are no valid one."""
    if len(data) < HEADER:
        raise BadPdu(Fault.HEADER, CommandStatus.RINVCMDLEN)
    length, command, status, sequence = _HEADER.unpack_from(data)
    if length != len(data):
        raise BadPdu(Fault.HEADER, CommandStatus.RINVCMDLEN, Pdu(command, status, sequence))
    shape = SHAPES.get(command)
    if shape is None:
        raise BadPdu(Fault.COMMAND, CommandStatus.RINVCMDID, Pdu(command, status, sequence))
    if length == HEADER and command & RESPONSE:
        return Pdu(command, status, sequence)
    try:
        return Pdu(command, status, sequence, _read_body(shape, data, lenient=command in _LENIENT))
    except _Fault as fault:
        raise BadPdu(fault.fault, fault.status, Pdu(command, status, sequence)) from None


def _write_fields(fields: Sequence[Field], values: Sequence[Any]) -> bytearray:
    out = bytearray()
    for (limit, _), value in zip(fields, values, strict=False):
        if limit:
            text = value.encode("latin-1")
            if len(text) >= limit:
                raise ValueError(f"{value!r} has {len(text)} octets, more than {limit - 1}")
            if b"\0" in text:
                raise ValueError(f"{value!r} has a NUL in it")
            out += text
            out.append(0)
        else:
            out.append(value)
    return out


def _write_list(body: Body, entries: Sequence[Destination | UnsuccessfulDestination]) -> bytearray:
    if len(entries) > _MAX_DESTINATIONS:
        raise ValueError(f"{len(entries)} destinations, more than {_MAX_DESTINATIONS}")
    out = bytearray((len(entries),))
    for entry in entries:
        if isinstance(entry, UnsuccessfulDestination):
            out += bytes((entry.ton, entry.npi)) + _write_fields((_ADDRESS,), (entry.address,))
            out += _STATUS.pack(entry.status)
        elif entry.listed:
            out += bytes((_TO_LIST,)) + _write_fields((_LIST_NAME,), (entry.address,))
        else:
            out += bytes((_TO_ADDRESS, entry.ton, entry.npi)) + _write_fields((_ADDRESS,), (entry.address,))
    return out


def _read_body(shape: Shape, data: bytes, *, lenient: bool) -> Body:
    values: list[Any] = []
    if shape.lists_at >= 0:
        at = _read_fields(shape.fields[: shape.lists_at], data, HEADER, values)
        entries, at = _read_list(shape.body is SubmitMulti, data, at)
        values.append(entries)
        at = _read_fields(shape.fields[shape.lists_at :], data, at, values)
    else:
        at = _read_fields(shape.fields, data, HEADER, values, lenient=lenient)
    if shape.short_message:
        if at >= len(data):
            raise _Fault(Fault.TRUNCATED, CommandStatus.RINVCMDLEN)
        end = at + 1 + data[at]
        if not lenient and (data[at] > MAX_SHORT_MESSAGE or end > len(data)):
            raise _Fault(Fault.MESSAGE_LENGTH, CommandStatus.RINVMSGLEN)
        values.append(data[at + 1 : end])
        at = end
    if shape.parameters:
        values.append(_read_parameters(data, at, lenient=lenient) if at < len(data) else {})
    return shape.body(*values)


def _read_fields(
    fields: Sequence[Field], data: bytes, at: int, values: list[Any], *, lenient: bool = False
) -> int:
    size = len(data)
    for limit, status in fields:
        if limit:
            end = data.find(0, at, size if lenient else at + limit)
            if end < 0:
                cut = at + limit > size
                raise _Fault(
                    Fault.TRUNCATED if cut else Fault.UNTERMINATED,
                    CommandStatus.RINVCMDLEN if cut else status,
                )
            values.append(data[at:end].decode("latin-1"))
            at = end + 1
        elif at < size:
            values.append(data[at])
            at += 1
        else:
            raise _Fault(Fault.TRUNCATED, status)
    return at


def _octet(data: bytes, at: int) -> int:
    if at >= len(data):
        raise _Fault(Fault.TRUNCATED, CommandStatus.RINVCMDLEN)
    return data[at]


def _read_list(to_destinations: bool, data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    entries: list[Destination | UnsuccessfulDestination] = []
    many = _octet(data, at)
    at += 1
    for _ in range(many):
        values: list[Any] = []
        if not to_destinations:
            at = _read_fields((Field(), Field(), _ADDRESS), data, at, values)
            if at + _STATUS.size > len(data):
                raise _Fault(Fault.TRUNCATED, CommandStatus.RINVCMDLEN)
            entries.append(
                UnsuccessfulDestination(values[0], values[1], values[2], _STATUS.unpack_from(data, at)[0])
            )
            at += _STATUS.size
            continue
        flag = _octet(data, at)
        if flag == _TO_ADDRESS:
            at = _read_fields((Field(), Field(), _ADDRESS), data, at + 1, values)
            entries.append(Destination(values[2], values[0], values[1]))
        elif flag == _TO_LIST:
            at = _read_fields((_LIST_NAME,), data, at + 1, values)
            entries.append(Destination(values[0], listed=True))
        else:
            raise _Fault(Fault.DESTINATION, CommandStatus.RINVDESTFLAG)
    return tuple(entries), at


def _read_parameters(data: bytes, at: int, *, lenient: bool) -> Parameters:
    found: Parameters = {}
    size = len(data)
    while at < size:
        tag, length = _TLV.unpack_from(data, at) if at + _TLV.size <= size else (0, size)
        at += _TLV.size
        if at + length > size:
            if lenient:
                break
            raise _Fault(Fault.PARAMETERS, CommandStatus.RINVOPTPARSTREAM)
        if tag in _KNOWN_TAGS:
            found[tag] = data[at : at + length]
        at += length
    return found
