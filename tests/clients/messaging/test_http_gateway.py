"""A whole server with an HTTP gateway in its ``trunkline.toml``, in both directions."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from clients.messaging.numbers import operator
from servers import Server

SECRET = "what the gateway shows"
NUMBER, PHONE = "+14155550100", "+15005550100"
CONFIGURATION = """
log_requests = false

[[carriers]]
name = "gate"
kind = "http"
url = "http://127.0.0.1:{port}/messages"
secret = "{secret}"
authorization = "Bearer of the operator"
"""


class Gateway:
    """A gateway that accepts messages and returns ids of its own. ``keys`` are the headers that came with
    them.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.keys: list[tuple[str | None, str | None]] = []
        self.port = 0

    def take(self, handler: BaseHTTPRequestHandler) -> bytes:
        message = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.keys.append((handler.headers["Idempotency-Key"], handler.headers["Authorization"]))
        self.messages.append(message)
        return json.dumps({"id": f"of {message['id']}"}).encode()


@contextmanager
def gateway() -> Iterator[Gateway]:
    made = Gateway()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = made.take(self)
            self.send_response(202)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def patiently(poll: Callable[[], Any]) -> Any:
    """Return the result of ``poll`` once there is one; that takes no longer than 20 s."""
    deadline = time.monotonic() + 20
    while not (found := poll()):
        assert time.monotonic() < deadline
    return found


class Account:
    """Requests to the server."""

    def __init__(self, server: Server) -> None:
        self.path = f"/2010-04-01/Accounts/{server.account_sid}"
        auth = (server.account_sid, server.auth_token)
        self.client = httpx.Client(base_url=server.url, auth=auth, timeout=30, verify=False)
        self.gateway = httpx.Client(
            base_url=server.url,
            headers={"Authorization": f"Bearer {SECRET}"},
            timeout=30,
            verify=False,
        )

    def __enter__(self) -> Account:
        return self

    def __exit__(self, *exception: object) -> None:
        self.client.close()
        self.gateway.close()

    def send(self, **form: str) -> str:
        response = self.client.post(f"{self.path}/Messages.json", data={"To": PHONE, "Body": "Hello", **form})
        sid: str = response.raise_for_status().json()["sid"]
        return sid

    def reaches(self, sid: str, status: str) -> dict[str, Any]:
        def poll() -> Any:
            found = self.client.get(f"{self.path}/Messages/{sid}.json").json()
            return found if found["status"] == status else None

        found: dict[str, Any] = patiently(poll)
        return found

    def report(self, what: str, event: dict[str, Any]) -> int:
        return self.gateway.post(f"/_trunkline/carriers/gate/{what}", json=event).status_code


def test_messages_go_out_and_come_in(tmp_path: Path) -> None:
    with gateway() as gate:
        (tmp_path / "trunkline.toml").write_text(CONFIGURATION.format(port=gate.port, secret=SECRET))
        with Server(tmp_path) as server:
            operator(server, "add", NUMBER, "--account", server.account_sid)
            with Account(server) as account:
                sid = account.send(From=NUMBER)
                account.reaches(sid, "sent")
                assert gate.keys == [(sid, "Bearer of the operator")]
                [message] = gate.messages
                assert (message["from"], message["to"], message["text"]) == (NUMBER, PHONE, "Hello")
                assert account.report("receipts", {"id": f"of {sid}", "status": "delivered"}) == 204
                account.reaches(sid, "delivered")
                for _ in range(2):
                    came = {"id": "1", "from": PHONE, "to": NUMBER, "text": "Zoë's ☂"}
                    assert account.report("messages", came) == 204
                listed = account.client.get(f"{account.path}/Messages.json").json()["messages"]
                assert [one["body"] for one in listed if one["direction"] == "inbound"] == ["Zoë's ☂"]
            log = server.log.read_text()
        assert "Traceback" not in log
        assert SECRET not in log
        assert "of the operator" not in log
