"""An outgoing request and its response. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from trunkline.core.leases import Holds, always

Headers = tuple[tuple[str, str], ...]


class BodySink(Protocol):
    """A receiver of a response while it arrives. Its methods are called by libcurl's callbacks and must not wait."""

    def begin(self, status: int, headers: Headers) -> None:
        """Set the head."""
        ...

    def receive(self, piece: bytes, resume: Callable[[], None]) -> bool:
        """Accept a piece of the body. Return False if there is no space: the transfer then pauses, until ``resume``
        is called, and offers the same piece again."""
        ...


class Timeouts(msgspec.Struct, frozen=True):
    """The seconds for the connection with its TLS handshake, for the first byte of the response and again between its
    pieces, and for everything."""

    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0


class EgressRequest(msgspec.Struct, frozen=True):
    """A request. Of the response's body ``max_body`` bytes are read; with a ``sink`` all of it goes there instead.
    Credentials in ``url`` become Basic, unless ``headers`` has an Authorization. A connection that was kept may end
    while the request goes over it: then it is sent again over a new one, unless it must be sent ``once``. Nothing is
    sent if ``holds`` returns False, which is called once the connection is there."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = None
    timeouts: Timeouts = Timeouts()
    max_body: int = 64 * 1024
    once: bool = False
    sink: BodySink | None = None
    holds: Holds = always


class Timings(msgspec.Struct, frozen=True):
    """The seconds from the start until the connection was open (0 for one that was open already), until the first
    byte of the response came, and until the end."""

    connect: float
    first_byte: float
    total: float


class EgressResponse(msgspec.Struct, frozen=True):
    """A response. ``truncated`` if its body was longer than what was read; ``address`` is the peer's."""

    status: int
    headers: Headers
    body: bytes
    truncated: bool
    address: str
    timings: Timings

    def header(self, name: str) -> str | None:
        """Return the first value of a header, whose ``name`` is in lower case; None without one."""
        return find_header(self.headers, name)


def find_header(headers: Headers, name: str) -> str | None:
    """Return the first value of a header, whose ``name`` is in lower case; None without one."""
    return next((value for found, value in headers if found.lower() == name), None)
