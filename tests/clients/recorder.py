"""A relay between an SDK and a server: it notes which of the vendor's operations were answered with success, and holds
every answer against the contract."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from contract.checks import check_response
from contract.client import product_of
from contract.documents import FILES, document

Operation = tuple[str, str, str]
"""A product, a method and a path template of the vendor's document."""


class Recorder:
    """The traffic of a relay. ``answered`` are the operations that succeeded, ``faults`` the responses that
    do not fit the contract; ``url`` leads to the relay.
    """

    def __init__(self, server_url: str) -> None:
        self.behind = urlsplit(server_url).netloc
        self.url = ""
        self.answered: set[Operation] = set()
        self.faults: list[str] = []

    def note(self, method: str, path: str, response: http.client.HTTPResponse, body: bytes) -> None:
        """Check a response."""
        product, inner = product_of("", path) or ("", path)
        try:
            check_response(product, method, inner, response.status, dict(response.getheaders()), body)
        except AssertionError as fault:
            self.faults.append(str(fault))
        if response.status < 400:
            version = inner.split("/")[1]
            found = document(product, version).find(method, inner) if (product, version) in FILES else None
            if found is not None:
                self.answered.add((product, method, found.template))


@contextmanager
def recorded(server_url: str) -> Iterator[Recorder]:
    """Yield a relay to a server, on loopback."""
    recorder = Recorder(server_url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise the body of each answer waits for the acknowledgement of its head.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            behind = http.client.HTTPConnection(recorder.behind, timeout=30)
            try:
                behind.request(self.command, self.path, body or None, dict(self.headers))
                response = behind.getresponse()
                content = response.read()
            finally:
                behind.close()
            recorder.note(self.command, self.path.partition("?")[0], response, content)
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_DELETE = do_GET

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as relay:
        relay.daemon_threads = True
        recorder.url = f"http://127.0.0.1:{relay.server_port}"
        thread = threading.Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield recorder
        finally:
            relay.shutdown()
            thread.join()
