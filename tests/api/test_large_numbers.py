"""Numbers beyond those that a database holds: a true text in place of a fault, on both engines."""

from __future__ import annotations

import base64

import pytest

from api.conftest import ACCOUNT_SID, OPERATOR, Api, assert_error

DEFAULT = "/sync/v1/Services/default"
ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
NUMBERS = ("2147483648", "4294967296", "9223372036854775808", "9" * 40, "0" * 5000 + "9" * 20)
"""The numbers after those of 32 and 64 bits, and far beyond."""

LISTS = (
    "/sync/v1/Services",
    f"{DEFAULT}/Lists",
    f"{DEFAULT}/Lists/one/Items",
    f"{DEFAULT}/Maps/one/Items",
    f"{DEFAULT}/Maps/one/Permissions",
    "/chat/v2/Services",
    "/messaging/v1/Services",
    "/notify/v1/Services",
    f"{ACCOUNT}/Messages.json",
    f"{ACCOUNT}/IncomingPhoneNumbers.json",
    f"{ACCOUNT}/Keys.json",
    "/v1/Alerts",
)
REFUSED = {
    f"{DEFAULT}/Lists/one": ("Ttl", 54011),
    f"{DEFAULT}/Documents/one": ("Ttl", 54011),
    "/sync/v1/Services/default": ("ReachabilityDebouncingWindow", 20001),
}
"""Parameters of updates, and the error for a number that is too large."""

CONTROL = (
    "/_trunkline/inbox/messages?PageSize={}",
    "/_trunkline/inbox/messages?PageSize=000000001{}",
    "/_trunkline/inbox/messages?Since={}",
    "/_trunkline/webhooks?PageSize={}",
    "/_trunkline/jobs?Limit={}",
    "/_trunkline/jobs/{}",
    "/_trunkline/numbers?PageSize={}",
)


@pytest.fixture
def settings_overrides() -> dict[str, str]:
    """Return a server with the sandbox, whose inbox is part of the control API."""
    return {}


def token(number: int) -> str:
    """Return a page token whose row has this number."""
    return "PA" + base64.urlsafe_b64encode(f"{number:x}.a".encode()).rstrip(b"=").decode()


def test_numbers_that_are_too_large(api: Api) -> None:
    for kind in ("Documents", "Lists", "Maps"):
        api.post(f"{DEFAULT}/{kind}", {"UniqueName": "one"})
    for path in LISTS:
        for number in NUMBERS:
            body = assert_error(api.get(path, {"Page": number}), 400, 20001)
            assert body["message"] == "Invalid parameter Page: must be an integer from 0 to 2147483647"
            assert api.get(path, {"PageSize": number}).status_code == 200, (path, number)
        for number in (2**31, 2**60 - 1, -(2**60) + 1):
            assert api.get(path, {"PageToken": token(number)}).status_code == 200, (path, number)
        assert api.get(path, {"PageToken": token(2**63)}).status_code == 400
    for number in NUMBERS:
        for path, (name, code) in REFUSED.items():
            assert_error(api.post(path, {name: number}), 400, code)
        assert_error(api.get(f"{DEFAULT}/Lists/one/Items/{number}"), 404, 54151)
        assert api.get(f"{DEFAULT}/Lists/one/Items", {"From": number}).json()["items"] == []
        stale = api.post(f"{DEFAULT}/Documents/one", {"Data": "{}"}, headers={"If-Match": number})
        assert stale.status_code in (400, 412), number
        for place in CONTROL:
            for who in (None, OPERATOR):
                path = place.format(number)
                options = {} if who is None else {"auth": who}
                assert api.get(path, **options).status_code < 500, path
    assert api.get("/_trunkline/inbox/messages").status_code == 200
