"""Times to live of Sync's objects and items: gone on the instant, removed with their events soon after."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import pytest

from api.conftest import Api, assert_error
from trunkline.core.clock import SECOND
from trunkline.products.sync import expiry
from trunkline.products.sync.event_types import EventType, SyncEvent

SERVICES = "/sync/v1/Services"
KINDS = ("Documents", "Lists", "Maps", "Streams")
MISSING = {"Documents": 54100, "Lists": 54150, "Maps": 54200, "Streams": 54250}


@pytest.fixture
def service(api: Api) -> str:
    return f"{SERVICES}/{api.post(SERVICES).json()['sid']}"


@pytest.fixture
def announced(api: Api) -> list[Any]:
    """Return the announcements so far."""
    received: list[Any] = []
    api.node.database.listen(received.extend)
    return received


def events(announced: list[Any]) -> list[tuple[str, int | None]]:
    return [(one.type.value, one.event_id) for one in announced if isinstance(one, SyncEvent)]


def later(api: Api, seconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(api.clock.now // SECOND + seconds, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_is_gone_on_the_instant_and_its_name_is_free(api: Api, service: str, kind: str) -> None:
    path = f"{service}/{kind}"
    body = api.post(path, {"UniqueName": "n", "Ttl": "2"}).json()
    assert body["date_expires"] == later(api, 2)
    api.clock.advance(1.999)
    assert api.get(body["url"]).status_code == 200
    assert_error(api.post(path, {"UniqueName": "n"}), 409, 54301)
    api.clock.advance(0.001)
    form = {"Ttl": "5"}
    assert_error(api.get(body["url"]), 404, MISSING[kind])
    assert_error(api.post(body["url"], form), 404, MISSING[kind])
    assert_error(api.delete(body["url"]), 404, MISSING[kind])
    assert_error(api.get(f"{path}/n"), 404, 54300)
    assert api.get(path).json()[kind.lower()] == []
    again = api.post(path, {"UniqueName": "n"})
    assert again.status_code == 201
    assert again.json()["sid"] != body["sid"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_ttl_is_kept_cleared_and_checked(api: Api, service: str, kind: str) -> None:
    path = f"{service}/{kind}"
    for bad in ("-1", "31536001", "x", "1.5", " "):
        assert_error(api.post(path, {"Ttl": bad}), 400, 54011)
    assert api.post(path, {"Ttl": "31536000"}).json()["date_expires"] == later(api, 31536000)
    assert api.post(path, {"Ttl": ""}).json()["date_expires"] is None
    url = api.post(path, {"Ttl": "0"}).json()["url"]
    assert api.get(url).json()["date_expires"] is None
    for bad in ("-1", "31536001", "x"):
        assert_error(api.post(url, {"Ttl": bad}), 400, 54011)
    assert api.post(url, {"Ttl": "9"}).json()["date_expires"] == later(api, 9)
    api.clock.advance(5)
    assert api.post(url, {"Ttl": "9"}).json()["date_expires"] == later(api, 9)
    cleared = api.post(url, {"Ttl": "0"}).json()
    assert cleared["date_expires"] is None
    api.clock.advance(10)
    assert api.get(url).json() == cleared


def test_a_documents_ttl_alone_is_a_mutation_and_data_do_not_move_it(
    api: Api, service: str, announced: list[Any]
) -> None:
    url = api.post(f"{service}/Documents", {"Data": '{"a":1}'}).json()["url"]
    changed = api.post(url, {"Ttl": "60"}).json()
    assert (changed["revision"], changed["data"]) == ("1", {"a": 1})
    expires = changed["date_expires"]
    api.clock.advance(10)
    assert api.post(url, {"Data": "{}"}).json()["date_expires"] == expires
    assert events(announced)[-2:] == [("document_updated", 1), ("document_updated", 2)]
    assert announced[-1].date_expires is not None


def test_a_collections_ttl_is_no_event(api: Api, service: str, announced: list[Any]) -> None:
    for kind in ("Lists", "Maps"):
        body = api.post(f"{service}/{kind}", {"CollectionTtl": "30", "Ttl": "60"}).json()
        assert body["date_expires"] == later(api, 30)
        before = events(announced)
        api.clock.advance(1)
        changed = api.post(body["url"], {"CollectionTtl": "90", "Ttl": "60"}).json()
        assert changed["date_expires"] == later(api, 90)
        assert changed["revision"] == "0"
        assert changed["date_updated"] > body["date_updated"]
        assert events(announced) == before
        assert_error(api.post(body["url"], {"CollectionTtl": "x"}), 400, 54011)


PUSHES = [("Lists", {}, 54151), ("Maps", {"Key": "k"}, 54201)]


@pytest.mark.parametrize(("kind", "key", "missing"), PUSHES)
def test_an_items_ttl(api: Api, service: str, kind: str, key: dict[str, str], missing: int) -> None:
    parent = api.post(f"{service}/{kind}").json()
    items = parent["links"]["items"]
    form = {**key, "Data": "{}"}
    for bad in ({"Ttl": "-1"}, {"ItemTtl": "x"}, {"CollectionTtl": "31536001"}):
        assert_error(api.post(items, {**form, **bad}), 400, 54011)
    item = api.post(items, {**form, "ItemTtl": "5", "Ttl": "50"}).json()
    assert item["date_expires"] == later(api, 5)
    assert api.get(parent["url"]).json()["date_expires"] is None
    assert api.post(item["url"], {"Data": "{}"}).json()["date_expires"] == item["date_expires"]
    assert api.post(item["url"], {"Ttl": "7"}).json()["date_expires"] == later(api, 7)
    assert api.post(item["url"], {"ItemTtl": "0"}).json()["date_expires"] is None
    assert api.post(item["url"], {"ItemTtl": "", "Ttl": "3"}).json()["date_expires"] == later(api, 3)
    revision = api.get(item["url"]).json()["revision"]
    assert revision == "4"
    api.clock.advance(3)
    assert_error(api.get(item["url"]), 404, missing)
    assert_error(api.post(item["url"], {"Data": "{}"}), 404, missing)
    assert_error(api.delete(item["url"], headers={"If-Match": revision}), 404, missing)
    assert api.get(items).json()["items"] == []
    again = api.post(items, form)
    assert again.status_code == 201
    assert again.json()["date_expires"] is None


@pytest.mark.parametrize(("kind", "key", "missing"), PUSHES)
def test_the_ttl_of_the_collection_around_an_item(
    api: Api, service: str, kind: str, key: dict[str, str], missing: int
) -> None:
    parent = api.post(f"{service}/{kind}").json()
    form = {**key, "Data": "{}", "CollectionTtl": "20"}
    item = api.post(parent["links"]["items"], form).json()
    assert item["date_expires"] is None
    assert api.get(parent["url"]).json()["date_expires"] == later(api, 20)
    assert_error(api.post(item["url"], {"CollectionTtl": "9"}), 400, 54010)
    api.post(item["url"], {"ItemTtl": "0", "CollectionTtl": "9"})
    assert api.get(parent["url"]).json()["date_expires"] == later(api, 9)
    api.post(item["url"], {"Data": "{}", "CollectionTtl": "6"})
    api.clock.advance(6)
    assert_error(api.get(item["url"]), 404, MISSING[kind])
    assert_error(api.post(parent["links"]["items"], form), 404, MISSING[kind])


def test_an_expired_key_is_removed_before_it_comes_back(api: Api, service: str, announced: list[Any]) -> None:
    items = api.post(f"{service}/Maps").json()["links"]["items"]
    api.post(items, {"Key": "k", "Data": '{"n":1}', "Ttl": "1"})
    api.clock.advance(1)
    assert api.post(items, {"Key": "k", "Data": '{"n":2}'}).json()["revision"] == "2"
    assert events(announced)[-3:] == [("map_item_added", 0), ("map_item_removed", 1), ("map_item_added", 2)]
    assert api.get(f"{items}/k").json()["data"] == {"n": 2}


def test_purging_removes_what_is_due_and_tells_it_once(api: Api, service: str, announced: list[Any]) -> None:
    database = api.node.database
    for kind in KINDS:
        api.post(f"{service}/{kind}", {"UniqueName": "gone", "Ttl": "1"})
        api.post(f"{service}/{kind}", {"UniqueName": "kept", "Ttl": "9"})
    api.post(f"{service}/Lists/kept/Items", {"Data": '{"n":1}', "Ttl": "1"})
    api.post(f"{service}/Maps/kept/Items", {"Key": "k", "Data": '{"n":2}', "Ttl": "1"})
    api.post(f"{service}/Maps/kept/Items", {"Key": "stays", "Data": "{}"})
    api.post(f"{service}/Maps/gone/Items", {"Key": "k", "Data": "{}", "Ttl": "1"})
    assert api.run(database.read(expiry.next_due)) == api.clock.now + SECOND
    assert api.run(database.write(expiry.purge)) == 0
    api.clock.advance(1)
    announced.clear()

    async def all_of_them() -> int:
        count = 0
        while found := await database.write(lambda tx: expiry.purge(tx, 2)):
            count += found
        return count

    assert api.run(all_of_them()) == 6
    removed = [one for one in announced if isinstance(one, SyncEvent)]
    assert {one.actor.name for one in removed} == {"system"}
    assert sorted(events(announced), key=str) == [
        ("document_removed", None),
        ("list_item_removed", 1),
        ("list_removed", None),
        ("map_item_removed", 2),
        ("map_removed", None),
        ("stream_removed", None),
    ]
    item = next(one for one in removed if one.type is EventType.MAP_ITEM_REMOVED)
    assert (item.item_key, item.data, item.item_revision, item.object_revision) == ("k", '{"n":2}', "2", "3")
    assert api.run(database.read(expiry.next_due)) == api.clock.now + 8 * SECOND
    assert [item["key"] for item in api.get(f"{service}/Maps/kept/Items").json()["items"]] == ["stays"]


async def purge_at_once(api: Api) -> None:
    await asyncio.gather(*[api.node.database.write(expiry.purge) for _ in range(4)])


def test_purges_at_once_tell_each_objects_end_once(api: Api, service: str, announced: list[Any]) -> None:
    for _ in range(10):
        api.post(f"{service}/Documents", {"Ttl": "1"})
    api.clock.advance(1)
    announced.clear()
    api.run(purge_at_once(api))
    assert events(announced) == [("document_removed", None)] * 10


def test_purges_at_once_tell_each_items_end_once_and_count_no_other(
    api: Api, service: str, announced: list[Any]
) -> None:
    api.post(f"{service}/Lists", {"UniqueName": "l"})
    for _ in range(10):
        api.post(f"{service}/Lists/l/Items", {"Data": "{}", "Ttl": "1"})
    api.clock.advance(1)
    announced.clear()
    api.run(purge_at_once(api))
    assert sorted(events(announced)) == [("list_item_removed", 10 + n) for n in range(10)]
    assert api.get(f"{service}/Lists/l").json()["revision"] == "14"
