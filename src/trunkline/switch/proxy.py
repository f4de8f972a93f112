"""The CONNECT proxy: TLS interception of tunnels to *.twilio.com:443 and media.twiliocdn.com:443.

The event loop calls ``_accept`` when a listener is readable; it accepts one connection, without waiting. One task per
connection reads the head, within its time, and either sends an error response or confirms the tunnel. Until
then the task owns the socket, and its end closes the socket, also when it is cancelled. A confirmed tunnel goes to the
event loop, which runs TLS with a certificate for the requested host and connects it to a new protocol of the API
server; from then on the event loop owns and closes the socket. A tunnel to a host that is let through is its task's
own until its end (``passthrough``). ``stop`` ends accepting, cancels all tasks and so closes
every connection that has no protocol yet; the API server closes the others. A listener pauses for a second if the
process has no file descriptor or no memory, which is logged once.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import NamedTuple

from trunkline.core.anonymous_connections import AnonymousConnections
from trunkline.core.host_patterns import HostPattern
from trunkline.core.late_timers import patient_timeout
from trunkline.core.open_files import OpenFiles
from trunkline.core.outages import Outage
from trunkline.switch import passthrough
from trunkline.switch.authority import Authority
from trunkline.switch.error_response import (
    TOO_MANY,
    ErrorResponse,
    Redirect,
    loop_target,
    render,
    unreachable,
)
from trunkline.switch.head_reader import drain, read_head
from trunkline.switch.passthrough import LeadsBack, TunnelEnd
from trunkline.switch.request_parser import ConnectRequest, PassthroughRequest

BACKLOG = 1024

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_LINGER_SECONDS = 1.0
_NEVER_SECONDS = 24 * 3600.0
_RETRY_ACCEPT_SECONDS = 1.0


class ProxyLimits(NamedTuple):
    """The limits of a proxy: `head_seconds` for a request's head, `tls_seconds` for the TLS handshake, and for its end;
    `max_connections` open at a time, tunnels in use included."""

    head_seconds: float = 10.0
    tls_seconds: float = 10.0
    max_connections: int = 1000


DEFAULT_LIMITS = ProxyLimits()


class ProxyBounds(NamedTuple):
    """The bounds that go beyond a proxy: the connections before a log-in, and the open files of the process."""

    anonymous: AnonymousConnections
    files: OpenFiles


class ConnectProxy:
    """A listener for CONNECT requests. Each tunnel, decrypted, gets a new protocol from `protocol_factory`.

    Tunnels to the hosts of `let_through` are let through as they are. For one connection more than its limit, the one
    of those before a log-in that was idle longest gives way; if there is none, it gets a 503.
    """

    def __init__(
        self,
        authority: Authority,
        protocol_factory: Callable[[], asyncio.Protocol],
        *,
        log: logging.Logger,
        bounds: ProxyBounds,
        let_through: Sequence[HostPattern] = (),
        limits: ProxyLimits = DEFAULT_LIMITS,
    ) -> None:
        self._authority = authority
        self._protocol_factory = protocol_factory
        self._log = log
        self._full = Outage(log)
        self._let_through = tuple(let_through)
        self._anonymous, self._files = bounds
        self._limits = limits
        self._listeners: list[socket.socket] = []
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._open: set[socket.socket] = set()

    @property
    def port(self) -> int:
        """The port of the listeners. Raise RuntimeError if the proxy is not started."""
        if not self._listeners:
            raise RuntimeError("the proxy is not started")
        return int(self._listeners[0].getsockname()[1])

    @property
    def open_connections(self) -> int:
        """The number of open connections, tunnels in use included."""
        # A closed socket has no descriptor, whether the event loop closed it or a task here.
        self._open = {sock for sock in self._open if sock.fileno() >= 0}
        return len(self._open)

    async def start(self, host: str, port: int) -> None:
        """Listen on every address of `host`; port 0 chooses a free one. Raise OSError if that fails."""
        self._listeners = await listen(host, port)
        for listener in self._listeners:
            self._begin_accepting(listener)

    async def stop(self) -> None:
        """Close the listeners and every connection without a protocol; the API server closes the others."""
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.remove_reader(listener)
            listener.close()
        for pause in self._pauses.values():
            pause.cancel()
        self._listeners, self._pauses = [], {}
        ending = list(self._serving)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _begin_accepting(self, listener: socket.socket) -> None:
        self._pauses.pop(listener, None)
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Accept one connection. Not a task: a socket would be lost if it came in the turn that cancels the task."""
        try:
            sock, address = listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as reason:
            # No descriptors or no memory; asyncio's own servers wait a second, too.
            self._files.exhausted(reason)
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener)
            self._pauses[listener] = loop.call_later(_RETRY_ACCEPT_SECONDS, self._begin_accepting, listener)
            return
        sock.setblocking(False)
        self._admit(sock, str(address[0]))

    def _admit(self, sock: socket.socket, address: str) -> None:
        if self._is_full() and not self._anonymous.give_way():
            limit = self._limits.max_connections
            self._full.failed("the proxy refuses connections: %d are open", limit)
            _reject(sock)
            return
        self._full.works("the proxy accepts connections again")
        self._open.add(sock)
        owned = ExitStack()
        owned.enter_context(sock)
        task = asyncio.create_task(self._serve(sock, owned))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        # Not in the task: one that is cancelled before its first step does nothing at all.
        task.add_done_callback(lambda _: owned.close())
        # A tunnel counts again when its protocol has it.
        self._anonymous.enter(task, address, task.cancel)
        task.add_done_callback(self._anonymous.leave)

    def _is_full(self) -> bool:
        return (
            len(self._open) >= self._limits.max_connections
            and self.open_connections >= self._limits.max_connections
        )

    async def _serve(self, sock: socket.socket, owned: ExitStack) -> None:
        confirmed = await self._respond(sock)
        match confirmed:
            case ssl.SSLContext():
                protocol = self._protocol_factory()
                # From here the event loop owns the socket and closes it, whatever happens.
                owned.pop_all()
                await self._start_tls(sock, confirmed, protocol)
            case TunnelEnd():
                owned.pop_all()
                await passthrough.relay(await passthrough.accept(sock), confirmed)

    async def _respond(self, sock: socket.socket) -> ssl.SSLContext | TunnelEnd | None:
        """Read the head and send the response. Return the TLS of a tunnel that is served here, or the far end of one
        that is let through; None if the connection must be closed."""
        try:
            async with patient_timeout(self._limits.head_seconds):
                outcome = await read_head(sock, self._let_through)
            match outcome:
                case ConnectRequest():
                    return await self._establish(sock, outcome.host)
                case PassthroughRequest():
                    return await self._pass_through(sock, outcome)
                case Redirect():
                    await _send(sock, outcome)
                case ErrorResponse():
                    await self._refuse(sock, outcome)
        except OSError as reason:
            self._log.debug("a connection to the proxy ended early: %r", reason)
        return None

    async def _refuse(self, sock: socket.socket, error: ErrorResponse) -> None:
        self._log.info("the proxy responds with %d: %s", error.status, error.message)
        await _send(sock, error)

    async def _pass_through(self, sock: socket.socket, request: PassthroughRequest) -> TunnelEnd | None:
        target = f"{request.host}:{request.port}"
        try:
            end = await passthrough.connect(request.host, request.port, {self.port})
        except LeadsBack:
            await self._refuse(sock, loop_target(target))
            return None
        except OSError as reason:
            self._log.info("the proxy cannot reach %s: %s", target, reason)
            await self._refuse(sock, unreachable(target))
            return None
        try:
            await asyncio.get_running_loop().sock_sendall(sock, _ESTABLISHED)
        except BaseException:
            end.writer.transport.abort()
            raise
        return end

    async def _establish(self, sock: socket.socket, host: str) -> ssl.SSLContext | None:
        try:
            context = self._authority.context_for(host)
        except OSError:
            self._log.exception("cannot make a certificate for %s", host)
            return None
        await asyncio.get_running_loop().sock_sendall(sock, _ESTABLISHED)
        return context

    async def _start_tls(
        self, sock: socket.socket, context: ssl.SSLContext, protocol: asyncio.Protocol
    ) -> None:
        """Connect TLS and the protocol to the socket.

        Unlike the loop's `start_tls` this calls `connection_made` before any data of the tunnel is delivered, and
        the TLS layer itself reads what the client sent right behind its head.
        """
        loop = asyncio.get_running_loop()
        try:
            # The loop's own timer for the handshake does not let it read first.
            async with patient_timeout(self._limits.tls_seconds):
                await loop.connect_accepted_socket(
                    lambda: protocol,
                    sock,
                    ssl=context,
                    ssl_handshake_timeout=_NEVER_SECONDS,
                    # It includes the time in which the client reads the end of a response.
                    ssl_shutdown_timeout=self._limits.tls_seconds,
                )
        except OSError as reason:
            self._log.debug("no TLS with a client of the proxy: %r", reason)


async def _send(sock: socket.socket, response: ErrorResponse | Redirect) -> None:
    await asyncio.get_running_loop().sock_sendall(sock, render(response))
    sock.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(_LINGER_SECONDS):
        await drain(sock)


def _reject(sock: socket.socket) -> None:
    """Send a 503 without waiting for anything: a connection beyond the limit gets no task and no memory."""
    with sock, suppress(OSError):
        sock.send(render(TOO_MANY))
        sock.shutdown(socket.SHUT_WR)
        sock.recv(16 * 1024)


async def listen(host: str, port: int) -> list[socket.socket]:
    """Return non-blocking listening sockets on every address of `host`, all on one port.

    Port 0 chooses a free one. Raise OSError if the name does not resolve or an address is in use.
    """
    opened: list[socket.socket] = []
    try:
        for family, address in await _addresses(host):
            listener = socket.create_server((address, port or _port(opened)), family=family, backlog=BACKLOG)
            listener.setblocking(False)
            opened.append(listener)
    except BaseException:
        for listener in opened:
            listener.close()
        raise
    return opened


async def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _port(opened: list[socket.socket]) -> int:
    """Return the port of the first socket, 0 before there is one."""
    return int(opened[0].getsockname()[1]) if opened else 0
