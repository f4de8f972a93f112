"""A small HTTP/1.1 client on a raw connection: quick enough to load a server, and it reads each response.

The faults' writers and the benchmarks' load generator use it. One request at a time, keep-alive, no pipelining.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

_BODILESS = (204, 304)


class ConnectionLost(Exception):
    """The connection ended before the answer was whole: whether the request was carried out is not known."""


class ConnectionClosed(Exception):
    """The connection had ended before; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response of a server. ``last`` when the server closes the connection after it."""

    status: int
    body: bytes
    last: bool = False

    def json(self) -> Any:
        """Return the body's value."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Caller:
    """A writer of requests for the server at ``url`` with an account's credentials."""

    url: str
    username: str
    password: str

    def request(self, method: str, path: str, form: Mapping[str, str] | None = None) -> bytes:
        """Return a request's bytes; ``form`` is the body of a POST."""
        body = urlencode(form or {}).encode()
        credentials = b64encode(f"{self.username}:{self.password}".encode()).decode()
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {urlsplit(self.url).netloc}",
            f"Authorization: Basic {credentials}",
        ]
        if method == "POST":
            lines.append("Content-Type: application/x-www-form-urlencoded")
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def connect(self) -> Connection:
        """Return a new connection. Raise OSError."""
        where = urlsplit(self.url)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, where.hostname or "", where.port or 80)
        return connection


class Connection(asyncio.Protocol):
    """One connection to a server."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Response] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # Not an asyncio.Transport by class on uvloop.
        self._transport = transport  # type: ignore[assignment]

    async def send(self, request: bytes) -> Response:
        """Send a request and wait for its answer. Raise ConnectionClosed, ConnectionLost."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionClosed
        self._waiting = asyncio.get_running_loop().create_future()
        self._received = b""
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Collect the answer until it is whole."""
        self._received = received = self._received + data if self._received else data
        if self._waiting is None or self._waiting.done():
            return
        response = whole(received)
        if response is not None:
            if response.last:
                self.close()
            self._waiting.set_result(response)

    def connection_lost(self, exc: Exception | None) -> None:
        """Notify the caller that waits."""
        self._transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionLost(str(exc or "closed by the server")))


def whole(received: bytes) -> Response | None:
    """Return the response that the bytes hold, or None while some are missing. Of a chunked one the body stays
    as sent.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    status, body = int(received[9:12]), received[end + 4 :]
    head = received[: end + 2].lower()
    last = b"\r\nconnection: close\r\n" in head
    if status in _BODILESS:
        return Response(status, b"", last)
    if (found := head.find(b"\r\ncontent-length:")) >= 0:
        size = int(head[found + 17 : head.find(b"\r\n", found + 17)])
        return Response(status, body, last) if len(body) >= size else None
    assert b"\r\ntransfer-encoding: chunked\r\n" in head, "an answer of unknown length"
    return Response(status, body, last) if body.endswith(b"0\r\n\r\n") else None
