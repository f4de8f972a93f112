"""The CONNECT proxy: leads tunnels to *.twilio.com:443 through TLS of its own to the server's door."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack, suppress

from trunkline.switch.authority import Authority
from trunkline.switch.listening import listen
from trunkline.switch.reading import drain, take_head
from trunkline.switch.refusal import TOO_MANY, Refusal, render
from trunkline.switch.request import Tunnel

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_LINGER_SECONDS = 1.0
_RETRY_ACCEPT_SECONDS = 1.0


class ConnectProxy:
    """Accepts connections, answers CONNECT and hands each tunnel, decrypted, to a fresh protocol of `door`.

    `head_seconds`: how long a client may take for its head. `tls_seconds`: how long for the TLS handshake.
    `max_connections`: how many may be open, tunnels in use included; one more is answered 503.
    """

    def __init__(
        self,
        authority: Authority,
        door: Callable[[], asyncio.Protocol],
        *,
        log: logging.Logger,
        head_seconds: float = 10.0,
        tls_seconds: float = 10.0,
        max_connections: int = 1000,
    ) -> None:
        self._authority = authority
        self._door = door
        self._log = log
        self._head_seconds = head_seconds
        self._tls_seconds = tls_seconds
        self._max_connections = max_connections
        self._listeners: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._serving: set[asyncio.Task[None]] = set()
        self._open: set[socket.socket] = set()

    @property
    def port(self) -> int:
        """The port that is listened on. Raises RuntimeError when the proxy is not started."""
        if not self._listeners:
            raise RuntimeError("the proxy is not started")
        return int(self._listeners[0].getsockname()[1])

    @property
    def open_connections(self) -> int:
        """How many connections are open, tunnels in use included."""
        # Whoever closes a socket, the event loop or we, leaves its object without a descriptor.
        self._open = {sock for sock in self._open if sock.fileno() >= 0}
        return len(self._open)

    async def start(self, host: str, port: int) -> None:
        """Listen on every address of `host`; port 0 takes a free one. Raises OSError when that fails."""
        self._listeners = await listen(host, port)
        self._accepting = [asyncio.create_task(self._accept(listener)) for listener in self._listeners]

    async def stop(self) -> None:
        """Close the listener and every connection that has not reached a door; the rest is the doors'."""
        ending = [*self._accepting, *self._serving]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        self._listeners, self._accepting = [], []

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(listener)
            except ConnectionError:
                continue
            except OSError as reason:
                # No descriptors or no memory; asyncio's own servers wait a second, too.
                self._log.error("cannot accept a connection to the proxy: %s", reason)
                await asyncio.sleep(_RETRY_ACCEPT_SECONDS)
                continue
            sock.setblocking(False)
            self._admit(sock)

    def _admit(self, sock: socket.socket) -> None:
        if len(self._open) >= self._max_connections and self.open_connections >= self._max_connections:
            self._log.warning("the proxy refuses a connection: %d are open", self._max_connections)
            _turn_away(sock)
            return
        self._open.add(sock)
        ours = ExitStack()
        ours.enter_context(sock)
        task = asyncio.create_task(self._serve(sock, ours))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        # Not in the task: one that is cancelled before its first step does nothing at all.
        task.add_done_callback(lambda _: ours.close())

    async def _serve(self, sock: socket.socket, ours: ExitStack) -> None:
        context = await self._answer(sock)
        if context is None:
            return
        door = self._door()
        # From here the event loop owns the socket and closes it, whatever happens.
        ours.pop_all()
        await self._hand_over(sock, context, door)

    async def _answer(self, sock: socket.socket) -> ssl.SSLContext | None:
        """Read the head and answer it; None when the connection is to be closed."""
        try:
            async with asyncio.timeout(self._head_seconds):
                outcome = await take_head(sock)
            match outcome:
                case Tunnel():
                    return await self._establish(sock, outcome.host)
                case Refusal():
                    self._log.info("the proxy answers %d: %s", outcome.status, outcome.message)
                    await _refuse(sock, outcome)
        except OSError as reason:
            self._log.debug("a connection to the proxy ended early: %r", reason)
        return None

    async def _establish(self, sock: socket.socket, host: str) -> ssl.SSLContext | None:
        try:
            context = self._authority.context_for(host)
        except OSError:
            self._log.exception("cannot make a certificate for %s", host)
            return None
        await asyncio.get_running_loop().sock_sendall(sock, _ESTABLISHED)
        return context

    async def _hand_over(self, sock: socket.socket, context: ssl.SSLContext, door: asyncio.Protocol) -> None:
        """Let the event loop put TLS and the door on the socket.

        Unlike `start_tls` this calls `connection_made` before any data of the tunnel is delivered, and the
        TLS layer itself reads what the client sent right behind its head.
        """
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                lambda: door, sock, ssl=context, ssl_handshake_timeout=self._tls_seconds
            )
        except OSError as reason:
            self._log.debug("no TLS with a client of the proxy: %r", reason)


async def _refuse(sock: socket.socket, refusal: Refusal) -> None:
    await asyncio.get_running_loop().sock_sendall(sock, render(refusal))
    sock.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(_LINGER_SECONDS):
        await drain(sock)


def _turn_away(sock: socket.socket) -> None:
    """Answer 503 without waiting for anything: whoever is one too many gets no task and no memory."""
    with sock, suppress(OSError):
        sock.send(render(TOO_MANY))
        sock.shutdown(socket.SHUT_WR)
        sock.recv(16 * 1024)
