"""Settings of webhooks and of the realtime door have their effect on a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
import httpx
import pytest

from faults.receiver import Receiver
from servers import Server

PATIENCE = 20.0
HEAD = (
    "GET /v3/wsconnect HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
LogEntries = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def upgrade(server: Server, origin: str = "") -> tuple[int, LogEntries]:
    """Return the status of an upgrade from a page of ``origin``, and the connection."""
    lines = await asyncio.open_connection("127.0.0.1", urlsplit(server.url).port)
    lines[1].write((HEAD + (f"Origin: {origin}\r\n" if origin else "") + "\r\n").encode())
    async with asyncio.timeout(PATIENCE):
        return int((await lines[0].readuntil(b"\r\n")).split()[1]), lines


def test_pages_of_other_origins_may_not_connect(tmp_path: Path) -> None:
    async def run(server: Server) -> None:
        for origin, status in (("", 101), ("https://app.example", 101), ("https://evil.example", 403)):
            found, (_, writer) = await upgrade(server, origin)
            assert found == status, origin
            writer.close()

    with Server(tmp_path, "--realtime-origins", "https://app.example,https://b.example") as server:
        asyncio.run(run(server))


def test_a_connection_too_many_is_refused(tmp_path: Path) -> None:
    async def run(server: Server) -> None:
        first, (_, writer) = await upgrade(server)
        second, (_, other) = await upgrade(server)
        assert (first, second) == (101, 503)
        writer.close()
        other.close()

    with Server(tmp_path, "--max-connections", "1") as server:
        asyncio.run(run(server))


async def notified(server: Server, receiver: Receiver, count: int) -> None:
    """Change something, and wait until the receiver was called so often."""
    credentials = (server.account_sid, server.auth_token)
    async with httpx.AsyncClient(
        base_url=server.url, auth=credentials, trust_env=False, verify=False
    ) as http:
        fields = {"WebhookUrl": receiver.url, "WebhooksFromRestEnabled": "true"}
        made = (await http.post("/sync/v1/Services", data=fields)).raise_for_status().json()
        (await http.post(f"{made['url'].removeprefix(server.url)}/Documents")).raise_for_status()
        async with asyncio.timeout(PATIENCE):
            while len(receiver.webhooks) < count:
                await receiver.another()


def test_networks_may_be_opened_to_webhooks_and_failures_begun_again(tmp_path: Path) -> None:
    async def run(server: Server) -> None:
        async with Receiver(statuses=[500]) as receiver:
            await notified(server, receiver, 2)
            assert [one.parameters["EventType"] for one in receiver.webhooks] == ["document_created"] * 2
            assert len({one.token for one in receiver.webhooks}) == 1

    options = ["--webhook-networks", "127.0.0.0/8", "--webhook-retry-schedule", "1"]
    with Server(tmp_path, *options) as server:
        asyncio.run(run(server))


@pytest.mark.parametrize("name", ["egress_ca_file"])
def test_a_file_of_certificates_must_be_there(tmp_path: Path, name: str) -> None:
    from trunkline.app.node import Node
    from trunkline.settings import Settings

    file = tmp_path / "ca.pem"
    file.write_bytes(Path(certifi.where()).read_bytes())
    settings: dict[str, Any] = {"data_dir": tmp_path, "proxy_port": -1, name: str(file)}

    async def made() -> str:
        return Node(Settings.of(**settings)).egress._tls.ca_file

    assert asyncio.run(made()) == str(file)
