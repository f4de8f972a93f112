"""Reports of carriers: receipts by either of two ids, and the Alerts of what cannot be read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.conftest import Api
from api.messaging.outcomes import hooks, reaches
from api.messaging.stock import US, own, send
from trunkline.products.messaging.sending import carrier_problems
from trunkline.products.messaging.sending.receipt_handling import same_address
from trunkline.transports.base import CarrierProblem, Receipt, ReceiptState

__all__ = ["hooks"]

pytestmark = pytest.mark.usefixtures("hooks")

SILENT = "+15005552013"
"""The phone without receipts."""


def alerts(api: Api) -> list[tuple[str, str]]:
    """Return the codes and texts of the account's Alerts, newest first."""
    found: list[dict[str, Any]] = api.get("/monitor/v1/Alerts").json()["alerts"]
    return [(one["error_code"], one["alert_text"]) for one in found]


def report(api: Api, **fields: str) -> None:
    """Report a problem of a carrier."""
    api.run(api.messaging.problem(CarrierProblem("main", **fields)))


def test_a_problem_is_an_alert_every_ten_minutes(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier_problems, "PAIRS", 2)
    other = api.post("/2010-04-01/Accounts.json", {"FriendlyName": "of another"}).json()["sid"]
    token = api.get(f"/2010-04-01/Accounts/{other}.json").json()["auth_token"]
    own(api, US, other)

    def of_other() -> list[str]:
        found = api.get("/monitor/v1/Alerts", auth=(other, token)).json()["alerts"]
        return [one["alert_text"] for one in found]

    report(api, text="first")
    report(api, text="first of the number", number=US)
    for text in ("second", "third"):
        report(api, text=text)
        report(api, text=f"{text} of the number", number=US)
    assert alerts(api) == [("30008", "main: first")]
    assert of_other() == ["main: first of the number"], "the Alert is for the owner of the number"
    api.clock.advance(600)
    report(api, text="fourth", number=US)
    assert of_other()[0] == "main: fourth (2 more since the last Alert)"
    # The oldest of three is forgotten.
    api.run(api.messaging.problem(CarrierProblem("other", "of another carrier", "+19")))
    report(api, text="fifth")
    assert sorted(text for _, text in alerts(api)) == [
        "main: fifth",
        "main: first",
        "other: of another carrier",
    ]
    api.clock.advance(-3_600)

    async def several() -> None:
        await asyncio.gather(*(api.messaging.problem(CarrierProblem("third", "at once")) for _ in range(3)))

    api.run(several())
    assert len(alerts(api)) == 4
    report(api, text="after the clock was put back")
    assert len(alerts(api)) == 5


def test_a_receipt_counts_by_each_of_its_ids(api: Api) -> None:
    own(api, US)
    sid = send(api, From=US, To=SILENT)["sid"]
    reaches(api, sid, "sent")
    read = "SELECT {} FROM message_parts WHERE message_sid = :sid"
    id, carrier = (
        api.run(api.node.database.read(lambda tx, of=of: tx.value(read.format(of), sid=sid)))  # type: ignore[misc]
        for of in ("id", "carrier")
    )
    receipt = Receipt(carrier, "of-no-message", ReceiptState.UNDELIVERED, 30003)
    assert not api.run(api.messaging.awaits(receipt, SILENT, US))
    known = Receipt(carrier, "of-no-message", ReceiptState.UNDELIVERED, 30003, other_ids=(id,))
    assert api.run(api.messaging.awaits(known, SILENT, US))
    api.run(api.messaging.receipt(known))
    assert reaches(api, sid, "undelivered")["error_code"] == 30003


def test_a_text_is_a_receipt_only_from_the_phone_and_to_the_number_of_its_message(api: Api) -> None:
    own(api, US)
    sid = send(api, From=US, To=SILENT)["sid"]
    reaches(api, sid, "sent")
    read = "SELECT {} FROM message_parts WHERE message_sid = :sid"
    id, carrier = (
        api.run(api.node.database.read(lambda tx, of=of: tx.value(read.format(of), sid=sid)))  # type: ignore[misc]
        for of in ("id", "carrier")
    )
    receipt = Receipt(carrier, id, ReceiptState.DELIVERED)

    def awaited(phone: str, number: str) -> bool:
        found: bool = api.run(api.messaging.awaits(receipt, phone, number))
        return found

    assert awaited(SILENT, US)
    assert awaited(SILENT.removeprefix("+1"), US.removeprefix("+"))
    assert not awaited("+15005550177", US)
    assert not awaited(SILENT, "+15005550177")
    assert not awaited(SILENT, "ACME")
    assert not awaited("", "")
    api.run(api.messaging.receipt(receipt))
    reaches(api, sid, "delivered")
    # The network may send it again for a while.
    assert awaited(SILENT, US)
    api.clock.advance(601)
    assert not awaited(SILENT, US)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+447400123456", "+447400123456", True),
        ("+447400123456", "447400123456", True),
        ("+447400123456", "00447400123456", True),
        ("+447400123456", "07400123456", True),
        ("+79161234567", "89161234567", True),
        ("+15005550100", "5550100", True),
        ("+15005550100", "15005550101", False),
        ("+15005550100", "+14155550100", False),
        ("+15005550100", "550100", False),
        ("+15005550100", "", False),
        ("12345", "12345", True),
        ("12345", "2345", False),
        ("12345", "+15005512345", False),
        ("ACME", "acme ", True),
        ("ACME", "ACMF", False),
        ("ACME1", "1", False),
        ("", "", False),
    ],
)
def test_addresses_are_compared_however_the_network_writes_them(one: str, other: str, same: bool) -> None:
    assert same_address(one, other) is same
    assert same_address(other, one) is same


def test_a_receipt_that_overtakes_is_kept_under_each_of_its_ids(api: Api) -> None:
    own(api, US)
    receipt = Receipt("main", "a", ReceiptState.DELIVERED, other_ids=("b",))
    api.run(api.messaging.receipt(receipt))
    sid = send(api, From=US, To=SILENT)["sid"]
    reaches(api, sid, "sent")
    rename = "UPDATE message_parts SET carrier = 'main', id = 'b' WHERE message_sid = :sid"
    api.run(api.node.database.write(lambda tx: tx.run(rename, sid=sid)))
    reaches(api, sid, "delivered")
    assert api.run(api.node.database.read(lambda tx: tx.value("SELECT COUNT(*) FROM early_receipts"))) == 0


def test_receipts_of_no_message_are_an_alert_after_five_minutes(api: Api) -> None:
    check = api.messaging.unmatched_receipts.check
    for id in ("4d2", "4d3"):
        api.run(api.messaging.receipt(Receipt("main", id, ReceiptState.DELIVERED)))
    api.run(check())
    assert alerts(api) == [], "they may be early"
    api.clock.advance(301)
    api.run(check())
    [(code, text)] = alerts(api)
    assert code == "30008"
    assert text.startswith("main: 2 delivery receipts have ids that no message has, such as 4d2:")
    api.clock.advance(601)
    api.run(check())
    assert len(alerts(api)) == 1, "each is reported once"
