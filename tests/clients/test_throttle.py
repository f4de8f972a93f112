"""One request too many: 429 with its code, which Node's automatic retry gets over."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from clients.asking import Client, SdkOptions
from clients.sdks import Agents
from servers import Server

CHAIN = "sync.v1.services"
TIMEOUT = 30.0


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server that takes one request of an account at a time."""
    with Server(tmp_path_factory.mktemp("narrow"), "--max-concurrent-requests", "1") as server:
        yield server


def connected(url: str) -> socket.socket:
    """Return a connection to the server at ``url``."""
    where = urlsplit(url)
    return socket.create_connection((where.hostname, where.port), TIMEOUT)


def response(connection: socket.socket) -> bytes:
    """Return one response, read until it is whole; interim responses have no body."""
    received = b""
    while True:
        piece = connection.recv(1 << 16)
        assert piece, "the server closed the connection"
        received += piece
        head, found, body = received.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if found and len(body) >= (int(lengths[0].partition(b":")[2]) if lengths else 0):
            return received


class Slow:
    """A request that the server has begun to handle, and whose body comes when the test sends it."""

    BODY = b"FriendlyName=slow"

    def __init__(self, server: Server) -> None:
        credentials = base64.b64encode(f"{server.account_sid}:{server.auth_token}".encode())
        self._connection = connected(server.url)
        self._connection.sendall(
            b"POST /sync/v1/Services HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n"
            b"Authorization: Basic %s\r\nContent-Length: %d\r\n\r\n" % (credentials, len(self.BODY))
        )
        # The server asks for the body only when the request counts already.
        assert response(self._connection).startswith(b"HTTP/1.1 100 ")

    def finish(self) -> None:
        """Send the body and read the answer."""
        self._connection.sendall(self.BODY)
        assert response(self._connection).startswith(b"HTTP/1.1 201 ")
        self._connection.close()


class Relay(threading.Thread):
    """A relay of one client's requests that calls ``between`` after the first response was read and before it
    is given to the client.
    """

    def __init__(self, url: str, between: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._to, self._between = url, between
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TIMEOUT)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.statuses: list[bytes] = []

    def run(self) -> None:
        """Serve a connection after the other until the first of the statuses is followed by another."""
        with self._listener:
            while len(self.statuses) < 2:
                client, _ = self._listener.accept()
                client.settimeout(TIMEOUT)
                with client, connected(self._to) as server:
                    self._converse(client, server)

    def _converse(self, client: socket.socket, server: socket.socket) -> None:
        while len(self.statuses) < 2 and (data := client.recv(1 << 16)):
            server.sendall(data)
            answered = response(server)
            self.statuses.append(answered.split(b" ", 2)[1])
            if len(self.statuses) == 1:
                self._between()
            client.sendall(answered)


def _client(sdk: str, agents: Agents, server: Server, **more: bool) -> Client:
    pointing = SdkOptions(server.url, server.account_sid, server.auth_token, **more)  # type: ignore[arg-type]
    return Client(sdk, agents(sdk), pointing)


def test_one_too_many_is_refused(sdk: str, agents: Agents, narrow: Server) -> None:
    client = _client(sdk, agents, narrow)
    before = client.call(CHAIN, "list")
    slow = Slow(narrow)
    error = client.refused(CHAIN, "create")
    assert (error.status, error.code) == (429, 20429)
    slow.finish()
    rows = client.call(CHAIN, "list")
    assert [row["friendly_name"] for row in rows] == [
        *(row["friendly_name"] for row in before),
        "slow",
    ]


@pytest.mark.parametrize("sdk", ["node"])
def test_automatic_retry_gets_over_it(sdk: str, agents: Agents, narrow: Server) -> None:
    slow = Slow(narrow)
    relay = Relay(narrow.url, slow.finish)
    relay.start()
    client = _client(sdk, agents, narrow, auto_retry=True).but(base=relay.url)
    assert client.call(CHAIN, "create")["sid"]
    relay.join(TIMEOUT)
    assert relay.statuses == [b"429", b"201"]
