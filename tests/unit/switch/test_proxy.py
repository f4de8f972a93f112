"""The proxy over real loopback sockets, on asyncio's loop and on uvloop."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
import ssl
import threading
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from trunkline.core.anonymous_connections import AnonymousConnections
from trunkline.core.open_files import OpenFiles
from trunkline.switch import proxy as module
from trunkline.switch.authority import Authority
from trunkline.switch.proxy import ConnectProxy, ProxyBounds
from unit.switch.running import (
    LOG,
    TIMEOUT,
    EchoDoor,
    RunningProxy,
    Start,
    connect_head,
    read_established,
    read_to_end,
    running,
    strict_context,
)


class Tls:
    """A TLS client in memory, which decides itself what goes to the network when."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="sync.twilio.com")

    def hello(self) -> bytes:
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.outgoing.read()

    def finish(self, sock: socket.socket) -> None:
        """Read until the handshake is complete here; what must be sent for that is kept back."""
        while True:
            try:
                self.tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                self._receive(sock)

    def _receive(self, sock: socket.socket) -> None:
        piece = sock.recv(65536)
        assert piece, "closed by the proxy"
        self.incoming.write(piece)

    def read(self, sock: socket.socket, length: int) -> bytes:
        found = b""
        while len(found) < length:
            try:
                found += self.tls.read(length - len(found))
            except ssl.SSLWantReadError:
                self._receive(sock)
        return found


def test_a_tunnel_leads_to_a_door_through_tls(start: Start) -> None:
    proxied = start()
    with proxied.tunnel("sync.dublin.ie1.twilio.com") as tls:
        assert tls.selected_alpn_protocol() == "http/1.1"
        tls.sendall(b"hello")
        assert tls.recv(100) == b"HELLO"
        (door,) = proxied.doors
        assert isinstance(door.transport.get_extra_info("sslcontext"), ssl.SSLContext)
        assert door.transport.get_extra_info("peername")[0] == "127.0.0.1"
    assert door.lost.wait(TIMEOUT)
    assert door.calls == ["made", "data", "lost"]


def test_every_tunnel_has_a_door_of_its_own(start: Start) -> None:
    proxied = start()
    with proxied.tunnel("sync.twilio.com") as one, proxied.tunnel("chat.twilio.com") as two:
        one.sendall(b"one")
        two.sendall(b"two")
        assert (one.recv(100), two.recv(100)) == (b"ONE", b"TWO")
    assert len(proxied.doors) == 2


def test_a_hello_sent_with_the_head_is_not_lost(start: Start) -> None:
    proxied = start()
    client = Tls(strict_context(proxied.ca_path))
    with proxied.connect(connect_head() + client.hello()) as sock:
        assert read_established(sock) == b"HTTP/1.1 200 Connection established\r\n\r\n"
        client.finish(sock)
        sock.sendall(client.outgoing.read())
        client.tls.write(b"pipelined")
        sock.sendall(client.outgoing.read())
        assert client.read(sock, 9) == b"PIPELINED"


def test_data_sent_with_the_end_of_the_handshake_comes_after_connection_made(start: Start) -> None:
    proxied = start()
    client = Tls(strict_context(proxied.ca_path))
    with proxied.connect(connect_head()) as sock:
        read_established(sock)
        sock.sendall(client.hello())
        client.finish(sock)
        client.tls.write(b"early")
        sock.sendall(client.outgoing.read())
        assert client.read(sock, 5) == b"EARLY"
    assert proxied.doors[0].calls[:2] == ["made", "data"]


def test_a_head_and_hello_that_come_byte_by_byte(start: Start) -> None:
    proxied = start()
    client = Tls(strict_context(proxied.ca_path))
    sent = connect_head() + client.hello()
    with proxied.connect(*(sent[at : at + 1] for at in range(len(sent)))) as sock:
        read_established(sock)
        client.finish(sock)
        client.tls.write(b"slow")
        sock.sendall(client.outgoing.read())
        assert client.read(sock, 4) == b"SLOW"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"CONNECT api.example.com:443 HTTP/1.0\r\n\r\n", 403, 20403),
        (b"CONNECT sync.twilio.com:80 HTTP/1.0\r\n\r\n", 403, 20403),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 405, 20004),
        (b"GET http://h/ HTTP/1.1\r\n\r\n", 400, 20001),
        (b"CONNECT sync.twilio.com:443 HTTP/1.1\r\n\r\n", 400, 20001),
        (b"POST http://h/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501, 20501),
        (b"POST http://h/ HTTP/1.1\r\nHost: h\r\nContent-Length: 30000\r\n\r\n" + b"b" * 30000, 405, 20004),
        (b"CONNECT sync.twilio.com HTTP/1.1\r\n\r\n", 400, 20001),
        (b"\x16\x03\x01\x00\xa5\x01", 400, 20001),
        (b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nX: " + b"x" * 40000 + b"\r\n\r\n", 431, 20413),
    ],
)
def test_refusals(start: Start, sent: bytes, status: int, code: int) -> None:
    proxied = start()
    with proxied.connect(sent) as sock:
        sock.shutdown(socket.SHUT_WR)
        head, _, body = read_to_end(sock).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nConnection: close" in head
    assert f"\r\nContent-Length: {len(body)}".encode() in head
    response = json.loads(body)
    assert (response["code"], response["status"]) == (code, status)
    assert proxied.doors == []


def test_a_refused_client_that_stays_is_closed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LINGER_SECONDS", 0.01)
    assert start().exchange(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize("sent", [b"", b"CONNECT sync.twilio.com:443 HTT"])
def test_a_client_that_does_not_finish_its_head_is_cut(start: Start, sent: bytes) -> None:
    proxied = start(head_seconds=0.05)
    assert proxied.exchange(sent) == b""
    assert proxied.doors == []


def test_a_client_that_does_not_finish_its_handshake_is_cut(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    proxied = start(tls_seconds=0.05)
    with caplog.at_level(logging.INFO):
        response = proxied.exchange(connect_head() + Tls(strict_context(proxied.ca_path)).hello()[:20])
    assert response == b"HTTP/1.1 200 Connection established\r\n\r\n"
    assert caplog.records == []
    assert proxied.doors[0].calls == []


def test_a_client_that_does_not_trust_the_authority_is_closed_quietly(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    proxied = start()
    client = Tls(ssl.create_default_context())
    with caplog.at_level(logging.INFO), proxied.connect(connect_head() + client.hello()) as sock:
        read_established(sock)
        with pytest.raises(ssl.SSLCertVerificationError):
            client.finish(sock)
        sock.sendall(client.outgoing.read())
        assert read_to_end(sock) == b""
    assert caplog.records == []
    assert [door.calls for door in proxied.doors] == [[]]
    assert proxied.call(open_connections(proxied)) == 0


def test_a_client_that_does_not_speak_tls_is_closed_quietly(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    proxied = start()
    with caplog.at_level(logging.INFO), proxied.connect(connect_head()) as sock:
        read_established(sock)
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        # Some versions of the TLS layer send an alert first, and a reset is an end, too.
        with suppress(ConnectionResetError):
            read_to_end(sock)
    assert caplog.records == []
    assert [door.calls for door in proxied.doors] == [[]]
    assert proxied.call(open_connections(proxied)) == 0


@pytest.mark.parametrize("sent", [b"", b"CONNECT sync.twilio.com:443"])
def test_a_client_that_leaves_early_leaves_nothing_behind(
    start: Start, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    proxied = start()
    with caplog.at_level(logging.INFO), proxied.connect(sent) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert read_to_end(sock) == b""
    assert caplog.records == []
    assert proxied.call(open_connections(proxied)) == 0


async def open_connections(proxied: RunningProxy) -> int:
    return proxied.proxy.open_connections


def test_one_connection_too_many_is_turned_away_until_another_ends(start: Start) -> None:
    proxied = start(max_connections=1)
    with proxied.tunnel() as tls:
        assert proxied.call(open_connections(proxied)) == 1
        with proxied.connect() as sock:
            head, _, body = read_to_end(sock).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert json.loads(body)["code"] == 20503
        tls.sendall(b"still here")
        assert tls.recv(100) == b"STILL HERE"
    assert proxied.doors[0].lost.wait(TIMEOUT)
    assert proxied.call(open_connections(proxied)) == 0
    with proxied.tunnel() as tls:
        tls.sendall(b"next")
        assert tls.recv(100) == b"NEXT"


@pytest.mark.parametrize("sent", [b"", b"CONNECT sync", connect_head()])
def test_what_was_idle_longest_gives_way_to_one_connection_too_many(start: Start, sent: bytes) -> None:
    proxied = start(max_connections=2, anonymous=AnonymousConnections(100, 100))
    with proxied.tunnel() as used, ExitStack() as opened:
        used.sendall(b"first")
        assert used.recv(100) == b"FIRST"
        idle = opened.enter_context(proxied.connect(sent))
        if sent.endswith(b"\r\n\r\n"):
            read_established(idle)
        with proxied.tunnel() as tls:
            tls.sendall(b"new")
            assert tls.recv(100) == b"NEW"
            assert is_closed(idle)
        used.sendall(b"used")
        assert used.recv(100) == b"USED"


def test_idle_connections_are_bounded_and_a_tunnel_is_its_protocols(start: Start) -> None:
    anonymous = AnonymousConnections(2, 100)
    proxied = start(anonymous=anonymous)
    with (
        proxied.tunnel(),
        proxied.connect() as first,
        proxied.connect() as second,
        proxied.connect() as third,
    ):
        assert is_closed(first)
        second.sendall(connect_head())
        third.sendall(connect_head())
        read_established(second)
        read_established(third)
        assert len(anonymous) == 2


def test_stop_closes_what_has_no_door_and_leaves_the_rest(start: Start) -> None:
    proxied = start()
    with proxied.tunnel() as tls, proxied.connect(connect_head()) as shaking, proxied.connect() as idle:
        read_established(shaking)
        proxied.call(proxied.proxy.stop())
        assert read_to_end(shaking) == b""
        assert read_to_end(idle) == b""
        with pytest.raises(ConnectionRefusedError):
            proxied.connect()
        tls.sendall(b"on")
        assert tls.recv(100) == b"ON"
    with pytest.raises(RuntimeError, match="not started"):
        _ = proxied.proxy.port


def test_stop_closes_a_connection_that_nobody_has_looked_at(start: Start) -> None:
    proxied = start()
    ours, theirs = socket.socketpair()

    async def admit_and_stop() -> None:
        theirs.setblocking(False)
        proxied.proxy._admit(theirs, "")
        await proxied.proxy.stop()

    with ours:
        ours.settimeout(TIMEOUT)
        proxied.call(admit_and_stop())
        assert read_to_end(ours) == b""


def test_stop_twice_and_start_again(start: Start) -> None:
    proxied = start()
    proxied.call(proxied.proxy.stop())
    proxied.call(proxied.proxy.stop())
    proxied.call(proxied.proxy.start("127.0.0.1", 0))
    proxied.port = proxied.proxy.port
    with proxied.tunnel() as tls:
        tls.sendall(b"again")
        assert tls.recv(100) == b"AGAIN"


def test_a_port_that_is_taken_is_an_error(start: Start, tmp_path: Path) -> None:
    proxied = start()

    async def second() -> None:
        authority, anonymous = Authority.open(tmp_path / "ca"), AnonymousConnections(1, 1)
        proxy = ConnectProxy(authority, EchoDoor, log=LOG, bounds=ProxyBounds(anonymous, OpenFiles()))
        await proxy.start("127.0.0.1", proxied.port)

    with pytest.raises(OSError, match=r"(?i)address already in use"):
        proxied.call(second())


def test_a_failing_accept_is_logged_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETRY_ACCEPT_SECONDS", 0)
    failures = [OSError(24, "Too many open files"), ConnectionAbortedError(), BlockingIOError()]

    class FailingListener(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            if failures:
                raise failures.pop()
            return super().accept()

    async def listen(host: str, port: int) -> list[socket.socket]:
        return [FailingListener(fileno=found.detach()) for found in await real_listen(host, port)]

    real_listen = module.listen
    monkeypatch.setattr(module, "listen", listen)
    with running(asyncio.new_event_loop(), tmp_path / "ca", EchoDoor, {}) as found, found.tunnel() as tls:
        tls.sendall(b"at last")
        assert tls.recv(100) == b"AT LAST"
    (record,) = caplog.records
    assert "Too many open files" in record.getMessage()


def is_closed(sock: socket.socket) -> bool:
    """Return whether the proxy closed the connection, or the kernel one that was never accepted."""
    try:
        return read_to_end(sock) == b""
    except ConnectionResetError:
        return True


def test_a_stop_while_accepting_pauses_ends_the_pause(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullListener(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            tried.set()
            raise OSError(24, "Too many open files")

    async def listen(host: str, port: int) -> list[socket.socket]:
        return [FullListener(fileno=found.detach()) for found in await real_listen(host, port)]

    tried = threading.Event()
    real_listen = module.listen
    monkeypatch.setattr(module, "listen", listen)
    with running(asyncio.new_event_loop(), tmp_path / "ca", EchoDoor, {}) as found, found.connect() as sock:
        assert tried.wait(TIMEOUT)
        found.call(found.proxy.stop())
        assert is_closed(sock)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("turns", range(5))
def test_a_connection_that_is_accepted_during_a_stop_is_closed(start: Start, turns: int) -> None:
    async def connect_and_stop() -> socket.socket:
        sock = proxied.connect()
        for _ in range(turns):
            await asyncio.sleep(0)
        await proxied.proxy.stop()
        gc.collect()
        return sock

    proxied = start()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with proxied.call(connect_and_stop()) as sock:
            assert is_closed(sock)
    assert [str(one.message) for one in caught] == []
    assert proxied.proxy.open_connections == 0


def test_a_certificate_that_cannot_be_made_closes_the_connection_and_is_logged(
    start: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> ssl.SSLContext:
        raise OSError(28, "No space left on device")

    proxied = start()
    monkeypatch.setattr(Authority, "context_for", full)
    assert proxied.exchange(connect_head()) == b""
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "sync.twilio.com" in record.getMessage()
