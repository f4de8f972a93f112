"""An account's own days for its messages and attachments: set by the control API, and what they remove."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, OPERATOR, Api, assert_error
from api.messaging.apps import PHONE
from api.messaging.outcomes import hooks, reaches
from api.messaging.stock import MESSAGES, US, own, send
from trunkline.transports.base import InboundMedia, InboundMessage, Receipt, ReceiptState

__all__ = ["hooks"]

PATH = "/_trunkline/retention"
SILENT = "+15005552013"
"""The phone without receipts."""
DAY = 24 * 3600
SERVERS = {"account_sid": ACCOUNT_SID, "message_days": None, "media_days": None}
FILE = InboundMedia("text/plain", b"file")


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    return {"message_days": 5}


def left(api: Api) -> list[tuple[str, int, int]]:
    """Return the texts of the messages with the numbers of attachments that they had and have, once old ones went."""
    api.run(api.node.retention.sweep())
    found = []
    for one in api.get(f"{MESSAGES}.json").json()["messages"]:
        media = api.get(f"{MESSAGES}/{one['sid']}/Media.json").json()["media_list"]
        found.append((one["body"], int(one["num_media"]), len(media)))
    return found[::-1]


def blobs(api: Api) -> int:
    found: int = api.run(api.node.database.read(lambda tx: tx.value("SELECT count(*) FROM blobs")))
    return found


def test_an_accounts_days_replace_the_servers_and_take_effect(api: Api) -> None:
    own(api, US)
    assert api.get(PATH).json() == SERVERS
    for number in range(3):
        message = InboundMessage("test", PHONE, US, str(number), id=str(number), media=(FILE,))
        api.run(api.messaging.inbound(message))
        api.clock.advance(2 * DAY)
    # Six, four and two days old: the server keeps five.
    assert left(api) == [("1", 1, 1), ("2", 1, 1)]
    assert blobs(api) == 2
    assert api.post(PATH, {"MediaDays": "3"}).json() == SERVERS | {"media_days": 3}
    assert left(api) == [("1", 1, 0), ("2", 1, 1)]
    assert blobs(api) == 1
    assert api.post(PATH, {"MessageDays": "0"}).json() == SERVERS | {"message_days": 0, "media_days": 3}
    api.clock.advance(10 * DAY)
    assert left(api) == [("1", 1, 0), ("2", 1, 0)]
    assert api.post(PATH, {"MessageDays": ""}).json() == SERVERS | {"media_days": 3}
    assert api.get(PATH).json() == SERVERS | {"media_days": 3}
    assert left(api) == []


def test_a_late_receipt_ends_a_message_that_was_only_sent(api: Api) -> None:
    own(api, US)
    sid = send(api, From=US, To=SILENT)["sid"]
    reaches(api, sid, "sent")
    api.clock.advance(7 * DAY - 60)
    # The server keeps messages for five days, and the ids of their segments for seven.
    assert [text for text, *_ in left(api)] == ["Hello"]
    read = "SELECT carrier || ' ' || id FROM message_parts WHERE message_sid = :sid"
    carrier, id = api.run(api.node.database.read(lambda tx: tx.value(read, sid=sid))).split()
    receipt = Receipt(carrier, id, ReceiptState.DELIVERED)
    api.run(api.messaging.receipt(receipt))
    assert reaches(api, sid, "delivered")["error_code"] is None
    assert [text for text, *_ in left(api)] == ["Hello"], "its days count from its last change"
    api.clock.advance(5 * DAY + 1)
    assert left(api) == []


def test_receipts_of_messages_that_were_removed_are_few_lines_and_then_gone(api: Api) -> None:
    def stored() -> int:
        count = "SELECT count(*) FROM early_receipts"
        found: int = api.run(api.node.database.read(lambda tx: tx.value(count)))
        return found

    check = api.messaging.unmatched_receipts.check
    for minute in range(20):
        api.run(api.messaging.receipt(Receipt("main", str(minute), ReceiptState.DELIVERED)))
        api.clock.advance(60)
        api.run(check())
    assert stored() == 20
    found = api.get("/monitor/v1/Alerts").json()["alerts"]
    assert len(found) == 2
    assert "unless the messages were removed" in found[0]["alert_text"]
    api.clock.advance(11 * 3600)
    api.run(api.node.retention.sweep())
    assert stored() == 0


def test_metrics_show_the_tables_what_governs_them_and_what_was_removed(api: Api) -> None:
    own(api, US)
    for number in range(3):
        api.run(api.messaging.inbound(InboundMessage("test", PHONE, US, str(number), id=str(number))))
    api.run(api.node.tables.measure())
    before = api.get("/_trunkline/metrics", auth=OPERATOR).text
    if api.node.database.name == "sqlite":
        # PostgreSQL counts a little later.
        assert 'trunkline_table_rows{table="messages"} 3.0' in before
    assert 'trunkline_table_bytes{table="messages"} ' in before
    kept = "until its account deletes it; at most 5 days (message_days), or its account's own days"
    assert f'trunkline_table_retention_info{{kept="{kept}",table="messages"}} 1.0' in before
    assert "trunkline_retention_removed_rows_total{" not in before
    api.clock.advance(6 * DAY)
    api.run(api.node.retention.sweep())
    after = api.get("/_trunkline/metrics", auth=OPERATOR).text
    assert 'trunkline_retention_removed_rows_total{table="messages"} 3.0' in after


@pytest.mark.parametrize("days", ["-1", "36501", "1.5", "x", "9" * 5000])
def test_bad_days(api: Api, days: str) -> None:
    for name in ("MessageDays", "MediaDays"):
        assert_error(api.post(PATH, {name: days}), 400, 20001)
    assert api.get(PATH).json() == SERVERS
