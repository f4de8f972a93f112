"""The vendor's Python SDK, unmodified, in a process of its own, pointed here by environment variables alone."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

from trunkline.switch.environment import ProxyAddress, variables
from unit.switch.running import TIMEOUT, Start

SID = "AC" + "1" * 32

PROGRAM = """
from twilio.rest import Client
client = Client()
service = client.sync.v1.services.create(friendly_name="by proxy")
print(service.sid, service.friendly_name)
print(client.request("GET", "https://chat.twilio.com/v2/Services").text)
"""

FOREIGN = """
import requests
try:
    requests.get("https://api.example.com/")
except requests.exceptions.ProxyError as error:
    print(error)
"""


class HttpDoor(asyncio.Protocol):
    """Answers each request with what a Sync service looks like, and keeps the requests."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.unread = b""
        self.requests: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.unread += data
        head, found, body = self.unread.partition(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ),
            0,
        )
        if not found or len(body) < length:
            return
        self.unread = b""
        self.requests.append(head + found + body)
        response = json.dumps({"sid": "IS" + "2" * 32, "friendly_name": "by proxy"}).encode()
        status = b"201 Created" if head.startswith(b"POST ") else b"200 OK"
        self.transport.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (status, len(response), response)
        )


@pytest.fixture
def proxied(start: Start) -> Any:
    return start(HttpDoor)


def run(program: str, proxied: Any, **more: str) -> str:
    address = ProxyAddress(f"http://127.0.0.1:{proxied.port}", proxied.ca_path)
    environment = variables(address, SID, "the token")
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**more, **environment},
        capture_output=True,
        text=True,
        timeout=3 * TIMEOUT,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_sdk_comes_here_by_environment_variables_alone(proxied: Any) -> None:
    # A proxy that the machine had before must not win: it would lead to the real service.
    printed = run(PROGRAM, proxied, https_proxy="http://127.0.0.1:9", no_proxy="*")
    assert printed.splitlines()[0] == "IS" + "2" * 32 + " by proxy"
    create, listing = (request for door in proxied.doors for request in door.requests)
    assert create.startswith(b"POST /v1/Services HTTP/1.1\r\n")
    assert b"Host: sync.twilio.com\r\n" in create
    assert create.endswith(b"\r\n\r\nFriendlyName=by+proxy")
    assert listing.startswith(b"GET /v2/Services HTTP/1.1\r\n")
    assert b"Host: chat.twilio.com\r\n" in listing


def test_other_hosts_are_refused_with_a_status_that_the_program_sees(proxied: Any) -> None:
    assert "403 Forbidden" in run(FOREIGN, proxied)
    assert proxied.doors == []
