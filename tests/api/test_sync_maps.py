"""Sync Maps and their items over the API."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error

SERVICES = "/sync/v1/Services"


@pytest.fixture
def maps(api: Api) -> str:
    return f"{SERVICES}/{api.post(SERVICES).json()['sid']}/Maps"


@pytest.fixture
def items(api: Api, maps: str) -> str:
    """Return the items of an empty Map."""
    api.post(maps, {"UniqueName": "m"})
    return f"{maps}/m/Items"


def keys(response: Any) -> list[str]:
    return [item["key"] for item in response.json()["items"]]


def put(api: Api, items: str, key: str, data: str = "{}") -> Any:
    return api.post(items, {"Key": key, "Data": data})


def test_a_new_map(api: Api, maps: str) -> None:
    body = api.post(maps).json()
    url = f"http://127.0.0.1:8080{maps}/{body['sid']}"
    assert body == {
        "sid": body["sid"],
        "unique_name": None,
        "account_sid": ACCOUNT_SID,
        "service_sid": maps.split("/")[4],
        "url": url,
        "links": {"items": f"{url}/Items", "permissions": f"{url}/Permissions"},
        "revision": "0",
        "date_expires": None,
        "date_created": body["date_created"],
        "date_updated": body["date_created"],
        "created_by": "system",
    }
    assert api.get(url).json() == body
    assert api.get(maps).json()["maps"] == [body]
    assert_error(api.get(f"{maps}/MP{'0' * 32}"), 404, 54200)
    assert_error(api.get(f"{maps}/MP{'0' * 32}/Items/k"), 404, 54200)
    assert_error(api.post(f"{maps}/no/Items", {"Key": "k", "Data": "{}"}), 404, 54300)
    assert api.delete(url).status_code == 204
    assert_error(api.delete(url), 404, 54200)


def test_an_item(api: Api, maps: str) -> None:
    parent = api.post(maps).json()
    created = put(api, parent["links"]["items"], "a", '{"n":1}')
    assert created.status_code == 201
    body = created.json()
    assert body == {
        "key": "a",
        "account_sid": ACCOUNT_SID,
        "service_sid": parent["service_sid"],
        "map_sid": parent["sid"],
        "url": f"{parent['links']['items']}/a",
        "revision": "0",
        "data": {"n": 1},
        "date_expires": None,
        "date_created": body["date_created"],
        "date_updated": body["date_created"],
        "created_by": "system",
    }
    fetched = api.get(body["url"])
    assert (fetched.json(), fetched.headers["ETag"]) == (body, '"0"')
    assert created.headers["ETag"] == '"0"'
    api.clock.advance(2)
    changed = api.post(body["url"], {"Data": '{"m":2}'})
    assert changed.headers["ETag"] == '"1"'
    assert changed.json() == {
        **body,
        "data": {"m": 2},
        "revision": "1",
        "date_updated": changed.json()["date_updated"],
    }
    assert changed.json()["date_updated"] > body["date_updated"]
    assert api.get(parent["url"]).json()["revision"] == "2"


def test_an_update_never_makes_an_item(api: Api, items: str) -> None:
    assert_error(api.post(f"{items}/k", {"Data": "{}"}), 404, 54201)
    assert_error(api.get(f"{items}/k"), 404, 54201)
    assert_error(api.delete(f"{items}/k"), 404, 54201)
    assert api.get(items.removesuffix("/Items")).json()["revision"] == "0"


def test_a_key_is_taken_once(api: Api, items: str) -> None:
    assert put(api, items, "k").status_code == 201
    body = assert_error(put(api, items, "k"), 409, 54208)
    assert body["message"] == "An Item with given key already exists in the Map"
    assert api.get(items.removesuffix("/Items")).json()["revision"] == "1"
    responses = api.together(*[("POST", items, {"Key": "new", "Data": "{}"})] * 8)
    assert sorted(response.status_code for response in responses) == [201] + [409] * 7


KEYS = [
    "a b",
    "ключ",
    "a/b",
    "/a",
    "a/",
    "/",
    "a//b",
    "100%",
    "a%2Fb",
    "a?b#c",
    "+;@:&=",
    "42",
    "😀",
    "Items",
    "a.json",
    "x" * 320,
]


def test_any_character_may_be_in_a_key(api: Api, items: str) -> None:
    for key in KEYS:
        created = put(api, items, key)
        assert (created.status_code, created.json()["key"]) == (201, key)
        escaped = f"{items}/{quote(key, safe='')}"
        for address in (created.json()["url"], escaped):
            assert api.get(address).json() == created.json(), key
        assert api.post(escaped, {"Data": '{"x":1}'}).json()["data"] == {"x": 1}
    assert sorted(keys(api.get(items))) == sorted(KEYS)
    for key in KEYS:
        assert api.delete(f"{items}/{quote(key, safe='')}").status_code == 204
        assert_error(api.get(f"{items}/{quote(key, safe='')}"), 404, 54201)


def test_keys_as_the_sdks_put_them_into_paths(api: Api, items: str) -> None:
    for key, path in [
        ("a/b", "a/b"),
        ("c/", "c/"),
        ("d%e", "d%e"),
        ("f+g;@:&=", "f+g;@:&="),
        ("h/i", "h%2Fi"),
    ]:
        created = put(api, items, key).json()
        response = api.run(_raw(api, f"{items}/{path}"))
        assert response["key"] == created["key"] == key


async def _raw(api: Api, path: str) -> Any:
    """Fetch a path whose characters go out as they are."""
    import httpx

    url = httpx.URL("http://127.0.0.1:8080").copy_with(raw_path=path.encode())
    return (await api._http.get(url)).json()


def test_keys_are_in_the_order_of_their_bytes(api: Api, items: str) -> None:
    expected = ["", "10", "9", "B", "a", "b", "é", "я", "\ufffd", "😀"][1:]
    for key in reversed(expected):
        put(api, items, key)
    assert keys(api.get(items)) == expected
    assert keys(api.get(f"{items}?Order=desc")) == expected[::-1]
    for query, found in [
        ("From=B", expected[2:]),
        ("From=B&Bounds=exclusive", expected[3:]),
        ("From=C", expected[3:]),
        ("From=C&Order=desc", expected[2::-1]),
        ("From=a&Order=desc&Bounds=exclusive", expected[2::-1]),
        ("From=%F0%9F%98%80", expected[-1:]),
    ]:
        assert keys(api.get(f"{items}?{query}")) == found, query
    walked, url = [], f"{items}?PageSize=2&Order=desc"
    while url:
        page = api.get(url)
        walked += keys(page)
        url = page.json()["meta"]["next_page_url"]
    assert walked == expected[::-1]


def test_bad_items(api: Api, items: str) -> None:
    for form, status, code in [
        ({"Data": "{}"}, 400, 54209),
        ({"Key": "", "Data": "{}"}, 400, 54209),
        ({"Key": "x" * 321, "Data": "{}"}, 400, 54209),
        ({"Key": "k"}, 400, 54206),
        ({"Key": "k", "Data": "null"}, 400, 54206),
        ({"Key": "k", "Data": "7"}, 400, 54008),
        ({"Key": "k", "Data": '{"a":"' + "x" * 16377 + '"}'}, 413, 54006),
        ({"Key": "k", "Data": "{}", "ItemTtl": "-1"}, 400, 54011),
    ]:
        assert_error(api.post(items, form), status, code)
    assert keys(api.get(items)) == []
    put(api, items, "k")
    assert_error(api.post(f"{items}/k", {"Data": "null"}), 400, 54206)
    assert_error(api.post(f"{items}/k"), 400, 54010)


def test_a_key_that_comes_back_has_another_revision(api: Api, items: str) -> None:
    old = put(api, items, "k").json()["revision"]
    api.delete(f"{items}/k")
    new = put(api, items, "k").json()["revision"]
    assert new != old
    stale = {"If-Match": old}
    assert_error(api.post(f"{items}/k", {"Data": "{}"}, headers=stale), 412, 54205)
    assert_error(api.delete(f"{items}/k", headers=stale), 412, 54205)
    assert_error(api.delete(f"{items}/k", headers={"If-Match": "?"}), 400, 54003)
    assert api.delete(f"{items}/k", headers={"If-Match": f'"{new}"'}).status_code == 204
