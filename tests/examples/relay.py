"""A relay in front of a Trunkline server: its address stays when the server comes back on another port."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

from servers import Server

PIECE = 1 << 16
CONNECT_SECONDS = 10.0


class Relay:
    """A relay that listens on loopback and connects to where ``server`` is when somebody connects; refuses
    connections while it is not there. Usable as a context manager, which breaks every connection.
    """

    def __init__(self, server: Server) -> None:
        class Connection(BaseRequestHandler):
            def handle(self) -> None:
                _pass_on(self.request, server)

        self._listener = ThreadingTCPServer(("127.0.0.1", 0), Connection)
        self._listener.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._listener.server_address[1]}"

    def __enter__(self) -> Relay:
        threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown()
        self._listener.server_close()


def _pass_on(client: socket.socket, server: Server) -> None:
    where = urlsplit(server.url)
    with suppress(OSError), socket.create_connection((where.hostname, where.port), CONNECT_SECONDS) as behind:
        behind.settimeout(None)
        back = threading.Thread(target=_copy, args=(behind, client), daemon=True)
        back.start()
        _copy(client, behind)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
