"""A node with its listeners, from the start until a signal stops it.

``Server.run`` starts the node, binds the API's socket, starts the CONNECT proxy and uvicorn, and waits for SIGTERM or
SIGINT. Then the node drains, the proxy stops, and uvicorn accepts no more connections: each open one ends with its next
response, or after half a second if it is idle, and requests in flight have 8 s. Idle clients are not waited for,
neither for the end of TLS nor for the reply to a close frame. The node stops last. If any step fails, the later ones
are skipped and whatever was started is stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import uvicorn

from trunkline.api.uvicorn_protocol import HttpProtocol
from trunkline.app.data import open_authority
from trunkline.app.node import Node
from trunkline.core.anonymous_connections import AnonymousConnections
from trunkline.core.atomic_files import replace_file
from trunkline.core.clock import SECOND, Clock
from trunkline.core.open_files import OpenFiles
from trunkline.settings import Settings
from trunkline.switch.proxy import ConnectProxy, ProxyBounds

log = logging.getLogger("trunkline.server")

DRAIN_SECONDS = 8.0
"""The time in which requests in flight are finished, the pause of ``IDLE_SECONDS`` included."""
IDLE_SECONDS = 0.5
"""The pause in which idle connections may still get a request: to close them at once would cut one on its way."""
CLOSE_SECONDS = 0.25
"""The time that clients of idle connections have to end TLS."""
KEEP_ALIVE_SECONDS = 75


class _Uvicorn(uvicorn.Server):
    """uvicorn's server without its own signal handling (the exit code of a clean stop is 0), with its own end, and with
    the node's time as the ``Date`` of responses."""

    def __init__(self, config: uvicorn.Config, clock: Clock) -> None:
        super().__init__(config)
        self._clock = clock

    async def on_tick(self, counter: int) -> bool:
        """Set the headers of all responses once a second; return whether the server ends."""
        ended = await super().on_tick(counter)
        if counter % 10 == 0:
            date = formatdate(self._clock() / SECOND, usegmt=True).encode()
            self.server_state.default_headers = [(b"date", date), *self.config.encoded_headers]
        return ended

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End every connection, those with a request in flight after its response, and cut what is left in the end."""
        for server in self.servers:
            server.close()
        state = self.server_state
        state.default_headers.append((b"connection", b"close"))
        deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
        for connection in tuple(state.connections):
            if not isinstance(connection, HttpProtocol):
                connection.shutdown()
        await self._all_ended(deadline - DRAIN_SECONDS + IDLE_SECONDS)
        for connection in tuple(state.connections):
            connection.shutdown()
        until = deadline - DRAIN_SECONDS + IDLE_SECONDS + CLOSE_SECONDS
        while not (ended := await self._all_ended(until)) and until < deadline:
            for connection in tuple(state.connections):
                if isinstance(connection, HttpProtocol):
                    connection.abort_idle()
            until = min(until + CLOSE_SECONDS, deadline)
        if not ended:
            log.warning("the stop cuts off %d requests", len(state.tasks))
            for task in tuple(state.tasks):
                task.cancel()

    async def _all_ended(self, deadline: float) -> bool:
        """Wait for the end of every connection and request; return whether it came in time."""
        loop, state = asyncio.get_running_loop(), self.server_state
        # Nothing but these sets shows that a connection has ended.
        while (busy := bool(state.connections or state.tasks)) and loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return not busy


class Server:
    """A node with its listeners. ``announce`` is called once requests are accepted."""

    def __init__(self, settings: Settings, announce: Callable[[Server], None]) -> None:
        self.settings = settings
        self.node = Node(settings)
        self._announce = announce
        self._socket: socket.socket | None = None
        self.proxy: ConnectProxy | None = None
        self.files = OpenFiles()
        attributes = {
            "head_seconds": settings.server.request_timeout,
            "memory": self.node.bodies,
            "anonymous": self._anonymous_connections(),
        }
        protocol = type("Protocol", (HttpProtocol,), attributes)
        self._tunnels = self._anonymous_connections()
        self._tunnel_protocol: Any = type("TunnelProtocol", (protocol,), {"anonymous": self._tunnels})
        config = uvicorn.Config(
            self.node.application,
            http=protocol,
            ws=self.node.realtime.gateway.protocol,  # type: ignore[arg-type]
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            backlog=2048,
        )
        self._uvicorn = _Uvicorn(config, self.node.clock)

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://{_url_host(self.settings.server.host)}:{self._port}"

    @property
    def proxy_url(self) -> str | None:
        """The address of the CONNECT proxy, if there is one."""
        return f"http://{_url_host(self.settings.server.host)}:{self.proxy.port}" if self.proxy else None

    @property
    def _port(self) -> int:
        return int(self._socket.getsockname()[1]) if self._socket else self.settings.server.port

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain: requests in flight are finished within 8 s. Raise OSError if an
        address is in use, and as ``Node.start``."""
        await self.node.start()
        try:
            self.files.start()
            self._socket = _bind(self.settings.server.host, self.settings.server.port)
            self.node.address.url = self.node.address.url or self.url
            await self._start_proxy()
            serving = asyncio.create_task(self._uvicorn.serve(sockets=[self._socket]))
            loop = asyncio.get_running_loop()
            stopping = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, stopping.set)
            await self._ready(serving)
            self._announce(self)
            await stopping.wait()
            await self._stop_accepting()
            await serving
        finally:
            if self.proxy:
                await self.proxy.stop()
            await self.files.stop()
            await self.node.stop()
            if self._socket:
                self._socket.close()

    async def _stop_accepting(self) -> None:
        self.node.drain()
        if self.proxy:
            await self.proxy.stop()
        self._uvicorn.should_exit = True

    async def _ready(self, serving: asyncio.Task[None]) -> None:
        while not self._uvicorn.started:
            if serving.done():
                serving.result()
            await asyncio.sleep(0.001)

    async def _start_proxy(self) -> None:
        if self.settings.server.proxy_port < 0:
            return
        authority = open_authority(self.settings, self.node.clock)
        self.proxy = ConnectProxy(
            authority,
            self._door,
            log=logging.getLogger("trunkline.switch"),
            bounds=ProxyBounds(self._tunnels, self.files),
            let_through=self.settings.server.passthrough_hosts(),
        )
        await self.proxy.start(self.settings.server.host, self.settings.server.proxy_port)

    def _door(self) -> asyncio.Protocol:
        """Return a new protocol of the API's own kind, so that decrypted tunnels are served like any connection."""
        protocol: asyncio.Protocol = self._tunnel_protocol(
            config=self._uvicorn.config, server_state=self._uvicorn.server_state, app_state={}
        )
        return protocol

    def _anonymous_connections(self) -> AnonymousConnections:
        """Return the bound on a door's connections whose clients have not logged in: a quarter of the files that the
        process may open at most. Both doors together leave half of them for clients that have logged in, the database,
        attachments and webhooks, and for the far ends of tunnels that are let through."""
        server = self.settings.server
        limit = server.max_anonymous_connections
        if sys.platform != "win32":
            import resource

            files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            if files != resource.RLIM_INFINITY:
                limit = min(limit, max(files // 4, 1))
        return AnonymousConnections(limit, server.max_anonymous_per_address, server.proxy_networks())


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound


def _url_host(host: str) -> str:
    """Return the host for a URL: a server on every address is reachable from here over loopback."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - printed, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def write_ready_file(path: Path, server: Server, account_sid: str) -> None:
    """Write the server's addresses as one JSON object; a FIFO is written to, a file appears whole."""
    text = json.dumps(
        {"url": server.url, "proxy_url": server.proxy_url, "account_sid": account_sid, "pid": os.getpid()}
    )
    replace_file(path, text.encode() + b"\n")
