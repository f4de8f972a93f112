"""A page as the vendor's samples are written, unmodified and offline: scripts and WebSocket come through the proxy."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import SyncGrant

from chromium import browser
from clients.sync.conftest import FREE
from contract import require_node
from servers import Server, clean_environment

PAGE = Path(__file__).with_name("sample_page.html")
DRIVER = Path(__file__).with_name("sample_page.cjs")


@contextmanager
def app(token: Any) -> Iterator[str]:
    """Yield the address of an app that serves the page, and a token for each identity."""

    class App(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, folder, identity = ("/" + self.path).rsplit("/", 2)
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if folder != "token" else "text/plain")
            self.end_headers()
            self.wfile.write(token(identity).encode() if folder == "token" else PAGE.read_bytes())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), App)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_unmodified_page_runs_offline(tmp_path: Path) -> None:
    modules = require_node()
    with Server(tmp_path, *FREE) as server:
        command = [sys.executable, "-m", "trunkline", "sdk", "fetch", "--data-dir", str(server.data_dir)]
        subprocess.run([*command, str(modules / "twilio-sync-3-0-6")], check=True, capture_output=True)
        with httpx.Client(
            base_url=server.url, auth=(server.account_sid, server.auth_token), verify=False
        ) as http:
            service = http.post("/sync/v1/Services", data={}).json()["sid"]
            key = http.post(f"/2010-04-01/Accounts/{server.account_sid}/Keys.json", data={}).json()

        def token(identity: str) -> str:
            made = AccessToken(server.account_sid, key["sid"], key["secret"], identity=identity)
            made.add_grant(SyncGrant(service_sid=service))
            return str(made.to_jwt())

        with app(token) as page:
            ended = subprocess.run(
                ["node", str(DRIVER), str(modules), browser()],
                input=json.dumps({"page": page, "proxy": server.proxy_url}) + "\n",
                env=clean_environment(),
                capture_output=True,
                text=True,
                timeout=120,
            )
    assert json.loads(ended.stdout or '""') == "passed", ended.stdout + ended.stderr
