"""Clients that never log in: how much of the server's memory they can have."""

from __future__ import annotations

import re
import socket
import struct
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from servers import STOP_SECONDS, Server

CLIENTS = 40
SENT = 960 * 1024
"""The bytes that each client sends; a connection that has logged in may well send as many."""

UPGRADE = (
    b"GET /v3/wsconnect HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
FRAME = b"\x82\xff" + struct.pack("!Q", 1_000_000) + b"mask"
FRAGMENTS = b"\x02\xfe" + struct.pack("!H", 30_000) + b"mask" + b"x" * 30_000
UPLOAD = b"POST /_trunkline/inbox/messages HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n"


def memory(pid: int) -> int:
    """Return the resident bytes of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def send(sock: socket.socket, data: bytes) -> None:
    """Send as much as the server accepts, which may end the connection meanwhile."""
    try:
        sock.sendall(data)
    except OSError:
        return


def test_clients_that_never_log_in_hold_little_memory(tmp_path: Path) -> None:
    with Server(tmp_path) as server, ExitStack() as clients:
        parts = urlsplit(server.url)
        before = memory(server.pid)
        for head, rest in ((UPGRADE, FRAME), (UPGRADE, FRAGMENTS), (UPLOAD, b"")):
            for _ in range(CLIENTS):
                address = (parts.hostname or "", parts.port or 0)
                sock = clients.enter_context(socket.create_connection(address, timeout=STOP_SECONDS))
                sock.sendall(head)
                assert sock.recv(4096).startswith(b"HTTP/1.1 ")
                send(sock, rest + b"x" * (SENT - len(rest)))
        assert memory(server.pid) - before < CLIENTS * SENT // 2
