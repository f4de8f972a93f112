"""The bodies of SMPP's PDUs: one Struct a shape, its fields in the order of the wire (spec). Pure.

Texts are C-octet strings, without their NUL, of Latin-1 characters; ``parameters`` are the optional parameters, from
their tags to their octets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from trunkline.transports.smpp.commands import RESPONSE, Command, CommandStatus

Parameters = dict[int, bytes]


class Field(NamedTuple):
    """A mandatory parameter: ``limit`` is the most octets of a text with its NUL, 0 stands for a number of one octet.
    ``status`` is the response to a fault in it."""

    limit: int = 0
    status: CommandStatus = CommandStatus.RINVCMDLEN


class EmptyBody(msgspec.Struct, frozen=True):
    """No body, as of enquire_link and of a response that rejects."""


class BindRequest(msgspec.Struct, frozen=True):
    """bind_receiver, bind_transmitter, bind_transceiver."""

    system_id: str = ""
    password: str = ""
    system_type: str = ""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""


class BindResponse(msgspec.Struct, frozen=True):
    """The responses to the binds."""

    system_id: str = ""
    parameters: Parameters = {}


class Outbind(msgspec.Struct, frozen=True):
    """outbind: the SMSC requests a bind."""

    system_id: str = ""
    password: str = ""


class ShortMessage(msgspec.Struct, frozen=True):
    """submit_sm and deliver_sm."""

    service_type: str = ""
    source_ton: int = 0
    source_npi: int = 0
    source: str = ""
    destination_ton: int = 0
    destination_npi: int = 0
    destination: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority: int = 0
    schedule: str = ""
    validity: str = ""
    registered_delivery: int = 0
    replace_if_present: int = 0
    data_coding: int = 0
    default_message: int = 0
    short_message: bytes = b""
    parameters: Parameters = {}


class DataMessage(msgspec.Struct, frozen=True):
    """data_sm, whose text is its message_payload."""

    service_type: str = ""
    source_ton: int = 0
    source_npi: int = 0
    source: str = ""
    destination_ton: int = 0
    destination_npi: int = 0
    destination: str = ""
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0
    parameters: Parameters = {}


class MessageResponse(msgspec.Struct, frozen=True):
    """The responses to submit_sm, deliver_sm and data_sm."""

    message_id: str = ""
    parameters: Parameters = {}


class Destination(msgspec.Struct, frozen=True):
    """One of submit_multi: an address, or with ``listed`` the name of a distribution list."""

    address: str = ""
    ton: int = 0
    npi: int = 0
    listed: bool = False


class SubmitMulti(msgspec.Struct, frozen=True):
    """submit_multi."""

    service_type: str = ""
    source_ton: int = 0
    source_npi: int = 0
    source: str = ""
    destinations: tuple[Destination, ...] = ()
    esm_class: int = 0
    protocol_id: int = 0
    priority: int = 0
    schedule: str = ""
    validity: str = ""
    registered_delivery: int = 0
    replace_if_present: int = 0
    data_coding: int = 0
    default_message: int = 0
    short_message: bytes = b""
    parameters: Parameters = {}


class UnsuccessfulDestination(msgspec.Struct, frozen=True):
    """A destination of submit_multi that was rejected."""

    ton: int = 0
    npi: int = 0
    address: str = ""
    status: int = 0


class SubmitMultiResponse(msgspec.Struct, frozen=True):
    """The response to submit_multi."""

    message_id: str = ""
    failures: tuple[UnsuccessfulDestination, ...] = ()


class QueryRequest(msgspec.Struct, frozen=True):
    """query_sm."""

    message_id: str = ""
    source_ton: int = 0
    source_npi: int = 0
    source: str = ""


class QueryResponse(msgspec.Struct, frozen=True):
    """The response to query_sm."""

    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0


class CancelRequest(msgspec.Struct, frozen=True):
    """cancel_sm."""

    service_type: str = ""
    message_id: str = ""
    source_ton: int = 0
    source_npi: int = 0
    source: str = ""
    destination_ton: int = 0
    destination_npi: int = 0
    destination: str = ""


class ReplaceRequest(msgspec.Struct, frozen=True):
    """replace_sm."""

    message_id: str = ""
    source_ton: int = 0
    source_npi: int = 0
    source: str = ""
    schedule: str = ""
    validity: str = ""
    registered_delivery: int = 0
    default_message: int = 0
    short_message: bytes = b""


class AlertNotification(msgspec.Struct, frozen=True):
    """alert_notification, which has no response."""

    source_ton: int = 0
    source_npi: int = 0
    source: str = ""
    esme_ton: int = 0
    esme_npi: int = 0
    esme: str = ""
    parameters: Parameters = {}


Body = (
    EmptyBody
    | BindRequest
    | BindResponse
    | Outbind
    | ShortMessage
    | DataMessage
    | MessageResponse
    | SubmitMulti
    | SubmitMultiResponse
    | QueryRequest
    | QueryResponse
    | CancelRequest
    | ReplaceRequest
    | AlertNotification
)


@dataclass(frozen=True)
class Shape:
    """The layout of a body: its mandatory fields, then a short_message with its length, then optional parameters.
    ``lists_at`` is the index of the one field that is a list, of submit_multi and its response."""

    body: type[Body]
    fields: tuple[Field, ...] = field(default=())
    short_message: bool = False
    parameters: bool = False
    lists_at: int = -1


_OCTET = Field()
_SERVICE = Field(6, CommandStatus.RINVSERTYP)
_SOURCE = (_OCTET, _OCTET, Field(21, CommandStatus.RINVSRCADR))
_DESTINATION = (_OCTET, _OCTET, Field(21, CommandStatus.RINVDSTADR))
_SCHEDULE = Field(17, CommandStatus.RINVSCHED)
_VALIDITY = Field(17, CommandStatus.RINVEXPIRY)
_MESSAGE_ID = Field(65, CommandStatus.RINVMSGID)
_SYSTEM_ID = Field(16, CommandStatus.RINVSYSID)
_PASSWORD = Field(9, CommandStatus.RINVPASWD)
_AHEAD = (_OCTET,) * 3
"""esm_class, protocol_id, priority_flag; of data_sm esm_class, registered_delivery, data_coding."""
_BEHIND = (_OCTET,) * 4
"""registered_delivery, replace_if_present_flag, data_coding, sm_default_msg_id."""

_BIND = Shape(
    BindRequest,
    (_SYSTEM_ID, _PASSWORD, Field(13, CommandStatus.RINVSYSTYP), _OCTET, _OCTET, _OCTET, Field(41)),
)
_BOUND = Shape(BindResponse, (_SYSTEM_ID,), parameters=True)
_SHORT = Shape(
    ShortMessage,
    (_SERVICE, *_SOURCE, *_DESTINATION, *_AHEAD, _SCHEDULE, _VALIDITY, *_BEHIND),
    short_message=True,
    parameters=True,
)
_DATA = Shape(
    DataMessage,
    (
        _SERVICE,
        _OCTET,
        _OCTET,
        Field(65, CommandStatus.RINVSRCADR),
        _OCTET,
        _OCTET,
        Field(65, CommandStatus.RINVDSTADR),
        *_AHEAD,
    ),
    parameters=True,
)
_ACCEPTED = Shape(MessageResponse, (_MESSAGE_ID,), parameters=True)
_NOTHING = Shape(EmptyBody)

SHAPES: dict[int, Shape] = {
    Command.BIND_RECEIVER: _BIND,
    Command.BIND_TRANSMITTER: _BIND,
    Command.BIND_TRANSCEIVER: _BIND,
    Command.BIND_RECEIVER | RESPONSE: _BOUND,
    Command.BIND_TRANSMITTER | RESPONSE: _BOUND,
    Command.BIND_TRANSCEIVER | RESPONSE: _BOUND,
    Command.OUTBIND: Shape(Outbind, (_SYSTEM_ID, _PASSWORD)),
    Command.UNBIND: _NOTHING,
    Command.UNBIND | RESPONSE: _NOTHING,
    Command.ENQUIRE_LINK: _NOTHING,
    Command.ENQUIRE_LINK | RESPONSE: _NOTHING,
    Command.GENERIC_NACK: _NOTHING,
    Command.SUBMIT_SM: _SHORT,
    Command.DELIVER_SM: _SHORT,
    Command.SUBMIT_SM | RESPONSE: _ACCEPTED,
    Command.DELIVER_SM | RESPONSE: _ACCEPTED,
    Command.DATA_SM: _DATA,
    Command.DATA_SM | RESPONSE: _ACCEPTED,
    Command.SUBMIT_MULTI: Shape(
        SubmitMulti,
        (_SERVICE, *_SOURCE, *_AHEAD, _SCHEDULE, _VALIDITY, *_BEHIND),
        short_message=True,
        parameters=True,
        lists_at=4,
    ),
    Command.SUBMIT_MULTI | RESPONSE: Shape(SubmitMultiResponse, (_MESSAGE_ID,), lists_at=1),
    Command.QUERY_SM: Shape(QueryRequest, (_MESSAGE_ID, *_SOURCE)),
    Command.QUERY_SM | RESPONSE: Shape(QueryResponse, (_MESSAGE_ID, Field(17), _OCTET, _OCTET)),
    Command.CANCEL_SM: Shape(CancelRequest, (_SERVICE, _MESSAGE_ID, *_SOURCE, *_DESTINATION)),
    Command.CANCEL_SM | RESPONSE: _NOTHING,
    Command.REPLACE_SM: Shape(
        ReplaceRequest, (_MESSAGE_ID, *_SOURCE, _SCHEDULE, _VALIDITY, _OCTET, _OCTET), short_message=True
    ),
    Command.REPLACE_SM | RESPONSE: _NOTHING,
    Command.ALERT_NOTIFICATION: Shape(
        AlertNotification, (_OCTET, _OCTET, Field(65), _OCTET, _OCTET, Field(65)), parameters=True
    ),
}
"""From a command to the shape of its body."""
