"""Authentication: every kind of credential."""

from __future__ import annotations

import base64

import pytest

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api, assert_error
from trunkline.products.accounts import facade

SERVICES = "/sync/v1/Services"
CHALLENGE = 'Basic realm="Twilio API"'
WRONG = "Your AccountSid or AuthToken was incorrect."


@pytest.mark.parametrize(
    ("username", "password"),
    [
        (ACCOUNT_SID, AUTH_TOKEN[:-1]),
        (ACCOUNT_SID, AUTH_TOKEN + "f"),
        (ACCOUNT_SID, AUTH_TOKEN.upper()),
        (ACCOUNT_SID, ""),
        (ACCOUNT_SID, "ключ"),
        ("AC" + "9" * 32, AUTH_TOKEN),
        ("SK" + "9" * 32, AUTH_TOKEN),
    ],
)
def test_wrong_credentials_are_a_401_with_the_documented_texts(
    api: Api, username: str, password: str
) -> None:
    response = api.post(SERVICES, auth=(username, password))
    body = assert_error(response, 401, 20003)
    assert (body["message"], body["detail"]) == ("Authenticate", WRONG)
    assert response.headers["www-authenticate"] == CHALLENGE
    assert api.get(SERVICES).json()["services"] == []


def test_missing_and_malformed_credentials_are_a_401(api: Api) -> None:
    for header, text in (
        (None, "Authentication Error - No credentials provided"),
        ("Bearer x", "Authentication Error - No credentials provided"),
        ("Basic " + base64.b64encode(b"me:you").decode(), "Authentication Error - invalid username"),
        ("Basic %%%", "Authentication Error - invalid username"),
    ):
        response = api.get(SERVICES, auth=None, headers={"Authorization": header} if header else {})
        assert assert_error(response, 401, 20003)["message"] == text
        assert response.headers["www-authenticate"] == CHALLENGE


def test_a_key_acts_for_its_account_until_it_is_deleted(api: Api) -> None:
    key = api.post(f"/2010-04-01/Accounts/{ACCOUNT_SID}/Keys.json").json()
    pair = (key["sid"], key["secret"])
    url = api.post(SERVICES, auth=pair).json()["url"]
    assert api.get(url).json()["account_sid"] == ACCOUNT_SID
    assert_error(api.get(url, auth=(key["sid"], AUTH_TOKEN)), 401, 20003)
    assert api.delete(f"/2010-04-01/Accounts/{ACCOUNT_SID}/Keys/{key['sid']}.json").status_code == 204
    assert_error(api.get(url, auth=pair), 401, 20003)


def test_a_standard_key_manages_neither_accounts_nor_keys(api: Api) -> None:
    key = api.post(f"/2010-04-01/Accounts/{ACCOUNT_SID}/Keys.json").json()
    pair = (key["sid"], key["secret"])
    for path in (
        "/2010-04-01/Accounts.json",
        f"/2010-04-01/Accounts/{ACCOUNT_SID}.json",
        f"/2010-04-01/Accounts/{ACCOUNT_SID}/Keys.json",
        f"/2010-04-01/Accounts/{ACCOUNT_SID}/SigningKeys.json",
        f"/v1/Keys?AccountSid={ACCOUNT_SID}",
        f"/v1/Keys/{key['sid']}",
    ):
        assert_error(api.get(path, auth=pair), 401, 20003)
    assert_error(api.post("/v1/AuthTokens/Secondary", auth=pair), 401, 20003)


def test_a_main_key_may_do_what_the_auth_token_may(api: Api) -> None:
    key, secret = api.run(
        facade.create_key(api.node.database, api.node.vault, ACCOUNT_SID, "main", main=True)
    )
    assert api.get("/2010-04-01/Accounts.json", auth=(key.sid, secret)).status_code == 200
    assert api.get("/v1/Keys", {"AccountSid": ACCOUNT_SID}, auth=(key.sid, secret)).status_code == 200


def test_a_restricted_key_does_what_its_policy_allows_and_nothing_else(api: Api) -> None:
    policy = '{"allow":["/twilio/sync/services/read","/twilio/sync/services/create"]}'
    made = api.post("/v1/Keys", {"AccountSid": ACCOUNT_SID, "KeyType": "restricted", "Policy": policy}).json()
    pair = (made["sid"], made["secret"])
    url = api.post(SERVICES, auth=pair).json()["url"]
    assert api.get(url, auth=pair).status_code == 200
    assert len(api.get(SERVICES, auth=pair).json()["services"]) == 1
    assert_error(api.post(url, {"FriendlyName": "x"}, auth=pair), 401, 70051)
    assert_error(api.delete(url, auth=pair), 401, 70051)
    assert_error(api.get("/2010-04-01/Accounts.json", auth=pair), 401, 20003)
    changed = {"Policy": '{"allow":["/twilio/sync/services/list"]}'}
    assert api.post(f"/v1/Keys/{made['sid']}", changed).status_code == 200
    assert api.get(SERVICES, auth=pair).status_code == 200
    assert_error(api.get(url, auth=pair), 401, 70051)


def test_a_suspended_subaccount_and_its_keys_are_refused_until_it_is_active_again(api: Api) -> None:
    sub = api.post("/2010-04-01/Accounts.json").json()
    token = (sub["sid"], sub["auth_token"])
    key = api.post(f"/2010-04-01/Accounts/{sub['sid']}/Keys.json", auth=token).json()
    pair = (key["sid"], key["secret"])
    for status in ("suspended", "closed"):
        assert (
            api.post(f"/2010-04-01/Accounts/{sub['sid']}.json", {"Status": status}).json()["status"] == status
        )
        for auth in (token, pair):
            assert_error(api.get(SERVICES, auth=auth), 403, 20005)
        assert_error(api.get(SERVICES, auth=(sub["sid"], "wrong")), 401, 20003)
        assert_error(api.get(f"/2010-04-01/Accounts/{sub['sid']}/Keys.json"), 403, 20005)
        assert_error(api.get(f"/v1/Keys/{key['sid']}"), 403, 20005)
        if status == "suspended":
            api.post(f"/2010-04-01/Accounts/{sub['sid']}.json", {"Status": "active"})
            assert api.get(SERVICES, auth=pair).status_code == 200


def test_guessing_is_slowed_down_but_the_right_pair_is_not(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []

    async def hold(address: str) -> None:
        held.append(address)

    monkeypatch.setattr(api.node.application._failures, "hold", hold)
    assert_error(api.get(SERVICES, auth=(ACCOUNT_SID, "guess")), 401, 20003)
    assert api.get(SERVICES).status_code == 200
    assert held == ["127.0.0.1"]
