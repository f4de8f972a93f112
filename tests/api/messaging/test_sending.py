"""Sending, from the request to the phone and back: states, callbacks, senders, texts, rates."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from api.messaging.outcomes import HOOK, callbacks, hooks, phone, reaches, states
from api.messaging.stock import GB, MESSAGES, TO, TO_GB, US, US_MMS, own, send, service
from trunkline.core import periodic
from trunkline.core.storage.batch import BatchWriter
from trunkline.core.storage.database import Tx, Unavailable
from trunkline.products.messaging.sending import receipt_handling
from trunkline.transports.base import Receipt, ReceiptState

__all__ = ["hooks"]

pytestmark = pytest.mark.usefixtures("hooks")


def test_from_a_number_it_is_queued_sent_and_delivered(api: Api) -> None:
    own(api, US)
    created = send(api, From=US, StatusCallback=f"{HOOK}/status")
    assert (created["status"], created["from"], created["num_segments"]) == ("queued", US, "1")
    assert created["date_sent"] is None
    shown = reaches(api, created["sid"], "delivered")
    assert shown["date_sent"] is not None
    assert (shown["error_code"], shown["direction"]) == (None, "outbound-api")
    reports = callbacks(api, created["sid"])
    assert states(reports) == ["sent", "delivered"]
    assert reports[0] == {
        "SmsSid": created["sid"],
        "SmsStatus": "sent",
        "MessageStatus": "sent",
        "To": TO,
        "MessageSid": created["sid"],
        "AccountSid": created["account_sid"],
        "From": US,
        "ApiVersion": "2010-04-01",
    }
    [received] = phone(api, TO)
    assert (received.peer, received.body, received.encoding) == (US, "Hello", "gsm7")


def test_through_a_service_it_is_accepted_and_queued_with_its_sender(api: Api) -> None:
    mine = service(api, own(api, US), StatusCallback=f"{HOOK}/service")
    created = send(api, MessagingServiceSid=mine)
    assert (created["status"], created["from"], created["num_segments"]) == ("accepted", None, "0")
    shown = reaches(api, created["sid"], "delivered")
    assert (shown["from"], shown["num_segments"]) == (US, "1")
    reports = callbacks(api, created["sid"])
    assert states(reports) == ["queued", "sent", "delivered"]
    assert {(one["From"], one["MessagingServiceSid"]) for one in reports} == {(US, mine)}


@pytest.mark.parametrize(
    ("last", "code"),
    [("3", 30003), ("4", 30004), ("5", 30005), ("6", 30006), ("7", 30007), ("8", 30008)],
)
def test_a_receipt_tells_why_a_phone_has_nothing(api: Api, last: str, code: int) -> None:
    own(api, US)
    created = send(api, From=US, To=f"+1500555200{last}", StatusCallback=f"{HOOK}/status")
    shown = reaches(api, created["sid"], "undelivered")
    assert shown["error_code"] == code
    assert shown["error_message"]
    reports = callbacks(api, created["sid"])
    assert states(reports) == ["sent", "undelivered"]
    assert (reports[1]["ErrorCode"], reports[1]["ErrorMessage"]) == (str(code), shown["error_message"])


def test_what_the_network_refuses_fails_without_being_sent(api: Api) -> None:
    own(api, US)
    created = send(api, From=US, To="+15005552010", StatusCallback=f"{HOOK}/status")
    shown = reaches(api, created["sid"], "failed")
    assert (shown["error_code"], shown["date_sent"]) == (30008, None)
    assert states(callbacks(api, created["sid"])) == ["failed"]


def test_who_hears_is_the_message_then_the_service(api: Api) -> None:
    mine = service(api, own(api, US), StatusCallback=f"{HOOK}/service")
    own_hook = send(api, MessagingServiceSid=mine, StatusCallback=f"{HOOK}/message")
    reaches(api, own_hook["sid"], "delivered")
    api.clock.advance(5)
    without = send(api, MessagingServiceSid=mine)
    reaches(api, without["sid"], "delivered")
    callbacks(api, without["sid"])
    attempts = api.get("/_trunkline/webhooks", {"PageSize": "100"}).json()["webhooks"]
    notified = {attempt["url"] for attempt in attempts}
    assert notified == {f"{HOOK}/service", f"{HOOK}/message"}


def test_the_applications_callback_comes_last(api: Api) -> None:
    mine = service(api, own(api, US), StatusCallback=f"{HOOK}/service")
    plain = service(api, own(api, US_MMS))
    path = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Applications.json"
    urls = {"SmsStatusCallback": f"{HOOK}/sms", "MessageStatusCallback": f"{HOOK}/application"}
    both = api.post(path, {"FriendlyName": "both", **urls}).json()["sid"]
    expected: dict[str, int] = {}
    older = api.post(path, {"FriendlyName": "older", "SmsStatusCallback": f"{HOOK}/older"}).json()["sid"]
    for notified, form in (
        ("/application", {"MessagingServiceSid": plain, "ApplicationSid": both}),
        ("/older", {"MessagingServiceSid": plain, "ApplicationSid": older}),
        ("/service", {"MessagingServiceSid": mine, "ApplicationSid": both}),
        (
            "/message",
            {"MessagingServiceSid": mine, "ApplicationSid": both, "StatusCallback": f"{HOOK}/message"},
        ),
    ):
        sid = send(api, **form)["sid"]
        reaches(api, sid, "delivered")
        assert states(callbacks(api, sid)) == ["queued", "sent", "delivered"]
        attempts = api.get("/_trunkline/webhooks", {"PageSize": "100"}).json()["webhooks"]
        expected[f"{HOOK}{notified}"] = 3
        assert Counter(one["url"] for one in attempts) == expected
        api.clock.advance(5)


def test_no_suitable_sender_fails_it(api: Api) -> None:
    mine = service(api, own(api, GB, country="GB", kind="mobile"), StatusCallback=f"{HOOK}/service")
    created = send(api, MessagingServiceSid=mine, To="+14155550177")
    shown = reaches(api, created["sid"], "failed")
    assert (shown["error_code"], shown["from"]) == (21703, None)
    assert states(callbacks(api, created["sid"])) == ["failed"]


def test_a_person_keeps_their_sender(api: Api) -> None:
    first, second = own(api, US, rate=10_000_000), own(api, "+14155550102", rate=10_000_000)
    mine = service(api, first, second)
    senders = set()
    for _ in range(5):
        created = send(api, MessagingServiceSid=mine)
        senders.add(reaches(api, created["sid"], "delivered")["from"])
    assert len(senders) == 1
    others = set()
    for number in range(4):
        created = send(api, MessagingServiceSid=mine, To=f"+1500555011{number}")
        others.add(reaches(api, created["sid"], "delivered")["from"])
    assert others == {US, "+14155550102"}


def test_long_texts_and_smart_encoding(api: Api) -> None:
    own(api, US, rate=10_000_000)
    smart = service(api, own(api, US_MMS, rate=10_000_000), SmartEncoding="true")
    for form, segments, encoding, body in (
        ({"From": US, "Body": "a" * 161}, 2, "gsm7", "a" * 161),
        ({"From": US, "Body": "я" * 71}, 2, "ucs2", "я" * 71),
        ({"From": US, "Body": "“Hi” — it’s"}, 1, "ucs2", "“Hi” — it’s"),
        ({"From": US, "Body": "“Hi” — it’s", "SmartEncoded": "true"}, 1, "gsm7", '"Hi" - it\'s'),
        ({"MessagingServiceSid": smart, "Body": "“Hi” — it’s"}, 1, "gsm7", '"Hi" - it\'s'),
        ({"MessagingServiceSid": smart, "Body": "“Hi” 😀"}, 1, "ucs2", "“Hi” 😀"),
        (
            {"MessagingServiceSid": smart, "Body": "“Hi”", "SmartEncoded": "false"},
            1,
            "ucs2",
            "“Hi”",
        ),
    ):
        created = send(api, **form)
        shown = reaches(api, created["sid"], "delivered")
        assert (shown["num_segments"], shown["body"]) == (str(segments), form["Body"])
        received = phone(api, TO)[-1]
        assert (received.segments, received.encoding, received.body) == (segments, encoding, body)


def test_a_slow_number_sends_a_segment_a_second(api: Api) -> None:
    own(api, US)
    created = [send(api, From=US, Body="a" * 161)["sid"] for _ in range(3)]
    reaches(api, created[0], "delivered")
    for sid in created[1:]:
        assert api.get(f"{MESSAGES}/{sid}.json").json()["status"] == "queued"
        api.clock.advance(1.9)
        assert api.get(f"{MESSAGES}/{sid}.json").json()["status"] == "queued"
        api.clock.advance(0.1)
        reaches(api, sid, "delivered")


def test_two_numbers_send_twice_as_fast(api: Api) -> None:
    mine = service(api, own(api, US), own(api, US_MMS), StickySender="false")
    sids = [send(api, MessagingServiceSid=mine)["sid"] for _ in range(6)]

    def delivered() -> int:
        return [api.get(f"{MESSAGES}/{sid}.json").json()["status"] for sid in sids].count("delivered")

    for second in range(3):
        for sid in sids[2 * second : 2 * second + 2]:
            reaches(api, sid, "delivered")
        assert delivered() == 2 * second + 2
        api.clock.advance(0.9)
        assert delivered() == 2 * second + 2
        api.clock.advance(0.1)


def test_what_waits_too_long_fails(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    own(api, US)
    mine = service(api, own(api, US_MMS), ValidityPeriod="60", StatusCallback=f"{HOOK}/service")
    carrier = api.messaging.carriers.all[0]
    monkeypatch.setattr(carrier, "ready", False, raising=False)
    quick = send(api, From=US, ValidityPeriod="5")
    by_service = send(api, MessagingServiceSid=mine)
    api.clock.advance(5)
    assert reaches(api, quick["sid"], "failed")["error_code"] == 30036
    api.clock.advance(54)
    assert reaches(api, by_service["sid"], "queued")["error_code"] is None
    api.clock.advance(1)
    assert reaches(api, by_service["sid"], "failed")["error_code"] == 30036
    assert states(callbacks(api, by_service["sid"])) == ["queued", "failed"]
    monkeypatch.undo()
    later = send(api, From=US)
    api.clock.advance(2)
    reaches(api, later["sid"], "delivered")
    assert len(phone(api, TO)) == 1, "what failed was sent all the same"


def test_scheduled_messages_are_sent_when_they_are_due(api: Api) -> None:
    mine = service(api, own(api, US), StatusCallback=f"{HOOK}/service")
    at = _iso(api.clock.now // 1_000_000 + 1000)
    created = send(api, MessagingServiceSid=mine, ScheduleType="fixed", SendAt=at)
    canceled = send(api, MessagingServiceSid=mine, ScheduleType="fixed", SendAt=at)
    assert (created["status"], created["num_segments"]) == ("scheduled", "0")
    gone = api.post(f"{MESSAGES}/{canceled['sid']}.json", {"Status": "canceled"})
    assert (gone.status_code, gone.json()["status"]) == (200, "canceled")
    assert_error(api.post(f"{MESSAGES}/{canceled['sid']}.json", {"Status": "canceled"}), 409, 30409)
    api.clock.advance(999)
    assert reaches(api, created["sid"], "scheduled")["from"] is None
    api.clock.advance(2)
    assert reaches(api, created["sid"], "delivered")["from"] == US
    assert states(callbacks(api, created["sid"])) == ["queued", "sent", "delivered"]
    assert states(callbacks(api, canceled["sid"])) == ["canceled"]
    assert len(phone(api, TO)) == 1


def test_a_service_that_is_gone_fails_what_was_scheduled(api: Api) -> None:
    mine = service(api, own(api, US))
    at = _iso(api.clock.now // 1_000_000 + 1000)
    created = send(api, MessagingServiceSid=mine, ScheduleType="fixed", SendAt=at)
    api.delete(f"/messaging/v1/Services/{mine}")
    api.clock.advance(1001)
    assert reaches(api, created["sid"], "failed")["error_code"] == 21701


def test_a_throttled_and_an_uncertain_message_arrive(api: Api) -> None:
    own(api, US, rate=10_000_000)
    throttled = send(api, From=US, To="+15005552011")
    uncertain = send(api, From=US, To="+15005552016")
    busy = send(api, From=US, To="+15005552017", StatusCallback=f"{HOOK}/status")
    reaches(api, throttled["sid"], "delivered", step=0.5)
    reaches(api, uncertain["sid"], "delivered", step=0.5)
    assert [one.tries for one in phone(api, "+15005552016")] == [2]
    assert reaches(api, busy["sid"], "failed", step=0.5)["error_code"] == 30017
    assert states(callbacks(api, busy["sid"])) == ["failed"]


def test_without_a_receipt_it_stays_sent(api: Api) -> None:
    own(api, US)
    created = send(api, From=US, To="+15005552013")
    assert reaches(api, created["sid"], "sent")["date_sent"] is not None


def test_a_receipt_waits_for_its_message_as_long_as_that_may_take(api: Api) -> None:
    """Report a segment's id with the whole message, which may have to wait for its other segments."""
    own(api, US)
    created = send(api, From=US, To="+15005552013")
    reaches(api, created["sid"], "sent")

    async def report(tx: Tx, id: str) -> None:
        await receipt_handling.apply_receipt(tx, Receipt("network", id, ReceiptState.DELIVERED))

    async def complete(tx: Tx) -> None:
        await tx.run("UPDATE message_parts SET carrier = 'network', id = 'part'")
        await receipt_handling.apply_early_receipts(tx, "network", "part")

    api.run(api.node.database.write(lambda tx: report(tx, "part")))
    api.clock.advance(9 * 3600)
    for number in range(5):
        api.run(api.node.database.write(lambda tx, id=f"unknown {number}": report(tx, id)))  # type: ignore[misc]
    api.run(api.node.database.write(complete))
    assert reaches(api, created["sid"], "delivered")


def test_a_result_waits_for_the_database_and_each_is_no_line(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own(api, US)
    add, failed = BatchWriter.add, list[Any]()

    async def fail_once(writer: BatchWriter[Any], change: Any) -> None:
        if not failed:
            failed.append(change)
            raise Unavailable("away")
        await add(writer, change)

    monkeypatch.setattr(BatchWriter, "add", fail_once)
    monkeypatch.setattr(periodic, "RETRY_SECONDS", 0)
    reaches(api, send(api, From=US)["sid"], "delivered")
    assert not [one for one in caplog.records if "away" in one.getMessage()]


def test_a_suspended_account_sends_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    child = api.post("/2010-04-01/Accounts.json", {"FriendlyName": "child"}).json()
    own(api, US, child["sid"])
    carrier = api.messaging.carriers.all[0]
    monkeypatch.setattr(carrier, "ready", False, raising=False)
    auth = (child["sid"], child["auth_token"])
    path = f"/2010-04-01/Accounts/{child['sid']}"
    created = api.post(f"{path}/Messages.json", {"To": TO, "From": US, "Body": "Hi"}, auth=auth).json()
    api.post(f"{path}.json", {"Status": "suspended"})
    # A claim that is under way may have found the account active: it must not find a carrier.
    reaches(api, created["sid"], "failed", account_sid=child["sid"])
    monkeypatch.undo()
    api.post(f"{path}.json", {"Status": "active"})
    shown = api.get(f"{path}/Messages/{created['sid']}.json", auth=auth).json()
    assert (shown["status"], shown["error_code"]) == ("failed", 30002)


def test_content_is_discarded_and_the_address_masked(api: Api) -> None:
    own(api, US)
    created = send(
        api,
        From=US,
        ContentRetention="discard",
        AddressRetention="obfuscate",
        StatusCallback=f"{HOOK}/status",
    )
    shown = reaches(api, created["sid"], "delivered")
    assert (shown["body"], shown["to"]) == ("", "+1500555XXXX")
    assert {one["To"] for one in callbacks(api, created["sid"])} == {"+1500555XXXX"}


def test_alphanumeric_senders_for_those_who_take_them(api: Api) -> None:
    mine = service(api, own(api, US))
    api.post(f"/messaging/v1/Services/{mine}/AlphaSenders", {"AlphaSender": "Acme Co"})
    created = send(api, MessagingServiceSid=mine, To=TO_GB)
    assert reaches(api, created["sid"], "delivered")["from"] == "Acme Co"
    created = send(api, MessagingServiceSid=mine)
    assert reaches(api, created["sid"], "delivered")["from"] == US


def _iso(seconds: int) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
