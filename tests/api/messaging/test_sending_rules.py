"""Admission of messages: the rules of senders that are named, and changes while a message waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from api.messaging.apps import alerts, receive
from api.messaging.outcomes import hooks, phone, reaches
from api.messaging.stock import GB, MESSAGES, TO, TO_GB, US, US_MMS, own, send, service, stand_still
from trunkline.core.leases import always
from trunkline.core.rates import TokenBucket
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle.lanes import LEASE, LaneClaim, acquire_lane, lane_name
from trunkline.products.messaging.opt_outs.blocks import block, scope_of
from trunkline.products.messaging.sending.message_claims import (
    Claim,
    ClaimRules,
    Handover,
    claim_messages,
    submission_of,
)
from trunkline.products.messaging.sending.shared_rates import BURST
from trunkline.products.messaging.sending.worker import Worker
from trunkline.transports.base import Acceptance, Carrier, Encoding, Submission

__all__ = ["hooks"]

pytestmark = pytest.mark.usefixtures("hooks")

QUICK = 10_000_000
NUMBERS = f"/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers"
PICTURE = "https://example.com/a.png"


@pytest.fixture
def closed(api: Api) -> Iterator[pytest.MonkeyPatch]:
    """Let the carrier accept nothing until this is undone."""
    patch = pytest.MonkeyPatch()
    patch.setattr(api.messaging.carriers.all[0], "ready", False, raising=False)
    yield patch
    patch.undo()


def test_a_sender_named_with_its_service_can_no_more_than_without(api: Api) -> None:
    gb = own(api, GB, country="GB", kind="mobile")
    short = own(api, "55501", kind="short-code", prefix="SC")
    mine = service(api, own(api, US), own(api, US_MMS, mms=True), gb, short, MmsConverter="false")
    api.post(f"/messaging/v1/Services/{mine}/AlphaSenders", {"AlphaSender": "Acme Co"})
    for sender, form, code in (
        (GB, {}, 21612),
        ("55501", {"To": TO_GB}, 21659),
        (US, {"MediaUrl": PICTURE}, 21621),
        (US, {"SendAsMms": "true"}, 21621),
        ("Acme Co", {"To": TO_GB, "MediaUrl": PICTURE}, 21621),
    ):
        fields = {"To": TO, "Body": "Hello", "From": sender, **form}
        assert_error(api.post(f"{MESSAGES}.json", fields), 400, code)
        assert_error(api.post(f"{MESSAGES}.json", {**fields, "MessagingServiceSid": mine}), 400, code)
    assert send(api, From=US_MMS, MessagingServiceSid=mine, MediaUrl=PICTURE)["status"] == "accepted"


def test_a_named_sender_without_mms_sends_them_converted_only(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    sid = service(api, own(api, US, rate=QUICK))
    fields = {"MessagingServiceSid": sid, "From": US, "SendAsMms": "true"}
    shown = reaches(api, send(api, **fields)["sid"], "failed", "delivered")
    assert (shown["status"], shown["error_code"]) == ("failed", 21703), "the carrier takes MMS"
    monkeypatch.setattr(api.messaging.carriers.all[0], "carries_media", lambda recipient: False)
    assert reaches(api, send(api, **fields)["sid"], "failed", "delivered")["status"] == "delivered"


def test_a_number_that_was_sold_sends_nothing_of_its_old_owner(api: Api, closed: pytest.MonkeyPatch) -> None:
    mine, kept = own(api, US, rate=QUICK), own(api, US_MMS, rate=QUICK)
    lost, sent = send(api, From=mine.number), send(api, From=kept.number)
    assert api.delete(f"{NUMBERS}/{mine.sid}.json").status_code == 204
    child = api.post("/2010-04-01/Accounts.json", {"FriendlyName": "child"}).json()
    own(api, US, child["sid"])
    shown = reaches(api, lost["sid"], "failed", step=1)
    assert shown["error_code"] == 21659
    assert "not" in shown["error_message"]
    closed.undo()
    reaches(api, sent["sid"], "delivered", step=1)
    assert [one.peer for one in phone(api, TO)] == [kept.number]


def test_what_may_not_go_ends_without_pauses(
    api: Api, closed: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """End some messages in one poll; the next poll must not wait, however slow the sender is."""
    child = api.post("/2010-04-01/Accounts.json", {"FriendlyName": "child"}).json()
    own(api, US, child["sid"])
    auth, path = (child["sid"], child["auth_token"]), f"/2010-04-01/Accounts/{child['sid']}"
    form = {"To": TO, "From": US, "Body": "Hi"}
    made = [api.post(f"{path}/Messages.json", form, auth=auth).json()["sid"] for _ in range(60)]
    waits: list[int] = []

    async def until_ready(self: Worker, blocked: tuple[Carrier, ...]) -> None:
        waits.append(len(blocked))
        await asyncio.sleep(0)

    api.post(f"{path}.json", {"Status": "suspended"})
    monkeypatch.setattr(Worker, "_until_ready", until_ready)
    for sid in made:
        reaches(api, sid, "failed", account_sid=child["sid"])
    # One look may have begun before.
    assert len(waits) <= 1


def test_a_sender_that_left_its_service_sends_nothing_for_it(api: Api) -> None:
    mine = own(api, US)
    sid = service(api, mine, own(api, US_MMS))
    later = {"ScheduleType": "fixed", "SendAt": "2026-08-01T12:20:00Z"}
    created = send(api, MessagingServiceSid=sid, From=US, **_in_twenty_minutes(api, later))
    assert api.delete(f"/messaging/v1/Services/{sid}/PhoneNumbers/{mine.sid}").status_code == 204
    api.clock.advance(1300)
    shown = reaches(api, created["sid"], "failed")
    assert (shown["error_code"], shown["error_message"]) == (
        21711,
        "The 'From' number is not in the Messaging Service",
    )


def test_who_opts_out_of_the_service_gets_no_more_of_its_numbers(
    api: Api, closed: pytest.MonkeyPatch
) -> None:
    """Apply the opt-out also where the message names the number alone: the pool that it is in counts."""
    sid = service(api, own(api, US, rate=QUICK))
    own(api, US_MMS, rate=QUICK)
    waiting = [send(api, From=US), send(api, From=US_MMS)]

    async def stop(tx: Tx) -> None:
        await block(tx, ACCOUNT_SID, scope_of(sid, ""), TO)
        await block(tx, ACCOUNT_SID, scope_of(None, US_MMS), TO_GB)

    api.run(api.node.database.write(stop))
    assert reaches(api, waiting[0]["sid"], "failed", step=1)["error_code"] == 21610
    closed.undo()
    assert reaches(api, waiting[1]["sid"], "delivered", "failed", step=1)["status"] == "delivered"


def test_whom_a_person_writes_to_first_serves_them(api: Api) -> None:
    """Make the number of a message that comes in the person's sticky sender, unless they have one."""
    one, other = own(api, US, rate=QUICK), own(api, US_MMS, rate=QUICK)
    sid = service(api, one, other, InboundRequestUrl="https://hooks.example.com/sms")
    people = {f"+1500555012{number}": (US, US_MMS)[number % 2] for number in range(6)}
    for person, number in people.items():
        receive(api, number, sender=person)
    receive(api, US_MMS, sender="+15005550120")
    ended = {
        person: reaches(api, send(api, MessagingServiceSid=sid, To=person)["sid"], "delivered")["from"]
        for person in people
    }
    assert ended == people


def test_content_is_discarded_where_no_receipt_will_come(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def submit(submission: Submission) -> Acceptance:
        return Acceptance(("1",), final=True)

    monkeypatch.setattr(api.messaging.carriers.all[0], "submit", submit, raising=False)
    own(api, US)
    created = send(api, From=US, Body="“Hi”", SmartEncoded="true", ContentRetention="discard")
    shown = reaches(api, created["sid"], "sent")
    assert shown["body"] == ""
    assert "Hi" not in stored_options(api, created["sid"])


def test_the_debugger_is_not_told_the_credentials_of_an_attachment(api: Api) -> None:
    own(api, US, mms=True)
    created = send(api, From=US, MediaUrl="http://joe:secret@127.0.0.1:1/a.png")
    reaches(api, created["sid"], "failed")
    assert [one["request_url"] for one in alerts(api)] == ["http://127.0.0.1:1/a.png"]


def test_what_was_discarded_is_nowhere(api: Api) -> None:
    own(api, US)
    created = send(api, From=US, Body="“Hi”", SmartEncoded="true", ContentRetention="discard")
    assert reaches(api, created["sid"], "delivered")["body"] == ""
    assert "Hi" not in stored_options(api, created["sid"])


def stored_options(api: Api, sid: str) -> str:
    """Return the options with which a message was requested, as they are stored."""
    found: str = api.run(
        api.node.database.read(lambda tx: tx.value("SELECT options FROM messages WHERE sid = :sid", sid=sid))
    )
    return found


def _in_twenty_minutes(api: Api, later: dict[str, str]) -> dict[str, Any]:
    import datetime

    moment = datetime.datetime.fromtimestamp(api.clock.now / 1_000_000 + 1200, datetime.UTC)
    return {**later, "SendAt": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}


class TestPrices:
    """A server that holds the prices of messages."""

    @pytest.fixture
    def settings_overrides(self) -> dict[str, Any]:
        return {"prices": ({"prefix": "+1", "price": "0.0075"},)}

    @pytest.mark.parametrize(
        ("most", "segments", "code"),
        [("0.0075", 1, None), ("0.0074", 1, 30010), ("0.0075", 2, 30010), ("0.015", 2, None)],
    )
    def test_what_costs_more_than_its_most_is_not_sent(
        self, api: Api, most: str, segments: int, code: int | None
    ) -> None:
        mine = service(api, own(api, US_MMS, rate=QUICK))
        own(api, US, rate=QUICK)
        body = "x" * 160 if segments == 1 else "x" * 161
        for sender in ({"From": US}, {"MessagingServiceSid": mine}):
            made = send(api, Body=body, MaxPrice=most, **sender)
            shown = reaches(api, made["sid"], "failed", "delivered")
            assert shown["error_code"] == code
            assert (shown["price"] is None) == (code is not None)
        assert len(phone(api, TO)) == (0 if code else 2)


class WaveringCarrier:
    """A carrier that has no room when it is asked first, and has some from then on."""

    name = "wavering"
    polls = 0

    @property
    def ready(self) -> bool:
        self.polls += 1
        return self.polls > 1

    def carries_media(self, recipient: str) -> bool:
        return True


def _rules(api: Api) -> ClaimRules:
    context, carrier = api.messaging._context, WaveringCarrier()
    return ClaimRules(
        route=lambda _sender, _recipient: cast(Carrier, carrier),
        shared_rates=context.shared_rates,
        address=context.address,
        enforcement=context.enforcement,
        prices=context.prices,
        under_way=frozenset(),
    )


def _take(api: Api, rules: ClaimRules) -> list[Handover]:
    bucket = TokenBucket(10_000_000, BURST)

    async def take(tx: Tx) -> Claim:
        lane = await acquire_lane(tx, lane_name(ACCOUNT_SID, US), "a node", tx.now + LEASE)
        assert lane is not None
        return await claim_messages(tx, LaneClaim(lane.lane, "a node", lane.fence), bucket, 10, rules)

    return api.run(api.node.database.write(take)).handovers


def test_no_message_overtakes_one_that_its_carrier_had_no_room_for(api: Api) -> None:
    stand_still(api)
    own(api, US, rate=10_000_000)
    sids = [send(api, From=US)["sid"] for _ in range(3)]
    rules = _rules(api)
    assert _take(api, rules) == []
    assert [one.message.sid for one in _take(api, rules)] == sids


def test_a_message_that_was_accepted_before_compositions_were_stored_is_sent(api: Api) -> None:
    stand_still(api)
    own(api, US, rate=10_000_000)
    sid = send(api, From=US, Body="Ж" * 100)["sid"]
    assert "cuts" in stored_options(api, sid)
    forget = "UPDATE messages SET options = '{}' WHERE sid = :sid"
    api.run(api.node.database.write(lambda tx: tx.run(forget, sid=sid)))
    rules = _rules(api)
    _take(api, rules)
    [claimed] = _take(api, rules)
    handed = submission_of(claimed, api.clock.now, 0, always)
    assert (handed.encoding, handed.segments) == (Encoding.UCS2, ("Ж" * 67, "Ж" * 33))
