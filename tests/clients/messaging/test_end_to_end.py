"""From the SDK over a real server to npm ``smpp`` as the network and back: what the network reads, the signed
requests to the app, and the effect of the app's replies.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.messaging_response import MessagingResponse

from clients.messaging.beside import beside
from clients.messaging.test_smpp_peer import Peer, peer
from servers import Server
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx

OURS, PHONE = "+14155550100", "+14155550150"
SECONDS = 20


class SignedWebhook(NamedTuple):
    """A webhook: its parameters, and whether the SDK's validator accepts it."""

    parameters: dict[str, str]
    valid: bool


class App:
    """The customer's app: it keeps its requests and replies to every inbound message with its text, reversed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.webhooks: Queue[SignedWebhook] = Queue()

    async def next(self) -> SignedWebhook:
        """Return the next webhook."""
        return await asyncio.to_thread(self.webhooks.get, timeout=SECONDS)


@contextmanager
def app(auth_token: str) -> Iterator[App]:
    """Yield an app on loopback."""
    validator = RequestValidator(auth_token)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = dict(parse_qsl(body, keep_blank_values=True))
            url = f"http://{self.headers['Host']}{self.path}"
            made.webhooks.put(
                SignedWebhook(form, validator.validate(url, form, self.headers["X-Twilio-Signature"]))
            )
            response = MessagingResponse()
            if "Body" in form:
                response.message(form["Body"][::-1])
            content = str(response).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        made = App(f"http://127.0.0.1:{listening.server_port}/hook?a=%20b&c=")
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            listening.shutdown()
            thread.join()


class World(NamedTuple):
    """Everything that takes part."""

    client: Client
    network: Peer
    app: App
    service_sid: str

    async def create(self, **form: Any) -> Any:
        """Return a message by the SDK."""
        return await asyncio.to_thread(lambda: self.client.messages.create(**form))


@asynccontextmanager
async def world(folder: Path, **options: Any) -> AsyncIterator[World]:
    """Yield a server that sends by the network, with a number in a Service's pool."""
    async with peer(**options) as network:
        port = (await network.until("listening"))[0]["port"]
        route = {
            "name": "npm",
            "host": "127.0.0.1",
            "port": port,
            "system_id": "trunkline",
            "password": "secret",
            "window": 3,
        }
        server = Server(folder, "--dev", environment={"TRUNKLINE_CARRIERS": json.dumps([route])})
        with app(server.auth_token) as listening, server:
            await network.until("bind")
            client = Client(server.account_sid, server.auth_token)
            client.api.base_url, client.messaging.base_url = f"{server.url}/api", f"{server.url}/messaging"
            # The SDK never closes its session.
            with closing(client.http_client.session):
                service_sid = await asyncio.to_thread(stocked, server, client, listening.url)
                yield World(client, network, listening, service_sid)


def stocked(server: Server, client: Client, url: str) -> str:
    """Return a Service that notifies the app, with a number of the account in its pool."""
    sid = new_sid("PN")

    async def own(tx: Tx) -> None:
        await tx.run(
            "INSERT INTO numbers (number, kind, country, sms, mms, voice, carrier, rate, account_sid, sid)"
            " VALUES (:number, 'local', 'US', TRUE, FALSE, FALSE, '', 1000000, :account_sid, :sid)",
            number=OURS,
            account_sid=server.account_sid,
            sid=sid,
        )

    beside(server, lambda database, _: database.write(own))
    services = client.messaging.v1.services
    made = services.create(friendly_name="of a test", inbound_request_url=url, status_callback=url)
    services(made.sid).phone_numbers.create(phone_number_sid=sid)
    assert made.sid is not None
    return made.sid


def test_from_a_number(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, receipts=["DELIVRD"]) as made:
            body = "a+b&c=ü ☂" + "x" * 70
            sent = await made.create(to=PHONE, from_=OURS, body=body, status_callback=made.app.url)
            assert (sent.status, sent.from_, sent.num_segments) == ("queued", OURS, "2")
            submits = await made.network.until("submit", 2)
            assert [one["source"] for one in submits] == [[1, 1, OURS.strip("+")]] * 2
            assert [one["destination"] for one in submits] == [[1, 1, PHONE.strip("+")]] * 2
            assert "".join(one["text"] for one in submits) == body
            first, second = (one["udh"][0] for one in submits)
            assert (first[:4], first[6:], second[6:]) == ("0003", "0201", "0202")
            assert first[:6] == second[:6]
            webhooks = [await made.app.next() for _ in range(2)]
            assert [one.parameters["MessageStatus"] for one in webhooks] == ["sent", "delivered"]
            assert all(one.valid for one in webhooks)
            assert webhooks[1].parameters["RawDlrDoneDate"] == "2611210700"
            assert (await asyncio.to_thread(made.client.messages(sent.sid).fetch)).status == "delivered"

    asyncio.run(scenario())


def test_through_a_service_and_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, receipts=["UNDELIV"]) as made:
            sent = await made.create(to=PHONE, messaging_service_sid=made.service_sid, body="Hello")
            assert (sent.status, sent.from_, sent.num_segments) == ("accepted", None, "0")
            webhooks = [await made.app.next() for _ in range(3)]
            assert [one.parameters["MessageStatus"] for one in webhooks] == ["queued", "sent", "undelivered"]
            assert {one.parameters["From"] for one in webhooks} == {OURS}
            assert {one.parameters["MessagingServiceSid"] for one in webhooks} == {made.service_sid}
            assert webhooks[2].parameters["ErrorCode"]
            pdu = {"source_addr": PHONE[1:], "source_addr_ton": 1, "destination_addr": OURS[1:]}
            made.network.do("deliver", pdu={**pdu, "destination_addr_ton": 1, "text": "abc"})
            webhook = await made.app.next()
            assert (webhook.parameters["Body"], webhook.parameters["From"]) == ("abc", PHONE)
            assert (await made.network.until("delivered"))[0]["status"] == 0
            reply = (await made.network.until("submit", 2))[1]
            assert (reply["text"], reply["destination"][2]) == ("cba", PHONE[1:])
            assert all(one.valid for one in (*webhooks, webhook))

    asyncio.run(scenario())


def test_no_more_than_the_window_is_outstanding(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, hold=3, receipts=["DELIVRD"]) as made:
            texts = [f"{number:02d}" for number in range(9)]
            for text in texts:
                await made.create(to=PHONE, from_=OURS, body=text)
            submits = await made.network.until("submit", 9)
            assert [one["text"] for one in submits] == texts
            assert max(one["most"] for one in submits) == 3

    asyncio.run(scenario())
