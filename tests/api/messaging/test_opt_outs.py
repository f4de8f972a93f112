"""Opt-outs: keywords from phones, what they hold up, Advanced Opt-Out, and the operator's list."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from api.messaging.apps import PHONE, App, app, receive, replies, settle, twiml
from api.messaging.outcomes import phone, reaches
from api.messaging.stock import GB, MESSAGES, TO_GB, US, US_MMS, own, send, service
from trunkline.products.messaging.opt_outs.keywords import REPLIES, STANDARD, KeywordKind

PATH = "/_trunkline/opt-outs"
QUICK = 10_000_000


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"dev": True}


@pytest.fixture
def web(api: Api) -> Iterator[App]:
    """Yield an app that never replies."""
    with app(api) as running:
        yield running


def delivered_replies(api: Api) -> list[str]:
    """Return the replies to keywords; each has reached the phone."""
    found = replies(api)
    for one in found:
        reaches(api, one["sid"], "delivered")
    return sorted(one["body"] for one in found)


def listed(api: Api, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(PATH, query).json()["opt_outs"]
    return found


def words(kind: str, reply: str, *keywords: str, **more: str) -> dict[str, Any]:
    return {"kind": kind, "keywords": keywords, "reply": reply, **more}


def standard() -> list[dict[str, Any]]:
    return [words(one.kind.value, one.reply, *one.keywords) for one in STANDARD]


def advanced(api: Api, sid: str, *sets: dict[str, Any], enabled: bool = True) -> None:
    """Switch Advanced Opt-Out on, with more sets than the standard ones."""
    body = {"Enabled": enabled, "Sets": [*standard(), *sets]}
    response = api.request("POST", f"{PATH}/{sid}", json=body)
    assert response.status_code == 200, response.text


def test_stop_to_a_service(api: Api, web: App) -> None:
    mine = service(api, own(api, US, rate=QUICK), InboundRequestUrl=web.url())
    other = service(api, own(api, US_MMS, rate=QUICK))
    got = receive(api, US, "  sToP ")
    assert got is not None
    [request] = web.requests
    assert request.form["Body"] == "  sToP "
    assert "OptOutType" not in request.form
    assert delivered_replies(api) == [REPLIES[KeywordKind.STOP]]
    [reply] = replies(api)
    assert (reply["from"], reply["to"], reply["direction"]) == (US, PHONE, "outbound-reply")
    blocked = send(api, MessagingServiceSid=mine, To=PHONE)
    assert blocked["status"] == "accepted"
    assert reaches(api, blocked["sid"], "failed")["error_code"] == 21610
    sent = send(api, MessagingServiceSid=other, To=PHONE)
    reaches(api, sent["sid"], "delivered")
    assert [(one["scope"], one["recipient"]) for one in listed(api)] == [(mine, PHONE)]
    receive(api, US, "STOP")
    receive(api, US, "HELP")
    assert delivered_replies(api) == [REPLIES[KeywordKind.STOP]], (
        "nothing more is answered to who has opted out"
    )
    receive(api, US, "start")
    assert delivered_replies(api) == sorted([REPLIES[KeywordKind.STOP], REPLIES[KeywordKind.START]])
    receive(api, US, "HELP")
    receive(api, US, "START")
    assert delivered_replies(api) == sorted(REPLIES.values()), "START is answered only after a STOP"
    again = send(api, MessagingServiceSid=mine, To=PHONE)
    reaches(api, again["sid"], "delivered")
    assert listed(api) == []


def test_stop_to_a_number_outside_of_services(api: Api) -> None:
    own(api, US, rate=QUICK)
    own(api, US_MMS, rate=QUICK)
    got = receive(api, US, "unsubscribe")
    assert got is not None, "it works without any webhook"
    assert delivered_replies(api) == [REPLIES[KeywordKind.STOP]]
    assert_error(api.post(f"{MESSAGES}.json", {"From": US, "To": PHONE, "Body": "x"}), 400, 21610)
    reaches(api, send(api, From=US_MMS, To=PHONE)["sid"], "delivered")


def test_stop_please_is_an_ordinary_message(api: Api) -> None:
    own(api, US)
    for text in ("STOP please", "please STOP", "STOP.", ""):
        receive(api, US, text)
    assert (replies(api), listed(api)) == ([], [])


def test_a_dropped_message_is_heard_all_the_same(api: Api) -> None:
    mine = service(api, own(api, US, rate=QUICK))
    assert receive(api, US, "STOP") is None
    assert [one["scope"] for one in listed(api)] == [mine]
    assert delivered_replies(api) == [REPLIES[KeywordKind.STOP]]


def test_what_an_app_answers_to_stop_fails(api: Api, web: App) -> None:
    web.routes["/sms"] = twiml("<Message>Bye</Message>")
    service(api, own(api, US, rate=QUICK), InboundRequestUrl=web.url())
    receive(api, US, "STOP")
    [reply] = [one for one in replies(api) if one["body"] == "Bye"]
    assert reaches(api, reply["sid"], "failed", "delivered")["error_code"] == 21610


def test_a_scheduled_message_fails_when_it_is_due(api: Api) -> None:
    mine = service(api, own(api, US, rate=QUICK))
    at = api.clock.now // 1_000_000 + 1000
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = send(api, MessagingServiceSid=mine, To=PHONE, ScheduleType="fixed", SendAt=moment)
    assert made["status"] == "scheduled"
    receive(api, US, "STOP")
    assert api.get(f"{MESSAGES}/{made['sid']}.json").json()["status"] == "scheduled"
    api.clock.advance(1001)
    assert reaches(api, made["sid"], "failed")["error_code"] == 21610


def test_advanced_opt_out(api: Api, web: App) -> None:
    mine = service(
        api,
        own(api, US, rate=QUICK),
        own(api, GB, country="GB", kind="mobile", rate=QUICK),
        InboundRequestUrl=web.url(),
    )
    british = words("STOP", "Cheerio", "TATA", country="GB")
    advanced(api, mine, words("STOP", "Adiós", "BAJA", language="es"), british)
    receive(api, US, "baja")
    assert web.requests[-1].form["OptOutType"] == "STOP"
    assert delivered_replies(api) == ["Adiós"]
    assert [one["recipient"] for one in listed(api)] == [PHONE]
    receive(api, US, "START")
    assert web.requests[-1].form["OptOutType"] == "START"
    receive(api, US, "HELP")
    assert web.requests[-1].form["OptOutType"] == "HELP"
    receive(api, US, "TATA")
    assert "OptOutType" not in web.requests[-1].form, "another country's word"
    receive(api, GB, "tata", sender=TO_GB)
    assert web.requests[-1].form["OptOutType"] == "STOP"
    assert "Cheerio" in delivered_replies(api)
    advanced(api, mine, enabled=False)
    receive(api, US, "BAJA")
    assert "OptOutType" not in web.requests[-1].form


def test_short_codes_hear_keywords_only_with_advanced_opt_out(api: Api, web: App) -> None:
    code = own(api, "12345", kind="short-code", prefix="SC", rate=QUICK)
    receive(api, "12345", "STOP")
    mine = service(api, code, InboundRequestUrl=web.url())
    receive(api, "12345", "STOP")
    assert (replies(api), listed(api)) == ([], [])
    advanced(api, mine)
    receive(api, "12345", "STOP")
    assert [(one["scope"], one["recipient"]) for one in listed(api)] == [(mine, PHONE)]


def test_the_configuration_of_a_service(api: Api) -> None:
    mine = service(api)
    shown = api.get(f"{PATH}/{mine}").json()
    assert (shown["enabled"], shown["service_sid"]) == (False, mine)
    assert [(one["kind"], one["keywords"]) for one in shown["sets"]] == [
        (one.kind.value, list(one.keywords)) for one in STANDARD
    ]
    changed = api.post(f"{PATH}/{mine}", {"Enabled": "true"}).json()
    assert (changed["enabled"], changed["sets"]) == (True, shown["sets"])
    extra = words("HELP", "Ayuda", "AYUDA", language="es", country="MX")
    advanced(api, mine, extra)
    sets = api.get(f"{PATH}/{mine}").json()["sets"]
    assert sets[-1] == {**extra, "keywords": ["AYUDA"]}
    for bad in (
        [words("STOP", "x", "STOP")],
        [*standard(), words("STOP", "x", "TWO WORDS", language="es")],
        [*standard(), words("HELP", "x", "BAJA", language="es"), words("STOP", "x", "BAJA", language="pt")],
        [*standard(), words("STOP", "x" * 321, "BAJA", language="es")],
        [*standard(), words("HELP", "x", "STOP", language="es")],
        [{"kind": "NEVER", "keywords": ["X"], "reply": ""}],
        [5],
        [words("STOP", "x", "A")] * 201,
    ):
        assert_error(api.request("POST", f"{PATH}/{mine}", json={"Sets": bad}), 400, 20001)
    assert api.get(f"{PATH}/{mine}").json()["sets"] == sets
    assert api.get(f"{PATH}/MG{'0' * 32}").status_code == 404
    assert api.post(f"{PATH}/MG{'0' * 32}", {"Enabled": "true"}).status_code == 404
    assert api.get(f"{PATH}/what").status_code == 404
    assert api.delete(f"{PATH}/{mine}").status_code == 405
    api.delete(f"/messaging/v1/Services/{mine}")
    assert api.get(f"{PATH}/{mine}").status_code == 404


def test_the_operators_list(api: Api) -> None:
    mine = service(api, own(api, US, rate=QUICK))
    own(api, US_MMS)
    for number in range(5):
        made = api.post(PATH, {"Scope": mine, "Recipient": f"+1500555017{number}"})
        assert made.status_code == 201
        api.clock.advance(1)
    assert api.post(PATH, {"Scope": mine, "Recipient": "+15005550170"}).status_code == 200
    assert api.post(PATH, {"Scope": US_MMS, "Recipient": PHONE}).status_code == 201
    for scope in (US, "+14155559999", f"MG{'0' * 32}"):
        assert_error(api.post(PATH, {"Scope": scope, "Recipient": PHONE}), 400, 20001)
    assert_error(api.post(PATH, {"Scope": mine}), 400, 20001)
    assert len(listed(api)) == 6
    assert len(listed(api, Scope=mine)) == 5
    assert [one["scope"] for one in listed(api, Recipient=PHONE)] == [US_MMS]
    seen, token = [], None
    while True:
        page = api.get(PATH, {"PageSize": "2", **({"PageToken": token} if token else {})}).json()
        seen += [one["recipient"] for one in page["opt_outs"]]
        if (token := page["next_page_token"]) is None:
            break
    assert seen == [PHONE, *(f"+1500555017{number}" for number in (4, 3, 2, 1, 0))]
    assert_error(api.get(PATH, {"PageToken": "x"}), 400, 21481)
    made = send(api, MessagingServiceSid=mine, To="+15005550170")
    assert reaches(api, made["sid"], "failed")["error_code"] == 21610
    gone = f"{PATH}?Scope={mine}&Recipient=%2B15005550170"
    assert api.delete(gone).status_code == 204
    assert api.delete(gone).status_code == 404
    made = send(api, MessagingServiceSid=mine, To="+15005550170")
    reaches(api, made["sid"], "delivered")


@pytest.mark.parametrize("written", ["(500) 555-0170", " 15005550170", "+1 500 555 0170"])
def test_who_is_written_otherwise_is_the_same(api: Api, written: str) -> None:
    mine = service(api, own(api, US, rate=QUICK))
    own(api, US_MMS, rate=QUICK)
    assert api.post(PATH, {"Scope": mine, "Recipient": written}).json()["recipient"] == "+15005550170"
    assert api.post(PATH, {"Scope": "(415) 555-0101", "Recipient": written}).json()["scope"] == US_MMS
    made = send(api, MessagingServiceSid=mine, To="+15005550170")
    assert reaches(api, made["sid"], "failed")["error_code"] == 21610
    assert len(listed(api, Recipient=written)) == 2
    assert api.delete(f"{PATH}?{urlencode({'Scope': mine, 'Recipient': written})}").status_code == 204
    assert [one["scope"] for one in listed(api, Recipient=written)] == [US_MMS]
    for nobody in ("447400123457", "Bob"):
        assert_error(api.post(PATH, {"Scope": mine, "Recipient": nobody}), 400, 20001)


def test_it_takes_the_accounts_credentials(api: Api) -> None:
    mine = service(api)
    sub = api.post("/2010-04-01/Accounts.json", {"FriendlyName": "Other"}).json()
    theirs = (sub["sid"], sub["auth_token"])
    assert api.get(f"{PATH}/{mine}", auth=theirs).status_code == 404
    assert_error(api.post(PATH, {"Scope": mine, "Recipient": PHONE}, auth=theirs), 400, 20001)
    assert_error(api.get(PATH, auth=(ACCOUNT_SID, "0" * 32)), 401, 20003)
    assert_error(api.request("PUT", PATH), 405, 20004)


def test_a_phone_that_answers_stop(api: Api) -> None:
    """Use the sandbox's own number for it."""
    own(api, US, rate=QUICK)
    sent = send(api, From=US, To="+15005552014")
    reaches(api, sent["sid"], "delivered")
    settle(api)
    assert delivered_replies(api) == [REPLIES[KeywordKind.STOP]]
    texts = sorted(one.body for one in phone(api, "+15005552014"))
    # The phone says STOP to the answer as well, and is not answered again.
    assert texts == sorted(["Hello", "STOP", REPLIES[KeywordKind.STOP], "STOP"])
    assert_error(api.post(f"{MESSAGES}.json", {"From": US, "To": "+15005552014", "Body": "x"}), 400, 21610)
