"""The client: libcurl's multi interface on the event loop, through pycurl.

1. Every socket is opened by the guard's leave, by resolved address. No proxy, no netrc, no cookies, no other protocol.
2. Redirects are answers like others: the caller decides about each hop. Nothing is decompressed.
3. Memory is bounded: an answer's head by 64 KiB, its body by what the request says; what is longer is cut off.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pycurl  # type: ignore[import-untyped]

from trunkline.core.egress.failure import EgressError, Failure, Progress, from_curl
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.egress.message import Incoming, Outgoing, Timings
from trunkline.core.egress.target import BadUrl, Target, locate

MAX_HEAD = 64 * 1024
"""Bytes of an answer's heads, interim ones and trailers included."""

_BREAK = re.compile(r"[\r\n\0]")
_IDLE_CONNECTIONS = 512
_IDLE_HANDLES = 256
_IDLE_SECONDS = 60


class Egress:
    """Sends requests. It belongs to one event loop; ``ca_file`` replaces the system's trusted certificates.

    How many requests are under way is the caller's business; each holds at most its head, its body and one socket.
    """

    def __init__(self, guard: AddressGuard, *, ca_file: str = "", verify: bool = True) -> None:
        self._guard = guard
        self._ca_file = ca_file or _system_certificates()
        self._verify = verify
        self._multi = pycurl.AsyncCurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, _IDLE_CONNECTIONS)
        self._idle: list[Any] = []

    async def send(self, outgoing: Outgoing) -> Incoming:
        """Send a request and read its answer. Raises EgressError."""
        try:
            target = locate(outgoing.url)
        except BadUrl as error:
            raise EgressError(Failure.BAD_URL, str(error)) from None
        exchange = _Exchange(self._guard, outgoing.max_body, once=outgoing.once)
        curl = self._idle.pop() if self._idle else pycurl.Curl()
        try:
            self._prepare(curl, outgoing, target)
            exchange.attach(curl)
            await self._perform(curl, exchange, outgoing)
            return exchange.answer(curl)
        finally:
            curl.reset()
            if len(self._idle) < _IDLE_HANDLES:
                self._idle.append(curl)

    async def close(self) -> None:
        """Break off what is under way and close every connection."""
        await self._multi.aclose()
        self._idle.clear()

    async def _perform(self, curl: Any, exchange: _Exchange, outgoing: Outgoing) -> None:
        future = self._multi.add_handle(curl)

        def break_off() -> bool:
            if future.done():
                return False
            self._multi.remove_handle(curl)
            return True

        watch = _ReadWatch(exchange, outgoing.timeouts.read, break_off)
        try:
            await future
        except pycurl.error as error:
            if exchange.truncated:
                return
            if exchange.violation:
                raise EgressError(Failure.PROTOCOL, exchange.violation) from None
            code, message = error.args[0], str(error.args[1] if len(error.args) > 1 else "")
            failed = from_curl(code, message or "the request failed", exchange.progress(curl))
            if exchange.lost or (exchange.sent_once and failed.failure.before_request):
                failed = EgressError(Failure.BROKEN_OFF, "the connection was lost")
            raise failed from None
        except asyncio.CancelledError:
            if watch.expired and not _cancelled_from_outside():
                text = f"nothing came for {outgoing.timeouts.read:g} s"
                raise EgressError(Failure.READ_TIMEOUT, text) from None
            raise
        finally:
            watch.stop()

    def _prepare(self, curl: Any, outgoing: Outgoing, target: Target) -> None:
        options = curl.setopt
        options(pycurl.URL, target.url)
        options(pycurl.NOSIGNAL, 1)
        options(pycurl.PROXY, "")
        options(pycurl.PATH_AS_IS, 1)
        options(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        options(pycurl.MAXAGE_CONN, _IDLE_SECONDS)
        options(pycurl.TCP_NODELAY, 1)
        options(pycurl.CONNECTTIMEOUT_MS, _milliseconds(outgoing.timeouts.connect))
        options(pycurl.TIMEOUT_MS, _milliseconds(outgoing.timeouts.total))
        if target.url.startswith("https:"):
            self._prepare_tls(curl)
        options(pycurl.HTTPHEADER, _lines(outgoing, target))
        if outgoing.body is not None:
            options(pycurl.POSTFIELDS, outgoing.body)
        options(pycurl.CUSTOMREQUEST, outgoing.method)
        if outgoing.method == "HEAD":
            options(pycurl.NOBODY, 1)

    def _prepare_tls(self, curl: Any) -> None:
        if self._ca_file:
            curl.setopt(pycurl.CAINFO, self._ca_file)
        if not self._verify:
            curl.setopt(pycurl.SSL_VERIFYPEER, 0)
            curl.setopt(pycurl.SSL_VERIFYHOST, 0)


class _Exchange:
    """One request on its way: what libcurl calls back with."""

    __slots__ = (
        "_body", "_guard", "_head_size", "_headers", "_max_body", "_once", "_size",
        "connected_at", "heard_at", "lost", "refused", "truncated", "violation",
    )  # fmt: skip

    def __init__(self, guard: AddressGuard, max_body: int, *, once: bool = False) -> None:
        self._guard = guard
        self._max_body = max_body
        self._once = once
        self._body: list[bytes] = []
        self._size = 0
        self._headers: list[tuple[str, str]] = []
        self._head_size = 0
        self.refused = ""
        self.connected_at: float | None = None
        self.heard_at = 0.0
        self.truncated = False
        self.lost = False
        self.violation = ""

    @property
    def sent_once(self) -> bool:
        """Whether it went over a connection, and must not go over another."""
        return self._once and self.connected_at is not None

    def attach(self, curl: Any) -> None:
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open)
        curl.setopt(pycurl.PREREQFUNCTION, self._connected)
        curl.setopt(pycurl.HEADERFUNCTION, self._read_head)
        curl.setopt(pycurl.WRITEFUNCTION, self._read_body)

    def progress(self, curl: Any) -> Progress:
        return Progress(
            self.refused,
            self.connected_at is not None,
            curl.getinfo(pycurl.OS_ERRNO),
            curl.getinfo(pycurl.SSL_VERIFYRESULT),
        )

    def answer(self, curl: Any) -> Incoming:
        seconds = curl.getinfo
        timings = Timings(
            seconds(pycurl.APPCONNECT_TIME) or seconds(pycurl.CONNECT_TIME),
            seconds(pycurl.STARTTRANSFER_TIME),
            seconds(pycurl.TOTAL_TIME),
        )
        return Incoming(
            curl.getinfo(pycurl.RESPONSE_CODE),
            tuple(self._headers),
            b"".join(self._body),
            self.truncated,
            curl.getinfo(pycurl.PRIMARY_IP),
            timings,
        )

    def _open(self, _: int, address: Any) -> Any:
        family, kind, protocol, where = address
        host = where[0] if isinstance(where, tuple) else ""
        if isinstance(host, bytes):
            host = host.decode("ascii", "replace")
        if not self._guard.permits(host):
            self.refused = host or "this kind of address"
            return pycurl.SOCKET_BAD
        return socket.socket(family, kind, protocol)

    def _connected(self, *_: object) -> int:
        if self.sent_once:
            self.lost = True
            return int(pycurl.PREREQFUNC_ABORT)
        self.connected_at = self.heard_at = asyncio.get_running_loop().time()
        return int(pycurl.PREREQFUNC_OK)

    def _read_head(self, line: bytes) -> int:
        self.heard_at = asyncio.get_running_loop().time()
        self._head_size += len(line)
        if self._head_size > MAX_HEAD:
            self.violation = f"the head of the answer is longer than {MAX_HEAD} bytes"
            return -1
        text = line.decode("latin-1").rstrip("\r\n")
        if text.startswith("HTTP/"):
            self._headers.clear()
        elif text:
            name, _, value = text.partition(":")
            self._headers.append((name, value.strip()))
        return len(line)

    def _read_body(self, piece: bytes) -> int:
        self.heard_at = asyncio.get_running_loop().time()
        room = self._max_body - self._size
        self._size += len(piece)
        if len(piece) <= room:
            self._body.append(piece)
            return len(piece)
        self._body.append(piece[:room])
        self.truncated = True
        return -1


class _ReadWatch:
    """Breaks a request off when its connection stands and nothing comes for ``seconds``."""

    def __init__(self, exchange: _Exchange, seconds: float, break_off: Callable[[], bool]) -> None:
        self._exchange = exchange
        self._seconds = seconds
        self._break_off = break_off
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(seconds, self._look)
        self.expired = False

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        heard = now if self._exchange.connected_at is None else self._exchange.heard_at
        if heard + self._seconds <= now:
            self.expired = self._break_off()
        else:
            self._timer = self._loop.call_at(heard + self._seconds, self._look)


def _cancelled_from_outside() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _milliseconds(seconds: float) -> int:
    # libcurl takes 0 for its own default.
    return max(1, int(seconds * 1000))


def _lines(outgoing: Outgoing, target: Target) -> Sequence[str]:
    """The header lines; libcurl's own additions are switched off, but for Host, Accept and Content-Length."""
    # An expected 100 costs a round trip and many servers never send it.
    lines = ["Expect:"]
    named = set()
    for name, value in outgoing.headers:
        if _BREAK.search(name) or _BREAK.search(value):
            raise ValueError("a header holds a line break")
        named.add(name.lower())
        lines.append(f"{name}: {value}" if value else f"{name};")
    if target.authorization and "authorization" not in named:
        lines.append(f"Authorization: {target.authorization}")
    lines += [f"{name}:" for name in ("User-Agent", "Content-Type") if name.lower() not in named]
    return lines


def _system_certificates() -> str:
    """The file of the system's trusted certificates; libcurl's own default is that of the machine it was built on."""
    paths = ssl.get_default_verify_paths()
    named = os.environ.get("SSL_CERT_FILE")
    usual = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
    return next((path for path in (named, paths.cafile, *usual) if path and Path(path).is_file()), "")
