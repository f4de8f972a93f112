"""An update without a parameter: nothing changes, not even the date of the last change."""

from __future__ import annotations

from api.conftest import ACCOUNT_SID, Api, assert_error
from api.messaging.registrations import VERIFICATION, VERIFICATIONS, pairs
from api.messaging.stock import own

ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
DEFAULT = "/sync/v1/Services/default"

CREATED = {
    "/sync/v1/Services": {"WebhookUrl": "http://example.com/"},
    "/chat/v1/Services": {"FriendlyName": "n"},
    "/chat/v2/Services": {"FriendlyName": "n"},
    "/notify/v1/Services": {"FriendlyName": "n"},
    "/messaging/v1/Services": {"FriendlyName": "n"},
    f"{ACCOUNT}/Applications.json": {"FriendlyName": "n"},
    f"{ACCOUNT}/Keys.json": {"FriendlyName": "n"},
    f"{ACCOUNT}/SigningKeys.json": {"FriendlyName": "n"},
    "/v1/Keys": {"AccountSid": ACCOUNT_SID, "FriendlyName": "n"},
    "/2010-04-01/Accounts.json": {"FriendlyName": "n"},
}
"""The lists of resources whose update needs no parameter, and the parameters of a new one."""

REFUSED = {
    f"{DEFAULT}/Documents/one": 54010,
    f"{DEFAULT}/Lists/one": 54010,
    f"{DEFAULT}/Lists/one/Items/0": 54010,
    f"{DEFAULT}/Maps/one": 54010,
    f"{DEFAULT}/Maps/one/Items/k": 54010,
    f"{DEFAULT}/Streams/one": 54010,
    f"{DEFAULT}/Documents/one/Permissions/bob": 20001,
}
"""The resources whose update needs a parameter, and the error without one."""


def unchanged(api: Api, path: str, status: int = 200) -> None:
    """Check that an update without a parameter, or with an unknown one, changes nothing."""
    before = api.get(path).json()
    api.clock.advance(60)
    for form in ({}, {"Unknown": "x"}):
        updated = api.post(path, form)
        assert updated.status_code == status, (path, updated.text)
        assert updated.json() == before, path
    assert api.get(path).json() == before


def test_nothing_given_is_nothing_changed(api: Api) -> None:
    for place, form in CREATED.items():
        made = api.post(place, form)
        assert made.status_code == 201, made.text
        folder, dot, suffix = place.partition(".json")
        unchanged(api, f"{folder}/{made.json()['sid']}{dot}{suffix}")
    for kind in ("sync", "chat"):
        version = {"sync": "v1", "chat": "v2"}[kind]
        status = api.post(f"/{kind}/{version}/Services/IS{'0' * 32}").status_code
        assert status == 404, kind


def test_numbers_and_their_verifications(api: Api) -> None:
    number = own(api, "+18005550100", kind="toll-free").sid
    unchanged(api, f"{ACCOUNT}/IncomingPhoneNumbers/{number}.json")
    made = api.post(VERIFICATIONS, pairs(VERIFICATION, TollfreePhoneNumberSid=number)).json()
    unchanged(api, f"{VERIFICATIONS}/{made['sid']}", 202)
    short = own(api, "55555", kind="short-code", prefix="SC").sid
    unchanged(api, f"{ACCOUNT}/SMS/ShortCodes/{short}.json")


def test_documented_refusals_stay(api: Api) -> None:
    for kind in ("Documents", "Lists", "Maps", "Streams"):
        api.post(f"{DEFAULT}/{kind}", {"UniqueName": "one"})
    api.post(f"{DEFAULT}/Lists/one/Items", {"Data": "{}"})
    api.post(f"{DEFAULT}/Maps/one/Items", {"Key": "k", "Data": "{}"})
    for path, code in REFUSED.items():
        assert_error(api.post(path), 400, code)
    service = api.post("/chat/v2/Services", {"FriendlyName": "n"}).json()
    role = api.get(service["links"]["roles"]).json()["roles"][0]
    assert_error(api.post(role["url"]), 400, 20001)
