"""The composition root: from settings to a running node. The only module that imports everything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn

from trunkline.api.http import Application, Door, Limits
from trunkline.api.operation import Product
from trunkline.api.protocol import HttpProtocol
from trunkline.api.router import Router
from trunkline.control.health import Control
from trunkline.core.bus import Bus, open_bus
from trunkline.core.clock import Clock, system_clock
from trunkline.core.secrets import Vault, load_or_create_key, parse_key
from trunkline.core.storage.database import Database
from trunkline.core.storage.open import open_database
from trunkline.core.telemetry import Metrics
from trunkline.products import accounts, chat, messaging, notify, sync
from trunkline.products.accounts import facade
from trunkline.products.accounts.directory import AccountDirectory
from trunkline.products.sync.limits import SyncOptions
from trunkline.settings import Settings
from trunkline.switch.authority import Authority
from trunkline.switch.proxy import ConnectProxy

log = logging.getLogger("trunkline")

DRAIN_SECONDS = 8
LAST_CALL_SECONDS = 0.5
KEEP_ALIVE_SECONDS = 75
MASTER_KEY_FILE = "master.key"
CA_DIRECTORY = "ca"


def products(settings: Settings) -> tuple[Product, ...]:
    """The manifests of all products."""
    return (
        accounts.PRODUCT,
        chat.product(settings.chat_limits_as_seen),
        messaging.PRODUCT,
        notify.product(settings.max_notify_services),
        sync.product(SyncOptions(settings.sync_limits)),
    )


def open_vault(settings: Settings) -> Vault:
    """The vault under the configured master key, or the one in the data directory, made on first use. Raises
    BadMasterKey, OSError."""
    if settings.master_key:
        return Vault(parse_key(settings.master_key))
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Vault(load_or_create_key(settings.data_dir / MASTER_KEY_FILE))


def open_storage(settings: Settings, clock: Clock = system_clock, *, shared: bool = False) -> Database:
    """The configured database, not yet started; ``shared`` opens it beside a server that runs on it. Raises
    StorageError."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrations = [migration for product in products(settings) for migration in product.migrations]
    return open_database(settings.storage_url, migrations, clock, shared=shared)


def open_authority(settings: Settings) -> Authority:
    """The CONNECT proxy's CA in the data directory, made on first use. Raises OSError."""
    return Authority.open(settings.data_dir / CA_DIRECTORY)


class Node:
    """One Trunkline process: storage, bus and doors."""

    def __init__(self, settings: Settings, clock: Clock = system_clock) -> None:
        self.settings = settings
        self.vault = open_vault(settings)
        self.database = open_storage(settings, clock)
        self.bus: Bus = open_bus(settings.nats_url)
        self.metrics = Metrics()
        self.control = Control(self.database, self.bus, self.metrics)
        self.application = Application(
            Door(
                router=Router(products(settings)),
                directory=AccountDirectory(self.vault),
                vault=self.vault,
                database=self.database,
                metrics=self.metrics,
                clock=clock,
                control=self.control,
                limits=Limits(
                    settings.max_body_bytes, settings.request_timeout, settings.max_concurrent_requests
                ),
                default_product=settings.default_product,
                trusted_proxies=settings.proxy_networks(),
                log_requests=settings.log_requests and settings.lowest_level in ("debug", "info"),
            )
        )

    async def start(self) -> facade.Opened:
        """Open the storage, connect the bus and see to the first account. Raises StorageError, BusUnreachable,
        BadMasterKey; what was opened is closed again."""
        await self.database.start()
        try:
            await facade.check_master_key(self.database, self.vault)
            await self.bus.start()
            settings = self.settings
            return await facade.first_account(
                self.database, self.vault, settings.account_sid, settings.auth_token
            )
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Finish what was accepted and close."""
        await self.bus.stop()
        await self.database.stop()


class _Uvicorn(uvicorn.Server):
    """uvicorn's server without its own signal handling (the exit code of a clean stop is 0), and with a last call."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let every connection end with its next answer, then close those that stay idle: closing idle ones at once
        would cut requests that are on their way."""
        for server in self.servers:
            server.close()
        self.server_state.default_headers.append((b"connection", b"close"))
        loop = asyncio.get_running_loop()
        last = loop.time() + LAST_CALL_SECONDS
        while self.server_state.connections and loop.time() < last:
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)


class Server:
    """A node with its listeners. ``announce`` is called with the first account once requests are accepted."""

    def __init__(self, settings: Settings, announce: Callable[[Server, facade.Opened], None]) -> None:
        self.settings = settings
        self.node = Node(settings)
        self._announce = announce
        self._socket: socket.socket | None = None
        self.proxy: ConnectProxy | None = None
        protocol = type("Protocol", (HttpProtocol,), {"head_seconds": settings.request_timeout})
        config = uvicorn.Config(
            self.node.application,
            http=protocol,
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            backlog=2048,
        )
        self._uvicorn = _Uvicorn(config)

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://{_shown(self.settings.host)}:{self._port}"

    @property
    def proxy_url(self) -> str | None:
        """The address of the CONNECT proxy, if there is one."""
        return f"http://{_shown(self.settings.host)}:{self.proxy.port}" if self.proxy else None

    @property
    def _port(self) -> int:
        return int(self._socket.getsockname()[1]) if self._socket else self.settings.port

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain: requests in flight are finished within 8 s. Raises OSError
        when an address is taken, and what ``Node.start`` raises."""
        first = await self.node.start()
        try:
            self._socket = _bind(self.settings.host, self.settings.port)
            await self._start_proxy()
            serving = asyncio.create_task(self._uvicorn.serve(sockets=[self._socket]))
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stop_serving)
            await self._ready(serving)
            self._announce(self, first)
            await serving
        finally:
            if self.proxy:
                await self.proxy.stop()
            await self.node.stop()
            if self._socket:
                self._socket.close()

    def _stop_serving(self) -> None:
        self.node.control.stopping = True
        self._uvicorn.should_exit = True

    async def _ready(self, serving: asyncio.Task[None]) -> None:
        while not self._uvicorn.started:
            if serving.done():
                serving.result()
            await asyncio.sleep(0.001)

    async def _start_proxy(self) -> None:
        if self.settings.proxy_port < 0:
            return
        authority = open_authority(self.settings)
        self.proxy = ConnectProxy(authority, self._door, log=logging.getLogger("trunkline.switch"))
        await self.proxy.start(self.settings.host, self.settings.proxy_port)

    def _door(self) -> asyncio.Protocol:
        """A fresh protocol of the API's own kind, so that decrypted tunnels are served like any connection."""
        config = self._uvicorn.config
        make: Any = config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=config, server_state=self._uvicorn.server_state, app_state={}
        )
        return protocol


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


def _shown(host: str) -> str:
    """The host as it stands in a URL: every address is reachable from here as loopback."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - shown, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def write_ready_file(path: Path, server: Server, account_sid: str) -> None:
    """Tell where the server is, as one JSON object; a FIFO is written to, a file appears whole."""
    text = json.dumps(
        {"url": server.url, "proxy_url": server.proxy_url, "account_sid": account_sid, "pid": os.getpid()}
    )
    if path.is_fifo():
        path.write_text(text + "\n")
        return
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.write_text(text + "\n")
    aside.replace(path)
