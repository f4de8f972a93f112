"""The border of the realtime door: the types and Protocols that it shares with the code around it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from trunkline.core.access_tokens import Grant


class TooManyLogins(Exception):
    """The refusal of a login that comes too early: the client must wait ``reconnect_ms`` milliseconds, or longer."""

    def __init__(self, reconnect_ms: int) -> None:
        self.reconnect_ms = reconnect_ms
        super().__init__(f"come back in {reconnect_ms} ms")


class TunnelRequest(msgspec.Struct, frozen=True):
    """A tunnelled request. Segments and parameters are decoded, header names are in lower case; ``product`` is the
    grant that it runs under, ``service_sid`` the Service of that grant."""

    product: str
    service_sid: str
    method: str
    segments: tuple[str, ...]
    params: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes


class TunnelReply(msgspec.Struct, frozen=True):
    """The reply to a tunnelled request. ``then`` are frames that follow it at once."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""
    then: tuple[bytes, ...] = ()


class Peer(Protocol):
    """A client that is logged in, as products see it."""

    @property
    def id(self) -> str:
        """The id of this connection; no other connection ever has it."""
        ...

    @property
    def endpoint_id(self) -> str:
        """The id of the client program across its connections."""
        ...

    @property
    def grant(self) -> Grant:
        """The grant of the newest accepted token."""
        ...

    @property
    def closed(self) -> bool:
        """True if the client ended the connection itself, False if it was lost."""
        ...

    def send(self, frame: bytes) -> None:
        """Queue a whole frame, such as ``gateway.event_frame`` makes. Do nothing on a connection that is gone. Abort a
        connection with more than 4 MiB or 1,000 frames that the client does not read."""
        ...

    async def drained(self) -> None:
        """Wait until the client has read what was sent, or is gone: between the segments of a long replay."""
        ...


class Verifier(Protocol):
    """The verifier of tokens."""

    async def verify(self, token: str, product: str) -> Grant:
        """Return the grant of a token that has one for ``product``. Raise InvalidToken or TooManyLogins if the token
        is refused."""
        ...


class RequestTunnel(Protocol):
    """The handler of tunnelled requests."""

    async def request(self, peer: Peer, request: TunnelRequest) -> TunnelReply:
        """Return the reply to a request; those of one connection come one after the other. Raise ApiError."""
        ...


class PeerListener(Protocol):
    """A listener to clients that come and go. If a client replaces its own lost connection, the new one is reported
    first."""

    def connected(self, peer: Peer) -> None:
        """Handle a client that is logged in."""
        ...

    def disconnected(self, peer: Peer) -> None:
        """Handle the end of a client that was logged in."""
        ...


class EndpointOpened(msgspec.Struct, frozen=True):
    """The announcement that a client has logged in. Another connection of its endpoint is one that the client lost."""

    endpoint_id: str
    connection_id: str
