"""Receiving: the owner of a message, the requests that notify of it, and the data that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api
from api.messaging.apps import (
    PHONE,
    XML,
    App,
    alerts,
    app,
    hook,
    inbound,
    messages,
    receive,
    response,
    settle,
    twiml,
)
from api.messaging.apps import replies as made
from api.messaging.stock import MESSAGES, US, own, service
from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Unavailable
from trunkline.products.messaging.receiving.inbound import ID_LIFETIME
from trunkline.transports.base import InboundMedia, InboundMessage

FOUR_HOURS = 4 * 3600


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"dev": True, "public_url": "https://sms.example.com"}


@pytest.fixture
def web(api: Api) -> Iterator[App]:
    """Yield the app."""
    with app(api) as running:
        yield running


def test_a_service_hears_everything_of_a_message(api: Api, web: App) -> None:
    mine = service(api, own(api, US), InboundRequestUrl=web.url("/in?a=b%20c"))
    got = receive(api, US, "Hej å & +!", segments=2)
    assert got is not None
    [request] = web.requests
    form = request.form | {"SmsMessageSid": "", "SmsSid": "", "MessageSid": ""}
    expected = {
        "ToCountry": "US",
        "ToState": "CA",
        "SmsMessageSid": "",
        "NumMedia": "0",
        "ToCity": request.form["ToCity"],
        "FromZip": "",
        "SmsSid": "",
        "FromState": "",
        "SmsStatus": "received",
        "FromCity": "",
        "Body": "Hej å & +!",
        "FromCountry": "US",
        "To": US,
        "MessagingServiceSid": mine,
        "ToZip": "",
        "NumSegments": "2",
        "MessageSid": "",
        "AccountSid": ACCOUNT_SID,
        "From": PHONE,
        "ApiVersion": "2010-04-01",
    }
    assert list(form.items()) == list(expected.items()), "in this order"
    assert {request.form[name] for name in ("SmsMessageSid", "SmsSid", "MessageSid")} == {got["sid"]}
    assert (request.method, request.path) == ("POST", "/in?a=b%20c")
    assert RequestValidator(AUTH_TOKEN).validate(
        web.url("/in?a=b%20c"), request.form, request.headers["x-twilio-signature"]
    )
    assert (got["status"], got["direction"], got["from"], got["to"]) == ("received", "inbound", PHONE, US)
    assert (got["num_segments"], got["messaging_service_sid"], got["body"]) == ("2", mine, "Hej å & +!")
    assert got["date_sent"] is not None
    assert got["sid"].startswith("SM")


def test_get_has_the_parameters_in_the_query_and_signs_all_of_it(api: Api, web: App) -> None:
    service(api, own(api, US), InboundRequestUrl=web.url("/in?a=1"), InboundMethod="GET")
    receive(api, US, "a b")
    [request] = web.requests
    assert (request.method, request.form["Body"], request.form["a"]) == ("GET", "a b", "1")
    whole = web.url(request.path)
    assert RequestValidator(AUTH_TOKEN).validate(whole, {}, request.headers["x-twilio-signature"])


def test_who_is_told(api: Api, web: App) -> None:
    number = own(api, US)
    first = receive(api, US)
    assert first is not None, "without a URL it is stored, and nobody is told"
    assert (first["status"], web.paths()) == ("received", [])
    hook(api, number.sid, SmsUrl=web.url("/number"), SmsMethod="GET")
    receive(api, US)
    assert web.paths() == ["/number"]
    application = api.post(
        f"/2010-04-01/Accounts/{ACCOUNT_SID}/Applications.json",
        {"FriendlyName": "x", "SmsUrl": web.url("/application")},
    ).json()["sid"]
    hook(api, number.sid, SmsApplicationSid=application)
    receive(api, US)
    assert web.paths()[1:] == ["/application"]
    mine = service(api, number)
    assert receive(api, US) is None, "a Service without a URL drops messages"
    path = f"/messaging/v1/Services/{mine}"
    api.post(path, {"UseInboundWebhookOnNumber": "true"})
    receive(api, US)
    assert web.paths()[2:] == ["/application"]
    hook(api, number.sid, SmsApplicationSid="")
    receive(api, US)
    assert web.paths()[3:] == ["/number"]
    api.post(path, {"UseInboundWebhookOnNumber": "false", "InboundRequestUrl": web.url("/service")})
    receive(api, US)
    assert web.paths()[4:] == ["/service"]


def test_messages_to_nobody_are_dropped_and_numbers_are_recognised(api: Api) -> None:
    own(api, US)
    own(api, "12345", kind="short-code", prefix="SC")
    assert receive(api, "+14155559999") is None
    for written in (US, US[1:], US[2:], f" {US}", "(415) 555-0100"):
        got = receive(api, written)
        assert got is not None
        assert got["to"] == US
    got = receive(api, "12345", sender="5005550177")
    assert got is not None
    assert (got["to"], got["from"]) == ("12345", PHONE)
    got = receive(api, US, sender="Acme Co", body="a\0b\ud800")
    assert got is not None
    assert (got["from"], got["body"]) == ("Acme Co", "ab\ufffd")


def test_what_a_carrier_tells_twice_is_received_once(api: Api, web: App) -> None:
    service(api, own(api, US), InboundRequestUrl=web.url())
    assert receive(api, US, id="1") is not None
    assert receive(api, US, id="1") is None
    assert receive(api, US, id="2") is not None
    assert receive(api, US) is not None
    assert receive(api, US) is not None
    api.run(api.messaging.inbound(InboundMessage("other", PHONE, US, "Hi", id="1")))
    settle(api)
    assert len(web.requests) == len(inbound(api)) == 5


def test_the_messages_of_a_phone_are_told_in_their_order(api: Api, web: App) -> None:
    service(api, own(api, US), InboundRequestUrl=web.url())

    async def write() -> None:
        for number in range(8):
            await api.messaging.inbound(InboundMessage("test", PHONE, US, str(number)))

    api.run(write())
    settle(api)
    assert [request.form["Body"] for request in web.requests] == [str(number) for number in range(8)]


def test_attachments(api: Api, web: App) -> None:
    service(api, own(api, US), InboundRequestUrl=web.url())
    media = (InboundMedia("image/png", b"png"), InboundMedia("text/vcard", b"vcard"))
    got = receive(api, US, "", media=media)
    assert got is not None
    assert (got["sid"][:2], got["num_media"]) == ("MM", "2")
    [request] = web.requests
    form = request.form
    assert (form["NumMedia"], form["MediaContentType0"], form["MediaContentType1"]) == (
        "2",
        "image/png",
        "text/vcard",
    )
    prefix = f"https://sms.example.com{MESSAGES}/{got['sid']}/Media/ME"
    assert form["MediaUrl1"].startswith(prefix)
    fetched = api.run(api._http.get(form["MediaUrl1"].removeprefix("https://sms.example.com")))
    assert fetched.content == b"vcard"


MEDIA = tuple(InboundMedia("image/png", bytes([number]) * 1000) for number in range(4))


def blob_count(api: Api) -> int:
    return api.run(api.node.database.read(lambda tx: tx.value("SELECT count(*) FROM blobs")))


def test_attachments_keep_their_order(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store attachments side by side, the last one first."""
    own(api, US)
    write, written = api.node.blobs.write, list[Any]()

    async def last_first(content: Any, limit: int) -> Any:
        left = len(MEDIA) - len(written)
        written.append(None)
        for _ in range(left):
            await asyncio.sleep(0)
        return await write(content, limit)

    monkeypatch.setattr(api.node.blobs, "write", last_first)
    got = receive(api, US, media=MEDIA)
    assert got is not None
    media = api.get(f"{MESSAGES}/{got['sid']}/Media.json").json()["media_list"]
    served = [api.run(api._http.get(one["uri"].removesuffix(".json"))).content for one in media]
    assert served == [one.content for one in MEDIA]


def test_attachments_of_a_message_that_is_not_kept_are_not_stored(
    api: Api, web: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    service(api, own(api, US), InboundRequestUrl=web.url())
    assert receive(api, US, id="1", media=MEDIA) is not None
    assert blob_count(api) == len(MEDIA)

    async def refuse(content: Any, limit: int) -> Any:
        raise AssertionError("nothing is to be stored")

    monkeypatch.setattr(api.node.blobs, "write", refuse)
    assert receive(api, US, id="1", media=MEDIA) is None
    assert receive(api, "+14155559999", id="2", media=MEDIA) is None
    assert len(web.requests) == 1
    assert blob_count(api) == len(MEDIA)


@pytest.mark.parametrize("media", [(), MEDIA])
def test_a_network_may_use_an_id_again_after_seven_days(api: Api, media: tuple[InboundMedia, ...]) -> None:
    """Check it also while many older ids are not removed yet."""
    own(api, US)
    for number in range(6):
        assert receive(api, US, id=str(number), media=media) is not None
    api.clock.advance(ID_LIFETIME // SECOND - 1)
    assert receive(api, US, id="5", media=media) is None
    api.clock.advance(2)
    assert receive(api, US, id="5", media=media) is not None
    assert receive(api, US, id="5", media=media) is None
    assert blob_count(api) == 7 * len(media)


def test_of_two_deliveries_at_once_one_is_kept(api: Api) -> None:
    own(api, US)
    message = InboundMessage("test", PHONE, US, "Hi", id="1", media=MEDIA)

    async def twice() -> None:
        await asyncio.gather(api.messaging.inbound(message), api.messaging.inbound(message))

    api.run(twice())
    assert (len(inbound(api)), blob_count(api)) == (1, len(MEDIA))


@pytest.mark.parametrize("at", [1, 3])
def test_attachments_that_cannot_all_be_stored_leave_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    own(api, US)
    write, calls = api.node.blobs.write, list[int]()

    async def fail(content: Any, limit: int) -> Any:
        calls.append(limit)
        if len(calls) == at:
            raise Unavailable("the disk is full")
        return await write(content, limit)

    monkeypatch.setattr(api.node.blobs, "write", fail)
    with pytest.raises(Unavailable):
        receive(api, US, id="1", media=MEDIA)
    assert blob_count(api) == 0
    monkeypatch.undo()
    assert receive(api, US, id="1", media=MEDIA) is not None, "the network delivers it again"
    assert blob_count(api) == len(MEDIA)


@pytest.mark.parametrize("error", [Unavailable("gone"), asyncio.CancelledError()])
def test_a_transaction_that_fails_leaves_no_attachments(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    own(api, US)
    write = api.node.database.write

    async def fail(action: Any) -> Any:
        if getattr(action, "__qualname__", "").startswith("InboundHandler.inbound"):
            raise error
        return await write(action)

    async def deliver() -> None:
        with pytest.raises(type(error)):
            await api.messaging.inbound(InboundMessage("test", PHONE, US, "Hi", id="1", media=MEDIA))

    monkeypatch.setattr(api.node.database, "write", fail)
    api.run(deliver())
    monkeypatch.undo()
    assert (inbound(api), blob_count(api)) == ([], 0)


def test_a_missing_part_is_in_the_debugger(api: Api) -> None:
    own(api, US)
    got = receive(api, US, segments=2, missing=True)
    assert got is not None
    [alert] = alerts(api)
    assert (alert["error_code"], alert["resource_sid"], alert["log_level"]) == (
        "30009",
        got["sid"],
        "warning",
    )


def test_cookies_belong_to_a_pair_of_numbers_for_four_hours(api: Api, web: App) -> None:
    service(api, own(api, US), InboundRequestUrl=web.url())
    web.routes["/sms"] = response("", 200, XML, "Set-Cookie: step=1; Path=/", "Set-Cookie: b=2; HttpOnly")
    receive(api, US)
    receive(api, US)
    receive(api, US, sender="+15005550178")
    api.clock.advance(FOUR_HOURS - 60)
    receive(api, US)
    web.routes["/sms"] = response("", 200, XML, "Set-Cookie: b=; Max-Age=0")
    api.clock.advance(FOUR_HOURS - 60)
    receive(api, US)
    receive(api, US)
    api.clock.advance(FOUR_HOURS + 60)
    receive(api, US)
    sent = [request.headers.get("cookie") for request in web.requests]
    assert sent == [None, "step=1; b=2", None, "step=1; b=2", "step=1; b=2", "step=1", None]


def test_credentials_are_sent_once_they_are_asked_for(api: Api, web: App) -> None:
    service(api, own(api, US), InboundRequestUrl=web.url(user="me:p%40ss@"))
    web.routes["/sms"] = [
        response("", 401, 'WWW-Authenticate: Basic realm="x"'),
        twiml("<Message>hi</Message>"),
    ]
    receive(api, US)
    first, second = web.requests
    assert "authorization" not in first.headers
    assert second.headers["authorization"] == "Basic bWU6cEBzcw=="
    for request in (first, second):
        assert RequestValidator(AUTH_TOKEN).validate(
            web.url(), request.form, request.headers["x-twilio-signature"]
        )
    assert [one["body"] for one in made(api)] == ["hi"]


def test_a_suspended_account_is_told_nothing(api: Api, web: App) -> None:
    sub = api.post("/2010-04-01/Accounts.json", {"FriendlyName": "Other"}).json()["sid"]
    own(api, US, account_sid=sub)
    api.post(f"/2010-04-01/Accounts/{sub}.json", {"Status": "suspended"})
    assert receive(api, US) is None
    assert web.requests == []


def test_a_message_of_the_inbox_page_comes_in(api: Api, web: App) -> None:
    service(api, own(api, US), InboundRequestUrl=web.url())
    sent = api.request("POST", "/_trunkline/inbox/messages", json={"phone": PHONE, "to": US, "body": "Hello"})
    assert sent.status_code == 202
    settle(api)
    [got] = messages(api)
    assert (got["direction"], got["body"], got["status"]) == ("inbound", "Hello", "received")
