"""A proxy that runs in a thread of its own, on either event loop, and blocking clients for it."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from trunkline.core.anonymous_connections import AnonymousConnections
from trunkline.core.open_files import OpenFiles
from trunkline.switch.authority import Authority
from trunkline.switch.proxy import ConnectProxy, ProxyBounds, ProxyLimits

TIMEOUT = 20.0
T = TypeVar("T")
LOG = logging.getLogger("test.switch")


class EchoDoor(asyncio.Protocol):
    """Answers each piece with itself in capitals and keeps the order in which it was called."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.lost = threading.Event()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.calls.append("made")
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.calls.append("data")
        self.transport.write(data.upper())

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost")
        self.lost.set()


@dataclass
class RunningProxy:
    """A started proxy, what its doors saw, and what its event loop complained about."""

    proxy: ConnectProxy
    loop: asyncio.AbstractEventLoop
    port: int
    ca_path: Path
    doors: list[Any] = field(default_factory=list)
    complaints: list[dict[str, Any]] = field(default_factory=list)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(TIMEOUT)

    def connect(self, *sent: bytes) -> socket.socket:
        """Return a connection to the proxy on which `sent` was sent, piece by piece."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in sent:
            sock.sendall(piece)
        return sock

    def exchange(self, *sent: bytes) -> bytes:
        """Return everything that the proxy sends after `sent` until it closes."""
        with self.connect(*sent) as sock:
            return read_to_end(sock)

    def tunnel(self, host: str = "sync.twilio.com") -> ssl.SSLSocket:
        """Return an established tunnel, checked as strictly as a current Python does by default."""
        sock = self.connect(connect_head(host))
        assert read_established(sock).startswith(b"HTTP/1.1 200 ")
        return strict_context(self.ca_path).wrap_socket(sock, server_hostname=host)


def connect_head(host: str = "sync.twilio.com") -> bytes:
    return f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode()


def read_established(sock: socket.socket) -> bytes:
    """Return the head of the response to CONNECT and nothing behind it."""
    response = b""
    while not response.endswith(b"\r\n\r\n"):
        piece = sock.recv(1)
        assert piece, f"closed after {response!r}"
        response += piece
    return response


def read_to_end(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def strict_context(ca_path: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca_path))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


Start = Callable[..., RunningProxy]


@contextmanager
def running(
    loop: asyncio.AbstractEventLoop,
    directory: Path,
    door: Callable[[], asyncio.Protocol],
    options: dict[str, Any],
) -> Iterator[RunningProxy]:
    doors: list[asyncio.Protocol] = []

    def open_door() -> asyncio.Protocol:
        doors.append(door())
        return doors[-1]

    authority = Authority.open(directory)
    limits = ProxyLimits(**{name: options[name] for name in ProxyLimits._fields if name in options})
    let_through = options.get("let_through", ())
    bounds = ProxyBounds(options.get("anonymous", AnonymousConnections(100, 100)), OpenFiles())
    proxy = ConnectProxy(authority, open_door, log=LOG, bounds=bounds, let_through=let_through, limits=limits)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    found = RunningProxy(proxy, loop, 0, directory / "ca.pem", doors)
    loop.call_soon_threadsafe(loop.set_exception_handler, lambda _, context: found.complaints.append(context))
    try:
        found.call(proxy.start("127.0.0.1", 0))
        found.port = proxy.port
        yield found
    finally:
        found.call(proxy.stop())
        found.call(_close_doors(doors))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(TIMEOUT)
        loop.close()
    assert found.complaints == []


async def _close_doors(doors: list[asyncio.Protocol]) -> None:
    for door in doors:
        transport = getattr(door, "transport", None)
        if transport is not None:
            transport.abort()
