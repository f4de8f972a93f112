"""The list of messages: its order, its filters and its pages."""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from api.messaging.stock import MESSAGES, TO, US, US_MMS, end, own, send, stand_still
from trunkline.core.clock import SECOND
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.lifecycle.message import MessageStatus

NOON = datetime.datetime(2026, 3, 10, 12, tzinfo=datetime.UTC)
PATH = f"{MESSAGES}.json"


def sids(api: Api, query: Any = None) -> list[str]:
    """Return the SIDs of all pages, which are turned by their URIs; each has at most three rows."""
    path: str | None = f"{PATH}?PageSize=3" + (f"&{query}" if query else "")
    found: list[str] = []
    while path:
        page = api.get(path).json()
        found += [row["sid"] for row in page["messages"]]
        path = page["next_page_uri"]
    return found


@pytest.fixture
def sent(api: Api) -> list[str]:
    """Create ten messages, the oldest first: one every six hours around a midnight, all sent one second after
    their making but the last, which waits.
    """
    stand_still(api)
    own(api, US)
    own(api, US_MMS)
    api.clock.now = int(NOON.timestamp()) * SECOND
    made = []
    for number in range(10):
        sender, to = (US, US_MMS)[number % 2], (TO, "+14155550123")[number % 3 == 0]
        made.append(send(api, From=sender, To=to, Body=str(number))["sid"])
        api.clock.advance(1)
        if number < 9:
            end(api, made[-1], MessageStatus.SENT)
        api.clock.advance(6 * 3600 - 1)
    return made


CASES: list[tuple[str, list[int]]] = [
    ("", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ("From=%2B14155550100", [8, 6, 4, 2, 0]),
    ("From=4155550100", [8, 6, 4, 2, 0]),
    ("From= 14155550100", [8, 6, 4, 2, 0]),
    ("To=%2B14155550123", [9, 6, 3, 0]),
    ("To=%2B14155550123&From=%2B14155550101", [9, 3]),
    ("To=%2B14155550124", []),
    ("To=nobody", []),
    # 0 and 1 on the 10th, 2 to 5 on the 11th, 6 to 8 on the 12th
    ("DateSent=2026-03-11", [5, 4, 3, 2]),
    ("DateSent=2026-03-11T00:00:00Z", [5, 4, 3, 2]),
    ("DateSent=Wed, 11 Mar 2026 00:00:00 %2B0000", [5, 4, 3, 2]),
    ("DateSent=2026-03-11T06:00:01Z", [3]),
    ("DateSent=2026-03-11T06:00:00Z", []),
    ("DateSent=2026-03-11T08:00:01%2B02:00", [3]),
    ("DateSent=2026-03-11T08:00:01+02:00", [3]),
    ("DateSent>=2026-03-12", [8, 7, 6]),
    ("DateSent%3E=2026-03-12T00:00:00Z", [8, 7, 6]),
    ("DateSent%3E=2026-03-12T06:00:01Z", [8, 7]),
    ("DateSent<=2026-03-11", [1, 0]),
    ("DateSent%3C=2026-03-10T18:00:01Z", [1, 0]),
    ("DateSent%3C=2026-03-10T18:00:00Z", [0]),
    ("DateSent>=2026-03-11&DateSent<=2026-03-11T12:00:01Z", [4, 3, 2]),
    ("DateSent=2026-03-11&From=%2B14155550100", [4, 2]),
    ("DateSent=2026-03-11&To=%2B14155550123", [3]),
    ("DateSent=2026-03-11&To=%2B14155550123&From=%2B14155550100", []),
    ("DateSent=2027-01-01", []),
    ("DateSent=2026-03", [8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ("DateSent=2026", [8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ("DateSent=2026-02", []),
    ("DateSent=9999", []),
    ("DateSent>=2026-03", [8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ("DateSent>=2026-04", []),
    ("DateSent<=2026-03", [8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ("DateSent<=2026-02", []),
    ("DateSent<=2026", [8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ("DateSent=1960-01-01", []),
    ("DateSent>=1960-01-01", [8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ("DateSent>=0001-01-01T00:00:00Z", [8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ("DateSent<=0001-01-01", []),
    ("DateSent<=9999-12-31T23:59:59Z", [8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ("DateSent=&To=", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
]


def test_filters_and_pages(api: Api, sent: list[str]) -> None:
    for query, expected in CASES:
        assert [sent.index(sid) for sid in sids(api, query)] == expected, query
    for name in ("DateSent", "DateSent%3C", "DateSent%3E"):
        for bad in ("yesterday", "2026-13-01", "2026-03-11T25:00:00Z", "0000-01-01", "Mon, 99 Foo 2026"):
            assert_error(api.get(f"{PATH}?{name}={bad}"), 400, 20001)
    # pages keep their filters, and lead back
    first = api.get(f"{PATH}?PageSize=2&DateSent%3E=2026-03-11&From=%2B14155550100").json()
    query = parse_qsl(urlsplit(first["next_page_uri"]).query)
    assert ("DateSent>", "2026-03-11") in query
    assert "DateSent%3E=2026-03-11" in first["next_page_uri"]
    second = api.get(first["next_page_uri"]).json()
    back = api.get(second["previous_page_uri"]).json()
    assert [row["sid"] for row in back["messages"]] == [row["sid"] for row in first["messages"]]
    assert (first["start"], first["end"], second["start"]) == (0, 1, 2)


def test_what_was_received_is_listed_too(api: Api, sent: list[str]) -> None:
    change = "UPDATE messages SET direction = 'inbound', status = 'received' WHERE sid = :sid"
    api.run(api.node.database.write(lambda tx: tx.run(change, sid=sent[3])))
    found = api.get(f"{PATH}?To=%2B14155550123").json()["messages"]
    assert [row["direction"] for row in found] == ["outbound-api"] * 2 + ["inbound", "outbound-api"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_every_query_goes_by_an_index(api: Api, sent: list[str]) -> None:
    """Check that no filter reads all of an account's messages, nor sorts more than a recipient's. PostgreSQL
    plans by its statistics, which a test does not have.
    """
    plans: list[str] = []

    class ExplainingTx:
        def __init__(self, tx: Tx) -> None:
            self._tx = tx

        def __getattr__(self, name: str) -> Any:
            return getattr(self._tx, name)

        async def all(self, row: Any, sql: str, /, **values: Any) -> Any:
            from trunkline.core.storage.database import Row

            class Step(Row, frozen=True):
                id: int
                parent: int
                unused: int
                detail: str

            if "FROM messages" in sql:
                plans.extend(
                    step.detail for step in await self._tx.all(Step, f"EXPLAIN QUERY PLAN {sql}", **values)
                )
            return await self._tx.all(row, sql, **values)

    unexplained = api.node.database.query

    async def explaining(action: Any) -> Any:
        return await unexplained(lambda tx: action(ExplainingTx(tx)))

    api.node.database.query = explaining  # type: ignore[method-assign]
    by_sending = "messages_by_sending (account_sid=? AND date_sent>? AND date_sent<?)"
    wanted = {
        "": "messages_by_creation (account_sid=?)",
        "To=%2B14155550123": "messages_by_recipient (account_sid=? AND recipient=?)",
        "From=%2B14155550100": "messages_by_sender (account_sid=? AND sender=?)",
        "DateSent=2026-03-11": by_sending,
        "DateSent>=2026-03-11&From=%2B14155550100": (
            "messages_by_sender_and_sending (account_sid=? AND sender=? AND date_sent>? AND date_sent<?)"
        ),
        "DateSent=2026-03-11&To=%2B14155550123": (
            "messages_by_recipient_and_sending"
            " (account_sid=? AND recipient=? AND date_sent>? AND date_sent<?)"
        ),
        "To=%2B14155550123&From=%2B14155550100": (
            "messages_by_addresses (account_sid=? AND recipient=? AND sender=?)"
        ),
        "To=%2B14155550123&From=%2B14155550100&DateSent<=2026-03-11": (
            "messages_by_addresses_and_sending"
            " (account_sid=? AND recipient=? AND sender=? AND date_sent>? AND date_sent<?)"
        ),
    }
    for query, index in wanted.items():
        plans.clear()
        assert api.get(f"{PATH}?{query}").status_code == 200
        assert plans == [f"SEARCH messages USING INDEX {index}"], query


def test_a_message_that_comes_while_a_client_pages_shifts_nothing(api: Api, sent: list[str]) -> None:
    first = api.get(f"{PATH}?PageSize=5").json()
    send(api, From=US)
    assert api.delete(f"{MESSAGES}/{sent[5]}.json").status_code == 204
    second = api.get(first["next_page_uri"]).json()
    assert [row["sid"] for row in first["messages"] + second["messages"]] == [*sent[:4:-1], *sent[4::-1]]


def test_the_account_of_the_path_is_listed(api: Api, sent: list[str]) -> None:
    other = api.post("/2010-04-01/Accounts.json").json()["sid"]
    assert api.get(f"/2010-04-01/Accounts/{other}/Messages.json").json()["messages"] == []
    assert api.get(PATH).json()["messages"][0]["account_sid"] == ACCOUNT_SID
