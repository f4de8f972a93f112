"""What a session asks for, and what it is made with. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable

import msgspec

from trunkline.realtime.border import TunnelRequest
from trunkline.realtime.continuation import Seal


class Rules(msgspec.Struct, frozen=True):
    """What all connections share: the seal of continuation tokens, 32 random hex digits, and the product of a client
    that registers none."""

    seal: Seal
    new_id: Callable[[], str]
    default_product: str = "data_sync"


class Send(msgspec.Struct, frozen=True):
    """Send this packet."""

    packet: bytes


class PassOn(msgspec.Struct, frozen=True):
    """Send these finished frames."""

    frames: tuple[bytes, ...]


class Verify(msgspec.Struct, frozen=True):
    """Find out what a token is worth; ``verified``, ``refused`` or ``put_off`` answers."""

    token: str
    product: str


class Run(msgspec.Struct, frozen=True):
    """Run a tunnelled request; ``replied`` answers."""

    request: TunnelRequest


class Opened(msgspec.Struct, frozen=True):
    """The client is logged in."""

    endpoint_id: str


class HangUp(msgspec.Struct, frozen=True):
    """Close the WebSocket, after what was sent."""


class Abort(msgspec.Struct, frozen=True):
    """Drop the connection now."""


Effect = Send | PassOn | Verify | Run | Opened | HangUp | Abort
Effects = list[Effect]


class State(enum.Enum):
    """Where a connection is in its life."""

    WAITING = "before init was accepted"
    OPEN = "logged in"
    CLOSING = "close sent, not yet acknowledged"
    ENDED = "hung up"
