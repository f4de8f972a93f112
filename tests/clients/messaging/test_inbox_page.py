"""The inbox's page in a real browser, with an app behind it."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
from twilio.twiml.messaging_response import MessagingResponse

from chromium import browser
from contract import require_node
from servers import Server, clean_environment

DRIVER = Path(__file__).with_name("inbox_page.cjs")
PHONE = "+15005550100"
HOSTILE = (
    """<script>document.title = "taken"</script><img src=x onerror="document.title = 'taken'"> & "so" on"""
)
PICTURES = "TRUNKLINE_TEST_PICTURES"
"""Names a folder for pictures of the page, for whoever changes it."""


class _Echo(BaseHTTPRequestHandler):
    """An app that replies with a message's text, and a page of an origin of its own."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        response = MessagingResponse()
        response.message(f"You wrote: {form['Body'][0]}")
        body = str(response).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def app() -> Iterator[str]:
    """Yield the address of an app that echoes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/sms"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_message_arrives_and_one_answers_as_the_phone(tmp_path: Path) -> None:
    command = ["node", str(DRIVER), str(require_node()), browser(), os.environ.get(PICTURES, "")]
    with ExitStack() as running:
        hook = running.enter_context(app())
        listed = hook.replace("127.0.0.1", "localhost")
        options = ("--dev", "--browser-origins", listed.removesuffix("/sms"))
        server = running.enter_context(Server(tmp_path, *options))
        auth = (server.account_sid, server.auth_token)
        account = f"/2010-04-01/Accounts/{server.account_sid}"
        with httpx.Client(base_url=server.url, auth=auth, timeout=30, verify=False) as client:
            found = client.get(f"{account}/AvailablePhoneNumbers/US/Local.json").json()
            number = found["available_phone_numbers"][0]["phone_number"]
            bought = {"PhoneNumber": number, "SmsUrl": hook}
            client.post(f"{account}/IncomingPhoneNumbers.json", data=bought).raise_for_status()
            message = {"From": number, "To": PHONE, "Body": HOSTILE}
            client.post(f"{account}/Messages.json", data=message).raise_for_status()
        scenario = {
            "url": f"{server.url}/_trunkline/inbox",
            "account_sid": server.account_sid,
            "auth_token": server.auth_token,
            "phone": PHONE,
            "number": number,
            "foreign": [hook, hook.replace("127.0.0.1", "foreign.localhost")],
            "listed": listed,
        }
        ended = subprocess.run(
            command,
            input=json.dumps(scenario) + "\n",
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        with httpx.Client(base_url=server.url, auth=auth, timeout=30, verify=False) as client:
            [service] = client.get("/sync/v1/Services").json()["services"]
            assert service["friendly_name"] == "listed"
            assert len(client.get("/2010-04-01/Accounts.json").json()["accounts"]) == 1
    assert json.loads(ended.stdout or '""') == "passed", ended.stdout + ended.stderr
