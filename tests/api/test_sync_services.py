"""Sync Services over the API."""

from __future__ import annotations

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
