"""A clean stop under load finishes what was accepted (promise R8), and a database has one server."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import pytest

from faults.ledger import Ledger
from faults.writers import SYNC, Enough, load, shown, writers
from servers import STOP_SECONDS, Server, ServerFailed

LOAD_SECONDS = 0.5


def test_a_stop_under_load_answers_what_was_sent(
    database_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    ledger, server = Ledger(), Server(tmp_path, database_url=database_url)
    server.start()
    team = writers(SYNC, ledger, "stop")
    ended: list[float] = []

    def end() -> None:
        ended.append(monotonic())
        os.kill(server.pid, signal.SIGTERM)

    asyncio.run(load(server, team, Enough(LOAD_SECONDS, lambda: ledger.count.acknowledged, 100), end))
    server.stop()
    seconds = monotonic() - ended[0]
    record_property("acknowledged", ledger.count.acknowledged)
    record_property("sent and not answered", ledger.count.in_flight)
    record_property("seconds to stop", round(seconds, 2))
    print(ledger.count, f"stopped within {seconds:.2f} s")
    refused = [response for writer in team for response in writer.refused]
    assert seconds < STOP_SECONDS
    server.start()
    assert not (lies := ledger.lies(asyncio.run(shown(server, SYNC)))), lies
    server.stop()
    assert not refused
    assert ledger.count.in_flight == 0


IDLE_STOP_SECONDS = 4.0
"""More than a stop with idle connections takes, also on a busy machine, and less than their drain would."""

UPGRADE = (
    b"GET /v3/wsconnect HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
GET = b"GET /_trunkline/health/live HTTP/1.1\r\nHost: h\r\n\r\n"


def test_a_stop_does_not_wait_for_idle_connections(tmp_path: Path) -> None:
    """Open connections of every kind whose clients do nothing more, not even read."""
    with Server(tmp_path) as server, ExitStack() as clients:
        trust = ssl.create_default_context(cafile=str(server.data_dir / "ca" / "ca.pem"))

        def connect(url: str, sent: bytes = b"") -> socket.socket:
            parts = urlsplit(url)
            sock = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=STOP_SECONDS)
            return sending(clients.enter_context(sock), sent)

        def sending(sock: socket.socket, sent: bytes) -> socket.socket:
            sock.sendall(sent)
            if sent.endswith(b"\r\n\r\n"):
                assert sock.recv(4096).startswith(b"HTTP/1.1 ")
            return sock

        def tunnel(sent: bytes = b"") -> None:
            sock = connect(server.proxy_url, b"CONNECT sync.twilio.com:443 HTTP/1.1\r\nHost: h\r\n\r\n")
            encrypted = trust.wrap_socket(sock, server_hostname="sync.twilio.com")
            sending(clients.enter_context(encrypted), sent)

        for sent in (b"", GET[:20], GET, UPGRADE):
            connect(server.url, sent)
            tunnel(sent)
        for sent in (b"", b"CONNECT sync", b"CONNECT sync.twilio.com:443 HTTP/1.0\r\n\r\n"):
            connect(server.proxy_url, sent)
        began = monotonic()
        server.stop()
        assert monotonic() - began < IDLE_STOP_SECONDS
    assert "cuts off" not in server.log.read_text()


def test_a_second_server_on_the_same_data_refuses(tmp_path: Path) -> None:
    with Server(tmp_path) as first:
        second = Server(tmp_path)
        with pytest.raises(ServerFailed, match="in use by another process"):
            second.start()
        assert asyncio.run(shown(first, SYNC)) == []
