"""Messages through the SDKs: every operation, every parameter, and every attribute of every answer.

An alphanumeric sender needs no number, so what is sent here goes from one to the United Kingdom.
"""

from __future__ import annotations

import datetime
import time
from typing import Any

import pytest

from clients.asking import Account, Client
from clients.messaging.beside import attach, beside
from clients.sdks import SDKS
from servers import Server
from trunkline.products.accounts import facade

TO = "+447400123457"
FROM = "Acme Co"
MESSAGES = "messages"

EVERYTHING: dict[str, Any] = {
    "StatusCallback": "http://127.0.0.1:9/status",
    "MaxPrice": "0.5",
    "ProvideFeedback": True,
    "Attempt": 1,
    "ValidityPeriod": 600,
    "ForceDelivery": True,
    "ContentRetention": "retain",
    "AddressRetention": "obfuscate",
    "SmartEncoded": True,
    "TrafficType": "free",
    "ShortenUrls": False,
    "SendAsMms": False,
    "RiskCheck": "enable",
}


def sent(client: Client, **parameters: Any) -> dict[str, Any]:
    """Return a new message."""
    form = {"To": TO, "From": FROM, "Body": "Zoë's ☂ & more", **parameters}
    return dict(client.call(MESSAGES, "create", form))


def finished(client: Client, sid: str) -> dict[str, Any]:
    """Return the message once it has come to its end; that takes no longer than 15 s."""
    deadline = time.monotonic() + 15
    while True:
        message = dict(client.call(f"{MESSAGES}({sid})", "fetch"))
        if message["status"] in ("delivered", "undelivered", "failed"):
            return message
        assert time.monotonic() < deadline, message


@pytest.mark.parametrize(
    ("sdk", "server"), [*((sdk, "sqlite") for sdk in SDKS), ("python", "postgresql")], indirect=True
)
def test_every_operation(client: Client) -> None:
    made = sent(client)
    uri = f"/2010-04-01/Accounts/{client.pointing.username}/Messages/{made['sid']}"
    now = datetime.datetime.now(datetime.UTC)
    assert abs(made["date_created"] - now) < datetime.timedelta(minutes=1)
    expected = {
        "account_sid": client.pointing.username,
        "api_version": "2010-04-01",
        "body": "Zoë's ☂ & more",
        "date_created": made["date_created"],
        "date_sent": None,
        "date_updated": made["date_created"],
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": FROM,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": made["sid"],
        "status": "queued",
        "subresource_uris": {"media": f"{uri}/Media.json", "feedback": f"{uri}/Feedback.json"},
        "to": TO,
        "uri": f"{uri}.json",
    }
    seen = {"from" if name == "from_" else name: value for name, value in made.items()}
    assert seen == expected
    one = f"{MESSAGES}({made['sid']})"
    done = finished(client, made["sid"])
    assert (done["sid"], done["status"]) == (made["sid"], "delivered")
    assert done["date_sent"] >= made["date_created"]
    if client.sdk != "python-6.10":  # cannot cancel
        assert client.refused(one, "update", Status="canceled").code == 30409
    assert client.call(one, "update", Body="")["body"] == ""
    assert client.call(one, "delete") is True
    for method in ("fetch", "delete"):
        error = client.refused(one, method)
        assert (error.status, error.code) == (404, 20404)


def test_every_parameter(client: Client) -> None:
    made = sent(client, **EVERYTHING)
    assert made["to"] == "+44740012XXXX"
    assert client.sdk == "python-6.10" or client.dropped == set()
    error = client.refused(
        MESSAGES,
        "create",
        To=TO,
        From=FROM,
        MediaUrl=["https://example.com/a.png", "https://example.com/b.png"],
    )
    assert (error.status, error.code) == (400, 21621)


def test_filters_and_pages(client: Client, server: Server) -> None:
    made = [sent(client, To=to, Body=str(place))["sid"] for place, to in enumerate([TO, "+447400123458"] * 3)]
    for sid in made:
        finished(client, sid)
    listed = client.call(MESSAGES, "list", PageSize=2)
    assert [row["sid"] for row in listed] == made[::-1]
    for filters, expected in (
        ({"To": TO}, made[4::-2]),
        ({"From": FROM}, made[::-1]),
        ({"From": "Other"}, []),
    ):
        assert [row["sid"] for row in client.call(MESSAGES, "list", {**filters, "PageSize": 2})] == expected
    newest = max(finished(client, sid)["date_sent"] for sid in made)
    second = datetime.timedelta(seconds=1)
    for filters, expected in (
        ({"DateSent>": newest - datetime.timedelta(minutes=2)}, set(made)),
        ({"DateSent<": newest + second, "From": FROM}, set(made)),
        ({"DateSent>": newest + second}, set()),
        ({"DateSent<": newest - datetime.timedelta(minutes=2)}, set()),
        ({"DateSent": newest - datetime.timedelta(days=2)}, set()),
    ):
        assert {row["sid"] for row in client.call(MESSAGES, "list", {**filters, "PageSize": 4})} == expected
    walked = client.call(MESSAGES, "walk", To=TO, PageSize=2)
    assert walked["forwards"] == [made[4:1:-2], made[0:1]]
    assert walked["backwards"] == [made[4:1:-2]]


def test_feedback(client: Client) -> None:
    sid = sent(client, ProvideFeedback=True)["sid"]
    chain = f"{MESSAGES}({sid}).feedback"
    for parameters, outcome in (({}, "confirmed"), ({"Outcome": "unconfirmed"}, "unconfirmed")):
        given = client.call(chain, "create", parameters)
        assert (given["message_sid"], given["outcome"]) == (sid, outcome)
        assert given["uri"].endswith(f"/Messages/{sid}/Feedback.json")


def test_attachments(client: Client, server: Server, account: Account) -> None:
    sid = sent(client)["sid"]
    media = attach(server, account.sid, sid, "image/png", "text/vcard", "image/gif")
    chain = f"{MESSAGES}({sid}).media"
    listed = client.call(chain, "list", PageSize=2)
    assert [row["sid"] for row in listed] == media
    one = f"{chain}({media[1]})"
    fetched = client.call(one, "fetch")
    assert fetched == listed[1]
    assert (fetched["content_type"], fetched["parent_sid"]) == ("text/vcard", sid)
    assert isinstance(fetched["date_created"], datetime.datetime)
    assert client.call(one, "delete") is True
    assert client.refused(one, "fetch").status == 404
    assert len(client.call(chain, "list")) == 2


@pytest.mark.parametrize("sdk", ["python", "python-async", "node"])
def test_a_message_through_a_service_is_scheduled_and_canceled(client: Client) -> None:
    service = client.call("messaging.v1.services", "create", FriendlyName="of a schedule")["sid"]
    client.call(f"messaging.v1.services({service}).alpha_senders", "create", AlphaSender=FROM)
    form = {"To": TO, "Body": "later", "MessagingServiceSid": service, "ScheduleType": "fixed"}
    now = datetime.datetime.now(datetime.UTC)
    made = client.call(MESSAGES, "create", form, SendAt=now + datetime.timedelta(minutes=16))
    one = f"{MESSAGES}({made['sid']})"
    assert (made["status"], made["messaging_service_sid"], made["num_segments"]) == (
        "scheduled",
        service,
        "0",
    )
    for minutes, code in ((14, 35114), (36 * 24 * 60, 35114)):
        at = now + datetime.timedelta(minutes=minutes)
        assert client.refused(MESSAGES, "create", **form, SendAt=at).code == code
    assert client.call(one, "update", Status="canceled")["status"] == "canceled"
    again = client.refused(one, "update", Status="canceled")
    assert (again.status, again.code) == (409, 30409)


def test_test_credentials(client: Client, server: Server, account: Account) -> None:
    sid, token = beside(server, lambda database, vault: facade.test_credentials(database, vault, account.sid))
    tester = client.but(username=sid, password=token)
    made = tester.call(MESSAGES, "create", {"To": "+14155550199", "From": "+15005550006", "Body": "Hello"})
    assert (made["account_sid"], made["status"]) == (sid, "queued")
    for to, code in (("+15005550001", 21211), ("+15005550009", 21614)):
        refused = tester.refused(MESSAGES, "create", To=to, From="+15005550006", Body="x")
        assert refused.code == code
    bought = tester.call("incoming_phone_numbers", "create", PhoneNumber="+15005550006")
    assert bought["phone_number"] == "+15005550006"
    for number, code in (("+15005550000", 21422), ("+15005550001", 21421)):
        assert tester.refused("incoming_phone_numbers", "create", PhoneNumber=number).code == code
    refused = tester.refused(f"{MESSAGES}({made['sid']})", "fetch")
    assert (refused.status, refused.code) == (403, 20008)
    assert client.call(MESSAGES, "list") == []


def test_refusals_reach_the_program(client: Client) -> None:
    for parameters, status, code in (
        ({"To": "nobody", "From": FROM, "Body": "x"}, 400, 21211),
        ({"To": TO, "Body": "x"}, 400, 21603),
        ({"To": TO, "From": FROM}, 400, 21619),
        ({"To": TO, "From": FROM, "Body": "x" * 1601}, 400, 21617),
        ({"To": TO, "MessagingServiceSid": "MG" + "0" * 32, "Body": "x"}, 404, 21701),
    ):
        error = client.refused(MESSAGES, "create", **parameters)
        assert (error.status, error.code) == (status, code)
