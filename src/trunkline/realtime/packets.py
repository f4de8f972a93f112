"""The headers of the packets that a client sends, as types.

One struct per ``method`` (client); a method that is not listed is ``Unknown``. Fields that no rule reads are dropped.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Size = Annotated[int, msgspec.Meta(ge=0)]
Id = Annotated[str, msgspec.Meta(max_length=256)]


class Registration(msgspec.Struct, frozen=True):
    """What a client wants to be told: the message types of one product."""

    product: str
    type: str = "ers"
    message_types: tuple[str, ...] = ()


class Init(msgspec.Struct, frozen=True, tag_field="method", tag="init"):
    """The first packet: who is there."""

    id: Id
    token: str | None = None
    continuation_token: str | None = None
    registrations: tuple[Registration, ...] | None = None
    capabilities: tuple[str, ...] | None = None
    payload_size: Size = 0


class Update(msgspec.Struct, frozen=True, tag_field="method", tag="update"):
    """A fresh token for a connection that stands."""

    id: Id
    token: str | None = None
    payload_size: Size = 0


class HttpRequest(msgspec.Struct, frozen=True):
    """The tunnelled request line. Path and parameters are percent-encoded; ``host`` is a label only and not read."""

    path: str
    method: str
    params: dict[str, Any] | None = None
    headers: dict[str, Any] | None = None


class Message(msgspec.Struct, frozen=True, tag_field="method", tag="message"):
    """A tunnelled request; its body is the packet's payload."""

    id: Id
    http_request: HttpRequest
    active_grant: str | None = None
    payload_size: Size = 0


class Reply(msgspec.Struct, frozen=True, tag_field="method", tag="reply"):
    """The acknowledgement of a packet of ours."""

    id: Id
    payload_size: Size = 0


class Close(msgspec.Struct, frozen=True, tag_field="method", tag="close"):
    """The client is going."""

    id: Id
    payload_size: Size = 0


class Telemetry(msgspec.Struct, frozen=True, tag_field="method", tag="telemetry.v1"):
    """The client's own timings. Nobody waits for an answer."""

    id: Id
    payload_size: Size = 0


class PutContext(msgspec.Struct, frozen=True, tag_field="method", tag="put_notification_ctx"):
    """A notification context, in the payload."""

    id: Id
    notification_ctx_id: str = ""
    payload_size: Size = 0


class DeleteContext(msgspec.Struct, frozen=True, tag_field="method", tag="delete_notification_ctx"):
    """A notification context is no longer wanted."""

    id: Id
    notification_ctx_id: str = ""
    payload_size: Size = 0


class Unknown(msgspec.Struct, frozen=True):
    """A packet of a method that is not listed."""

    id: Id
    method: str
    payload_size: Size = 0


Known = Init | Update | Message | Reply | Close | Telemetry | PutContext | DeleteContext
Header = Known | Unknown

METHODS = frozenset(
    str(kind.__struct_config__.tag)
    for kind in (Init, Update, Message, Reply, Close, Telemetry, PutContext, DeleteContext)
)
