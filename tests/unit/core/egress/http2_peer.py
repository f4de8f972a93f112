"""An HTTP/2 server on loopback, over TLS, that counts streams and breaks the protocol where a test requests
it.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hyperframe.frame import GoAwayFrame, RstStreamFrame


class Authority:
    """A certificate authority: ``pem`` is its certificate."""

    def __init__(self, name: str = "authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        made = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.pem = made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, name: str, *addresses: str) -> tuple[str, str]:
        """Return a certificate for the common name and the IP addresses, and its key, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), key)
        if addresses:
            names = [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()

    def server(
        self, folder: Path, *protocols: str, clients: Authority | None = None, required: bool = True
    ) -> ssl.SSLContext:
        """Return the context of a server on 127.0.0.1 that speaks ``protocols`` (ALPN) and verifies client
        certificates of the authority ``clients``."""
        certificate, key = self.issue("peer", "127.0.0.1")
        file = folder / f"{id(self)}.pem"
        file.write_text(certificate + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
            context.load_verify_locations(cadata=clients.pem)
        return context

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )


class Stream(msgspec.Struct):
    """A request on a connection, and the means to respond."""

    connection: Connection
    id: int
    headers: dict[str, str]
    body: bytes = b""

    def respond(
        self, status: int = 200, headers: Sequence[tuple[str, str]] = (), body: bytes = b"ok"
    ) -> None:
        """Send a whole response."""
        self.connection.respond(self.id, status, headers, body)

    def reset(self, code: h2.errors.ErrorCodes) -> None:
        """Send RST_STREAM."""
        self.connection.frame(RstStreamFrame(self.id, int(code)).serialize())


Handler = Callable[[Stream], Awaitable[None] | None]


class Connection(asyncio.Protocol):
    """A connection from a client. ``subject`` is the common name of the client's certificate; ``most`` counts the
    streams that were open at once, ``resets`` are those that the client ended."""

    def __init__(self, server: Http2Peer) -> None:
        self._server = server
        self._state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self._transport: asyncio.Transport | None = None
        self._open: dict[int, Stream] = {}
        self._unsent: dict[int, bytes] = {}
        self.streams: list[Stream] = []
        self.resets: list[int] = []
        self.subject = ""
        self.alpn: str | None = None
        self.most = 0
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        tls = transport.get_extra_info("ssl_object")
        self.alpn = tls.selected_alpn_protocol()
        certificate = tls.getpeercert()
        if certificate:
            self.subject = dict(pair for names in certificate["subject"] for pair in names)["commonName"]
        self._server.connections.append(self)
        settings = {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self._server.max_streams}
        self._state.local_settings = h2.settings.Settings(client=False, initial_values=settings)
        self._state.initiate_connection()
        if not self._server.late_settings:
            self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set()

    def data_received(self, data: bytes) -> None:
        for event in self._state.receive_data(data):
            match event:
                case h2.events.RequestReceived():
                    headers = {_text(name): _text(value) for name, value in event.headers}
                    stream = Stream(self, event.stream_id, headers)
                    self._open[stream.id] = stream
                    self.streams.append(stream)
                    self.most = max(self.most, len(self._open))
                case h2.events.DataReceived():
                    self._state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    if event.stream_id in self._open:
                        self._open[event.stream_id].body += event.data
                case h2.events.StreamEnded():
                    self._server.received(self._open[event.stream_id])
                case h2.events.StreamReset():
                    self._open.pop(event.stream_id, None)
                    self.resets.append(event.stream_id)
                case h2.events.WindowUpdated():
                    for stream_id in list(self._unsent):
                        self._send(stream_id)
        self._flush()

    def respond(self, stream_id: int, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        if self._open.pop(stream_id, None) is None:
            return
        self._state.send_headers(stream_id, [(":status", str(status)), *headers], end_stream=not body)
        if body:
            self._unsent[stream_id] = body
            self._send(stream_id)
        self._flush()

    def refuse(self, *stream_ids: int) -> None:
        """Refuse streams, unprocessed."""
        for stream_id in stream_ids:
            self.frame(RstStreamFrame(stream_id, int(h2.errors.ErrorCodes.REFUSED_STREAM)).serialize())

    def go_away(self, last_stream: int, *, code: int = 0, reason: bytes = b"") -> None:
        """Send GOAWAY. Streams up to ``last_stream`` may still be responded to."""
        self.frame(
            GoAwayFrame(0, last_stream_id=last_stream, error_code=code, additional_data=reason).serialize()
        )

    def frame(self, frame: bytes) -> None:
        """Send a frame past the state machine, which ends the connection where the protocol lets it live on."""
        assert self._transport is not None
        self._transport.write(frame)

    def drop(self) -> None:
        """End the TCP connection at once."""
        assert self._transport is not None
        self._open.clear()
        self._transport.abort()

    def close(self) -> None:
        """End the TLS connection in order."""
        assert self._transport is not None
        self._open.clear()
        self._transport.close()

    def half_close(self) -> None:
        """End the sending side of the TCP connection; the other side stays open until the client ends it."""
        assert self._transport is not None
        with socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno())) as same:
            same.shutdown(socket.SHUT_WR)

    def _send(self, stream_id: int) -> None:
        body = self._unsent.pop(stream_id)
        while body:
            size = min(
                self._state.local_flow_control_window(stream_id),
                self._state.max_outbound_frame_size,
                len(body),
            )
            if size <= 0:
                self._unsent[stream_id] = body
                return
            self._state.send_data(stream_id, body[:size], end_stream=size == len(body))
            body = body[size:]

    def _flush(self) -> None:
        assert self._transport is not None
        if data := self._state.data_to_send():
            self._transport.write(data)


class Http2Peer:
    """A server: every connection and every stream that came. A handler responds, or does otherwise."""

    def __init__(self, handler: Handler, max_streams: int, *, late_settings: bool) -> None:
        self._handler = handler
        self.max_streams = max_streams
        self.late_settings = late_settings
        self.connections: list[Connection] = []
        self.port = 0
        self._tasks: set[asyncio.Future[None]] = set()
        self._received = asyncio.Condition()

    @property
    def streams(self) -> list[Stream]:
        """Every stream of every connection, in order."""
        return [stream for connection in self.connections for stream in connection.streams]

    def url(self, path: str = "/") -> str:
        return f"https://127.0.0.1:{self.port}{path}"

    def received(self, stream: Stream) -> None:
        async def handle() -> None:
            async with self._received:
                self._received.notify_all()
            handled = self._handler(stream)
            if handled is not None:
                await handled

        task = asyncio.ensure_future(handle())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait_for(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with self._received:
            await self._received.wait_for(lambda: len(self.streams) >= count)


@asynccontextmanager
async def http2_peer(
    context: ssl.SSLContext,
    handler: Handler = Stream.respond,
    *,
    max_streams: int = 100,
    late_settings: bool = False,
) -> AsyncIterator[Http2Peer]:
    """Yield a running server; with ``late_settings`` a connection's first frame follows its first request."""
    made = Http2Peer(handler, max_streams, late_settings=late_settings)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(made), "127.0.0.1", 0, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for connection in made.connections:
            connection.drop()


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
