"""Webhooks of Sync objects, from the write to the receiver."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator

from api.conftest import AUTH_TOKEN, Api

SERVICES = "/sync/v1/Services"


class Receiver:
    """A webhook's receiver on a free port of loopback."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], dict[str, str]]] = []
        self.arrived = asyncio.Event()
        self.server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self.server
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/hook?a=1"

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in head[1:] if ":" in line
        }
        body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
        self.requests.append((headers, dict(parse_qsl(body, keep_blank_values=True))))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        self.arrived.set()

    async def until(self, count: int) -> None:
        """Wait until so many requests have arrived."""
        async with asyncio.timeout(10):
            while len(self.requests) < count:
                self.arrived.clear()
                await self.arrived.wait()

    async def stop(self) -> None:
        if self.server:
            self.server.close()
            await self.server.wait_closed()


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"dev": True, "sync_limits": False}


@pytest.fixture
def receiver(api: Api) -> Any:
    made = Receiver()
    api.run(made.start())
    yield made
    api.run(made.stop())


def test_a_rest_change_calls_the_webhook_when_the_service_says_so(api: Api, receiver: Receiver) -> None:
    service = api.post(SERVICES, {"WebhookUrl": receiver.url, "WebhooksFromRestEnabled": "true"}).json()
    document = api.post(service["links"]["documents"], {"UniqueName": "d", "Data": '{"n": 1}'}).json()
    api.run(receiver.until(1))
    headers, form = receiver.requests[0]
    assert form == {
        "AccountSid": service["account_sid"],
        "ServiceSid": service["sid"],
        "EventType": "document_created",
        "Identity": "system",
        "DocumentSid": document["sid"],
        "DocumentUniqueName": "d",
        "DocumentRevision": "0",
        "DocumentData": '{"n":1}',
    }
    assert RequestValidator(AUTH_TOKEN).validate(receiver.url, form, headers["x-twilio-signature"])


def test_changes_of_one_object_arrive_in_their_order(api: Api, receiver: Receiver) -> None:
    service = api.post(SERVICES, {"WebhookUrl": receiver.url, "WebhooksFromRestEnabled": "true"}).json()
    documents = service["links"]["documents"]
    document = api.post(documents).json()
    for number in range(10):
        api.post(document["url"], {"Data": f'{{"n": {number}}}'})
    assert api.delete(document["url"]).status_code == 204
    api.run(receiver.until(12))
    assert [form["EventType"] for _, form in receiver.requests] == [
        "document_created",
        *["document_updated"] * 10,
        "document_removed",
    ]
    assert [form["DocumentRevision"] for _, form in receiver.requests[:11]] == [f"{n:x}" for n in range(11)]


def test_without_the_setting_rest_calls_nothing(api: Api, receiver: Receiver) -> None:
    silent = api.post(SERVICES, {"WebhookUrl": receiver.url}).json()
    loud = api.post(SERVICES, {"WebhookUrl": receiver.url, "WebhooksFromRestEnabled": "true"}).json()
    api.post(silent["links"]["documents"])
    api.post(loud["links"]["lists"])
    api.run(receiver.until(1))
    assert [form["ServiceSid"] for _, form in receiver.requests] == [loud["sid"]]
