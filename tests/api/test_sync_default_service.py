"""The default Sync Service: it appears when it is first requested."""

from __future__ import annotations

import pytest

from api.conftest import Api, assert_error

DEFAULT = "/sync/v1/Services/default"


def test_it_appears_when_first_fetched_and_stays_the_same(api: Api) -> None:
    assert api.get("/sync/v1/Services").json()["services"] == []
    body = api.get(DEFAULT).json()
    assert body["unique_name"] == "default"
    assert body["friendly_name"] is None
    assert api.get(DEFAULT).json() == body
    assert api.get(body["url"]).json() == body
    assert [service["sid"] for service in api.get("/sync/v1/Services").json()["services"]] == [body["sid"]]


def test_many_first_askers_get_one_service(api: Api) -> None:
    responses = api.together(*[("GET", DEFAULT, None)] * 20)
    assert {response.status_code for response in responses} == {200}
    assert len({response.json()["sid"] for response in responses}) == 1


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_it_appears_for_writes_too(api: Api, method: str) -> None:
    response = api.request(method, DEFAULT, data={"AclEnabled": "true"} if method == "POST" else None)
    assert response.status_code == (200 if method == "POST" else 204)


def test_deleting_it_is_allowed_and_the_next_use_makes_a_new_one(api: Api) -> None:
    first = api.get(DEFAULT).json()["sid"]
    assert api.delete(DEFAULT).status_code == 204
    assert_error(api.get(f"/sync/v1/Services/{first}"), 404, 54050)
    assert api.get(DEFAULT).json()["sid"] != first


def test_other_names_do_not_appear(api: Api) -> None:
    assert_error(api.get("/sync/v1/Services/Default"), 404, 54050)
    assert_error(api.get("/sync/v1/Services/other"), 404, 54050)


def test_each_account_has_its_own(api: Api) -> None:
    other = api.post("/api/2010-04-01/Accounts.json", {"FriendlyName": "sub"}).json()
    mine = api.get(DEFAULT).json()["sid"]
    theirs = api.get(DEFAULT, auth=(other["sid"], other["auth_token"])).json()["sid"]
    assert mine != theirs
