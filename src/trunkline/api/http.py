"""The ASGI door: host or prefix to product, headers, CORS, request ids, limits.

Whatever happens the answer is JSON with the documented headers: no redirect, no HTML, no traceback.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec

from trunkline.api import addressing, fields, headers
from trunkline.api.addressing import Address
from trunkline.api.auth import Directory, basic, wrong
from trunkline.api.concurrency import Failures, InFlight
from trunkline.api.dispatch import Answer, Dispatcher, Request
from trunkline.api.errors import ApiError, not_found
from trunkline.api.params import Fields
from trunkline.api.principal import Principal
from trunkline.api.router import Match, Router
from trunkline.core.clock import Clock
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Conflict, Database, StorageError, Tx, Unavailable
from trunkline.core.telemetry import Metrics

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Control = Callable[[str, str], Awaitable[tuple[int, bytes, bytes] | None]]
"""Answers paths below ``/_trunkline`` by method and path: status, content type and body, or None."""

log = logging.getLogger("trunkline.api")
access_log = logging.getLogger("trunkline.access")

CONTROL_PREFIX = b"/_trunkline"


class Limits(msgspec.Struct, frozen=True):
    """Caps of the door: body size in bytes, seconds for a body to arrive, requests in flight per account."""

    body_bytes: int = 2 * 1024 * 1024
    body_seconds: float = 30.0
    concurrent: int = 100


class Door(msgspec.Struct, frozen=True):
    """What the ASGI application stands on."""

    router: Router
    directory: Directory
    vault: Vault
    database: Database
    metrics: Metrics
    clock: Clock
    control: Control
    limits: Limits = Limits()
    default_product: str = ""
    trusted_proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    log_requests: bool = False


class _Exchange:
    """One request on its way to its answer."""

    __slots__ = ("address", "concurrent", "fields", "match", "sid", "started")

    def __init__(self, scope: Scope) -> None:
        self.started = time.perf_counter()
        self.sid = headers.new_request_id()
        self.fields: dict[bytes, bytes] = dict(scope["headers"])
        self.address: Address | None = None
        self.match: Match | None = None
        self.concurrent = 0

    def header(self, name: bytes) -> str:
        return self.fields.get(name, b"").decode("latin-1")


class Application:
    """The ASGI application."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._dispatcher = Dispatcher(door.database, door.directory, door.vault)
        self._hosts = door.router.hosts
        self._in_flight = InFlight(door.limits.concurrent)
        self._failures = Failures(door.clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        raw_path: bytes = scope["raw_path"]
        if raw_path.startswith(CONTROL_PREFIX):
            await self._control(scope, send)
            return
        exchange = _Exchange(scope)
        more: Mapping[str, str] = {}
        try:
            status, body = await self._respond(exchange, scope, receive)
        except ApiError as error:
            status, body, more = error.status, error.body(), error.headers
        except Unavailable as error:
            log.error("storage is unavailable: %s", error, extra={"fields": {"request_id": exchange.sid}})
            refusal = ApiError(20503, headers={"Retry-After": "1"})
            status, body, more = refusal.status, refusal.body(), refusal.headers
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("a request failed", extra={"fields": {"request_id": exchange.sid}})
            status, body = 500, ApiError(20500).body()
        seconds = time.perf_counter() - exchange.started
        host = exchange.address.host if exchange.address else ""
        lines = headers.standard(exchange.sid, host, exchange.concurrent, seconds)
        lines += [(name.lower().encode(), value.encode()) for name, value in more.items()]
        if status != 204:
            lines += headers.json_body(len(body))
        await _send(scope, send, status, lines, body)
        self._observe(exchange, scope, status, seconds)

    async def _respond(self, exchange: _Exchange, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        method: str = scope["method"]
        exchange.address = address = addressing.resolve(
            self._scheme(exchange, scope),
            exchange.header(b"host"),
            scope["raw_path"],
            self._hosts,
            self._door.default_product,
        )
        if method == "OPTIONS":
            return 200, b"{}"
        exchange.match = match = self._door.router.match(
            address.host, "GET" if method == "HEAD" else method, address.segments, address.path
        )
        principal = await self._authenticate(exchange, scope)
        with self._in_flight.enter(principal.account_sid) as exchange.concurrent:
            query = fields.form(scope["query_string"], "query")
            body = await self._body(exchange, receive) if match.route.operation.writes else ()
            answer = await self._dispatch(Request(match, principal, address.base, address.path, query, body))
        return answer.status, answer.body

    async def _dispatch(self, request: Request) -> Answer:
        try:
            return await self._dispatcher.handle(request)
        except Conflict:
            raise ApiError(20409) from None
        except StorageError as error:
            if isinstance(error, Unavailable):
                raise
            raise ApiError(20001) from error

    def _scheme(self, exchange: _Exchange, scope: Scope) -> str:
        forwarded = exchange.header(b"x-forwarded-proto").lower()
        if forwarded in ("http", "https") and self._door.trusted_proxies and scope.get("client"):
            peer = ipaddress.ip_address(scope["client"][0])
            if any(peer in network for network in self._door.trusted_proxies):
                return forwarded
        return str(scope["scheme"])

    async def _authenticate(self, exchange: _Exchange, scope: Scope) -> Principal:
        username, password = basic(exchange.header(b"authorization"))

        async def find(tx: Tx) -> Principal | None:
            return await self._door.directory.authenticate(tx, username, password)

        principal = await self._door.database.read(find)
        if principal is None:
            await self._failures.hold(scope["client"][0] if scope.get("client") else "")
            raise wrong()
        return principal

    async def _body(self, exchange: _Exchange, receive: Receive) -> Fields:
        limit = self._door.limits.body_bytes
        length = exchange.fields.get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            raise ApiError(20413)
        chunks, size, more = [], 0, True
        try:
            async with asyncio.timeout(self._door.limits.body_seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ApiError(20408)
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    if size > limit:
                        raise ApiError(20413)
                    chunks.append(chunk)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise ApiError(20408, headers={"Connection": "close"}) from None
        return fields.body(b"".join(chunks), exchange.header(b"content-type"))

    def _observe(self, exchange: _Exchange, scope: Scope, status: int, seconds: float) -> None:
        route = exchange.match.route if exchange.match else None
        product, operation = (route.product, route.name) if route else ("", "")
        self._door.metrics.observe(product, operation, status, seconds)
        if self._door.log_requests:
            line = {
                "request_id": exchange.sid,
                "method": scope["method"],
                "path": scope["raw_path"].decode("ascii", "replace")[:512],
                "status": status,
                "seconds": round(seconds, 6),
            }
            access_log.info("request", extra={"fields": line})

    async def _control(self, scope: Scope, send: Send) -> None:
        path = scope["raw_path"].decode("ascii", "replace").removeprefix(CONTROL_PREFIX.decode())
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        answer = await self._door.control(method, path.rstrip("/"))
        if answer is None:
            error = not_found(CONTROL_PREFIX.decode() + path)
            answer = error.status, b"application/json", error.body()
        status, kind, body = answer
        lines = [
            (b"content-type", kind),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await _send(scope, send, status, lines, body)


async def _send(scope: Scope, send: Send, status: int, lines: headers.Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
