"""Sync Services over the API."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error

SERVICES = "/sync/v1/Services"


def test_a_service_without_parameters_has_the_documented_defaults(api: Api) -> None:
    created = api.post(SERVICES)
    assert created.status_code == 201
    body = created.json()
    url = f"http://127.0.0.1:8080{SERVICES}/{body['sid']}"
    assert body == {
        "sid": body["sid"],
        "unique_name": None,
        "account_sid": ACCOUNT_SID,
        "friendly_name": None,
        "date_created": body["date_created"],
        "date_updated": body["date_created"],
        "url": url,
        "webhook_url": None,
        "webhooks_from_rest_enabled": False,
        "reachability_webhooks_enabled": False,
        "acl_enabled": False,
        "reachability_debouncing_enabled": False,
        "reachability_debouncing_window": 5000,
        "links": {
            "documents": f"{url}/Documents",
            "lists": f"{url}/Lists",
            "maps": f"{url}/Maps",
            "streams": f"{url}/Streams",
        },
    }
    assert api.get(body["url"]).json() == body


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("FriendlyName", "", 54053),
        ("FriendlyName", "x" * 256, 54053),
        ("WebhookUrl", "nope", 54051),
        ("WebhookUrl", "http://h/" + "x" * 504, 54051),
        ("ReachabilityDebouncingWindow", "999", 20001),
        ("ReachabilityDebouncingWindow", "30001", 20001),
        ("ReachabilityDebouncingWindow", "5e3", 20001),
        ("AclEnabled", "maybe", 20001),
    ],
)
def test_a_bad_setting_is_refused_and_nothing_is_made(api: Api, name: str, value: str, code: int) -> None:
    assert_error(api.post(SERVICES, {"FriendlyName": "fine", name: value}), 400, code)
    assert api.get(SERVICES).json()["services"] == []


@pytest.mark.parametrize(
    ("form", "field", "stored"),
    [
        ({"ReachabilityDebouncingWindow": "1000"}, "reachability_debouncing_window", 1000),
        ({"ReachabilityDebouncingWindow": "30000"}, "reachability_debouncing_window", 30000),
        ({"FriendlyName": "ü" * 255}, "friendly_name", "ü" * 255),
        ({"WebhookUrl": "https://h/" + "x" * 502}, "webhook_url", "https://h/" + "x" * 502),
        ({"WebhookUrl": ""}, "webhook_url", None),
        ({"AclEnabled": "TRUE"}, "acl_enabled", True),
        ({"WebhooksFromRestEnabled": "True"}, "webhooks_from_rest_enabled", True),
        ({"ReachabilityWebhooksEnabled": "true"}, "reachability_webhooks_enabled", True),
        ({"ReachabilityDebouncingEnabled": "true"}, "reachability_debouncing_enabled", True),
        ({"AclEnabled": "true", "UniqueName": "mine", "Nonsense": "x"}, "unique_name", None),
    ],
)
def test_a_setting_is_stored_by_create_and_by_update(
    api: Api, form: dict[str, str], field: str, stored: object
) -> None:
    created = api.post(SERVICES, form).json()
    assert created[field] == stored
    plain = api.post(SERVICES, {"WebhookUrl": "http://before.example/"}).json()
    api.clock.advance(5)
    changed = api.post(plain["url"], form).json()
    assert changed[field] == stored
    assert changed["date_updated"] != plain["date_updated"]
    touched = {field, "date_updated"} | ({"acl_enabled"} if "AclEnabled" in form else set())
    assert {name for name in plain if plain[name] != changed[name]} <= touched
    assert api.get(plain["url"]).json() == changed


def test_a_bad_change_is_refused_whole(api: Api) -> None:
    before = api.post(SERVICES, {"FriendlyName": "before", "WebhookUrl": "http://h.example/"}).json()
    for form, code in (
        ({"FriendlyName": ""}, 54053),
        ({"FriendlyName": "after", "WebhookUrl": "nope"}, 54051),
        ({"FriendlyName": "after", "ReachabilityDebouncingWindow": "999"}, 20001),
    ):
        assert_error(api.post(before["url"], form), 400, code)
    assert api.get(before["url"]).json() == before


def test_a_deleted_service_is_gone_and_others_are_not(api: Api) -> None:
    gone, kept = (api.post(SERVICES).json() for _ in range(2))
    assert api.delete(gone["url"]).status_code == 204
    for response in (
        api.get(gone["url"]),
        api.post(gone["url"], {"AclEnabled": "true"}),
        api.delete(gone["url"]),
    ):
        assert_error(response, 404, 54050)
    assert api.get(SERVICES).json()["services"] == [kept]
    assert api.get(kept["url"]).json() == kept


def test_a_service_of_another_account_is_forbidden_and_stays_as_it_is(api: Api) -> None:
    sub = api.post("/2010-04-01/Accounts.json").json()
    own = (sub["sid"], sub["auth_token"])
    service = api.post(SERVICES).json()
    for response in (
        api.get(service["url"], auth=own),
        api.post(service["url"], {"FriendlyName": "theirs"}, auth=own),
        api.delete(service["url"], auth=own),
    ):
        assert_error(response, 403, 54056)
    assert api.get(SERVICES, auth=own).json()["services"] == []
    assert api.get(service["url"]).json() == service


def test_a_service_of_another_product_is_unknown_here(api: Api) -> None:
    other = api.post("/notify/v1/Services").json()
    assert other["sid"].startswith("IS")
    for name in (other["sid"], "IS" + "9" * 32, "ET" + "9" * 32, "nosuch", " ", "a/b"):
        assert_error(api.get(f"{SERVICES}/{quote(name, safe='')}"), 404, 54050)
    assert_error(api.get(f"/notify/v1/Services/{api.post(SERVICES).json()['sid']}"), 404, 20404)
