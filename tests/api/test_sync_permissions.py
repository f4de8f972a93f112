"""Permissions of Sync's Documents, Lists and Maps over the API."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error

SERVICES = "/sync/v1/Services"
NOTHING = {"Read": "false", "Write": "false", "Manage": "false"}
EVERYTHING = {"Read": "true", "Write": "True", "Manage": "TRUE"}


@pytest.fixture
def service(api: Api) -> str:
    return f"{SERVICES}/{api.post(SERVICES).json()['sid']}"


@pytest.mark.parametrize(("kind", "name"), [("Documents", "document"), ("Lists", "list"), ("Maps", "map")])
def test_a_permission_of_each_kind(api: Api, service: str, kind: str, name: str) -> None:
    target = api.post(f"{service}/{kind}", {"UniqueName": "o"}).json()
    assert api.get(target["links"]["permissions"]).json()["permissions"] == []
    assert_error(api.get(f"{service}/{kind}/o/Permissions/bob"), 404, 54354)
    response = api.post(f"{service}/{kind}/o/Permissions/bob", {**NOTHING, "Read": "true"})
    assert response.status_code == 200
    assert response.json() == {
        "account_sid": ACCOUNT_SID,
        "service_sid": target["service_sid"],
        f"{name}_sid": target["sid"],
        "identity": "bob",
        "read": True,
        "write": False,
        "manage": False,
        "url": f"{target['links']['permissions']}/bob",
    }
    assert api.get(response.json()["url"]).json() == response.json()
    changed = api.post(response.json()["url"], EVERYTHING)
    assert (changed.status_code, changed.json()["write"], changed.json()["manage"]) == (200, True, True)
    assert api.get(target["links"]["permissions"]).json()["permissions"] == [changed.json()]
    assert api.delete(response.json()["url"]).status_code == 204
    assert_error(api.delete(response.json()["url"]), 404, 54354)
    assert_error(api.get(response.json()["url"]), 404, 54354)


def test_no_flag_at_all_is_no_permission(api: Api, service: str) -> None:
    path = f"{api.post(f'{service}/Maps').json()['links']['permissions']}/bob"
    api.post(path, EVERYTHING)
    emptied = api.post(path, NOTHING)
    assert emptied.status_code == 200
    assert [emptied.json()[flag] for flag in ("read", "write", "manage")] == [False] * 3
    assert_error(api.get(path), 404, 54354)
    assert api.post(path, NOTHING).status_code == 200


def test_all_flags_must_be_given_and_be_booleans(api: Api, service: str) -> None:
    path = f"{api.post(f'{service}/Lists').json()['links']['permissions']}/bob"
    for flag in EVERYTHING:
        assert_error(api.post(path, {**EVERYTHING, flag: "maybe"}), 400, 20001)
        absent = {name: value for name, value in EVERYTHING.items() if name != flag}
        body = assert_error(api.post(path, absent), 400, 20001)
        assert flag in body["message"]
    assert_error(api.get(path), 404, 54354)


def test_identities(api: Api, service: str) -> None:
    path = api.post(f"{service}/Documents").json()["links"]["permissions"]
    for identity in ("a b", "a/b", "me@example.com", "ключ", "x" * 256):
        response = api.post(f"{path}/{quote(identity, safe='')}", EVERYTHING).json()
        assert response["identity"] == identity
        assert api.get(response["url"]).json() == response
    assert_error(api.post(f"{path}/{'x' * 257}", EVERYTHING), 400, 54351)
    assert_error(api.get(f"{path}/{'x' * 257}"), 400, 54351)


def test_pages_are_in_the_order_of_creation(api: Api, service: str) -> None:
    path = api.post(f"{service}/Documents").json()["links"]["permissions"]
    for identity in ("c", "a", "b"):
        api.clock.advance(1)
        api.post(f"{path}/{identity}", EVERYTHING)
    found, url = [], f"{path}?PageSize=2"
    while url:
        page = api.get(url).json()
        found += [row["identity"] for row in page["permissions"]]
        url = page["meta"]["next_page_url"]
    assert found == ["c", "a", "b"]


def test_permissions_of_what_is_not_there(api: Api, service: str) -> None:
    for path, code in [
        (f"{service}/Documents/no", 54300),
        (f"{service}/Documents/ET{'0' * 32}", 54100),
        (f"{service}/Lists/ES{'0' * 32}", 54150),
        (f"{service}/Maps/MP{'0' * 32}", 54200),
    ]:
        assert_error(api.get(f"{path}/Permissions"), 404, code)
        assert_error(api.get(f"{path}/Permissions/bob"), 404, code)
        assert_error(api.post(f"{path}/Permissions/bob", EVERYTHING), 404, code)
        assert_error(api.delete(f"{path}/Permissions/bob"), 404, code)
    stream = api.post(f"{service}/Streams").json()["url"]
    assert_error(api.get(f"{stream}/Permissions"), 404, 20404)


def test_they_end_with_their_object_and_do_not_bind_rest(api: Api, service: str) -> None:
    api.post(service, {"AclEnabled": "true"})
    document = api.post(f"{service}/Documents", {"UniqueName": "d"}).json()
    api.post(f"{document['links']['permissions']}/bob", EVERYTHING)
    assert api.get(document["url"]).status_code == 200
    assert api.delete(document["url"]).status_code == 204
    again = api.post(f"{service}/Documents", {"UniqueName": "d"}).json()
    assert api.get(again["links"]["permissions"]).json()["permissions"] == []
