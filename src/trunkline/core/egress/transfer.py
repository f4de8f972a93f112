"""A transfer: one request on its way, as libcurl's callbacks report it."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pycurl  # type: ignore[import-untyped]

from trunkline.core.egress.failure import EgressError, Failure, Progress, Resend
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.egress.http2 import Http2Origin
from trunkline.core.egress.http_message import EgressRequest, EgressResponse, Timings
from trunkline.core.late_timers import LateTimer

MAX_HEAD = 64 * 1024
"""Bytes of a response's heads, interim ones and trailers included."""

_STATUS = re.compile(r"HTTP/\S+ +(\d{3})")
_STREAM = re.compile(r"\[HTTP/2\] \[(\d+)\] OPENED stream")
_HTTP2_CHOSEN = "ALPN: server accepted h2"
_REFUSED_STREAM = "REFUSED_STREAM"
_PAUSE_CHECK = 0.1
"""Seconds after which a paused transfer is checked again."""
_FINAL = 200
"""The least status of a response that is not an interim one."""


class Transfer:
    """A request on its way; with an ``origin`` it goes over HTTP/2. ``leads`` if it holds that origin's gate."""

    __slots__ = (
        "_body", "_connection", "_curl", "_guard", "_head_size", "_headers", "_holds", "_leads", "_max_body",
        "_negotiated", "_once", "_opened", "_origin", "_paused_at", "_pauses", "_require_http2", "_resent", "_sink",
        "_size", "_status", "_stream", "_unprocessed", "_withdrawn", "active_at", "address_refused", "connected_at",
        "lost", "paused", "truncated", "violation",
    )  # fmt: skip

    def __init__(
        self, guard: AddressGuard, request: EgressRequest, origin: Http2Origin | None, *, leads: bool
    ) -> None:
        self._guard = guard
        self._max_body = request.max_body
        self._once = request.once
        self._sink = request.sink
        self._holds = request.holds
        self._curl: Any = None
        self._status = 0
        self._origin = origin
        self._leads = leads
        self._paused_at = 0.0
        self._pauses = 0.0
        self._body: list[bytes] = []
        self._size = 0
        self._headers: list[tuple[str, str]] = []
        self._head_size = 0
        self._opened = False
        self._connection = ("", 0)
        self._stream = 0
        self._require_http2 = False
        self._negotiated = False
        self._resent = False
        self._unprocessed = False
        self._withdrawn = False
        self.address_refused = ""
        self.connected_at: float | None = None
        self.active_at = 0.0
        self.paused = False
        self.truncated = False
        self.violation: EgressError | None = None
        self.lost = False

    def attach(self, curl: Any, *, alpn: bool) -> None:
        """Set the callbacks; with ``alpn`` the peer must choose HTTP/2."""
        self._curl = curl
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open)
        curl.setopt(pycurl.PREREQFUNCTION, self._connected)
        curl.setopt(pycurl.HEADERFUNCTION, self._read_head)
        curl.setopt(pycurl.WRITEFUNCTION, self._read_body)
        if self._origin is not None:
            self._require_http2 = alpn
            curl.setopt(pycurl.VERBOSE, 1)
            curl.setopt(pycurl.DEBUGFUNCTION, self._trace)

    def progress(self, curl: Any) -> Progress:
        """Return how far the request has come."""
        return Progress(
            self.address_refused,
            self.connected_at is not None,
            curl.getinfo(pycurl.OS_ERRNO),
            curl.getinfo(pycurl.SSL_VERIFYRESULT),
        )

    def response(self, curl: Any) -> EgressResponse:
        """Return the response, once it has come."""
        seconds = curl.getinfo
        timings = Timings(
            seconds(pycurl.APPCONNECT_TIME) or seconds(pycurl.CONNECT_TIME),
            seconds(pycurl.STARTTRANSFER_TIME),
            seconds(pycurl.TOTAL_TIME),
        )
        return EgressResponse(
            curl.getinfo(pycurl.RESPONSE_CODE),
            tuple(self._headers),
            b"".join(self._body),
            self.truncated,
            curl.getinfo(pycurl.PRIMARY_IP),
            timings,
        )

    def judge(self, error: EgressError, *, identity: bool) -> EgressError:
        """Return the error with what is known of a connection that was lost: whether the request may have been
        processed, and whether the pool may send it again; ``identity`` if a client certificate was presented."""
        if self._withdrawn:
            return EgressError(Failure.CONNECT_FAILED, "no connection was ready", resend=Resend.UNSENT)
        if self.connected_at is None:
            return error
        if self._origin is None:
            again = self._once and (self._resent or error.failure.before_request)
            return EgressError(Failure.BROKEN_OFF, "the connection was lost") if again else error
        if not (self._resent or error.failure is Failure.BROKEN_OFF) or self._head_size:
            return error
        self._origin.gate.shut()
        if self._unprocessed or self._origin.unprocessed(self._connection, self._stream):
            return EgressError(Failure.STREAM_REFUSED, "the peer refused the stream", resend=Resend.SENT)
        if self._opened:
            # Under TLS 1.3 a client's handshake succeeds before the server has verified its certificate.
            failure = Failure.CLIENT_CERTIFICATE if identity else Failure.BROKEN_OFF
            return EgressError(
                failure, "the connection ended before its first response", maybe_processed=True
            )
        resend = Resend.NO if self._once else Resend.SENT
        return EgressError(Failure.BROKEN_OFF, "the connection was lost", resend=resend)

    def end(self, error: EgressError | None) -> None:
        """Give up the lead, if it is still held."""
        if self._leads and self._origin is not None:
            shared = error if error is not None and error.failure.before_request else None
            self._origin.gate.release(connected=False, error=shared)
            self._leads = False

    def left_to_read(self, seconds: float, now: float) -> float:
        """Return the seconds until nothing has come for ``seconds``; all of them before the connection and in a
        pause."""
        waits = self.connected_at is None or self.paused
        return seconds if waits else self.active_at + seconds - now

    def left_in_total(self, deadline: float, now: float) -> float:
        """Return the seconds until ``deadline``, in the loop's time. Pauses, which are the caller's, do not count and
        do not end the transfer."""
        left = deadline + self._paused_seconds(now) - now
        # During a pause ``left`` stays as it is, and may be as good as nothing.
        return max(left, _PAUSE_CHECK) if self.paused else left

    def _paused_seconds(self, now: float) -> float:
        return self._pauses + (now - self._paused_at if self.paused else 0.0)

    @property
    def _bound(self) -> bool:
        """True if it went over a connection, and must not go over another one."""
        return self.connected_at is not None and (self._once or self._origin is not None)

    def _open(self, _: int, address: Any) -> Any:
        family, kind, protocol, where = address
        host = where[0] if isinstance(where, tuple) else ""
        if isinstance(host, bytes):
            host = host.decode("ascii", "replace")
        if self._bound:
            self._resent = True
            return pycurl.SOCKET_BAD
        if not self._guard.permits(host):
            self.address_refused = host or "this kind of address"
            return pycurl.SOCKET_BAD
        self._opened = True
        if self._origin is not None and not self._leads:
            self._leads = self._origin.gate.lead()
        return _PassedSocket(family, kind, protocol)

    def _connected(self, _peer: str, local: str, _port: int, local_port: int) -> int:
        if self._bound:
            self._resent = True
            return int(pycurl.PREREQFUNC_ABORT)
        if self._require_http2 and self._opened and not self._negotiated:
            self.violation = EgressError(Failure.HTTP_VERSION, "the peer does not speak HTTP/2")
            return int(pycurl.PREREQFUNC_ABORT)
        if not self._holds():
            self.lost = True
            return int(pycurl.PREREQFUNC_ABORT)
        self._connection = (local, local_port)
        if self._origin is not None:
            if self._opened:
                self._origin.opened(self._connection)
            elif not self._leads and not self._origin.ready(self._connection):
                self._withdrawn = True
                return int(pycurl.PREREQFUNC_ABORT)
        self.connected_at = self.active_at = asyncio.get_running_loop().time()
        return int(pycurl.PREREQFUNC_OK)

    def _trace(self, kind: int, line: bytes) -> None:
        if kind != pycurl.INFOTYPE_TEXT or self._origin is None:
            return
        text = line.decode("latin-1")
        if found := _STREAM.match(text):
            self._stream = int(found[1])
        elif text.startswith(_HTTP2_CHOSEN):
            self._negotiated = True
        elif text.startswith(_REFUSED_STREAM):
            self._unprocessed = True
        else:
            self._origin.trace(self._connection, text)

    def _read_head(self, line: bytes) -> int:
        self.active_at = asyncio.get_running_loop().time()
        self._head_size += len(line)
        if self._head_size > MAX_HEAD:
            text = f"the head of the response is longer than {MAX_HEAD} bytes"
            self.violation = EgressError(Failure.PROTOCOL, text)
            return -1
        text = line.decode("latin-1").rstrip("\r\n")
        if text.startswith("HTTP/"):
            self._headers.clear()
            if self._sink is not None:
                found = _STATUS.match(text)
                self._status = int(found[1]) if found else 0
            if self._leads and self._origin is not None:
                self._origin.responded(self._connection)
                self._leads = False
        elif text:
            name, _, value = text.partition(":")
            self._headers.append((name, value.strip()))
        elif self._sink is not None and self._status >= _FINAL:
            self._sink.begin(self._status, tuple(self._headers))
        return len(line)

    def _read_body(self, piece: bytes) -> int:
        self.active_at = asyncio.get_running_loop().time()
        if self._sink is not None:
            self.paused = not self._sink.receive(piece, self._resume)
            if self.paused:
                self._paused_at = self.active_at
            return int(pycurl.WRITEFUNC_PAUSE) if self.paused else len(piece)
        left = self._max_body - self._size
        self._size += len(piece)
        if len(piece) <= left:
            self._body.append(piece)
            return len(piece)
        self._body.append(piece[:left])
        self.truncated = True
        return -1

    def _resume(self) -> None:
        self.active_at = asyncio.get_running_loop().time()
        self._pauses = self._paused_seconds(self.active_at)
        self.paused = False
        # The transfer may have ended meanwhile, as its pool was closed.
        with suppress(pycurl.error):
            self._curl.pause(pycurl.PAUSE_CONT)


class _PassedSocket(socket.socket):
    """A socket whose descriptor pycurl duplicates for libcurl; it is closed when pycurl drops it."""

    def __del__(self) -> None:
        if self.fileno() >= 0:
            self.close()


class TransferTimer:
    """Aborts a transfer once ``left``, which is called with the loop's time, returns no more seconds."""

    def __init__(self, left: Callable[[float], float], abort: Callable[[], bool]) -> None:
        self._left = left
        self._abort = abort
        self._loop = loop = asyncio.get_running_loop()
        self._timer = LateTimer(loop, loop.time() + left(loop.time()), self._check)
        self.expired = False

    def stop(self) -> None:
        """Stop watching."""
        self._timer.cancel()

    def _check(self) -> None:
        left = self._left(self._loop.time())
        if left <= 0:
            self.expired = self._abort()
        else:
            self._timer = LateTimer(self._loop, self._loop.time() + left, self._check)
