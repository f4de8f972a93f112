"""The nodes of a test, what is written to them over REST, and a client that follows a List over its connections."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from faults.relay import RelayThread
from nats_server import NatsServer
from server_process import CLOCK_FILE, CONSTANTS, ClockOffset
from servers import Server
from trunkline.app.products import migrations, products
from trunkline.settings import Settings
from unit.realtime.wire import ReceivedPacket, init, packet, parse, request

PATIENCE = 20.0
SCHEMA = migrations(products(Settings()))
"""The migrations of the database of a test, which begins with them."""


class Cluster:
    """Some servers (``clocks`` has the seconds by which each one's clock is ahead at the start); ``service_sid`` is a
    Sync Service, reached through any of them. ``constants`` are those of modules that the servers have otherwise, such
    as the length of a lease: ``{"module:NAME": value}``.

    A server can be frozen and resumed, its way to PostgreSQL cut and mended, and its clock set.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        bus: NatsServer,
        environment: Mapping[str, str] | None = None,
        *,
        clocks: Sequence[float] = (0, 0),
        constants: Mapping[str, object] | None = None,
    ) -> None:
        self.bus = bus
        self.database_url = database_url
        key = base64.b64encode(bytes(range(32))).decode()
        folders = [_made(folder / f"node{number}") for number in range(len(clocks))]
        self._relays = RelayThread(database_url, len(clocks))
        self._clocks = [ClockOffset(one / "clock") for one in folders]
        for clock, ahead in zip(self._clocks, clocks, strict=True):
            clock.set(ahead)
        self.servers = [
            Server(
                one,
                "--nats-url",
                bus.url,
                "--dev",
                database_url=self._relays.url(number),
                environment={
                    "TRUNKLINE_MASTER_KEY": key,
                    CLOCK_FILE: str(one / "clock"),
                    CONSTANTS: json.dumps(constants or {}),
                    **(environment or {}),
                },
            )
            for number, one in enumerate(folders)
        ]
        self.service_sid = ""
        self._key: dict[str, str] = {}

    def freeze(self, node: int) -> None:
        """Stop a node's process (SIGSTOP), as a host that is paused; return when it stands still."""
        pid = self.servers[node].pid
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + PATIENCE
        while any(_state(thread) != "T" for thread in Path(f"/proc/{pid}/task").iterdir()):
            assert time.monotonic() < deadline, "the process does not stop"
            os.sched_yield()

    def resume(self, node: int) -> None:
        """Let a frozen node go on."""
        os.kill(self.servers[node].pid, signal.SIGCONT)

    def cut(self, node: int, *, swallow: bool = False) -> None:
        """Break a node's connections to PostgreSQL and refuse new ones; with ``swallow``, let all packets vanish
        instead."""
        if swallow:
            self._relays.swallow(node)
        else:
            self._relays.cut(node)

    def mend(self, node: int) -> None:
        """Restore a node's way to PostgreSQL; what was swallowed arrives now, as TCP sends it again."""
        self._relays.open(node)

    def set_clock(self, node: int, ahead: float) -> None:
        """Put a node's wall clock so many seconds ahead of the machine's; below 0 behind it."""
        self._clocks[node].set(ahead)

    def start(self) -> None:
        """Start all, and make a Service and a key."""
        first, *others = self.servers
        first.start()
        with ThreadPoolExecutor(len(self.servers)) as threads:
            list(threads.map(Server.start, others))
        account = f"/2010-04-01/Accounts/{self.servers[0].account_sid}"
        self._key = self.post(0, f"{account}/Keys.json")
        self.service_sid = self.post(0, "/sync/v1/Services")["sid"]

    def kill(self) -> None:
        """End whatever runs still."""
        for server in self.servers:
            with contextlib.suppress(AssertionError):
                server.kill()
        self._relays.close()

    def post(self, node: int, path: str, **form: Any) -> Any:
        """Return the response to a request to a node."""
        server = self.servers[node]
        response = httpx.post(
            server.url + path,
            data=form,
            auth=(server.account_sid, server.auth_token),
            trust_env=False,
            timeout=PATIENCE,
            verify=False,
        )
        assert response.is_success, response.text
        return response.json()

    def make_list(self) -> str:
        """Create a List; return its SID."""
        sid: str = self.post(0, f"/sync/v1/Services/{self.service_sid}/Lists")["sid"]
        return sid

    def push(self, node: int, list_sid: str, number: int) -> None:
        """Add an item."""
        path = f"/sync/v1/Services/{self.service_sid}/Lists/{list_sid}/Items"
        self.post(node, path, Data=json.dumps({"n": number}))

    def token(self, identity: str) -> str:
        """Return an access token for Sync."""
        now = int(time.time())
        claims = {
            "jti": f"{self._key['sid']}-{now}",
            "iss": self._key["sid"],
            "sub": self.servers[0].account_sid,
            "exp": now + 3600,
            "grants": {"identity": identity, "data_sync": {"service_sid": self.service_sid}},
        }
        header = {"cty": "twilio-fpa;v=1"}
        return jwt.encode(claims, self._key["secret"], algorithm="HS256", headers=header)


class Follower:
    """A client that follows a List: over any number of connections it keeps the newest event that it
    received, and the continuation token, as the real client does. ``numbers`` is the content of its items'
    events, in order.
    """

    def __init__(self, cluster: Cluster, identity: str, list_sid: str) -> None:
        self._cluster = cluster
        self._token = cluster.token(identity)
        self._list_sid = list_sid
        self._continuation: str | None = None
        self._last: int | None = None
        self._pieces = 0
        self.numbers: list[int] = []

    @asynccontextmanager
    async def on(self, node: int) -> AsyncIterator[Follower]:
        """Yield a connection to a node, subscribed and up to date when the body begins."""
        port = urlsplit(self._cluster.servers[node].url).port
        async with connect(
            f"ws://127.0.0.1:{port}/v3/wsconnect",
            proxy=None,
            max_size=None,
            ping_interval=None,
            close_timeout=1,
        ) as socket:
            self._socket = socket
            await self._log_in(socket)
            yield self

    async def until(self, count: int) -> list[int]:
        """Read on until so many events have come; return their content."""
        while len(self.numbers) < count:
            await self._read()
        return self.numbers

    async def quiet(self) -> None:
        """Send a request: whatever was sent before its response has been read."""
        self._pieces += 1
        id = f"TM{self._pieces:032x}"
        await self._socket.send(request("GET", f"/v3/Services/default/Lists/{self._list_sid}", id))
        while (await self._read()).header["id"] != id:
            pass

    async def ended(self) -> None:
        """Wait until the connection is lost."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._read()

    async def refused(self) -> int:
        """Wait until the subscription is ended; return the status with the reason."""
        while True:
            payload = (await self._read()).payload
            if isinstance(payload, dict) and payload.get("event_type") == "subscription_failed":
                status: int = payload["events"][0]["error"]["status"]
                return status

    async def _log_in(self, socket: ClientConnection) -> None:
        types = ["twilio.sync.event", "com.twilio.rtd.cds.list"]
        registration = {
            "product": "data_sync",
            "type": "ers",
            "notification_protocol_version": 4,
            "message_types": types,
        }
        await socket.send(
            init(self._token, continuation_token=self._continuation, registrations=[registration])
        )
        welcome = await self._read()
        assert welcome.header["status"]["code"] == 200, welcome
        self._continuation = welcome.header["continuation_token"]
        subject = {"object_sid": self._list_sid, "object_type": "list", "last_event_id": self._last}
        body = {
            "event_protocol_version": 4,
            "action": "establish",
            "correlation_id": 7,
            "requests": [subject],
        }
        await socket.send(request("POST", "/v4/Services/default/Subscriptions", "TMsub", body))
        established: int | None = None
        while established is None:
            payload = (await self._read()).payload
            if isinstance(payload, dict) and payload.get("event_type") == "subscription_established":
                established = payload["events"][0]["last_event_id"]
        assert self._last in (None, established), "the replay is not what it says"
        self._last = established

    async def _read(self) -> ReceivedPacket:
        async with asyncio.timeout(PATIENCE):
            message = await self._socket.recv()
        assert isinstance(message, bytes)
        got = parse(message)
        if got.header["method"] in ("notification", "ping", "close"):
            status = {"code": 200, "status": "OK"}
            await self._socket.send(packet("reply", got.header["id"], status=status))
        payload = got.payload if isinstance(got.payload, dict) else {}
        for event in payload.get("events", ()):
            if payload["event_type"] == "list_item_added":
                assert self._last is not None
                assert event["id"] == self._last + 1, "an event is missing, or came twice"
                self._last = event["id"]
                self.numbers.append(event["item_data"]["n"])
        return got


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _state(thread: Path) -> str:
    """Return the state of a thread, by its folder in /proc."""
    return (thread / "stat").read_text().rpartition(") ")[2][0]
