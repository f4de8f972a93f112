"""An app's replies to a message: TwiML in all its forms, failures, fallbacks, and loops."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twilio.twiml.messaging_response import MessagingResponse

from api.conftest import Api
from api.messaging.apps import (
    EMPTY,
    PHONE,
    App,
    alerts,
    app,
    codes,
    messages,
    receive,
    replies,
    response,
    settle,
    twiml,
)
from api.messaging.outcomes import reaches, until
from api.messaging.stock import GB, US, US_MMS, own, service
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.receiving.inbound import INBOUND_JOB, InboundJob
from trunkline.transports.base import Acceptance, InboundMessage, Submission
from unit.core.egress.peers import certificate, drip, hang, peer, stall

HI = twiml("<Message>hi</Message>")

ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""Traffic on the network and its parsing do not depend on the engine."""


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"dev": True, "geo_permissions": "US,GB", "blocked_sender_ids": "Bank"}


@pytest.fixture
def web(api: Api) -> Iterator[App]:
    """Yield the app of a Service with a number."""
    with app(api) as running:
        service(
            api,
            own(api, US, rate=10_000_000),
            InboundRequestUrl=running.url("/sms#rt=300&tt=2000&rc=0"),
            FallbackUrl=running.url("/fallback"),
            StatusCallback=running.url("/status"),
        )
        yield running


def bodies(api: Api) -> list[str]:
    return sorted(one["body"] for one in replies(api))


def test_a_reply_goes_back_through_the_service(api: Api, web: App) -> None:
    web.routes["/sms"] = HI
    got = receive(api, US)
    assert got is not None
    [reply] = replies(api)
    shown = reaches(api, reply["sid"], "delivered")
    assert (shown["from"], shown["to"], shown["body"]) == (US, PHONE, "hi")
    assert shown["messaging_service_sid"] == got["messaging_service_sid"]
    assert alerts(api) == []


@pytest.mark.parametrize(
    ("content", "expected", "problems"),
    [
        (twiml("<Message>one</Message>", "<Message>two</Message>"), ["one", "two"], []),
        (twiml("<Message><Body>a</Body><Body>b</Body></Message>"), ["ab"], []),
        (twiml('<Message to="+15005550166">x</Message>'), ["x"], []),
        (
            twiml("<Sms>one</Sms>", '<Message to="+15005550166">two</Message>', '<Sms method="GET">x</Sms>'),
            ["one", "two", "x"],
            [],
        ),
        (twiml('<Sms to="nobody">x</Sms>'), [], ["14101"]),
        (twiml("<SMS>y</SMS>"), [], ["14110"]),
        (twiml(f'<Message from="{GB}">x</Message>'), [], ["14102"]),
        (twiml(f'<Message to="{US}">x</Message>'), [], ["14101"]),
        (twiml('<Message to="nobody">x</Message>'), [], ["14101"]),
        (twiml("<Message></Message>"), [], ["14103"]),
        (twiml('<Message method="PUT">x</Message>'), [], ["14104"]),
        (twiml('<Message statusCallback="ftp://x">x</Message>'), [], ["14105"]),
        (twiml("<Say>x</Say>", "<Message>y</Message>"), ["y"], ["14110"]),
        (twiml('<Message colour="red">y</Message>'), ["y"], ["12200"]),
        (twiml(*["<Message>x</Message>"] * 11), ["x"] * 10, ["14109"]),
        (response("only text", 200, "Content-Type: text/plain; charset=utf-8"), ["only text"], []),
        (response("<Response><Message>x</Message></Response>", 200, "Content-Type: text/html"), ["x"], []),
        (response("", 204, "X-Empty: 1"), [], []),
        (EMPTY, [], []),
    ],
)
@ONE_ENGINE
def test_documents(api: Api, web: App, content: bytes, expected: list[str], problems: list[str]) -> None:
    web.routes["/sms"] = content
    got = receive(api, US)
    assert got is not None
    assert got["status"] == "received"
    assert bodies(api) == expected
    assert codes(api) == problems
    assert "/fallback" not in web.paths()


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Response><Message>&b;</Message></Response>'
OUTSIDE = '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><Response><Message>&a;</Message></Response>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (response("", 500), "11200"),
        (response("", 404), "11200"),
        (response("<Response><Message>", 200), "12100"),
        (response("no markup", 200), "12100"),
        (response("<Reply/>", 200), "12102"),
        (response('<?xml version="1.1"?><Response/>', 200), "12101"),
        (response("{}", 200, "Content-Type: application/json"), "12300"),
        (response("x", 200, "X-No-Type: 1"), "12300"),
        (response(BOMB), "12100"),
        (response(OUTSIDE), "12100"),
        (response("<Response>" + "<a>" * 10_000 + "</Response>"), "12100"),
        (response("<Response>" + " " * 70_000 + "</Response>"), "11750"),
        (response(b"x" * 10 * 1024 * 1024), "11750"),
        (
            response(
                gzip.compress(b" " * 10_000_000), 200, "Content-Type: text/xml", "Content-Encoding: gzip"
            ),
            "12100",
        ),
        (response("", 302, "Location: /sms"), "11215"),
        (response("", 302, "Location: file:///etc/passwd"), "11100"),
        (b"garbage\r\n\r\n", "11206"),
    ],
)
@ONE_ENGINE
def test_what_is_no_answer_leads_to_the_fallback(
    api: Api, web: App, content: bytes, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    web.routes |= {"/sms": content, "/fallback": HI}
    got = receive(api, US)
    assert got is not None
    assert got["status"] == "received"
    assert bodies(api) == ["hi"]
    request = next(one for one in web.requests if one.path == "/fallback")
    assert (request.form["ErrorCode"], request.form["ErrorUrl"]) == (code, web.url())
    assert request.form["Body"] == "Hi"
    [alert] = alerts(api)
    assert (alert["error_code"], alert["log_level"]) == (code, "error")
    assert (alert["resource_sid"], alert["request_url"]) == (got["sid"], alert["request_url"])
    assert f"MessageSid={got['sid']}" in alert["request_variables"]
    assert len(alert["response_body"]) <= 16 * 1024
    [logged] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f" failed at {web.url()}: {code} " in logged


@pytest.mark.parametrize("reply", [hang, stall, drip])
@ONE_ENGINE
def test_who_answers_too_slowly_is_not_waited_for(api: Api, web: App, reply: Any) -> None:
    web.routes |= {"/sms": reply, "/fallback": HI}
    got = receive(api, US)
    assert got is not None
    assert bodies(api) == ["hi"]
    request = next(one for one in web.requests if one.path == "/fallback")
    # What drips on a quick machine is too long before its time is over.
    assert request.form["ErrorCode"] in (("11203", "11750") if reply is drip else ("11200", "11203"))


def test_one_that_hangs_holds_up_no_other(api: Api, web: App) -> None:
    waits = asyncio.Event()

    async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await waits.wait()
        writer.write(EMPTY)

    own(api, US_MMS)
    service(api, own(api, US_MMS), InboundRequestUrl=web.url("/slow"))
    web.routes |= {"/slow": wait, "/sms": HI}

    async def both() -> None:
        await api.messaging.inbound(InboundMessage("test", PHONE, US_MMS, "slow"))
        await api.messaging.inbound(InboundMessage("test", PHONE, US, "quick"))

    api.run(both())

    async def answered() -> bool:
        return bool(
            await api.node.database.read(
                lambda tx: tx.value("SELECT count(*) FROM messages WHERE direction = 'outbound-reply'")
            )
        )

    until(api, answered)
    states = {one["body"]: one["status"] for one in messages(api) if one["direction"] == "inbound"}
    assert states == {"slow": "receiving", "quick": "received"}
    waits.set()
    settle(api)


def test_nobody_there_and_no_fallback(api: Api, web: App) -> None:
    number = own(api, US_MMS)
    mine = service(api, number, InboundRequestUrl="http://127.0.0.1:1/")
    got = receive(api, US_MMS)
    assert got is not None
    assert (got["status"], got["messaging_service_sid"]) == ("received", mine)
    # One retry, when there was no connection.
    assert codes(api) == ["11202", "11202"]


def test_a_certificate_that_nobody_trusts(api: Api, web: App, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path, "127.0.0.1")
    number = own(api, US_MMS)
    running = peer(EMPTY, tls=context)
    server = api.run(running.__aenter__())
    service(
        api, number, InboundRequestUrl=server.url("/", "https") + "#rc=0", FallbackUrl=web.url("/fallback")
    )
    try:
        receive(api, US_MMS)
    finally:
        api.run(running.__aexit__(None, None, None))
    [request] = web.requests
    assert (request.form["ErrorCode"], server.requests, codes(api)) == ("11237", [], ["11237"])


def test_when_the_fallback_fails_too_there_is_no_reply(api: Api, web: App) -> None:
    web.routes |= {"/sms": response("", 503), "/fallback": response("<Response", 200)}
    got = receive(api, US)
    assert got is not None
    assert got["status"] == "received"
    assert (codes(api), replies(api)) == (["11200", "12100"], [])


def test_no_one_is_told_the_credentials_of_a_url(api: Api, web: App) -> None:
    first, fallback = web.url("/down#rc=0", user="joe:secret@"), web.url("/fallback")
    service(api, own(api, US_MMS), InboundRequestUrl=first, FallbackUrl=fallback)
    web.routes["/down"] = response("", 500)
    receive(api, US_MMS)
    assert web.requests[-1].form["ErrorUrl"] == web.url("/down")
    assert {one["request_url"] for one in alerts(api)} == {web.url("/down")}


def test_bad_overrides_are_warnings(api: Api, web: App) -> None:
    own(api, US_MMS)
    url = web.url("/sms#ct=1&e=nowhere", user="joe:secret@")
    service(api, own(api, US_MMS), InboundRequestUrl=url)
    receive(api, US_MMS)
    assert sorted((one["error_code"], one["log_level"]) for one in alerts(api)) == [
        ("11240", "warning"),
        ("11243", "warning"),
    ]
    assert {one["request_url"] for one in alerts(api)} == {web.url("/sms")}


def test_overrides_ask_again_with_one_token(api: Api, web: App) -> None:
    own(api, US_MMS)
    service(api, own(api, US_MMS), InboundRequestUrl=web.url("/again#rc=3&rp=5xx&tt=5000"))
    web.routes["/again"] = response("", 500)
    receive(api, US_MMS)
    assert web.paths() == ["/again"] * 4
    assert len({one.headers["i-twilio-idempotency-token"] for one in web.requests}) == 1


def test_redirects_are_asked_with_the_same_parameters(api: Api, web: App) -> None:
    web.routes |= {
        "/sms": twiml(
            "<Message>a</Message>", '<Redirect method="GET">next?x=1</Redirect>', "<Message>b</Message>"
        ),
        "/next": twiml("<Message>c</Message>"),
    }
    got = receive(api, US)
    assert got is not None
    assert bodies(api) == ["a", "c"]
    _, request = [one for one in web.requests if one.path != "/status"][:2]
    assert (request.method, request.form["x"], request.form["MessageSid"]) == ("GET", "1", got["sid"])


def test_a_circle_of_redirects_ends(api: Api, web: App) -> None:
    web.routes["/sms"] = twiml("<Redirect>/sms</Redirect>")
    assert receive(api, US) is not None
    assert len(web.requests) == 11
    assert codes(api) == ["14106"]


def test_ten_messages_are_the_most_over_all_documents(api: Api, web: App) -> None:
    web.routes["/sms"] = twiml(*["<Message>x</Message>"] * 6, "<Redirect>/sms</Redirect>")
    receive(api, US)
    assert (len(replies(api)), codes(api)) == (10, ["14109"])


def test_replies_are_listed_and_sent_in_their_order(
    api: Api, web: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    async def submit(submission: Submission) -> Acceptance:
        sent.append("".join(submission.segments))
        return Acceptance(("1",), final=True)

    monkeypatch.setattr(api.messaging.carriers.all[0], "submit", submit, raising=False)
    web.routes["/sms"] = twiml(*[f"<Message>{number}</Message>" for number in range(10)])
    receive(api, US)
    made = replies(api)
    for one in made:
        reaches(api, one["sid"], "sent")
    assert ([one["body"] for one in made], sent) == ([str(number) for number in range(10)],) * 2


def test_an_action_may_go_on_with_other_twiml(api: Api, web: App) -> None:
    web.routes |= {
        "/sms": twiml('<Message action="/action" method="POST">a</Message>', "<Message>b</Message>"),
        "/action": [twiml("<Message>c</Message>"), response("ok", 200, "Content-Type: text/plain")],
    }
    receive(api, US)
    assert bodies(api) == ["a", "c"]
    [first] = [one for one in replies(api) if one["body"] == "a"]
    request = next(one for one in web.requests if one.path == "/action")
    assert (request.form["MessageSid"], request.form["MessageStatus"]) == (first["sid"], "queued")
    reaches(api, first["sid"], "delivered")
    settle(api)
    states = [one.form["MessageStatus"] for one in web.requests if one.path == "/action"]
    assert states[1:] == ["queued", "sent", "delivered"]
    assert bodies(api) == ["a", "c"]


@pytest.mark.parametrize(
    "body", [response("ok", 200, "Content-Type: text/plain"), response("", 500), response("<x")]
)
@ONE_ENGINE
def test_an_action_that_answers_no_twiml_is_a_status_callback(
    api: Api, web: App, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    web.routes |= {
        "/sms": twiml('<Message action="/action">a</Message>', "<Message>b</Message>"),
        "/action": body,
    }
    receive(api, US)
    assert bodies(api) == ["a", "b"]
    assert "/fallback" not in web.paths()
    logged = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert bool(logged) is (b"ok" not in body)
    assert all(f" failed at {web.url('/action')}: 1" in line for line in logged)


def test_status_callbacks_of_a_reply(api: Api, web: App) -> None:
    web.routes["/sms"] = twiml('<Message statusCallback="/mine">a</Message>')
    receive(api, US)
    [reply] = replies(api)
    reaches(api, reply["sid"], "delivered")
    settle(api)
    reported = [one.form["MessageStatus"] for one in web.requests if one.path == "/mine"]
    assert reported == ["queued", "sent", "delivered"]


def test_other_senders_and_recipients(api: Api, web: App) -> None:
    own(api, GB, country="GB", kind="mobile", rate=10_000_000)
    own(api, "+14155550103", sms=False)
    web.routes["/sms"] = twiml(
        f'<Message from="{GB}" to="07400123457">a</Message>',
        '<Message from="+14155550103">b</Message>',
        '<Message to="+33612345678">c</Message>',
    )
    receive(api, US)
    found = {one["body"]: one for one in replies(api)}
    assert set(found) == {"a", "c"}
    assert (found["a"]["from"], found["a"]["to"]) == (GB, "+447400123457")
    assert found["a"]["messaging_service_sid"] is None
    assert (found["c"]["status"], found["c"]["error_code"]) == ("failed", 21408)
    assert codes(api) == ["14108"]


def test_alphanumeric_senders_of_replies(api: Api, web: App) -> None:
    """Send replies to recipients that accept names, and none under the names that the operator refuses."""
    web.routes["/sms"] = twiml(
        '<Message from="Acme" to="+447400123457">a</Message>',
        '<Message from="Acme">b</Message>',
        '<Message from="BANK" to="+447400123457">c</Message>',
    )
    receive(api, US)
    assert [(one["from"], one["body"]) for one in replies(api)] == [("Acme", "a")]
    assert codes(api) == ["14102", "14102"]


def test_the_sixteenth_of_quick_replies_fails(api: Api, web: App) -> None:
    web.routes["/sms"] = twiml(*["<Message>x</Message>"] * 8)
    receive(api, US)
    receive(api, US)
    found = replies(api)
    assert [one["error_code"] for one in found].count(14107) == 1
    assert sum(one["status"] == "failed" for one in found) == 1
    api.clock.advance(31)
    web.routes["/sms"] = HI
    receive(api, US)
    assert [one["error_code"] for one in replies(api) if one["body"] == "hi"] == [None]


def test_what_the_sdk_writes_is_carried_out(api: Api, web: App) -> None:
    made = MessagingResponse()
    made.message("first & <foremost>", to="+15005550166", status_callback=web.url("/mine"))
    second = made.message()
    second.body("second")
    second.body(" part")
    made.redirect(web.url("/next"), method="GET")
    web.routes |= {"/sms": response(str(made)), "/next": HI}
    receive(api, US)
    assert bodies(api) == ["first & <foremost>", "hi", "second part"]
    assert alerts(api) == []


def test_a_reply_with_a_picture(api: Api, web: App) -> None:
    own(api, US_MMS, mms=True, rate=10_000_000)
    service(api, own(api, US_MMS, mms=True, rate=10_000_000), InboundRequestUrl=web.url("/sms"))
    web.routes |= {
        "/sms": twiml("<Message><Body>look</Body><Media>cat.png</Media></Message>"),
        "/cat.png": response(b"png", 200, "Content-Type: image/png"),
    }
    receive(api, US_MMS)
    [reply] = replies(api)
    assert (reply["sid"][:2], reply["num_media"]) == ("MM", "1")
    assert reaches(api, reply["sid"], "delivered", "failed")["status"] == "delivered"


def test_a_repeated_job_sends_nothing_twice(api: Api, web: App) -> None:
    """Repeat a job as after a crash between a reply and the end of the job."""
    web.routes["/sms"] = twiml('<Message action="/action">a</Message>', "<Message>b</Message>")
    got = receive(api, US)
    assert got is not None
    before = replies(api)
    tokens = [one.headers["i-twilio-idempotency-token"] for one in web.requests if one.path == "/sms"]

    async def again(tx: Tx) -> None:
        await tx.run("UPDATE messages SET status = 'receiving' WHERE sid = :sid", sid=got["sid"])
        job = InboundJob(got["account_sid"], got["sid"])
        await enqueue(tx, Job(INBOUND_JOB, msgspec.json.encode(job).decode()))

    api.run(api.node.database.write(again))
    settle(api)
    assert {one["sid"] for one in replies(api)} == {one["sid"] for one in before}
    assert len(before) == 2
    assert len([one for one in web.paths() if one == "/sms"]) == 2
    sent = [one.headers["i-twilio-idempotency-token"] for one in web.requests if one.path == "/sms"]
    assert sent == tokens * 2


def test_a_job_that_ended_is_not_told_again(api: Api, web: App) -> None:
    got = receive(api, US)
    assert got is not None
    payload = msgspec.json.encode(InboundJob(got["account_sid"], got["sid"])).decode()
    api.run(api.node.database.write(lambda tx: enqueue(tx, Job(INBOUND_JOB, payload))))
    settle(api)
    assert web.paths() == ["/sms"]
