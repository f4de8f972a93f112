"""Pages of real lists, in both styles, while rows come and go."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error

SERVICES = "/sync/v1/Services"
ACCOUNTS = "/2010-04-01/Accounts.json"
KEYS = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Keys.json"


def make(api: Api, count: int) -> list[str]:
    """Create so many Services, some of the same microsecond; return them, oldest first."""
    found = []
    for number in range(count):
        api.clock.advance(number % 3)
        response = api.post(SERVICES, {"FriendlyName": str(number)})
        found.append((api.clock.now, str(response.json()["sid"])))
    return [sid for _, sid in sorted(found)]


def sids(page: dict[str, Any]) -> list[str]:
    return [row["sid"] for row in page["services"]]


def test_a_page_says_where_it_stands_and_links_with_absolute_urls(api: Api) -> None:
    expected = make(api, 5)
    base = f"http://127.0.0.1:8080{SERVICES}"
    page = api.get(SERVICES, {"PageSize": "2"}).json()
    first = page["meta"]
    assert first == {
        "page": 0,
        "page_size": 2,
        "first_page_url": f"{base}?PageSize=2&Page=0",
        "previous_page_url": None,
        "url": f"{base}?PageSize=2&Page=0",
        "next_page_url": first["next_page_url"],
        "key": "services",
    }
    assert first["next_page_url"].startswith(f"{base}?PageSize=2&Page=1&PageToken=PA")
    second = api.get(first["next_page_url"]).json()
    assert second["meta"]["url"] == first["next_page_url"]
    assert second["meta"]["page"] == 1
    third = api.get(second["meta"]["next_page_url"]).json()
    assert (third["meta"]["page"], third["meta"]["next_page_url"]) == (2, None)
    assert sids(page) + sids(second) + sids(third) == expected
    back = api.get(third["meta"]["previous_page_url"]).json()
    assert (sids(back), back["meta"]["page"]) == (sids(second), 1)
    start = api.get(back["meta"]["previous_page_url"]).json()
    assert sids(start) == sids(page)
    assert (start["meta"]["page"], start["meta"]["previous_page_url"]) == (0, None)
    assert sids(api.get(start["meta"]["next_page_url"]).json()) == sids(second)


def test_a_full_last_page_has_no_next_one_and_an_empty_list_is_a_page(api: Api) -> None:
    assert api.get(SERVICES).json()["meta"]["next_page_url"] is None
    make(api, 2)
    assert api.get(SERVICES, {"PageSize": "2"}).json()["meta"]["next_page_url"] is None


def test_the_size_of_a_page_is_50_unless_told_and_never_over_the_maximum(api: Api) -> None:
    for requested, size in ((None, 50), ("1", 1), ("1000", 1000), ("1001", 1000), ("5000", 1000)):
        query = {} if requested is None else {"PageSize": requested}
        assert api.get(SERVICES, query).json()["meta"]["page_size"] == size
    for wrong in ("0", "-1", "x", "", "1e2"):
        assert_error(api.get(SERVICES, {"PageSize": wrong}), 400, 54454)
        assert_error(api.get(KEYS, {"PageSize": wrong}), 400, 20001)
    for wrong in ("zzz", "PA", "PAzzz", "PA\x00", "PB" + "9" * 5000):
        assert_error(api.get(SERVICES, {"PageToken": wrong}), 400, 54453)
        assert_error(api.get(KEYS, {"PageToken": wrong}), 400, 21481)
    assert_error(api.get(SERVICES, {"Page": "x"}), 400, 20001)
    assert api.get(SERVICES, {"Page": "7"}).json()["meta"]["page"] == 7


def test_a_page_of_the_2010_api_has_relative_uris_and_no_other_key(api: Api) -> None:
    made = [api.post(KEYS).json()["sid"] for _ in range(5)]
    rows: list[str] = []
    uri: str | None = KEYS + "?PageSize=2"
    pages = []
    while uri:
        # The SDK puts its base in front, a path prefix included.
        pages.append(api.get(f"http://localhost/api{uri}").json())
        rows += [row["sid"] for row in pages[-1]["keys"]]
        uri = pages[-1]["next_page_uri"]
    assert sorted(rows) == sorted(made)
    assert [(page["page"], page["start"], page["end"], page["page_size"]) for page in pages] == [
        (0, 0, 1, 2),
        (1, 2, 3, 2),
        (2, 4, 4, 2),
    ]
    assert set(pages[0]) == {
        *("keys", "page", "page_size", "start", "end", "uri"),
        *("first_page_uri", "next_page_uri", "previous_page_uri"),
    }
    assert all(page["first_page_uri"] == f"{KEYS}?PageSize=2&Page=0" for page in pages)
    assert pages[1]["uri"] == pages[0]["next_page_uri"]
    assert api.get(pages[1]["previous_page_uri"]).json()["keys"] == pages[0]["keys"]
    empty = api.get("/2010-04-01/Accounts.json", {"FriendlyName": "none"}).json()
    assert (empty["accounts"], empty["start"], empty["end"]) == ([], 0, 0)


def test_filters_stand_first_and_escaped_in_every_link(api: Api) -> None:
    name = "a&b=c d+ü"
    for _ in range(2):
        api.post(ACCOUNTS, {"FriendlyName": name})
    page = api.get(ACCOUNTS, {"PageSize": "1", "FriendlyName": name, "Unknown": "x"}).json()
    filters = "FriendlyName=a%26b%3Dc%20d%2B%C3%BC"
    assert page["uri"] == f"{ACCOUNTS}?{filters}&PageSize=1&Page=0"
    following = api.get(page["next_page_uri"]).json()
    assert following["accounts"][0]["friendly_name"] == name
    assert following["next_page_uri"] is None


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_come_and_go_are_the_only_ones_repeated_or_lost(api: Api, seed: int) -> None:
    chance = random.Random(seed)
    present = make(api, 12)
    untouched = list(present)
    seen: list[str] = []
    page = api.get(SERVICES, {"PageSize": "3"}).json()
    for turn in itertools.count():
        seen += sids(page)
        gone = seen[-1] if turn == 0 else chance.choice(present)
        present.remove(gone)
        untouched = [sid for sid in untouched if sid != gone]
        assert api.delete(f"{SERVICES}/{gone}").status_code == 204
        if chance.random() < 0.5 and turn < 5:
            present.append(api.post(SERVICES).json()["sid"])
        if page["meta"]["next_page_url"] is None:
            break
        page = api.get(page["meta"]["next_page_url"]).json()
    assert len(seen) == len(set(seen))
    assert [sid for sid in seen if sid in untouched] == untouched
    back = sids(page)
    while page["meta"]["previous_page_url"]:
        page = api.get(page["meta"]["previous_page_url"]).json()
        back = sids(page) + back
    assert [sid for sid in back if sid in untouched] == untouched
