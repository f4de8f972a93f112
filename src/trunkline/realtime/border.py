"""What the realtime door asks of the rest, and what it offers: the types and Protocols at its border. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from trunkline.core.tokens import Grant


class TooMany(Exception):
    """Too many log-ins: the client shall come back in ``reconnect_ms`` milliseconds, or later."""

    def __init__(self, reconnect_ms: int) -> None:
        self.reconnect_ms = reconnect_ms
        super().__init__(f"come back in {reconnect_ms} ms")


class TunnelRequest(msgspec.Struct, frozen=True):
    """A tunnelled request. Segments and parameters are decoded, header names are in small letters; ``product`` is
    the grant that it runs under, ``service_sid`` what that grant names."""

    product: str
    service_sid: str
    method: str
    segments: tuple[str, ...]
    params: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes


class TunnelReply(msgspec.Struct, frozen=True):
    """The answer to a tunnelled request. ``then`` are frames that go to the connection right behind it."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""
    then: tuple[bytes, ...] = ()


class Peer(Protocol):
    """A client that is logged in, as the rest sees it."""

    @property
    def id(self) -> str:
        """Names this connection, and no other one ever."""
        ...

    @property
    def endpoint_id(self) -> str:
        """Names the client program across its connections."""
        ...

    @property
    def grant(self) -> Grant:
        """What the newest accepted token allows."""
        ...

    @property
    def closed(self) -> bool:
        """True if the client ended the connection itself, False if it was lost."""
        ...

    def send(self, frame: bytes) -> None:
        """Queue a whole frame, such as ``gateway.event_frame`` makes. Does nothing on a connection that is gone; a
        connection with more than 4 MiB or 1,000 frames that the client does not read is cut."""
        ...

    async def drained(self) -> None:
        """Wait until the client reads what was sent, or is gone: between the parts of a long replay."""
        ...


class Verifier(Protocol):
    """Who knows what a token is worth."""

    async def verify(self, token: str, product: str) -> Grant:
        """The grant of a token that has one for ``product``. Raises InvalidToken, TooMany."""
        ...


class Tunnel(Protocol):
    """Who answers tunnelled requests."""

    async def request(self, peer: Peer, request: TunnelRequest) -> TunnelReply:
        """Answer a request; those of one connection come one after the other. Raises ApiError."""
        ...


class Lifecycle(Protocol):
    """Who is told about clients coming and going. Of a client that replaces its own lost connection, the new one is
    told first."""

    def connected(self, peer: Peer) -> None:
        """A client is logged in."""
        ...

    def disconnected(self, peer: Peer) -> None:
        """A client that was logged in is gone."""
        ...


class EndpointOpened(msgspec.Struct, frozen=True):
    """The announcement that a client has logged in. Another connection of its endpoint is one that the client lost."""

    endpoint_id: str
    connection_id: str
