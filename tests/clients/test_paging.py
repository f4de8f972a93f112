"""Lists through the SDKs: every row once and in order, whatever the size of the pages, forwards and backwards."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import httpx
import pytest

from clients.asking import Account, Client
from servers import Server
from trunkline.api.paging import MOST_WALKED

ROWS = 120
SIZES = (1, 7, 50, 119, 120, 121, 1000)

ONE_STORE = ("chat.v1.services", "ip_messaging.v2.services")

SERVICES = {
    "sync.v1.services": "/sync/v1/Services",
    "messaging.v1.services": "/messaging/v1/Services",
    "notify.v1.services": "/notify/v1/Services",
    "chat.v1.services": "/chat/v1/Services",
    "ip_messaging.v2.services": "/ip-messaging/v2/Services",
}
"""The chain of each list and the path that makes a row. Those of `ONE_STORE` have 100 rows a page at most."""

SMALLEST = {"sync.v1.services": 1, "messaging.v1.services": 1}
"""The lists that are also turned row by row: a page of one row is a request for each."""

KEYS = 23


class CrowdedAccount:
    """An account with many rows in each list, and their SIDs in the order in which they were made."""

    def __init__(self, server: Server) -> None:
        with httpx.Client(
            base_url=server.url, auth=(server.account_sid, server.auth_token), verify=False
        ) as main:
            made = main.post("/2010-04-01/Accounts.json", data={"FriendlyName": "crowded"}).json()
        self.account = Account(made["sid"], made["auth_token"])
        self.sids: dict[str, list[str]] = {}
        with httpx.Client(base_url=server.url, auth=(made["sid"], made["auth_token"]), verify=False) as http:
            for chain, path in SERVICES.items():
                if chain != ONE_STORE[1]:
                    self.sids[chain] = self._fill(http, path, ROWS)
            self.sids[ONE_STORE[1]] = self.sids[ONE_STORE[0]]
            keys = self._fill(http, f"/2010-04-01/Accounts/{made['sid']}/Keys.json", KEYS)
        for name in ("keys", "signing_keys"):
            self.sids[f"api.v2010.accounts({made['sid']}).{name}"] = keys

    def _fill(self, http: httpx.Client, path: str, count: int) -> list[str]:
        return [str(http.post(path, data={"FriendlyName": str(row)}).json()["sid"]) for row in range(count)]


@pytest.fixture(scope="module")
def crowded(sqlite_server: Server) -> CrowdedAccount:
    """Return one such account for all tests of this module; they only read."""
    return CrowdedAccount(sqlite_server)


@pytest.fixture
def account(crowded: CrowdedAccount) -> Account:
    """Return the crowded account, instead of a new one."""
    return crowded.account


def batches(rows: list[str], size: int) -> list[list[str]]:
    """Return the rows in pages; an empty list has one, empty, page."""
    return [rows[start : start + size] for start in range(0, len(rows), size)] or [[]]


def check_lists(client: Client, chain: str, rows: list[str], size: int) -> None:
    """Check ``list`` and ``stream`` in pages of this size, whole and up to limits at and above a page's end."""
    for method in ("list", "stream"):
        seen = client.call(chain, method, PageSize=size)
        assert [row["sid"] for row in seen] == rows, (method, size)
    for limit in {size, size + 1, len(rows) + 1}:
        seen = client.call(chain, "list", PageSize=size, Limit=limit)
        assert [row["sid"] for row in seen] == rows[:limit], (size, limit)


def check_walk(client: Client, chain: str, rows: list[str], size: int, maximum: int) -> None:
    """Check the pages one after the other, forwards and backwards, and each by its URL."""
    pages = batches(rows, min(size, maximum))
    assert client.call(chain, "walk", PageSize=size) == {
        "forwards": pages,
        "backwards": pages[-2::-1],
        "addressed": pages[1:],
    }


@pytest.mark.parametrize("chain", SERVICES)
def test_services(client: Client, crowded: CrowdedAccount, chain: str) -> None:
    rows = crowded.sids[chain]
    maximum = 100 if chain in ONE_STORE else 1000
    assert [row["sid"] for row in client.call(chain, "list")] == rows
    for size in SIZES:
        if size >= SMALLEST.get(chain, 7):
            check_walk(client, chain, rows, size, maximum)
            if size > 1:
                check_lists(client, chain, rows, size)


@pytest.mark.parametrize("chain", ["sync.v1.services", "messaging.v1.services"])
def test_a_limit_alone_is_the_size_of_the_page(client: Client, crowded: CrowdedAccount, chain: str) -> None:
    for limit in (1, 49, 50, 51, 119, 120, 121):
        rows = client.call(chain, "list", Limit=limit)
        assert [row["sid"] for row in rows] == crowded.sids[chain][:limit]
        streamed = client.call(chain, "stream", Limit=limit, PageSize=50)
        assert [row["sid"] for row in streamed] == crowded.sids[chain][:limit]


@pytest.mark.parametrize("name", ["keys", "signing_keys"])
def test_lists_of_the_2010_api_below_a_prefix(client: Client, crowded: CrowdedAccount, name: str) -> None:
    chain = f"api.v2010.accounts({crowded.account.sid}).{name}"
    for size in (1, 7, KEYS - 1, KEYS, 1000):
        check_walk(client, chain, crowded.sids[chain], size, 1000)
        check_lists(client, chain, crowded.sids[chain], size)


@pytest.mark.parametrize("sdk", ["python", "python-async", "node"])
def test_lists_of_iam(client: Client, crowded: CrowdedAccount) -> None:
    keys = crowded.sids[f"api.v2010.accounts({crowded.account.sid}).keys"]
    for size in (5, 1000):
        rows = client.call("iam.v1.get_api_keys", "list", AccountSid=crowded.account.sid, PageSize=size)
        assert [row["sid"] for row in rows] == keys


def test_an_empty_list(client: Client, http: httpx.Client) -> None:
    made = http.post("/2010-04-01/Accounts.json").json()
    empty = client.but(username=made["sid"], password=made["auth_token"])
    for chain in (*SERVICES, f"api.v2010.accounts({made['sid']}).keys"):
        check_walk(empty, chain, [], 50, 1000)
        assert empty.call(chain, "list") == []


MANY = MOST_WALKED + 300
"""Numbers of which few match: more than what is read for a page at most."""


def test_a_page_has_rows_where_some_are_near_and_empty_pages_are_turned(
    client: Client, crowded: CrowdedAccount, sqlite_server: Server
) -> None:
    account = crowded.account.sid
    with closing(sqlite3.connect(sqlite_server.data_dir / "trunkline.db")) as database, database:
        # One statement: a request for each would take seconds.
        database.execute(
            "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT OR IGNORE INTO numbers (number, kind, country, sms, mms, voice, carrier, rate, account_sid, sid,"
            " date_created) SELECT printf('+1305%07d', i), 'local', 'US', TRUE, TRUE, TRUE, '', 0, ?,"
            " printf('PN%032d', i), i FROM n",
            (MANY - 1, account),
        )
    chain = f"api.v2010.accounts({account}).incoming_phone_numbers"
    for method in ("list", "stream"):
        rows = client.call(chain, method, PhoneNumber="0599", PageSize=4)
        assert [row["sid"] for row in rows] == [
            f"PN{number:032}" for number in range(MANY) if "0599" in f"{number:07}"
        ]
    last = f"{MANY - 1:07}"
    for part, pages in (("0000599", [[f"PN{599:032}"], []]), (last, [[], [f"PN{MANY - 1:032}"]])):
        assert client.call(chain, "walk", PhoneNumber=part, PageSize=4)["forwards"] == pages
    # With a limit the old SDK turns as many pages as it would take if all were full.
    if client.sdk != "python-6.10":
        rows = client.call(chain, "list", PhoneNumber=last, Limit=1)
        assert [row["sid"] for row in rows] == [f"PN{MANY - 1:032}"]
