"""A node whose carrier is an HTTP gateway: the messages that it hands over, and the gateway's reports of
them.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.conftest import OPERATOR, Api, assert_error
from api.messaging import stock
from api.messaging.contents import content_of
from api.messaging.outcomes import HOOK, callbacks, reaches, states, until
from api.messaging.stock import TO, US, US_MMS, own, send
from trunkline.core.egress.client import Egress
from trunkline.core.egress.http_message import EgressRequest, EgressResponse, Timings
from trunkline.core.storage.database import Tx, Unavailable

SECRET = "what the gateway shows"
URL = "https://gateway.example.com/messages"
RECEIPTS, MESSAGES = "/_trunkline/carriers/gate/receipts", "/_trunkline/carriers/gate/messages"

ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""Traffic on the network does not depend on the engine."""


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    gate = {"name": "gate", "kind": "http", "url": URL, "secret": SECRET, "media": True}
    return {"carriers": (gate,), "dev": True}


class Gateway:
    """A gateway that responds to each message with the next of ``responses``, a status and a body, and with an
    id of its own after that. While ``gate`` is not set, responses wait.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.responses: list[tuple[int, bytes]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def take(self, outgoing: EgressRequest) -> tuple[int, bytes]:
        assert outgoing.once, "a message is sent again in silence"
        self.messages.append(json.loads(outgoing.body or b""))
        await self.gate.wait()
        own = b'{"id": "g%d"}' % len(self.messages)
        return self.responses.pop(0) if self.responses else (200, own)


@pytest.fixture
def gateway(api: Api, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """Return the gateway behind the carrier; every other address responds with 204."""
    made = Gateway()

    async def serve(self: Egress, outgoing: EgressRequest) -> EgressResponse:
        api.clock.now += 1
        status, body = await made.take(outgoing) if outgoing.url == URL else (204, b"")
        return EgressResponse(status, (), body, False, "192.0.2.1", Timings(0, 0, 0))

    monkeypatch.setattr(Egress, "send", serve)
    return made


def report(api: Api, path: str, event: Any, secret: str = SECRET) -> httpx.Response:
    """Report an event from the gateway."""
    content = event if isinstance(event, bytes) else json.dumps(event).encode()
    return api.request(
        "POST", path, content=content, headers={"Authorization": f"Bearer {secret}"}, auth=None
    )


def inbound(api: Api) -> list[dict[str, Any]]:
    found = api.get(f"{stock.MESSAGES}.json").json()["messages"]
    return [one for one in found if one["direction"] == "inbound"]


def test_a_message_goes_out_and_its_receipt_comes_back(api: Api, gateway: Gateway) -> None:
    own(api, US)
    sid = send(api, From=US, Body="я" * 71, StatusCallback=f"{HOOK}/status")["sid"]
    reaches(api, sid, "sent")
    [message] = gateway.messages
    assert 0 < message.pop("valid_for") <= 36_000
    assert message == {
        "id": sid,
        "from": US,
        "to": TO,
        "text": "я" * 71,
        "segments": 2,
        "encoding": "ucs2",
        "media": [],
    }
    assert report(api, RECEIPTS, {"id": "g1", "status": "enroute"}).status_code == 204
    receipt = {"id": "g1", "status": "delivered", "done_date": "2601021504"}
    for _ in range(2):
        response = report(api, RECEIPTS, receipt)
        assert (response.status_code, response.content) == (204, b"")
    reaches(api, sid, "delivered")
    # What comes later changes nothing.
    assert report(api, RECEIPTS, {"id": "g1", "status": "undelivered"}).status_code == 204
    reports = callbacks(api, sid)
    assert states(reports) == ["sent", "delivered"]
    assert reports[1]["RawDlrDoneDate"] == "2601021504"


def test_a_receipt_before_the_answer_is_kept_for_it(api: Api, gateway: Gateway) -> None:
    own(api, US)
    gateway.gate.clear()
    sid = send(api, From=US)["sid"]

    async def handed_over() -> bool:
        return bool(gateway.messages)

    until(api, handed_over)
    receipt = {"id": "g1", "status": "undelivered", "error_code": 30005}
    assert report(api, RECEIPTS, receipt).status_code == 204
    assert report(api, RECEIPTS, {"id": "nobody's", "status": "delivered"}).status_code == 204
    gateway.gate.set()
    assert reaches(api, sid, "undelivered")["error_code"] == 30005


ENDS: list[tuple[list[tuple[int, bytes]], int, str, int | None]] = [
    ([(400, b'{"error_code": 30006}')], 1, "failed", 30006),
    ([(500, b""), (200, b"gone"), (202, b'{"id": 9}')], 3, "sent", None),
    ([(429, b"")] * 9, 10, "sent", None),
    ([(503, b"")] * 5, 5, "failed", 30017),
    ([(500, b"")] * 5, 5, "failed", 30008),
]
"""The gateway's responses to a message, how often it gets the message, and the message's last state."""


@ONE_ENGINE
def test_how_a_message_ends(api: Api, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    # The node's clock is the test's, the carrier's pauses are of this machine.
    monkeypatch.setattr("trunkline.transports.http.carrier.HttpCarrier._pause_for", lambda *_: None)
    own(api, US, rate=10_000_000)
    for responses, tries, status, code in ENDS:
        gateway.responses, gateway.messages = list(responses), []
        sid = send(api, From=US)["sid"]
        shown = reaches(api, sid, status, step=1)
        assert shown["error_code"] == code
        assert [one["id"] for one in gateway.messages] == [sid] * tries


def test_a_message_from_a_phone_comes_in_once_with_its_picture(api: Api, gateway: Gateway) -> None:
    own(api, US_MMS, mms=True)
    picture = b"\x89PNG" * 300_000
    message = {
        "id": "in 1",
        "from": TO,
        "to": US_MMS[1:],
        "text": "Look\0 here",
        "segments": 1,
        "media": [{"content_type": "image/png", "content": base64.b64encode(picture).decode()}],
    }
    for _ in range(2):
        assert report(api, MESSAGES, message).status_code == 204
    [got] = inbound(api)
    assert (got["from"], got["to"], got["body"], got["num_media"]) == (TO, US_MMS, "Look here", "1")
    [medium] = api.get(got["subresource_uris"]["media"]).json()["media_list"]
    assert medium["content_type"] == "image/png"
    assert content_of(api, medium["sid"]) == picture
    count = api.node.database.read(lambda tx: tx.value("SELECT count(*) FROM blobs"))
    assert api.run(count) == 1, "what came twice is stored once"


@ONE_ENGINE
def test_who_does_not_know_the_secret_is_refused(api: Api, gateway: Gateway) -> None:
    own(api, US)
    message = {"id": "1", "from": TO, "to": US, "text": "Hi"}
    for secret in ("", "guessed at random", SECRET[:-1]):
        refused = report(api, MESSAGES, message, secret)
        assert_error(refused, 401, 20003)
        assert SECRET not in refused.text
    # The account's own credentials are not the gateway's.
    assert_error(api.request("POST", MESSAGES, json=message), 401, 20003)
    assert inbound(api) == []


@ONE_ENGINE
def test_what_cannot_be_understood_is_told(api: Api, gateway: Gateway) -> None:
    for path in (RECEIPTS, MESSAGES):
        for content in (
            b"",
            b"{",
            b"[]",
            b"\xff\xfe",
            b"{}",
            b'{"id": "\\u0000", "from": 1}',
            b"[" * 100_000,
        ):
            body = assert_error(report(api, path, content), 400, 20001)
            assert "cannot be understood" in body["message"]


@ONE_ENGINE
def test_other_ways_to_the_door(api: Api, gateway: Gateway) -> None:
    for path in ("/_trunkline/carriers/gate/else", "/_trunkline/carriers/else/receipts"):
        assert_error(report(api, path, {}), 404, 20404)
    refused = api.get(RECEIPTS)
    assert_error(refused, 405, 20004)
    assert refused.headers["allow"] == "POST"
    assert_error(api.post("/_trunkline/carriers"), 405, 20004)
    assert_error(api.request("GET", "/_trunkline/carriers", auth=None), 401, 20003)
    [shown] = api.get("/_trunkline/carriers", auth=OPERATOR).json()["carriers"]
    assert shown == {"name": "gate", "kind": "http", "ready": True, "url": URL, "failure": ""}
    # Without a sandbox there are no virtual phones; the inbox says so.
    assert "gate" in api.get("/_trunkline/inbox/messages").json()["note"]


@ONE_ENGINE
def test_what_cannot_be_stored_is_not_acknowledged(
    api: Api, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(api, US)

    async def full(_: Callable[[Tx], Any]) -> Any:
        raise Unavailable("the disk is full")

    message = {"id": "1", "from": TO, "to": US, "text": "Hi"}
    with monkeypatch.context() as broken:
        broken.setattr(api.node.database, "write", full)
        assert_error(report(api, MESSAGES, message), 503, 20503)
    assert inbound(api) == []
    assert report(api, MESSAGES, message).status_code == 204
    assert len(inbound(api)) == 1
