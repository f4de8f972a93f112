"""Keys and SigningKeys over the 2010 API, and Keys of iam."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error

ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
FIELDS = {"sid", "friendly_name", "date_created", "date_updated"}
POLICY = '{"allow":["/twilio/sync/services/read"]}'


def subaccount(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.post("/2010-04-01/Accounts.json").json()
    return found


@pytest.mark.parametrize(("name", "key"), [("Keys", "keys"), ("SigningKeys", "signing_keys")])
def test_a_key_is_made_shown_once_renamed_listed_and_deleted(api: Api, name: str, key: str) -> None:
    made = api.post(f"{ACCOUNT}/{name}.json", {"FriendlyName": "mine"})
    assert made.status_code == 201
    new = made.json()
    assert re.fullmatch(r"SK[0-9a-f]{32}", new["sid"])
    assert re.fullmatch(r"[0-9a-f]{32}", new.pop("secret"))
    assert new.keys() == FIELDS
    assert new["date_created"].endswith(" +0000")
    url = f"{ACCOUNT}/{name}/{new['sid']}.json"
    assert api.get(url).json() == new
    assert api.get(f"{ACCOUNT}/{name}.json").json()[key] == [new]
    renamed = api.post(url, {"FriendlyName": "yours"}).json()
    assert renamed == {**new, "friendly_name": "yours", "date_updated": renamed["date_updated"]}
    assert_error(api.post(url, {"FriendlyName": "x" * 65}), 400, 20002)
    assert api.delete(url).status_code == 204
    for gone in (api.get(url), api.post(url, {"FriendlyName": "x"}), api.delete(url)):
        assert url in assert_error(gone, 404, 20404)["message"]


def test_keys_and_signing_keys_are_one_store(api: Api) -> None:
    new = api.post(f"{ACCOUNT}/SigningKeys.json").json()
    assert new["friendly_name"] == ""
    assert api.get(f"{ACCOUNT}/Keys/{new['sid']}.json").json()["sid"] == new["sid"]
    assert api.get(f"/v1/Keys/{new['sid']}").json()["policy"] is None


def test_a_parent_manages_the_keys_of_a_subaccount_by_either_api(api: Api) -> None:
    sub = subaccount(api)
    own = (sub["sid"], sub["auth_token"])
    by_path = api.post(f"/2010-04-01/Accounts/{sub['sid']}/Keys.json").json()
    by_form = api.post("/v1/Keys", {"AccountSid": sub["sid"]}).json()
    assert api.get(f"{ACCOUNT}/Keys.json").json()["keys"] == []
    listed = api.get(f"/2010-04-01/Accounts/{sub['sid']}/Keys.json", auth=own).json()["keys"]
    assert {row["sid"] for row in listed} == {by_path["sid"], by_form["sid"]}
    assert len(api.get("/v1/Keys", {"AccountSid": sub["sid"]}).json()["keys"]) == 2
    for new in (by_path, by_form):
        assert api.get("/sync/v1/Services", auth=(new["sid"], new["secret"])).status_code == 200
        url = f"/v1/Keys/{new['sid']}"
        assert api.get(url).json()["sid"] == new["sid"]
        assert api.post(url, {"FriendlyName": "by parent"}).json()["friendly_name"] == "by parent"
        assert api.get(url, auth=own).json()["friendly_name"] == "by parent"
        assert api.delete(url).status_code == 204
        assert_error(api.get(url, auth=own), 404, 20404)


def test_a_subaccount_reaches_neither_its_parents_keys_nor_its_siblings(api: Api) -> None:
    one, two = subaccount(api), subaccount(api)
    own = (one["sid"], one["auth_token"])
    keys = [api.post("/v1/Keys", {"AccountSid": sid}).json() for sid in (ACCOUNT_SID, two["sid"])]
    for key in keys:
        url = f"/v1/Keys/{key['sid']}"
        for response in (
            api.get(url, auth=own),
            api.post(url, {"FriendlyName": "x"}, auth=own),
            api.delete(url, auth=own),
            api.get(f"/2010-04-01/Accounts/{one['sid']}/Keys/{key['sid']}.json", auth=own),
        ):
            assert_error(response, 404, 20404)
        assert api.get(url).json()["friendly_name"] == ""
    for sid in (ACCOUNT_SID, two["sid"]):
        assert_error(api.get("/v1/Keys", {"AccountSid": sid}, auth=own), 404, 20404)
        assert_error(api.post("/v1/Keys", {"AccountSid": sid}, auth=own), 404, 20404)


def test_a_restricted_key_shows_its_policy_and_its_flags_say_what_it_is_good_for(api: Api) -> None:
    standard = api.post("/v1/Keys", {"AccountSid": ACCOUNT_SID, "KeyType": "standard"}).json()
    form = {"AccountSid": ACCOUNT_SID, "KeyType": "restricted", "Policy": POLICY, "FriendlyName": "r"}
    made = api.post("/v1/Keys", form)
    assert made.status_code == 201
    new = made.json()
    assert new["policy"] == {"allow": ["/twilio/sync/services/read"]}
    assert standard["policy"] is None
    shown = api.get(f"/v1/Keys/{new['sid']}").json()
    assert shown == {name: value for name, value in new.items() if name != "secret"}
    rows = {row["sid"]: row for row in api.get("/v1/Keys", {"AccountSid": ACCOUNT_SID}).json()["keys"]}
    assert rows[standard["sid"]]["flags"] == ["rest_api", "signing"]
    assert rows[new["sid"]]["flags"] == ["rest_api"]
    assert all(row.keys() == FIELDS | {"flags"} for row in rows.values())
    wider = '{"allow":["/twilio/sync/services/read","/twilio/sync/services/list"]}'
    assert len(api.post(f"/v1/Keys/{new['sid']}", {"Policy": wider}).json()["policy"]["allow"]) == 2
    assert_error(api.post(f"/v1/Keys/{new['sid']}", {"Policy": ""}), 400, 20001)
    assert_error(api.post(f"/v1/Keys/{standard['sid']}", {"Policy": POLICY}), 400, 20001)


MANY = ",".join(f'"/twilio/x/{number}"' for number in range(101))


def test_a_bad_key_is_refused_and_not_made(api: Api) -> None:
    restricted = {"AccountSid": ACCOUNT_SID, "KeyType": "restricted"}
    for form in (
        {},
        {"AccountSid": "AC1"},
        {"AccountSid": ""},
        {"AccountSid": ACCOUNT_SID, "KeyType": "main"},
        {"AccountSid": ACCOUNT_SID, "KeyType": ""},
        {"AccountSid": ACCOUNT_SID, "Policy": POLICY},
        {"AccountSid": ACCOUNT_SID, "KeyType": "standard", "Policy": POLICY},
        restricted,
        {**restricted, "Policy": ""},
        {**restricted, "Policy": "nope"},
        {**restricted, "Policy": "[]"},
        {**restricted, "Policy": "{}"},
        {**restricted, "Policy": '{"allow":["/twilio/a"],"b":1e999}'},
        {**restricted, "Policy": '{"allow":' + "[" * 960 + "]" * 960 + "}"},
        {**restricted, "Policy": '{"allow":[]}'},
        {**restricted, "Policy": '{"allow":"/twilio/sync"}'},
        {**restricted, "Policy": '{"allow":[1]}'},
        {**restricted, "Policy": '{"allow":["sync"]}'},
        {**restricted, "Policy": '{"allow":["/twilio/a"],"deny":[]}'},
        {**restricted, "Policy": f'{{"allow":[{MANY}]}}'},
    ):
        assert_error(api.post("/v1/Keys", form), 400, 20001)
    assert_error(api.post("/v1/Keys", {"AccountSid": ACCOUNT_SID, "FriendlyName": "x" * 65}), 400, 20002)
    assert_error(api.post("/v1/Keys", {"AccountSid": "AC" + "9" * 32}), 404, 20404)
    assert_error(api.get("/v1/Keys"), 400, 20001)
    assert api.get("/v1/Keys", {"AccountSid": ACCOUNT_SID}).json()["keys"] == []
