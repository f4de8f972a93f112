"""Messaging Services and use cases over the API."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error

SERVICES = "/messaging/v1/Services"
UNKNOWN = "MG" + "0" * 32

CHANGES: dict[str, tuple[str, Any]] = {
    "friendly_name": ("Renamed", "Renamed"),
    "inbound_request_url": ("https://example.com/in?a=1", "https://example.com/in?a=1"),
    "inbound_method": ("GET", "GET"),
    "fallback_url": ("http://example.com/fallback", "http://example.com/fallback"),
    "fallback_method": ("get", "GET"),
    "status_callback": ("http://example.com/status", "http://example.com/status"),
    "sticky_sender": ("false", False),
    "smart_encoding": ("False", False),
    "mms_converter": ("false", False),
    "fallback_to_long_code": ("true", True),
    "scan_message_content": ("disable", "disable"),
    "area_code_geomatch": ("false", False),
    "validity_period": ("1", 1),
    "synchronous_validation": ("true", True),
    "usecase": ("Marketing", "marketing"),
    "use_inbound_webhook_on_number": ("True", True),
}
"""Each setting with a text that differs from its default, and what it is answered as."""


def wire(field: str) -> str:
    return "".join(part.capitalize() for part in field.split("_"))


def make(api: Api, **fields: str) -> dict[str, Any]:
    form = {"FriendlyName": "Made", **{wire(name): value for name, value in fields.items()}}
    response = api.post(SERVICES, form)
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def subaccount(api: Api) -> tuple[str, str]:
    body = api.post("/2010-04-01/Accounts.json", {"FriendlyName": "Other"}).json()
    return body["sid"], body["auth_token"]


def test_a_service_with_a_name_only_has_the_documented_defaults(api: Api) -> None:
    body = make(api)
    url = f"http://127.0.0.1:8080{SERVICES}/{body['sid']}"
    assert body == {
        "account_sid": ACCOUNT_SID,
        "sid": body["sid"],
        "date_created": body["date_created"],
        "date_updated": body["date_created"],
        "friendly_name": "Made",
        "inbound_request_url": None,
        "inbound_method": "POST",
        "fallback_url": None,
        "fallback_method": "POST",
        "status_callback": None,
        "sticky_sender": True,
        "smart_encoding": True,
        "mms_converter": True,
        "fallback_to_long_code": False,
        "scan_message_content": "inherit",
        "area_code_geomatch": True,
        "validity_period": 36000,
        "synchronous_validation": False,
        "usecase": "undeclared",
        "us_app_to_person_registered": False,
        "use_inbound_webhook_on_number": False,
        "links": {
            "phone_numbers": f"{url}/PhoneNumbers",
            "short_codes": f"{url}/ShortCodes",
            "alpha_senders": f"{url}/AlphaSenders",
            "messages": f"{url}/Messages",
            "us_app_to_person": f"{url}/Compliance/Usa2p",
            "us_app_to_person_usecases": f"{url}/Compliance/Usa2p/Usecases",
            "channel_senders": f"{url}/ChannelSenders",
            "destination_alpha_senders": f"{url}/DestinationAlphaSenders",
        },
        "url": url,
    }
    assert api.get(url).json() == body


def test_every_setting_is_taken_by_create(api: Api) -> None:
    made = make(api, **{name: sent for name, (sent, _) in CHANGES.items()})
    assert {name: made[name] for name in CHANGES} == {
        name: answered for name, (_, answered) in CHANGES.items()
    }
    assert api.get(made["url"]).json() == made


def test_an_update_changes_one_setting_and_leaves_the_others(api: Api) -> None:
    expected = make(api)
    for name, (sent, answered) in CHANGES.items():
        api.clock.advance(1)
        changed = api.post(expected["url"], {wire(name): sent})
        assert changed.status_code == 200
        assert changed.json()["date_updated"] > expected["date_updated"]
        expected |= {name: answered, "date_updated": changed.json()["date_updated"]}
        assert changed.json() == expected
    assert api.get(expected["url"]).json() == expected


@pytest.mark.parametrize("field", ["inbound_request_url", "fallback_url", "status_callback"])
def test_an_empty_url_clears_it(api: Api, field: str) -> None:
    made = make(api, **{field: "https://example.com"})
    assert made[field] == "https://example.com"
    assert api.post(made["url"], {wire(field): ""}).json()[field] is None
    assert api.get(made["url"]).json()[field] is None


def test_an_update_without_settings_changes_nothing(api: Api) -> None:
    made = make(api)
    api.clock.advance(5)
    for form in ({}, {"UsAppToPersonRegistered": "true", "Sid": UNKNOWN, "friendlyname": "x"}):
        updated = api.post(made["url"], form)
        assert (updated.status_code, updated.json()) == (200, made)


BAD = [
    ("FriendlyName", "", 20001),
    ("FriendlyName", "x" * 65, 20001),
    ("InboundRequestUrl", "nope", 21205),
    ("InboundRequestUrl", "ftp://example.com", 21205),
    ("FallbackUrl", "//example.com", 21205),
    ("StatusCallback", "http://", 21205),
    ("InboundMethod", "PUT", 21209),
    ("InboundMethod", "", 21209),
    ("FallbackMethod", "DELETE", 21209),
    ("StickySender", "yes", 20001),
    ("MmsConverter", "", 20001),
    ("SmartEncoding", "1", 20001),
    ("FallbackToLongCode", "maybe", 20001),
    ("AreaCodeGeomatch", "0", 20001),
    ("SynchronousValidation", "on", 20001),
    ("UseInboundWebhookOnNumber", "null", 20001),
    ("ScanMessageContent", "always", 20001),
    ("ValidityPeriod", "0", 20001),
    ("ValidityPeriod", "36001", 20001),
    ("ValidityPeriod", "1.5", 20001),
    ("ValidityPeriod", "", 20001),
    ("Usecase", "spam", 21713),
    ("Usecase", "notification", 21713),
    ("Usecase", "", 21713),
]


def test_a_bad_setting_is_refused_and_changes_nothing(api: Api) -> None:
    made = make(api)
    for name, value, code in BAD:
        assert_error(api.post(SERVICES, {"FriendlyName": "fine", name: value}), 400, code)
        assert_error(api.post(made["url"], {"FriendlyName": "fine", name: value}), 400, code)
    assert api.get(SERVICES).json()["services"] == [made]


@pytest.mark.parametrize("form", [{}, {"Usecase": "poll"}, {"friendly_name": "x"}])
def test_the_friendly_name_is_required(api: Api, form: dict[str, str]) -> None:
    body = assert_error(api.post(SERVICES, form), 400, 20001)
    assert body["message"] == "Missing required parameter FriendlyName in the post body"
    assert api.get(SERVICES).json()["services"] == []


@pytest.mark.parametrize("value", ["x", "é" * 64])
def test_friendly_names_have_1_to_64_characters(api: Api, value: str) -> None:
    assert make(api, friendly_name=value)["friendly_name"] == value


@pytest.mark.parametrize("value", ["inherit", "enable", "disable"])
def test_each_way_of_scanning_is_taken(api: Api, value: str) -> None:
    assert make(api, scan_message_content=value)["scan_message_content"] == value


@pytest.mark.parametrize("seconds", [1, 36000])
def test_the_ends_of_the_validity_period_are_taken(api: Api, seconds: int) -> None:
    assert make(api, validity_period=str(seconds))["validity_period"] == seconds


def test_a_deleted_service_is_gone(api: Api) -> None:
    kept, made = make(api), make(api)
    gone = api.delete(made["url"])
    assert (gone.status_code, gone.content) == (204, b"")
    for again in (
        api.get(made["url"]),
        api.post(made["url"], {"FriendlyName": "x"}),
        api.delete(made["url"]),
    ):
        body = assert_error(again, 404, 20404)
        assert body["message"] == f"The requested resource /v1/Services/{made['sid']} was not found"
    assert api.get(SERVICES).json()["services"] == [kept]


def test_what_is_not_the_accounts_own_service_is_not_found(api: Api) -> None:
    other = subaccount(api)
    foreign = api.post(SERVICES, {"FriendlyName": "Theirs"}, auth=other).json()
    sync = api.post("/sync/v1/Services").json()
    for sid in (UNKNOWN, foreign["sid"], foreign["sid"].upper(), sync["sid"], "nonsense"):
        path = f"{SERVICES}/{sid}"
        for response in (api.get(path), api.post(path, {"FriendlyName": "Mine"}), api.delete(path)):
            assert_error(response, 404, 20404)
    assert api.get(SERVICES).json()["services"] == []
    assert api.get(SERVICES, auth=other).json()["services"] == [foreign]


@pytest.mark.parametrize("size", [1, 3, 4, 7, 20])
def test_pages_hold_every_service_once_oldest_first(api: Api, size: int) -> None:
    made = []
    for number in range(7):
        made.append(make(api, friendly_name=f"Service {number}")["sid"])
        api.clock.advance(1)
    found, url, number = [], f"{SERVICES}?PageSize={size}", 0
    while url:
        body = api.get(url).json()
        assert (body["meta"]["page"], body["meta"]["page_size"]) == (number, size)
        found += [service["sid"] for service in body["services"]]
        url, number = body["meta"]["next_page_url"], number + 1
    assert found == made


def test_51_services_come_in_three_pages_of_20(api: Api) -> None:
    made = {make(api)["sid"] for _ in range(51)}
    pages, url = [], f"{SERVICES}?PageSize=20"
    while url:
        body = api.get(url).json()
        pages.append([service["sid"] for service in body["services"]])
        url = body["meta"]["next_page_url"]
    assert [len(page) for page in pages] == [20, 20, 11]
    assert {sid for page in pages for sid in page} == made


@pytest.mark.parametrize(("requested", "used"), [(None, 50), (1000, 1000), (1001, 1000)])
def test_the_page_size_is_50_and_at_most_1000(api: Api, requested: int | None, used: int) -> None:
    query = {} if requested is None else {"PageSize": requested}
    assert api.get(SERVICES, query).json()["meta"]["page_size"] == used


@pytest.mark.parametrize(
    ("query", "code"), [({"PageSize": "0"}, 20001), ({"PageSize": "x"}, 20001), ({"PageToken": "x"}, 21481)]
)
def test_a_bad_page_is_refused(api: Api, query: dict[str, str], code: int) -> None:
    assert_error(api.get(SERVICES, query), 400, code)


def test_use_cases_are_listed_and_each_is_taken(api: Api) -> None:
    response = api.get(f"{SERVICES}/Usecases")
    assert response.status_code == 200
    (usecases,) = response.json().values()
    words = ["notifications", "marketing", "verification", "discussion", "poll", "undeclared"]
    assert [usecase["usecase"] for usecase in usecases] == words
    for usecase in usecases:
        assert sorted(usecase) == ["description", "purpose", "usecase"]
        assert all(usecase.values())
    for word in words:
        assert make(api, usecase=word)["usecase"] == word


def test_other_methods_are_refused(api: Api) -> None:
    assert_error(api.post(f"{SERVICES}/Usecases", {"FriendlyName": "x"}), 405, 20004)
    assert_error(api.delete(SERVICES), 405, 20004)
    assert_error(api.request("PUT", make(api)["url"]), 405, 20004)
