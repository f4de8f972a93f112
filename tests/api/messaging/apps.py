"""An app over a real socket, and phones that write to its numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from api.conftest import ACCOUNT_SID, Api
from api.messaging.outcomes import until
from api.messaging.stock import MESSAGES
from trunkline.core.storage.database import Tx
from trunkline.transports.base import InboundMessage
from unit.core.egress.peers import Peer, peer

PHONE = "+15005550177"
XML = "Content-Type: text/xml"


class AppRequest(msgspec.Struct, frozen=True):
    """A request that the app got; headers in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    pairs: list[tuple[str, str]]
    body: str = ""

    @property
    def form(self) -> dict[str, str]:
        """The parameters, wherever they stood."""
        return dict(self.pairs)


def read(request: bytes) -> AppRequest:
    """Return a request as it came."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    source = path.partition("?")[2] if method == "GET" else body.decode()
    return AppRequest(method, path, headers, parse_qsl(source, keep_blank_values=True), body.decode())


def response(body: str | bytes = "", status: int = 200, *lines: str) -> bytes:
    """Return a response as it goes over the wire; TwiML unless another type is given."""
    content = body.encode() if isinstance(body, str) else body
    headers = lines or (XML,)
    head = "\r\n".join([f"HTTP/1.1 {status} X", *headers, f"Content-Length: {len(content)}", "", ""])
    return head.encode() + content


def twiml(*verbs: str) -> bytes:
    """Return a response with these verbs."""
    return response(f"<Response>{''.join(verbs)}</Response>")


EMPTY = twiml()


class App:
    """An app: ``routes`` from paths to responses, or to a list of them that is used up from its front;
    everything else gets an empty response.
    """

    def __init__(self, api: Api, server: Peer) -> None:
        self._api = api
        self._server = server
        self.routes: dict[str, bytes | list[bytes] | Callable[..., Awaitable[None]]] = {}

    def url(self, path: str = "/sms", user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self._server.port}{path}"

    @property
    def requests(self) -> list[AppRequest]:
        return [read(one) for one in self._server.requests]

    def paths(self) -> list[str]:
        return [one.path.partition("?")[0] for one in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = self.requests[-1].path.partition("?")[0]
        found = self.routes.get(path, EMPTY)
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(found, bytes):
            writer.write(found)
            await writer.drain()
        else:
            await found(reader, writer)


@contextmanager
def app(api: Api) -> Iterator[App]:
    """Yield a running app."""
    holder: list[App] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await holder[0].serve(reader, writer)

    running = peer(serve)
    server = api.run(running.__aenter__())
    holder.append(App(api, server))
    try:
        yield holder[0]
    finally:
        api.run(running.__aexit__(None, None, None))


def receive(api: Api, to: str, body: str = "Hi", sender: str = PHONE, **more: Any) -> dict[str, Any] | None:
    """Send a message from a phone; return it once the app has responded, None when it was dropped."""
    before = {one["sid"] for one in inbound(api)}
    api.run(api.messaging.inbound(InboundMessage("test", sender, to, body, **more)))
    settle(api)
    new = [one for one in inbound(api) if one["sid"] not in before]
    assert len(new) <= 1
    return new[0] if new else None


def settle(api: Api) -> None:
    """Let the node work until no notification is left."""

    async def idle() -> bool:
        async def drained(tx: Tx) -> bool:
            return await tx.value("SELECT id FROM jobs WHERE state <> 'dead' LIMIT 1") is None

        return await api.node.database.read(drained)

    until(api, idle)


def messages(api: Api, **query: str) -> list[dict[str, Any]]:
    """Return the account's messages, the oldest first."""
    found: list[dict[str, Any]] = api.get(f"{MESSAGES}.json", {"PageSize": "1000", **query}).json()[
        "messages"
    ]
    return found[::-1]


def inbound(api: Api) -> list[dict[str, Any]]:
    return [one for one in messages(api) if one["direction"] == "inbound"]


def replies(api: Api) -> list[dict[str, Any]]:
    """Return the messages that are replies; those of one time are in no order."""
    return [one for one in messages(api) if one["direction"] == "outbound-reply"]


def alerts(api: Api) -> list[dict[str, Any]]:
    """Return the account's alerts, the oldest first, each whole."""
    found = api.get("/monitor/v1/Alerts").json()["alerts"]
    return [api.get(f"/monitor/v1/Alerts/{one['sid']}").json() for one in found[::-1]]


def codes(api: Api) -> list[str]:
    return [one["error_code"] for one in alerts(api)]


def hook(api: Api, sid: str, **settings: str) -> None:
    """Set a number's URLs."""
    response = api.post(f"/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers/{sid}.json", settings)
    assert response.status_code == 200, response.text
