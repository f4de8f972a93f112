"""Notify Services over the API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.conftest import ACCOUNT_SID, AUTH_TOKEN, Api, assert_error

SERVICES = "/notify/v1/Services"
CREDENTIAL = "CR" + "aB" * 16

CHANGES: dict[str, tuple[str, Any]] = {
    "friendly_name": ("Renamed", "Renamed"),
    "apn_credential_sid": (CREDENTIAL, CREDENTIAL),
    "gcm_credential_sid": (CREDENTIAL, CREDENTIAL),
    "fcm_credential_sid": (CREDENTIAL, CREDENTIAL),
    "facebook_messenger_page_id": ("4", "4"),
    "alexa_skill_id": ("amzn1.ask.skill", "amzn1.ask.skill"),
    "default_apn_notification_protocol_version": ("4", "4"),
    "default_gcm_notification_protocol_version": ("2", "2"),
    "default_fcm_notification_protocol_version": ("1", "1"),
    "default_alexa_notification_protocol_version": ("4", "4"),
    "log_enabled": ("False", False),
    "delivery_callback_url": ("Hello", "Hello"),
    "delivery_callback_enabled": ("true", True),
}
"""Each setting but the Messaging Service, with a text that differs from its default, and what it is answered as."""

CLEARED = [
    "friendly_name",
    "apn_credential_sid",
    "gcm_credential_sid",
    "fcm_credential_sid",
    "facebook_messenger_page_id",
    "alexa_skill_id",
    "delivery_callback_url",
]


def wire(field: str) -> str:
    return "".join(part.capitalize() for part in field.split("_"))


def make(api: Api, **fields: str) -> dict[str, Any]:
    response = api.post(SERVICES, {wire(name): value for name, value in fields.items()})
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def messaging_service(api: Api, **options: Any) -> str:
    made = api.post("/messaging/v1/Services", {"FriendlyName": "Texts"}, **options)
    return str(made.json()["sid"])


def subaccount(api: Api) -> tuple[str, str]:
    body = api.post("/2010-04-01/Accounts.json", {"FriendlyName": "Other"}).json()
    return body["sid"], body["auth_token"]


def test_a_service_without_parameters_has_the_documented_defaults(api: Api) -> None:
    body = make(api)
    url = f"http://127.0.0.1:8080{SERVICES}/{body['sid']}"
    assert body == {
        "sid": body["sid"],
        "account_sid": ACCOUNT_SID,
        "friendly_name": None,
        "date_created": body["date_created"],
        "date_updated": body["date_created"],
        "apn_credential_sid": None,
        "gcm_credential_sid": None,
        "fcm_credential_sid": None,
        "messaging_service_sid": None,
        "facebook_messenger_page_id": None,
        "alexa_skill_id": None,
        "default_apn_notification_protocol_version": "3",
        "default_gcm_notification_protocol_version": "3",
        "default_fcm_notification_protocol_version": "3",
        "default_alexa_notification_protocol_version": "3",
        "log_enabled": True,
        "type": "S",
        "delivery_callback_url": None,
        "delivery_callback_enabled": False,
        "url": url,
        "links": {
            "bindings": f"{url}/Bindings",
            "notifications": f"{url}/Notifications",
            "segments": f"{url}/Segments",
            "users": f"{url}/Users",
        },
    }
    assert api.get(url).json() == body


def test_every_setting_is_taken_by_create(api: Api) -> None:
    texts = messaging_service(api)
    made = make(api, messaging_service_sid=texts, **{name: sent for name, (sent, _) in CHANGES.items()})
    assert made["messaging_service_sid"] == texts
    assert {name: made[name] for name in CHANGES} == {
        name: answered for name, (_, answered) in CHANGES.items()
    }
    assert api.get(made["url"]).json() == made


def test_an_update_changes_one_setting_and_leaves_the_others(api: Api) -> None:
    expected, texts = make(api), messaging_service(api)
    for name, (sent, answered) in {**CHANGES, "messaging_service_sid": (texts, texts)}.items():
        api.clock.advance(1)
        changed = api.post(expected["url"], {wire(name): sent})
        assert changed.status_code == 200
        assert changed.json()["date_updated"] > expected["date_updated"]
        expected |= {name: answered, "date_updated": changed.json()["date_updated"]}
        assert changed.json() == expected
    assert api.get(expected["url"]).json() == expected


def test_an_empty_value_clears_what_may_be_absent(api: Api) -> None:
    made = make(
        api, messaging_service_sid=messaging_service(api), **{name: CHANGES[name][0] for name in CLEARED}
    )
    expected = dict(made)
    for name in [*CLEARED, "messaging_service_sid"]:
        assert expected[name] is not None
        expected[name] = None
        assert api.post(made["url"], {wire(name): ""}).json() == expected
    assert api.get(made["url"]).json() == expected


def test_an_update_without_settings_changes_nothing(api: Api) -> None:
    made = make(api)
    api.clock.advance(5)
    for form in ({}, {"Type": "X", "Unknown": "1"}):
        updated = api.post(made["url"], form)
        assert (updated.status_code, updated.json()) == (200, made)


BAD = [
    ("FriendlyName", "x" * 65, 20002),
    ("ApnCredentialSid", "CR123", 20001),
    ("ApnCredentialSid", "IS" + "a" * 32, 20001),
    ("GcmCredentialSid", "CR" + "g" * 32, 20001),
    ("FcmCredentialSid", CREDENTIAL + "0", 20001),
    ("MessagingServiceSid", "nope", 20001),
    ("MessagingServiceSid", "MG" + "0" * 32, 20001),
    ("DefaultApnNotificationProtocolVersion", "0", 20001),
    ("DefaultGcmNotificationProtocolVersion", "5", 20001),
    ("DefaultFcmNotificationProtocolVersion", "three", 20001),
    ("DefaultAlexaNotificationProtocolVersion", "", 20001),
    ("LogEnabled", "maybe", 20001),
    ("DeliveryCallbackEnabled", "", 20001),
    ("DeliveryCallbackUrl", "x" * 2049, 20001),
    ("FacebookMessengerPageId", "x" * 256, 20001),
    ("AlexaSkillId", "x" * 256, 20001),
]


def test_a_bad_setting_is_refused_and_changes_nothing(api: Api) -> None:
    made = make(api)
    for name, value, code in BAD:
        assert_error(api.post(SERVICES, {"LogEnabled": "false", name: value}), 400, code)
        assert_error(api.post(made["url"], {"LogEnabled": "false", name: value}), 400, code)
    assert api.get(SERVICES).json()["services"] == [made]


def test_a_friendly_name_has_up_to_64_characters(api: Api) -> None:
    assert make(api, friendly_name="é" * 64)["friendly_name"] == "é" * 64


def test_the_messaging_service_is_the_accounts_own_and_its_sid_stays(api: Api) -> None:
    foreign, texts = messaging_service(api, auth=subaccount(api)), messaging_service(api)
    made = make(api, messaging_service_sid=texts)
    for path in (SERVICES, made["url"]):
        body = assert_error(api.post(path, {"MessagingServiceSid": foreign}), 400, 20001)
        assert "MessagingServiceSid" in body["message"]
    api.delete(f"/messaging/v1/Services/{texts}")
    assert api.get(made["url"]).json()["messaging_service_sid"] == texts
    assert_error(api.post(SERVICES, {"MessagingServiceSid": texts}), 400, 20001)


def test_a_deleted_service_is_gone(api: Api) -> None:
    kept, made = make(api), make(api)
    gone = api.delete(made["url"])
    assert (gone.status_code, gone.content) == (204, b"")
    for again in (
        api.get(made["url"]),
        api.post(made["url"], {"LogEnabled": "true"}),
        api.delete(made["url"]),
    ):
        body = assert_error(again, 404, 20404)
        assert body["message"] == f"The requested resource /Services/{made['sid']} was not found"
    assert api.get(SERVICES).json()["services"] == [kept]


def test_what_is_not_the_accounts_own_service_is_not_found(api: Api) -> None:
    other = subaccount(api)
    foreign = api.post(SERVICES, auth=other).json()
    sync = api.post("/sync/v1/Services").json()
    for sid in ("IS" + "0" * 32, foreign["sid"], sync["sid"], messaging_service(api), "nonsense"):
        path = f"{SERVICES}/{sid}"
        update = {"FriendlyName": "Mine", "MessagingServiceSid": "MG" + "0" * 32}
        for response in (api.get(path), api.post(path, update), api.delete(path)):
            assert_error(response, 404, 20404)
    mine = make(api)
    for path in (f"/sync/v1/Services/{mine['sid']}", f"/messaging/v1/Services/{mine['sid']}"):
        assert api.get(path).status_code == 404
    assert api.get(SERVICES).json()["services"] == [mine]
    assert api.get(SERVICES, auth=other).json()["services"] == [foreign]


def test_an_account_has_ten_services(api: Api) -> None:
    made = [make(api) for _ in range(10)]
    for _ in range(2):
        assert_error(api.post(SERVICES), 403, 20403)
    assert api.post(SERVICES, auth=subaccount(api)).status_code == 201
    assert api.post(made[0]["url"], {"FriendlyName": "x"}).status_code == 200
    assert api.delete(made[3]["url"]).status_code == 204
    make(api)
    assert_error(api.post(SERVICES), 403, 20403)


def test_ten_of_many_concurrent_creates_win(api: Api) -> None:
    responses = api.together(*[("POST", SERVICES, {"FriendlyName": f"n{number}"}) for number in range(16)])
    assert sorted(response.status_code for response in responses) == [201] * 10 + [403] * 6
    for response in responses:
        if response.status_code == 403:
            assert_error(response, 403, 20403)
    made = {response.json()["sid"] for response in responses if response.status_code == 201}
    assert {service["sid"] for service in api.get(SERVICES).json()["services"]} == made


@pytest.mark.parametrize("settings_overrides", [{"max_notify_services": 12}])
def test_the_operator_may_allow_more(api: Api) -> None:
    for _ in range(12):
        make(api)
    assert "12" in assert_error(api.post(SERVICES), 403, 20403)["message"]


@pytest.mark.parametrize("name", ["Sp am & eggs", "100%", "ü+"])
def test_the_list_can_be_filtered_by_the_exact_name(api: Api, name: str) -> None:
    wanted = [make(api, friendly_name=name)["sid"]]
    for near in (name.upper() + "x", name + " ", name.swapcase() + "%"):
        make(api, friendly_name=near)
    make(api)
    api.clock.advance(1)
    wanted.append(make(api, friendly_name=name)["sid"])
    found, body = [], api.get(SERVICES, {"FriendlyName": name, "PageSize": 1}).json()
    assert body["meta"]["first_page_url"].partition("?")[2].startswith("FriendlyName=")
    while True:
        found += [service["sid"] for service in body["services"]]
        if not body["meta"]["next_page_url"]:
            break
        assert "FriendlyName=" in body["meta"]["next_page_url"]
        body = api.get(body["meta"]["next_page_url"]).json()
    assert found == wanted
    assert api.get(body["meta"]["previous_page_url"]).json()["services"][0]["sid"] == wanted[0]
    assert api.get(SERVICES, {"FriendlyName": "nobody"}).json()["services"] == []
    assert len(api.get(SERVICES, {"FriendlyName": ""}).json()["services"]) == 6


@pytest.mark.parametrize("size", [1, 3, 4, 7, 20])
def test_pages_hold_every_service_once_oldest_first(api: Api, size: int) -> None:
    made = []
    for _ in range(7):
        made.append(make(api)["sid"])
        api.clock.advance(1)
    found, url, number = [], f"{SERVICES}?PageSize={size}", 0
    while url:
        body = api.get(url).json()
        assert (body["meta"]["page"], body["meta"]["page_size"]) == (number, size)
        found += [service["sid"] for service in body["services"]]
        url, number = body["meta"]["next_page_url"], number + 1
    assert found == made


@pytest.mark.parametrize("settings_overrides", [{"max_notify_services": 1000}])
def test_120_services_come_in_three_pages_of_50(api: Api) -> None:
    made = {make(api)["sid"] for _ in range(120)}
    pages, url = [], SERVICES
    while url:
        body = api.get(url).json()
        pages.append([service["sid"] for service in body["services"]])
        url = body["meta"]["next_page_url"]
    assert [len(page) for page in pages] == [50, 50, 20]
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


def test_paths_may_end_in_json(api: Api) -> None:
    made = make(api)
    assert api.get(f"{SERVICES}/{made['sid']}.json").json() == made

    async def page() -> Any:
        # The vendor's document does not know a list with the suffix: this client does not look into it.
        transport = httpx.ASGITransport(app=api.node.application)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, auth=(ACCOUNT_SID, AUTH_TOKEN)) as client:
            return (await client.get("http://notify.localhost/v1/Services.json")).json()

    assert [service["sid"] for service in api.run(page())["services"]] == [made["sid"]]


def test_other_methods_are_refused(api: Api) -> None:
    assert_error(api.delete(SERVICES), 405, 20004)
    assert_error(api.request("PUT", make(api)["url"]), 405, 20004)
