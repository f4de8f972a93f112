"""The effects of a session, and the rules that all sessions share. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable

import msgspec

from trunkline.realtime.border import TunnelRequest
from trunkline.realtime.continuation_tokens import Seal


class SessionRules(msgspec.Struct, frozen=True):
    """The rules that all connections share: the key of continuation tokens, 32 random hex digits, and the product of a
    client that registers none."""

    seal: Seal
    new_id: Callable[[], str]
    default_product: str = "data_sync"


class SendPacket(msgspec.Struct, frozen=True):
    """The sending of a packet."""

    packet: bytes


class SendFrames(msgspec.Struct, frozen=True):
    """The sending of finished frames."""

    frames: tuple[bytes, ...]


class VerifyToken(msgspec.Struct, frozen=True):
    """The verification of a token; ``verified``, ``refused`` or ``put_off`` takes its result."""

    token: str
    product: str


class RunRequest(msgspec.Struct, frozen=True):
    """The run of a tunnelled request; ``replied`` takes its reply."""

    request: TunnelRequest


class Login(msgspec.Struct, frozen=True):
    """The login of the client."""

    endpoint_id: str


class HangUp(msgspec.Struct, frozen=True):
    """The end of the WebSocket, after what was sent."""


class Abort(msgspec.Struct, frozen=True):
    """The end of the connection at once."""


Effect = SendPacket | SendFrames | VerifyToken | RunRequest | Login | HangUp | Abort
Effects = list[Effect]


class RealtimeSessionState(enum.Enum):
    """The states of a connection."""

    WAITING = "before init was accepted"
    OPEN = "logged in"
    CLOSING = "close sent, not yet acknowledged"
    ENDED = "hung up"
