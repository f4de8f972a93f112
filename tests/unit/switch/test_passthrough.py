"""Tunnels to hosts that are let through, over real loopback sockets, on asyncio's loop and on uvloop."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from trunkline.core.host_patterns import parse_pattern
from trunkline.switch import passthrough
from unit.switch.running import TIMEOUT, Start, read_established, read_to_end

LARGE = b"x" * 1_000_000


@contextmanager
def host() -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port of a host that sends a greeting, and after the client's end what it received in capitals; and the
    list of what it received."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)

        def serve() -> None:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(TIMEOUT)
                sock.sendall(b"hello ")
                try:
                    received.append(read_to_end(sock))
                    sock.sendall(received[-1].upper())
                except OSError:
                    received.append(b"broken")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], received
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(TIMEOUT)


def head(port: int) -> bytes:
    """Return the head of a CONNECT to this machine."""
    return f"CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()


def test_bytes_go_both_ways_until_both_ends(start: Start) -> None:
    with host() as (port, received):
        proxied = start(let_through=[parse_pattern(f"localhost:{port}")])
        with proxied.connect(head(port) + b"early ") as sock:
            assert read_established(sock) == b"HTTP/1.1 200 Connection established\r\n\r\n"
            assert sock.recv(6, socket.MSG_WAITALL) == b"hello "
            assert proxied.proxy.open_connections == 1
            sock.sendall(LARGE)
            sock.shutdown(socket.SHUT_WR)
            assert read_to_end(sock) == (b"early " + LARGE).upper()
    assert received == [b"early " + LARGE]
    assert proxied.doors == []


def test_a_host_that_is_gone_is_a_502(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    proxied = start(let_through=[parse_pattern(f"localhost:{port}")])
    response, _, body = proxied.exchange(head(port)).partition(b"\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 502 ")
    assert json.loads(body)["message"] == f"localhost:{port} cannot be reached from this proxy."


def test_a_tunnel_does_not_lead_back_to_the_proxy(start: Start) -> None:
    proxied = start()
    proxied.proxy._let_through = (parse_pattern(f"localhost:{proxied.port}"),)
    response, _, body = proxied.exchange(head(proxied.port)).partition(b"\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 403 ")
    assert json.loads(body)["message"] == f"localhost:{proxied.port} is this proxy itself."


def test_other_hosts_are_refused_as_ever(start: Start) -> None:
    proxied = start(let_through=[parse_pattern("*.example.com")])
    response, _, body = proxied.exchange(b"CONNECT example.com:443 HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 403 ")
    assert json.loads(body)["message"] == "This proxy leads only to *.twilio.com:443, not to example.com:443."


def test_a_break_at_one_end_is_one_at_the_other(start: Start) -> None:
    with host() as (port, received):
        proxied = start(let_through=[parse_pattern(f"localhost:{port}")])
        sock = proxied.connect(head(port))
        read_established(sock)
        sock.recv(6, socket.MSG_WAITALL)
        # A reset, not an orderly end.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    assert received in ([b"broken"], [b""])


def test_a_stop_ends_tunnels(start: Start) -> None:
    with host() as (port, received):
        proxied = start(let_through=[parse_pattern(f"localhost:{port}")])
        with proxied.connect(head(port)) as sock:
            read_established(sock)
            sock.recv(6, socket.MSG_WAITALL)
            proxied.call(proxied.proxy.stop())
            with suppress(ConnectionResetError):
                assert read_to_end(sock) == b""
    assert received in ([b"broken"], [b""])


def test_a_client_that_keeps_its_end_does_not_keep_the_hosts(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passthrough, "HALF_CLOSED_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        port = listener.getsockname()[1]
        proxied = start(let_through=[parse_pattern(f"localhost:{port}")])
        with proxied.connect(head(port)) as sock:
            read_established(sock)
            far, _ = listener.accept()
            with far, suppress(ConnectionResetError):
                far.settimeout(TIMEOUT)
                far.shutdown(socket.SHUT_WR)
                assert far.recv(1) == b""


def test_a_half_closed_tunnel_lasts_while_bytes_pass() -> None:
    loop = asyncio.SelectorEventLoop()
    clock, ahead = loop.time, 0.0
    loop.time = lambda: clock() + ahead  # type: ignore[method-assign]

    async def body() -> None:
        nonlocal ahead
        (client, near), (far, host) = socket.socketpair(), socket.socketpair()
        ends = [
            passthrough.TunnelEnd(*await asyncio.open_connection(sock=sock))
            for sock in (client, near, far, host)
        ]
        relay = asyncio.create_task(passthrough.relay(ends[1], ends[2]))
        ends[0].writer.write_eof()
        assert await ends[3].reader.read() == b""
        for _ in range(5):
            ahead += passthrough.HALF_CLOSED_SECONDS / 2
            ends[3].writer.write(b"piece")
            assert await ends[0].reader.readexactly(5) == b"piece"
        assert not relay.done()
        ahead += passthrough.HALF_CLOSED_SECONDS
        await relay
        for end in (ends[0], ends[3]):
            end.writer.transport.abort()

    try:
        loop.run_until_complete(body())
    finally:
        loop.close()
