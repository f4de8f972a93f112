"""Sync Lists and their items over the API."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error

SERVICES = "/sync/v1/Services"


@pytest.fixture
def lists(api: Api) -> str:
    return f"{SERVICES}/{api.post(SERVICES).json()['sid']}/Lists"


@pytest.fixture
def items(api: Api, lists: str) -> str:
    """Return the items of a List with 0, 1, 3 and 4: 2 was deleted."""
    api.post(lists, {"UniqueName": "l"})
    path = f"{lists}/l/Items"
    for n in range(5):
        api.post(path, {"Data": f'{{"n":{n}}}'})
    api.delete(f"{path}/2")
    return path


def indexes(response: Any) -> list[int]:
    return [item["index"] for item in response.json()["items"]]


def test_a_new_list(api: Api, lists: str) -> None:
    created = api.post(lists, {"UniqueName": "l"})
    assert created.status_code == 201
    body = created.json()
    url = f"http://127.0.0.1:8080{lists}/{body['sid']}"
    assert body == {
        "sid": body["sid"],
        "unique_name": "l",
        "account_sid": ACCOUNT_SID,
        "service_sid": lists.split("/")[4],
        "url": url,
        "links": {"items": f"{url}/Items", "permissions": f"{url}/Permissions"},
        "revision": "0",
        "date_expires": None,
        "date_created": body["date_created"],
        "date_updated": body["date_created"],
        "created_by": "system",
    }
    assert api.get(url).json() == api.get(f"{lists}/l").json() == body
    assert api.get(lists).json()["lists"] == [body]
    assert "ETag" not in created.headers
    assert_error(api.post(lists, {"UniqueName": "l"}), 409, 54301)
    assert_error(api.post(lists, {"UniqueName": ""}), 400, 54302)
    assert_error(api.post(url), 400, 54010)
    assert api.delete(url).status_code == 204
    assert_error(api.get(url), 404, 54150)
    assert_error(api.get(f"{url}/Items"), 404, 54150)
    assert_error(api.get(f"{lists}/l/Items"), 404, 54300)
    assert_error(api.post(f"{lists}/l/Items", {"Data": "{}"}), 404, 54300)


def test_an_item(api: Api, lists: str) -> None:
    parent = api.post(lists).json()
    api.clock.advance(3)
    created = api.post(parent["links"]["items"], {"Data": '{"n":1}'})
    assert created.status_code == 201
    body = created.json()
    assert body == {
        "index": 0,
        "account_sid": ACCOUNT_SID,
        "service_sid": parent["service_sid"],
        "list_sid": parent["sid"],
        "url": f"{parent['links']['items']}/0",
        "revision": "0",
        "data": {"n": 1},
        "date_expires": None,
        "date_created": body["date_created"],
        "date_updated": body["date_created"],
        "created_by": "system",
    }
    assert created.headers["ETag"] == '"0"'
    fetched = api.get(body["url"])
    assert (fetched.json(), fetched.headers["ETag"]) == (body, '"0"')
    changed = api.get(parent["url"]).json()
    assert changed["revision"] == "1"
    assert changed["date_updated"] == body["date_created"] > parent["date_updated"]


def test_indexes_are_never_given_again(api: Api, items: str) -> None:
    assert api.post(items, {"Data": "{}"}).json()["index"] == 5
    api.delete(f"{items}/5")
    assert api.post(items, {"Data": "{}"}).json()["index"] == 6
    assert indexes(api.get(items)) == [0, 1, 3, 4, 6]


def test_revisions_count_the_events_of_the_list(api: Api, items: str) -> None:
    revisions = {item["index"]: item["revision"] for item in api.get(items).json()["items"]}
    assert revisions == {0: "0", 1: "1", 3: "3", 4: "4"}
    assert api.get(items.removesuffix("/Items")).json()["revision"] == "6"
    changed = api.post(f"{items}/1", {"Data": '{"x":1}'})
    assert (changed.json()["revision"], changed.headers["ETag"]) == ("6", '"6"')
    assert changed.json()["data"] == {"x": 1}
    assert api.get(items.removesuffix("/Items")).json()["revision"] == "7"


QUERIES = [
    ("", [0, 1, 3, 4]),
    ("Order=asc", [0, 1, 3, 4]),
    ("Order=desc", [4, 3, 1, 0]),
    ("From=3", [3, 4]),
    ("From=3&Bounds=inclusive", [3, 4]),
    ("From=3&Bounds=exclusive", [4]),
    ("From=2", [3, 4]),
    ("From=2&Bounds=exclusive", [3, 4]),
    ("From=3&Order=desc", [3, 1, 0]),
    ("From=3&Order=desc&Bounds=exclusive", [1, 0]),
    ("From=2&Order=desc", [1, 0]),
    ("From=99", []),
    ("From=99&Order=desc", [4, 3, 1, 0]),
    ("From=", [0, 1, 3, 4]),
]


def test_queries(api: Api, items: str) -> None:
    for query, expected in QUERIES:
        assert indexes(api.get(f"{items}?{query}")) == expected, query


def test_bad_queries(api: Api, items: str) -> None:
    for query, code in [
        ("Order=up", 54451),
        ("Order=ASC", 54451),
        ("Bounds=open", 54452),
        ("PageToken=zzz", 54453),
        ("PageSize=0", 54454),
        ("PageSize=x", 54454),
        ("From=-1", 54458),
        ("From=a", 54458),
    ]:
        assert_error(api.get(f"{items}?{query}"), 400, code)


def test_pages_keep_their_order_and_the_filters(api: Api, items: str) -> None:
    first = api.get(f"{items}?Order=desc&From=3&Bounds=inclusive&PageSize=2")
    assert indexes(first) == [3, 1]
    meta = first.json()["meta"]
    assert meta["first_page_url"].endswith("?Order=desc&From=3&Bounds=inclusive&PageSize=2&Page=0")
    assert meta["previous_page_url"] is None
    second = api.get(meta["next_page_url"])
    assert indexes(second) == [0]
    assert second.json()["meta"]["next_page_url"] is None
    assert indexes(api.get(second.json()["meta"]["previous_page_url"])) == [3, 1]


def test_a_page_token_supersedes_the_rest_of_the_query(api: Api, items: str) -> None:
    following = api.get(f"{items}?Order=desc&PageSize=2").json()["meta"]["next_page_url"]
    token = following.partition("PageToken=")[2]
    assert indexes(api.get(f"{items}?PageToken={token}")) == [1, 0]
    assert indexes(api.get(f"{items}?PageToken={token}&Order=asc&From=4&Bounds=exclusive")) == [1, 0]


def test_unknown_and_impossible_indexes(api: Api, items: str) -> None:
    for index, status, code in [
        ("2", 404, 54151),
        ("99", 404, 54151),
        ("9" * 40, 404, 54151),
        ("-1", 400, 54458),
        ("x", 400, 54458),
        ("1.0", 400, 54458),
        ("%D9%A3", 400, 54458),
    ]:
        assert_error(api.get(f"{items}/{index}"), status, code)
        assert_error(api.post(f"{items}/{index}", {"Data": "{}"}), status, code)
        assert_error(api.delete(f"{items}/{index}"), status, code)
    assert api.get(f"{items}/01").json()["index"] == 1


def test_bad_items(api: Api, items: str) -> None:
    for data, status, code in [
        (None, 400, 54156),
        ("null", 400, 54156),
        ("[]", 400, 54008),
        ("{", 400, 54008),
        ('{"a":"' + "x" * 16377 + '"}', 413, 54006),
    ]:
        form = {} if data is None else {"Data": data}
        assert_error(api.post(items, form), status, code)
        if data is not None:
            assert_error(api.post(f"{items}/1", form), status, code)
    assert_error(api.post(f"{items}/1"), 400, 54010)
    assert api.post(items, {"Data": '{"a":"' + "x" * 16376 + '"}'}).json()["index"] == 5


def test_if_match_guards_updates_and_removals(api: Api, items: str) -> None:
    def update(tag: str) -> Any:
        return api.post(f"{items}/1", {"Data": "{}"}, headers={"If-Match": tag})

    assert update('"1"').json()["revision"] == "6"
    assert_error(update("1"), 412, 54155)
    assert_error(update("nonsense"), 400, 54003)
    assert_error(api.delete(f"{items}/1", headers={"If-Match": "1"}), 412, 54155)
    assert_error(api.delete(f"{items}/1", headers={"If-Match": '"'}), 400, 54003)
    assert_error(api.delete(f"{items}/2", headers={"If-Match": "*"}), 404, 54151)
    # What was refused has not counted.
    assert api.get(items.removesuffix("/Items")).json()["revision"] == "7"
    assert api.delete(f"{items}/1", headers={"If-Match": "6"}).status_code == 204
    assert api.delete(f"{items}/0", headers={"If-Match": "*"}).status_code == 204
    assert_error(api.delete(f"{items}/0"), 404, 54151)


def test_items_end_with_their_list(api: Api, items: str) -> None:
    parent = items.removesuffix("/Items")
    url = api.get(f"{items}/0").json()["url"]
    api.delete(parent)
    assert_error(api.get(url), 404, 54150)
    api.post(parent.rsplit("/", 1)[0], {"UniqueName": "l"})
    assert indexes(api.get(items)) == []
