"""Accounts and subaccounts over the 2010 API."""

from __future__ import annotations

import re

import pytest

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api, assert_error
from trunkline.products.accounts import facade

ACCOUNTS = "/2010-04-01/Accounts"
RFC_2822 = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000")


def path(sid: str) -> str:
    return f"{ACCOUNTS}/{sid}.json"


def test_the_main_account_is_its_own_owner_and_shows_what_is_documented(api: Api) -> None:
    body = api.get(path(ACCOUNT_SID)).json()
    assert body["sid"] == body["owner_account_sid"] == ACCOUNT_SID
    assert (body["auth_token"], body["status"], body["type"]) == (AUTH_TOKEN, "active", "Full")
    assert RFC_2822.fullmatch(body["date_created"])
    assert RFC_2822.fullmatch(body["date_updated"])
    assert body["uri"] == path(ACCOUNT_SID)
    assert body["subresource_uris"]["keys"] == f"{ACCOUNTS}/{ACCOUNT_SID}/Keys.json"
    assert api.get(f"{ACCOUNTS}/{ACCOUNT_SID}").json() == body
    assert api.get(f"/api{path(ACCOUNT_SID)}").json() == body


def test_a_subaccount_is_made_found_renamed_and_listed(api: Api) -> None:
    api.clock.advance(1)
    made = api.post(f"{ACCOUNTS}.json", {"FriendlyName": "Ünder"})
    assert made.status_code == 201
    sub = made.json()
    assert (sub["friendly_name"], sub["owner_account_sid"], sub["status"]) == ("Ünder", ACCOUNT_SID, "active")
    assert re.fullmatch(r"[0-9a-f]{32}", sub["auth_token"])
    assert api.get(path(sub["sid"])).json() == sub
    api.clock.advance(5)
    renamed = api.post(path(sub["sid"]), {"FriendlyName": "new"}).json()
    assert renamed["friendly_name"] == "new"
    assert renamed["date_updated"] != renamed["date_created"] == sub["date_created"]
    assert [row["sid"] for row in api.get(f"{ACCOUNTS}.json").json()["accounts"]] == [ACCOUNT_SID, sub["sid"]]


def test_a_subaccount_without_a_name_is_named_by_its_date(api: Api) -> None:
    name = api.post(f"{ACCOUNTS}.json").json()["friendly_name"]
    assert re.fullmatch(r"SubAccount Created at \d{4}-\d\d-\d\d \d\d:\d\d [AP]M", name)


def test_accounts_are_filtered_by_name_and_status(api: Api) -> None:
    for name in ("a", "b", "b"):
        api.clock.advance(1)
        sid = api.post(f"{ACCOUNTS}.json", {"FriendlyName": name}).json()["sid"]
    api.post(path(sid), {"Status": "suspended"})

    def found(**filters: str) -> list[tuple[str, str]]:
        page = api.get(f"{ACCOUNTS}.json", {**filters, "PageSize": "1"}).json()
        rows = page["accounts"]
        while page["next_page_uri"]:
            assert all(f"{name}={value}" in page["next_page_uri"] for name, value in filters.items())
            page = api.get(page["next_page_uri"]).json()
            rows += page["accounts"]
        return [(row["friendly_name"], row["status"]) for row in rows]

    assert found(FriendlyName="b") == [("b", "active"), ("b", "suspended")]
    assert found(FriendlyName="b", Status="active") == [("b", "active")]
    assert found(Status="suspended") == [("b", "suspended")]
    assert found(FriendlyName="none") == []
    assert len(found(FriendlyName="", Status="")) == 4
    assert_error(api.get(f"{ACCOUNTS}.json", {"Status": "odd"}), 400, 20001)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"FriendlyName": "x" * 65}, 20002),
        ({"FriendlyName": ""}, 20002),
        ({"Status": "asleep"}, 20001),
        ({"Status": ""}, 20001),
        ({"Status": "Suspended"}, 20001),
        ({"FriendlyName": "ok", "Status": "odd"}, 20001),
    ],
)
def test_a_bad_change_is_refused_whole(api: Api, form: dict[str, str], code: int) -> None:
    sub = api.post(f"{ACCOUNTS}.json", {"FriendlyName": "x" * 64}).json()
    assert_error(api.post(path(sub["sid"]), form), 400, code)
    assert api.get(path(sub["sid"])).json() == sub
    assert_error(api.post(f"{ACCOUNTS}.json", {"FriendlyName": "x" * 65}), 400, 20002)


def test_only_the_parent_changes_a_subaccounts_status_and_closed_is_final(api: Api) -> None:
    sub = api.post(f"{ACCOUNTS}.json").json()
    own = (sub["sid"], sub["auth_token"])
    for status in ("suspended", "closed"):
        assert_error(api.post(path(sub["sid"]), {"Status": status}, auth=own), 401, 20003)
        assert_error(api.post(path(ACCOUNT_SID), {"Status": status}), 401, 20003)
    assert api.post(path(sub["sid"]), {"Status": "active", "FriendlyName": "me"}, auth=own).status_code == 200
    for status in ("suspended", "active", "closed", "closed"):
        assert api.post(path(sub["sid"]), {"Status": status}).json()["status"] == status
    for status in ("active", "suspended"):
        assert_error(api.post(path(sub["sid"]), {"Status": status}), 400, 20001)
    assert api.get(path(sub["sid"])).json()["status"] == "closed"


def test_subaccounts_do_not_nest_and_see_neither_parent_nor_siblings(api: Api) -> None:
    one, two = (api.post(f"{ACCOUNTS}.json").json() for _ in range(2))
    own = (one["sid"], one["auth_token"])
    assert_error(api.post(f"{ACCOUNTS}.json", auth=own), 400, 21101)
    assert [row["sid"] for row in api.get(f"{ACCOUNTS}.json", auth=own).json()["accounts"]] == [one["sid"]]
    for other in (ACCOUNT_SID, two["sid"], "AC" + "9" * 32, "nope"):
        body = assert_error(api.get(path(other), auth=own), 404, 20404)
        assert body["message"] == f"The requested resource {path(other)} was not found"
        assert_error(api.post(path(other), {"FriendlyName": "x"}, auth=own), 404, 20404)
        assert_error(api.get(f"{ACCOUNTS}/{other}/Keys.json", auth=own), 404, 20404)


def test_another_main_account_is_out_of_reach(api: Api) -> None:
    other = api.run(facade.create_main_account(api.node.database, api.node.vault, "other")).account.sid
    assert_error(api.get(path(other)), 404, 20404)
    assert_error(api.get(f"{ACCOUNTS}/{other}/Keys.json"), 404, 20404)
    assert_error(api.get("/v1/Keys", {"AccountSid": other}), 404, 20404)
    assert len(api.get(f"{ACCOUNTS}.json").json()["accounts"]) == 1


def test_what_a_subaccount_makes_is_its_own(api: Api) -> None:
    sub = api.post(f"{ACCOUNTS}.json").json()
    own = (sub["sid"], sub["auth_token"])
    service = api.post("/sync/v1/Services", auth=own).json()
    assert service["account_sid"] == sub["sid"]
    assert api.get("/sync/v1/Services").json()["services"] == []
    assert len(api.get("/sync/v1/Services", auth=own).json()["services"]) == 1
