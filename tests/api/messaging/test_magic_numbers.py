"""Test credentials: the magic numbers, and that nothing is kept, sent or notified."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api, assert_error
from trunkline.products.accounts import facade

GOOD = "+15005550006"
TO = "+14155550199"
UNKNOWN = "SM" + "0" * 32


class Caller:
    """Requests with an account's test credentials."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.auth = api.run(facade.test_credentials(api.node.database, api.node.vault, ACCOUNT_SID))
        self.messages = f"/2010-04-01/Accounts/{self.auth[0]}/Messages.json"

    def send(self, **form: Any) -> Any:
        """Create a message; with the good sender and a text unless other values are given."""
        fields = {"To": TO, "From": GOOD, "Body": "Hello", **form}
        fields = {name: value for name, value in fields.items() if value is not None}
        return self.api.post(self.messages, fields, auth=self.auth)


@pytest.fixture
def caller(api: Api) -> Caller:
    return Caller(api)


CASES: list[tuple[dict[str, Any], int, int]] = [
    ({"From": "+15005550001"}, 400, 21212),
    ({"From": "+15005550007"}, 400, 21606),
    ({"From": "+15005550008"}, 429, 21611),
    ({"From": TO, "To": "+14155550198"}, 400, 21606),
    ({"From": "Acme"}, 400, 21606),
    ({"To": "+15005550001"}, 400, 21211),
    ({"To": "+15005550002"}, 400, 21612),
    ({"To": "+15005550003"}, 403, 21408),
    ({"To": "+15005550004"}, 400, 21610),
    ({"To": "+15005550009"}, 400, 21614),
    ({"To": "nobody"}, 400, 21211),
    ({"To": "12345"}, 400, 21265),
    ({"To": GOOD}, 400, 21266),
    ({"To": None}, 400, 21604),
    ({"From": None}, 400, 21603),
    ({"Body": None}, 400, 21619),
    ({"Body": "x" * 1601}, 400, 21617),
    ({"ValidityPeriod": "0"}, 400, 21624),
    ({"MessagingServiceSid": "MG" + "0" * 32}, 403, 20008),
    ({"MessagingServiceSid": "MG" + "0" * 32, "From": None}, 403, 20008),
]


def test_magic_numbers(caller: Caller) -> None:
    for form, status, code in CASES:
        response = caller.send(**form)
        assert (response.status_code, response.json()["code"]) == (status, code), (form, response.text)


def test_a_rehearsed_message_is_answered_and_not_kept(caller: Caller, api: Api) -> None:
    response = caller.send(Body="☂" * 71, StatusCallback="http://127.0.0.1:9/", ProvideFeedback="true")
    assert response.status_code == 201
    made = response.json()
    assert (made["account_sid"], made["from"], made["to"]) == (caller.auth[0], GOOD, TO)
    assert (made["status"], made["num_segments"]) == ("queued", "2")
    media = caller.send(Body=None, MediaUrl="https://example.com/a.png").json()
    assert (media["sid"][:2], media["num_media"], media["num_segments"]) == ("MM", "1", "1")

    for table in ("messages", "message_queue", "message_lanes", "message_feedback", "jobs"):
        kept = f"SELECT count(*) FROM {table}"
        assert api.run(api.node.database.read(lambda tx, kept=kept: tx.value(kept))) == 0, table


def test_everything_else_is_refused(caller: Caller, api: Api) -> None:
    root = caller.messages.removesuffix(".json")
    for method, path in (
        ("GET", caller.messages),
        ("GET", f"{root}/{UNKNOWN}.json"),
        ("POST", f"{root}/{UNKNOWN}.json"),
        ("DELETE", f"{root}/{UNKNOWN}.json"),
        ("GET", "/messaging/v1/Services"),
        ("POST", "/messaging/v1/Services"),
        ("GET", "/sync/v1/Services"),
        ("GET", "/2010-04-01/Accounts.json"),
    ):
        assert_error(api.request(method, path, auth=caller.auth), 403, 20008)
    form = {"To": TO, "From": GOOD, "Body": "x"}
    own = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
    assert_error(api.post(own, form, auth=caller.auth), 404, 20404)
    assert_error(api.post(caller.messages, form), 404, 20404)
    for auth in ((caller.auth[0], AUTH_TOKEN), (ACCOUNT_SID, caller.auth[1])):
        assert_error(api.post(caller.messages, form, auth=auth), 401, 20003)
    control = api.request("GET", "/_trunkline/webhooks", auth=caller.auth)
    assert (control.status_code, control.json()["code"]) == (401, 20003)


def test_the_pair_stays_and_is_the_accounts_own(caller: Caller, api: Api) -> None:
    other = api.post("/2010-04-01/Accounts.json").json()
    pairs = [
        api.run(facade.test_credentials(api.node.database, api.node.vault, sid))
        for sid in (ACCOUNT_SID, other["sid"])
    ]
    assert pairs[0] == caller.auth
    assert pairs[1] not in ((), caller.auth)
    with pytest.raises(facade.UnknownAccount):
        api.run(facade.test_credentials(api.node.database, api.node.vault, "AC" + "0" * 32))
    api.post(f"/2010-04-01/Accounts/{other['sid']}.json", {"Status": "suspended"})
    path = f"/2010-04-01/Accounts/{pairs[1][0]}/Messages.json"
    refused = api.post(path, {"To": TO, "From": GOOD, "Body": "x"}, auth=pairs[1])
    assert_error(refused, 403, 20005)
