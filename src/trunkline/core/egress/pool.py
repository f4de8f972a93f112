"""A pool of connections with one client certificate and one set of trusted certificates, on libcurl's multi interface.

1. ``send`` takes an idle curl handle, sets it up and hands it to the multi handle, which owns the sockets. The one
   await that matters is the transfer's future; the pool never waits inside a callback of libcurl.
2. A connection kept open may end while a request goes over it. Over HTTP/1.1 libcurl sends the request again, unless
   it must be sent once. Over HTTP/2 libcurl never does: the pool does, by way of the gate (see ``http2``), so that a
   lost connection is not followed by a burst of streams on one that has not yet sent its SETTINGS.
3. A request that must be sent once is sent again only if the peer has certainly not processed it: by GOAWAY, or by
   REFUSED_STREAM where libcurl reports it.
4. A connection that has been idle for ``idle`` seconds is not used again, and closed soon after. So is one that its
   peer has closed: libcurl checks idle connections only when a request begins, so the pool begins one every few
   seconds that never opens a socket. A pool without requests for ``idle`` seconds closes its multi handle with all its
   sockets.
5. ``drain`` refuses new requests and closes when the last one in flight has ended; ``close`` aborts those in flight,
   which fail with EgressError. A new certificate is a new pool: open it, then drain the old one; a revoked one is
   closed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from enum import Enum
from functools import partial
from typing import Any

import msgspec
import pycurl  # type: ignore[import-untyped]

from trunkline.core.egress.failure import NO_MESSAGE, EgressError, Failure, Resend, from_curl
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.egress.http2 import Http2Origin
from trunkline.core.egress.http_message import EgressRequest, EgressResponse
from trunkline.core.egress.target import BadUrl, Target, locate
from trunkline.core.egress.transfer import Transfer, TransferTimer
from trunkline.core.late_timers import patient_timeout
from trunkline.core.leases import LeaseLost

MAX_ATTEMPTS = 5
"""Connections that one request is sent over at most, where those before were lost or refused it."""

CHECK_SECONDS = 5.0
"""The time after which idle connections are checked: those that their peers closed stay half closed no longer."""

MAX_HTTP2_CONNECTIONS = 2
"""Connections to one origin over HTTP/2: a second one when the streams of the first are used up, or it goes away."""

_BREAK = re.compile(r"[\r\n\0]")
_IDLE_CONNECTIONS = 512
_IDLE_HANDLES = 256
_MAX_ORIGINS = 1000
_KEEPALIVE_SECONDS = 60
_HTTP_2 = pycurl.CURL_HTTP_VERSION_2TLS


class HttpVersion(Enum):
    """The versions of HTTP that a pool speaks: HTTP/1.1; HTTP/2 where the peer offers it (ALPN); HTTP/2 only."""

    HTTP_1 = "1.1"
    PREFER_2 = "2 if offered"
    REQUIRE_2 = "2"


class Identity(msgspec.Struct, frozen=True):
    """A client certificate with its chain, and its private key, as PEM. Neither is ever written to disk."""

    certificate: str
    key: str

    def __repr__(self) -> str:
        return "Identity(…)"


class PoolOptions(msgspec.Struct, frozen=True):
    """The properties of a pool. ``trust`` are the trusted certificates as PEM, in place of the client's; ``idle`` are
    the seconds after which an unused connection is closed."""

    version: HttpVersion = HttpVersion.HTTP_1
    identity: Identity | None = None
    trust: str = ""
    idle: float = 60.0


class TlsDefaults(msgspec.Struct, frozen=True):
    """The file of trusted certificates, and whether peers are verified at all."""

    ca_file: str
    verify: bool


class ConnectionPool:
    """Connections that share one identity, one trust and one version of HTTP. It belongs to one event loop."""

    def __init__(self, guard: AddressGuard, tls: TlsDefaults, options: PoolOptions | None = None) -> None:
        self._guard = guard
        self._tls = tls
        self._options = options or PoolOptions()
        self._http2 = self._options.version is not HttpVersion.HTTP_1
        self._max_age = max(1, int(self._options.idle))
        self._multi: Any = None
        self._handles: list[Any] = []
        self._origins: dict[str, Http2Origin] = {}
        self._in_flight = 0
        self._used_at = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        self._unused = asyncio.Event()
        self._refusing = False
        self.closed = False

    async def send(self, request: EgressRequest) -> EgressResponse:
        """Send a request and return its response. Raise EgressError if there is none, LeaseLost if the caller does not
        hold any more what it sends."""
        try:
            target = locate(request.url)
        except BadUrl as error:
            raise EgressError(Failure.BAD_URL, str(error)) from None
        if self._refusing:
            raise EgressError(Failure.POOL_CLOSED, "the pool of connections is closed")
        self._in_flight += 1
        try:
            if self._http2:
                return await self._send_http2(request, target)
            return await self._attempt(request, target, request.timeouts.total)
        finally:
            self._in_flight -= 1
            self._used_at = asyncio.get_running_loop().time()
            if not self._in_flight:
                self._unused.set()

    async def drain(self) -> None:
        """Refuse new requests, wait for those in flight, and close every connection."""
        self._refusing = True
        while self._in_flight:
            self._unused.clear()
            await self._unused.wait()
        await self.close()

    async def close(self) -> None:
        """Abort the requests in flight and close every connection."""
        self.closed = self._refusing = True
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        multi, self._multi = self._multi, None
        self._handles.clear()
        if multi is not None:
            await multi.aclose()
        if self._closing is not None:
            await self._closing

    async def _send_http2(self, request: EgressRequest, target: Target) -> EgressResponse:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + request.timeouts.total
        origin = self._origin(target.origin)
        origin.requests += 1
        try:
            attempts = 0
            while True:
                try:
                    async with patient_timeout(deadline - loop.time()):
                        leads = await origin.gate.enter()
                except TimeoutError:
                    raise EgressError(Failure.CONNECT_TIMEOUT, "no connection came about") from None
                try:
                    seconds = deadline - loop.time()
                    return await self._attempt(request, target, seconds, origin, leads=leads)
                except EgressError as error:
                    attempts += error.resend is Resend.SENT
                    if error.resend is Resend.NO or attempts == MAX_ATTEMPTS:
                        raise
        finally:
            origin.requests -= 1

    def _origin(self, name: str) -> Http2Origin:
        origin = self._origins.get(name)
        if origin is None:
            if len(self._origins) >= _MAX_ORIGINS:
                self._origins = {name: one for name, one in self._origins.items() if one.requests}
            origin = self._origins[name] = Http2Origin()
        return origin

    async def _attempt(
        self,
        request: EgressRequest,
        target: Target,
        seconds: float,
        origin: Http2Origin | None = None,
        *,
        leads: bool = False,
    ) -> EgressResponse:
        """Send the request once, and again only where libcurl may."""
        transfer = Transfer(self._guard, request, origin, leads=leads)
        curl = self._handles.pop() if self._handles else pycurl.Curl()
        failure: EgressError | None = None
        try:
            # libcurl counts the wait for a free stream as connecting; the leader is the one that connects.
            connect = request.timeouts.connect if origin is None or leads else seconds
            self._prepare(curl, request, target, connect, seconds)
            transfer.attach(curl, alpn=self._options.version is HttpVersion.REQUIRE_2)
            await self._perform(curl, transfer, request, seconds)
            return transfer.response(curl)
        except EgressError as error:
            failure = error
            raise
        finally:
            if origin is not None:
                transfer.end(failure)
            curl.reset()
            if len(self._handles) < _IDLE_HANDLES:
                self._handles.append(curl)

    async def _perform(self, curl: Any, transfer: Transfer, request: EgressRequest, seconds: float) -> None:
        multi = self._running()
        future = multi.add_handle(curl)

        def abort() -> bool:
            if future.done():
                return False
            multi.remove_handle(curl)
            return True

        timer = TransferTimer(partial(transfer.left_to_read, request.timeouts.read), abort)
        # Not libcurl's timeout, which counts the pauses of a stream, and would end a transfer whose response has come
        # while the process stood still.
        deadline = asyncio.get_running_loop().time() + seconds
        total = TransferTimer(partial(transfer.left_in_total, deadline), abort)
        try:
            await future
        except pycurl.error as error:
            if not transfer.truncated:
                code, message = error.args[0], str(error.args[1] if len(error.args) > 1 else "")
                raise self._failed(curl, transfer, code, message) from None
        except asyncio.CancelledError:
            if _cancelled_from_outside():
                raise
            if transfer.connected_at is None and (timer.expired or total.expired):
                raise EgressError(Failure.CONNECT_TIMEOUT, "no connection came about") from None
            if timer.expired:
                text = f"nothing came for {request.timeouts.read:g} s"
                raise EgressError(Failure.READ_TIMEOUT, text) from None
            if total.expired:
                text = f"the response took longer than {seconds:g} s"
                raise EgressError(Failure.TOTAL_TIMEOUT, text) from None
            if self.closed:
                failure = Failure.POOL_CLOSED if transfer.connected_at is None else Failure.BROKEN_OFF
                raise EgressError(failure, "the pool of connections was closed") from None
            raise
        finally:
            timer.stop()
            total.stop()

    def _failed(self, curl: Any, transfer: Transfer, code: int, message: str) -> EgressError | LeaseLost:
        """Return the error for a code of libcurl's."""
        if transfer.lost:
            return LeaseLost()
        if transfer.violation is not None:
            return transfer.violation
        error = from_curl(code, message or NO_MESSAGE, transfer.progress(curl))
        return transfer.judge(error, identity=self._options.identity is not None)

    def _running(self) -> Any:
        """Return the multi handle, which is closed when it becomes idle. Raise EgressError if the pool is closed."""
        if self.closed:
            raise EgressError(Failure.POOL_CLOSED, "the pool of connections is closed")
        if self._multi is None:
            self._multi = pycurl.AsyncCurlMulti()
            self._multi.setopt(pycurl.M_MAXCONNECTS, _IDLE_CONNECTIONS)
            if self._http2:
                self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, MAX_HTTP2_CONNECTIONS)
            self._watch_idle()
        return self._multi

    def _watch_idle(self) -> None:
        pause = min(CHECK_SECONDS, self._options.idle)
        self._idle_timer = asyncio.get_running_loop().call_later(pause, self._check_idle)

    def _check_idle(self) -> None:
        loop = asyncio.get_running_loop()
        if self._in_flight or loop.time() < self._used_at + self._options.idle:
            self._prune()
            self._watch_idle()
            return
        multi, self._multi = self._multi, None
        self._origins.clear()
        self._closing = loop.create_task(multi.aclose())

    def _prune(self) -> None:
        """Let libcurl close the idle connections that their peers have closed, or that are too old: it does that before
        it opens a socket, which is refused here."""
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, "http://127.0.0.1:1/")
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.MAXAGE_CONN, self._max_age)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, lambda *_: pycurl.SOCKET_BAD)
        self._multi.add_handle(curl).add_done_callback(_ignore)

    def _prepare(
        self, curl: Any, request: EgressRequest, target: Target, connect: float, total: float
    ) -> None:
        options = curl.setopt
        options(pycurl.URL, target.url)
        options(pycurl.NOSIGNAL, 1)
        options(pycurl.PROXY, "")
        options(pycurl.PATH_AS_IS, 1)
        options(pycurl.HTTP_VERSION, _HTTP_2 if self._http2 else pycurl.CURL_HTTP_VERSION_1_1)
        options(pycurl.MAXAGE_CONN, self._max_age)
        options(pycurl.TCP_NODELAY, 1)
        options(pycurl.CONNECTTIMEOUT_MS, _milliseconds(min(connect, total)))
        if self._http2:
            options(pycurl.PIPEWAIT, 1)
            options(pycurl.TCP_KEEPALIVE, 1)
            options(pycurl.TCP_KEEPIDLE, _KEEPALIVE_SECONDS)
        if target.url.startswith("https:"):
            self._prepare_tls(curl)
        options(pycurl.HTTPHEADER, _lines(request, target))
        if request.body is not None:
            options(pycurl.POSTFIELDS, request.body)
        options(pycurl.CUSTOMREQUEST, request.method)
        if request.method == "HEAD":
            options(pycurl.NOBODY, 1)

    def _prepare_tls(self, curl: Any) -> None:
        identity = self._options.identity
        if identity is not None:
            curl.setopt(pycurl.SSLCERT_BLOB, identity.certificate)
            curl.setopt(pycurl.SSLKEY_BLOB, identity.key)
        if self._options.trust:
            curl.setopt(pycurl.CAINFO_BLOB, self._options.trust)
        elif self._tls.ca_file:
            curl.setopt(pycurl.CAINFO, self._tls.ca_file)
        if not self._tls.verify:
            curl.setopt(pycurl.SSL_VERIFYPEER, 0)
            curl.setopt(pycurl.SSL_VERIFYHOST, 0)


def _ignore(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


def _cancelled_from_outside() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _milliseconds(seconds: float) -> int:
    # libcurl takes 0 for its own default.
    return max(1, int(seconds * 1000))


def _lines(request: EgressRequest, target: Target) -> Sequence[str]:
    """Return the header lines; libcurl's own additions are switched off, but for Host, Accept and Content-Length."""
    # An expected 100 costs a round trip and many servers never send it.
    lines = ["Expect:"]
    named = set()
    for name, value in request.headers:
        if _BREAK.search(name) or _BREAK.search(value):
            raise ValueError("a header holds a line break")
        named.add(name.lower())
        lines.append(f"{name}: {value}" if value else f"{name};")
    if target.authorization and "authorization" not in named:
        lines.append(f"Authorization: {target.authorization}")
    lines += [f"{name}:" for name in ("User-Agent", "Content-Type") if name.lower() not in named]
    return lines
