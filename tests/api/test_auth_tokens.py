"""Secondary auth tokens and their promotion."""

from __future__ import annotations

import re

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api, assert_error

SECONDARY, PROMOTE = "/v1/AuthTokens/Secondary", "/v1/AuthTokens/Promote"
SERVICES = "/sync/v1/Services"


def works(api: Api, token: str) -> bool:
    return api.get(SERVICES, auth=(ACCOUNT_SID, token)).status_code == 200


def test_both_tokens_work_until_the_promotion_and_then_the_new_one_alone(api: Api) -> None:
    made = api.post(SECONDARY)
    assert made.status_code == 201
    body = made.json()
    new = body["secondary_auth_token"]
    assert re.fullmatch(r"[0-9a-f]{32}", new)
    assert (body["account_sid"], body["url"]) == (ACCOUNT_SID, f"http://127.0.0.1:8080{SECONDARY}")
    assert works(api, AUTH_TOKEN)
    assert works(api, new)
    assert not works(api, new[::-1])
    promoted = api.post(PROMOTE)
    assert promoted.status_code == 200
    assert (promoted.json()["auth_token"], promoted.json()["account_sid"]) == (new, ACCOUNT_SID)
    assert works(api, new)
    assert not works(api, AUTH_TOKEN)
    pair = (ACCOUNT_SID, new)
    assert api.get(f"/2010-04-01/Accounts/{ACCOUNT_SID}.json", auth=pair).json()["auth_token"] == new
    assert_error(api.post(PROMOTE, auth=pair), 404, 20404)
    assert_error(api.delete(SECONDARY, auth=pair), 404, 20404)


def test_a_second_secondary_token_replaces_the_first(api: Api) -> None:
    first, second = (api.post(SECONDARY).json()["secondary_auth_token"] for _ in range(2))
    assert first != second
    assert works(api, second)
    assert not works(api, first)


def test_a_deleted_secondary_token_works_no_more(api: Api) -> None:
    token = api.post(SECONDARY).json()["secondary_auth_token"]
    assert api.delete(SECONDARY, auth=(ACCOUNT_SID, token)).status_code == 204
    assert not works(api, token)
    assert works(api, AUTH_TOKEN)
    assert_error(api.post(PROMOTE), 404, 20404)


def test_of_promotions_at_once_one_wins(api: Api) -> None:
    token = api.post(SECONDARY).json()["secondary_auth_token"]
    responses = api.together(*[("POST", PROMOTE, None)] * 5)
    statuses = sorted(response.status_code for response in responses)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {401, 404}
    assert works(api, token)


def test_tokens_are_each_accounts_own(api: Api) -> None:
    sub = api.post("/2010-04-01/Accounts.json").json()
    own = (sub["sid"], sub["auth_token"])
    token = api.post(SECONDARY, auth=own).json()["secondary_auth_token"]
    assert not works(api, token)
    assert api.get(SERVICES, auth=(sub["sid"], token)).status_code == 200
    assert_error(api.post(PROMOTE), 404, 20404)
