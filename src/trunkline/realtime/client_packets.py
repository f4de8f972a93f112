"""The headers of the packets that a client sends, as types. Pure.

One struct per ``method`` (client); a method that is not listed is ``UnknownPacket``. Fields that no rule reads are
dropped.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Size = Annotated[int, msgspec.Meta(ge=0)]
Id = Annotated[str, msgspec.Meta(max_length=256)]
MAX_ITEMS = 100
"""Registrations and capabilities of a client, which has a handful."""

Items = msgspec.Meta(max_length=MAX_ITEMS)


class Registration(msgspec.Struct, frozen=True):
    """The message types of one product that a client subscribes to."""

    product: str
    type: str = "ers"
    message_types: tuple[str, ...] = ()


class InitPacket(msgspec.Struct, frozen=True, tag_field="method", tag="init"):
    """The first packet: token, product and capabilities of the client."""

    id: Id
    token: str | None = None
    continuation_token: str | None = None
    registrations: Annotated[tuple[Registration, ...], Items] | None = None
    capabilities: Annotated[tuple[str, ...], Items] | None = None
    payload_size: Size = 0


class UpdatePacket(msgspec.Struct, frozen=True, tag_field="method", tag="update"):
    """A fresh token for an open connection."""

    id: Id
    token: str | None = None
    payload_size: Size = 0


class HttpRequest(msgspec.Struct, frozen=True):
    """The tunnelled request line. Path and parameters are percent-encoded; ``host`` is only a label and is not read.
    The values of parameters and headers are JSON as it was written."""

    path: str
    method: str
    params: dict[str, msgspec.Raw] | None = None
    headers: dict[str, msgspec.Raw] | None = None


class TunnelMessage(msgspec.Struct, frozen=True, tag_field="method", tag="message"):
    """A tunnelled request; its body is the packet's payload."""

    id: Id
    http_request: HttpRequest
    active_grant: str | None = None
    payload_size: Size = 0


class LargeMessage(msgspec.Struct, frozen=True):
    """A tunnelled request whose header is longer than that of a request over HTTP may be: it is not read."""

    id: Id
    payload_size: Size = 0


class ClientAcknowledgement(msgspec.Struct, frozen=True, tag_field="method", tag="reply"):
    """The acknowledgement of one of the server's packets."""

    id: Id
    payload_size: Size = 0


class ClosePacket(msgspec.Struct, frozen=True, tag_field="method", tag="close"):
    """The end of the connection by the client."""

    id: Id
    payload_size: Size = 0


class Telemetry(msgspec.Struct, frozen=True, tag_field="method", tag="telemetry.v1"):
    """The client's own timings. It expects no reply."""

    id: Id
    payload_size: Size = 0


class PutContext(msgspec.Struct, frozen=True, tag_field="method", tag="put_notification_ctx"):
    """A notification context, in the payload."""

    id: Id
    notification_ctx_id: str = ""
    payload_size: Size = 0


class DeleteContext(msgspec.Struct, frozen=True, tag_field="method", tag="delete_notification_ctx"):
    """The removal of a notification context."""

    id: Id
    notification_ctx_id: str = ""
    payload_size: Size = 0


class UnknownPacket(msgspec.Struct, frozen=True):
    """A packet of a method that is not listed."""

    id: Id
    method: str
    payload_size: Size = 0


Known = (
    InitPacket
    | UpdatePacket
    | TunnelMessage
    | ClientAcknowledgement
    | ClosePacket
    | Telemetry
    | PutContext
    | DeleteContext
)
Header = Known | LargeMessage | UnknownPacket

METHODS = frozenset(
    str(kind.__struct_config__.tag)
    for kind in (
        InitPacket,
        UpdatePacket,
        TunnelMessage,
        ClientAcknowledgement,
        ClosePacket,
        Telemetry,
        PutContext,
        DeleteContext,
    )
)
