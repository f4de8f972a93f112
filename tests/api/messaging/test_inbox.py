"""The inbox's doors: what phones got, and phones that write."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest

from api.browser import Browser
from api.conftest import ACCOUNT_SID, OPERATOR, Api, assert_error
from api.messaging.apps import inbound, messages, replies, settle
from api.messaging.contents import content_of
from api.messaging.outcomes import hooks, phone, reaches, until
from api.messaging.stock import MESSAGES, TO, US, US_MMS, own, send, service
from trunkline.products.messaging.lifecycle.message import Message, find_message
from trunkline.transports.sandbox.behaviour import SPECIAL

__all__ = ["hooks"]

pytestmark = pytest.mark.usefixtures("hooks")

INBOX = "/_trunkline/inbox"
LINES = f"{INBOX}/messages"
ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""Tests without SQL of their own have the same result on each."""


def lines(api: Api, **query: Any) -> list[dict[str, Any]]:
    response = api.get(LINES, query)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["messages"]
    return found


def write(api: Api, to: str = US, body: str = "Hi", phone: str = TO, **options: Any) -> Any:
    return api.request("POST", LINES, json={"phone": phone, "to": to, "body": body}, **options)


def test_what_phones_got_and_sent_is_listed(api: Api) -> None:
    own(api, US, rate=10_000_000)
    first = send(api, From=US, Body="я" * 71)["sid"]
    reaches(api, first, "delivered")
    [shown] = lines(api)
    assert shown.pop("id")
    assert 0 < shown.pop("date") <= api.clock.now / 1e6
    assert shown == {
        "message_sid": first,
        "phone": TO,
        "number": US,
        "direction": "to-phone",
        "body": "я" * 71,
        "segments": 2,
        "encoding": "ucs2",
        "media": [],
        "tries": 1,
        "behaviour": "receives at once",
    }
    sent = write(api, body="a" * 161)
    assert sent.status_code == 202
    settle(api)
    answered, _ = lines(api)
    assert (answered["id"], answered["direction"], answered["segments"]) == (
        sent.json()["id"],
        "from-phone",
        2,
    )
    [got] = inbound(api)
    assert (answered["message_sid"], answered["encoding"]) == (got["sid"], None)
    assert sent.json() == {"id": answered["id"], "message_sid": got["sid"], "phone": TO}
    assert (got["from"], got["to"], got["body"], got["num_segments"]) == (TO, US, "a" * 161, "2")


def test_lists_are_narrowed(api: Api) -> None:
    own(api, US, rate=10_000_000)
    for number in range(5):
        reaches(api, send(api, From=US, To=f"+1500555010{number % 2}", Body=str(number))["sid"], "delivered")
    assert [one["body"] for one in lines(api)] == ["4", "3", "2", "1", "0"]
    assert [one["body"] for one in lines(api, PageSize="2")] == ["4", "3"]
    assert [one["body"] for one in lines(api, Phone="+15005550101")] == ["3", "1"]
    # Not escaped, as one writes it by hand.
    by_hand = api.request("GET", f"{LINES}?Phone=+15005550101")
    assert [one["body"] for one in by_hand.json()["messages"]] == ["3", "1"]
    since = lines(api)[1]["date"]
    assert [one["body"] for one in lines(api, Since=since)] == ["4", "3"]
    assert [one["body"] for one in lines(api, Since=since, Phone="+15005550100")] == ["4"]
    assert lines(api, Phone="nobody") == []


def test_phones_forget(api: Api) -> None:
    own(api, US)
    sid = send(api, From=US)["sid"]
    reaches(api, sid, "delivered")
    assert api.delete(LINES).status_code == 204
    assert lines(api) == []
    assert messages(api)[0]["sid"] == sid


@pytest.mark.parametrize(
    ("to", "sender"),
    [(US, TO), (US[1:], "(500) 555-0100"), (f" {US} ", "15005550100"), ("(415) 555-0100", TO)],
)
@ONE_ENGINE
def test_numbers_are_read_as_people_write_them(api: Api, to: str, sender: str) -> None:
    own(api, US)
    sent = write(api, to=to, phone=sender)
    assert (sent.status_code, sent.json()["phone"]) == (202, TO)
    settle(api)
    [got] = inbound(api)
    assert (got["from"], got["to"]) == (TO, US)
    [line] = lines(api)
    assert (line["phone"], line["number"]) == (TO, US)


@ONE_ENGINE
def test_a_phone_sends_attachments(api: Api) -> None:
    own(api, US_MMS)
    picture = b"\x89PNG\x00"
    media = [{"content_type": "image/png", "content": base64.b64encode(picture).decode()}]
    sent = api.request("POST", LINES, json={"phone": TO, "to": US_MMS, "media": media})
    assert sent.status_code == 202, sent.text
    settle(api)
    [got] = inbound(api)
    assert (got["from"], got["body"], got["num_media"], got["sid"][:2]) == (TO, "", "1", "MM")
    [medium] = api.get(got["subresource_uris"]["media"]).json()["media_list"]
    assert medium["content_type"] == "image/png"
    assert content_of(api, medium["sid"]) == picture
    [line] = lines(api)
    assert (line["media"], line["message_sid"]) == ([{"url": "", "content_type": "image/png"}], got["sid"])
    bads: list[tuple[Any, str]] = [
        ([{"content_type": "image/png\r\nX: y", "content": ""}], "media[0].content_type"),
        ([{"content_type": "image", "content": ""}], "media[0].content_type"),
        ([*media, {"content_type": "image/png", "content": "?"}], "media[1].content"),
        ([{"content_type": "image/png"}], "media[0].content"),
        ([{**media[0], "url": "https://example.com"}], "media[0].url"),
        (31 * media, "media"),
        ("image/png", "media"),
    ]
    for bad, field in bads:
        refused = api.request("POST", LINES, json={"phone": TO, "to": US_MMS, "media": bad})
        message = assert_error(refused, 400, 20001)["message"]
        assert message.startswith(f"Invalid parameter {field}: "), message


@ONE_ENGINE
def test_a_wrong_field_is_named(api: Api) -> None:
    own(api, US)
    for change, message in (
        ({"text": "Hi"}, "text: is unknown"),
        ({"Body": "Hi"}, "Body: is unknown"),
        ({"phone": 5}, "phone: must be a text, not an integer"),
        ({"to": None}, "to: must be a text, not null"),
        ({"body": ["Hi"]}, "body: must be a text, not a list"),
        ({"media": {}}, "media: must be a list, not an object"),
    ):
        form = {"phone": TO, "to": US, "body": "Hi", **change}
        refused = assert_error(api.request("POST", LINES, json=form), 400, 20001)
        assert refused["message"] == f"Invalid parameter {message}"
    refused = assert_error(api.request("POST", LINES, json={"phone": TO, "body": "Hi"}), 400, 20001)
    assert refused["message"] == "Invalid parameter to: is missing"
    options = {"headers": {"Content-Type": "application/json"}, "content": b'{"phone": "\xff", "to": ""}'}
    assert_error(api.request("POST", LINES, **options), 400, 20001)
    # Operations that take forms take JSON, too.
    for path, form, field in (
        ("/_trunkline/numbers", {"Number": "+14155550111", "mms": False}, "mms"),
        ("/_trunkline/domains", {"Name": "a.example", "AccountSid": ACCOUNT_SID, "Port": 1}, "Port"),
        ("/_trunkline/jobs/x/retry", {"Now": True}, "Now"),
    ):
        response = api.request("POST", path, json=form, auth=OPERATOR)
        message = assert_error(response, 400, 20001)["message"]
        assert message.startswith(f"Invalid parameter {field}: is unknown: there are "), message
    made = api.request("POST", "/_trunkline/numbers", json={"Number": "+14155550111"}, auth=OPERATOR)
    assert made.status_code == 201
    sets = {"Sets": '{"kind": "STOP", "keywords": ["X"], "reply": "", "lang": "en"}'}
    refused = assert_error(api.post(f"/_trunkline/opt-outs/{service(api)}", sets), 400, 20001)
    assert refused["message"].endswith("and reply: lang is unknown")


def test_a_message_of_a_phone_carries_its_sid_whatever_becomes_of_it(api: Api) -> None:
    number = own(api, US, rate=10_000_000)

    def shown(sent: dict[str, Any]) -> Any:
        settle(api)
        return next(one["message_sid"] for one in lines(api) if one["id"] == sent["id"])

    for body in ("STOP", "Hi", "START"):
        sent = write(api, body=body).json()
        assert re.fullmatch("SM[0-9a-f]{32}", sent["message_sid"])
        assert shown(sent) == sent["message_sid"]
        assert api.get(f"{MESSAGES}/{sent['message_sid']}.json").json()["body"] == body
    # A phone that replies by itself.
    reaches(api, send(api, From=US, To="+15005552014", Body="Hi")["sid"], "delivered")
    reply = next(one for one in lines(api, Phone="+15005552014") if one["direction"] == "from-phone")

    async def stored() -> Message | None:
        return await api.node.database.read(lambda tx: find_message(tx, ACCOUNT_SID, reply["message_sid"]))

    assert until(api, stored).body == "STOP"
    settle(api)
    # A Service without a URL drops what comes: there is no Message.
    service(api, number)
    sent = write(api).json()
    assert (sent["message_sid"], shown(sent)) == (None, None)


@ONE_ENGINE
def test_bad_input_is_told_and_leaves_nothing(api: Api) -> None:
    own(api, US)
    for to, body, sender in (
        (US, "", TO),
        (US, "x" * 1601, TO),
        (US, "x\0", TO),
        (US, "Hi", ""),
        (US, "Hi", "   "),
        (US, "Hi", "1" * 65),
        ("", "Hi", TO),
        ("+15005550199", "Hi", TO),
        ("everybody", "Hi", TO),
    ):
        assert_error(write(api, to, body, sender), 400, 20001)
    for content in (b"", b"{", b"[]", b"{}", b'{"phone": 1, "to": 2, "body": 3}', b"\xff", b"[" * 100_000):
        headers = {"Content-Type": "application/json"}
        assert_error(api.request("POST", LINES, content=content, headers=headers), 400, 20001)
    # What a page of another origin could send without leave.
    form = {"phone": TO, "to": US, "body": "Hi"}
    refused = api.post(LINES, form)
    assert_error(refused, 400, 20001)
    assert refused.json()["message"] == "The Content-Type of the body must be application/json"
    for query in (
        {"PageSize": "0"},
        {"PageSize": "1001"},
        {"PageSize": "ten"},
        {"PageSize": "٣"},
        {"Since": "yesterday"},
        {"Since": "-1"},
        {"Since": "9" * 13},
        {"Phone": "\0"},
    ):
        assert_error(api.get(LINES, query), 400, 20001)
    for method in ("PUT", "PATCH"):
        refused = api.request(method, LINES)
        assert_error(refused, 405, 20004)
        assert refused.headers["allow"] == "GET, HEAD, POST, DELETE"
    assert_error(api.post(INBOX), 405, 20004)
    assert_error(api.get(f"{INBOX}/else"), 404, 20404)
    assert_error(api.get(f"{INBOX}es"), 404, 20404)
    settle(api)
    assert (lines(api), messages(api)) == ([], [])


@ONE_ENGINE
def test_accounts_have_phones_of_their_own(api: Api) -> None:
    sub = api.post("/2010-04-01/Accounts.json", {"FriendlyName": "Other"}).json()
    own(api, US)
    other = "+14155550199"
    own(api, other, account_sid=sub["sid"])
    reaches(api, send(api, From=US)["sid"], "delivered")
    theirs = {"auth": (sub["sid"], sub["auth_token"])}
    assert api.get(LINES, **theirs).json()["messages"] == []
    assert_error(write(api, US, **theirs), 400, 20001)
    assert_error(write(api, other), 400, 20001)
    assert write(api, other, **theirs).status_code == 202
    assert api.delete(LINES, **theirs).status_code == 204
    assert len(lines(api)) == 1
    for auth in (None, (ACCOUNT_SID, "0" * 32)):
        for method, path in (
            ("GET", LINES),
            ("POST", LINES),
            ("DELETE", LINES),
            ("GET", f"{INBOX}/phones"),
        ):
            refused = api.request(method, path, auth=auth)
            assert_error(refused, 401, 20003)
            assert refused.headers["www-authenticate"].startswith("Basic ")


@ONE_ENGINE
def test_the_special_phones_are_told(api: Api) -> None:
    phones = api.get(f"{INBOX}/phones").json()["phones"]
    assert {one["phone"]: one["behaviour"] for one in phones} == {
        number: behaviour.description for number, behaviour in SPECIAL.items()
    }


@ONE_ENGINE
def test_the_page_runs_its_own_script_and_no_other(api: Api) -> None:
    browser = Browser(api)
    browser.log_in()
    for path in (INBOX, f"{INBOX}/"):
        page = browser.get(path)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = page.headers["content-security-policy"]
    for kind in ("script", "style"):
        [content] = re.findall(rf"<{kind}>(.*?)</{kind}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"; {kind}-src 'sha256-{digest}';" in policy
    [script] = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    # The operator's page names its account in each call.
    assert re.search(
        r"get\(\"AccountSid\"\).*searchParams\.set\(\"AccountSid\", account\)", script, re.DOTALL
    )
    assert script.count("fetch(url, {") == script.count("fetch(") == 1
    # Nothing comes from elsewhere.
    assert re.findall(r"https?://|//[a-z]|@import|url\(", page.text) == []
    # Texts of phones are never read as HTML.
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


def test_a_phone_that_says_stop_is_answered_once_and_left_alone(api: Api) -> None:
    number = own(api, US, rate=10_000_000)
    service(api, number, InboundRequestUrl="https://app.example.com/sms")
    reaches(api, send(api, From=US, To="+15005552014")["sid"], "delivered")
    settle(api)
    [reply] = replies(api)
    reaches(api, reply["sid"], "delivered")
    settle(api)
    assert len(replies(api)) == 1
    talk = [(one.outgoing, one.body.split()[0]) for one in phone(api, "+15005552014")]
    # It says so to the answer, too, and that is the end of it.
    assert talk == [(False, "Hello"), (True, "STOP"), (False, "You"), (True, "STOP")]
    assert_error(api.post(f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
                          {"To": "+15005552014", "From": US, "Body": "Still there?"}), 400, 21610)  # fmt: skip
