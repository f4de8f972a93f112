"""IncomingPhoneNumbers over the API: buying, listing, settings, moving and releasing."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from api.messaging.inventory import (
    ACCOUNT,
    GB,
    GB_VOICE,
    MOBILE,
    NUMBERS,
    OVERLAY,
    STOCKED,
    TOLL_FREE,
    US,
    buy,
    pool,
    second_pair,
    service,
    subaccount,
)
from trunkline.products.accounts import facade

APPLICATIONS = f"{ACCOUNT}/Applications"


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    """Return a server with fictional numbers."""
    return STOCKED


def wire(field: str) -> str:
    return "".join(part.capitalize() for part in field.split("_"))


def sid(prefix: str) -> str:
    return prefix + "1" * 32


SETTINGS: dict[str, tuple[str, Any]] = {
    "friendly_name": ("Front desk", "Front desk"),
    "api_version": ("2008-08-01", "2008-08-01"),
    "sms_url": ("https://example.com/sms?a=1", "https://example.com/sms?a=1"),
    "sms_method": ("get", "GET"),
    "sms_fallback_url": ("http://example.com/fallback", "http://example.com/fallback"),
    "sms_fallback_method": ("GET", "GET"),
    "status_callback": ("https://example.com/status", "https://example.com/status"),
    "status_callback_method": ("GET", "GET"),
    "voice_caller_id_lookup": ("true", True),
    "voice_url": ("https://example.com/voice", "https://example.com/voice"),
    "voice_method": ("GET", "GET"),
    "voice_fallback_url": ("https://example.com/v", "https://example.com/v"),
    "voice_fallback_method": ("GET", "GET"),
    "voice_receive_mode": ("fax", "fax"),
    "emergency_status": ("Active", "Active"),
    "emergency_address_sid": (sid("AD"), sid("AD")),
    "trunk_sid": (sid("TK"), sid("TK")),
    "identity_sid": (sid("RI"), sid("RI")),
    "address_sid": (sid("AD"), sid("AD")),
    "bundle_sid": (sid("BU"), sid("BU")),
}
"""Each setting with a text that differs from its default, and what it is answered as."""


def test_a_bought_number_has_the_documented_defaults(api: Api) -> None:
    made = buy(api)
    assert made == {
        "account_sid": ACCOUNT_SID,
        "address_requirements": "none",
        "address_sid": None,
        "api_version": "2010-04-01",
        "beta": False,
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "date_created": made["date_created"],
        "date_updated": made["date_created"],
        "emergency_address_sid": None,
        "emergency_address_status": "unregistered",
        "emergency_status": "Inactive",
        "friendly_name": "(415) 555-0110",
        "identity_sid": None,
        "origin": "twilio",
        "phone_number": US,
        "sid": made["sid"],
        "sms_application_sid": "",
        "sms_fallback_method": "POST",
        "sms_fallback_url": "",
        "sms_method": "POST",
        "sms_url": "",
        "status_callback": "",
        "status_callback_method": "POST",
        "trunk_sid": None,
        "uri": f"{NUMBERS}/{made['sid']}.json",
        "voice_application_sid": "",
        "voice_caller_id_lookup": False,
        "voice_fallback_method": "POST",
        "voice_fallback_url": "",
        "voice_method": "POST",
        "voice_receive_mode": "voice",
        "voice_url": "",
        "bundle_sid": None,
        "status": "in-use",
        "type": "local",
    }
    assert api.get(made["uri"]).json() == made
    assert api.get(f"{NUMBERS}.json").json()["incoming_phone_numbers"] == [made]


def test_every_setting_is_taken_by_create_and_update(api: Api) -> None:
    application = api.post(f"{APPLICATIONS}.json").json()["sid"]
    applications = {"sms_application_sid": application, "voice_application_sid": application}
    form = {wire(name): sent for name, (sent, _) in SETTINGS.items()}
    form |= {wire(name): value for name, value in applications.items()}
    expected = {name: answered for name, (_, answered) in SETTINGS.items()} | applications
    made = buy(api, **form)
    assert {name: made[name] for name in expected} == expected
    changed = buy(api, GB)
    for name, (sent, answered) in SETTINGS.items():
        api.clock.advance(1)
        now = api.post(changed["uri"], {wire(name): sent})
        assert now.status_code == 200
        changed |= {name: answered, "date_updated": now.json()["date_updated"]}
        changed["emergency_address_status"] = now.json()["emergency_address_status"]
        assert now.json() == changed
    assert api.get(changed["uri"]).json() == changed
    assert api.post(changed["uri"], {"SmsUrl": "", "FriendlyName": ""}).json()["sms_url"] == ""
    assert api.get(made["uri"]).json() == made


def test_what_cannot_be_bought(api: Api) -> None:
    buy(api, US)
    other = subaccount(api)
    assert api.post(
        f"/2010-04-01/Accounts/{other[0]}/IncomingPhoneNumbers.json", {"PhoneNumber": GB}
    ).is_success
    table: list[tuple[str, dict[str, str], int]] = [
        ("", {"PhoneNumber": US}, 21422),
        ("", {"PhoneNumber": GB}, 21422),
        ("", {"PhoneNumber": "+14155559999"}, 21422),
        ("", {"PhoneNumber": "12"}, 21421),
        ("", {"PhoneNumber": "55501"}, 21421),
        ("", {"PhoneNumber": "whatsapp:+14155550199"}, 21421),
        ("", {"PhoneNumber": ""}, 21421),
        ("", {}, 21421),
        ("", {"AreaCode": "999"}, 21452),
        ("", {"AreaCode": "41"}, 21451),
        ("", {"AreaCode": "abc"}, 21451),
        ("/TollFree", {"PhoneNumber": OVERLAY}, 21422),
        ("/Mobile", {"AreaCode": "628"}, 21452),
    ]
    for path, form, code in table:
        assert_error(api.post(f"{NUMBERS}{path}.json", form), 400, code)
    assert len(api.get(f"{NUMBERS}.json").json()["incoming_phone_numbers"]) == 1


BAD = [
    ("SmsUrl", "nope", 21205),
    ("VoiceUrl", "ftp://example.com", 21205),
    ("StatusCallback", "http://", 21205),
    ("SmsMethod", "PUT", 21209),
    ("SmsFallbackMethod", "", 21209),
    ("FriendlyName", "x" * 65, 20002),
    ("SmsApplicationSid", sid("AP"), 21218),
    ("VoiceApplicationSid", "AP1", 21218),
    ("VoiceReceiveMode", "data", 20001),
    ("EmergencyStatus", "on", 20001),
    ("ApiVersion", "2011-01-01", 20001),
    ("BundleSid", sid("AD"), 20001),
    ("VoiceCallerIdLookup", "1", 20001),
]


def test_a_bad_setting_is_refused_and_changes_nothing(api: Api) -> None:
    made = buy(api)
    for name, value, code in BAD:
        form = {"FriendlyName": "fine", name: value}
        assert_error(api.post(f"{NUMBERS}.json", {"PhoneNumber": GB, **form}), 400, code)
        assert_error(api.post(made["uri"], form), 400, code)
    assert api.get(f"{NUMBERS}.json").json()["incoming_phone_numbers"] == [made]


def test_numbers_are_bought_by_area_code_and_kind(api: Api) -> None:
    first = api.post(f"{NUMBERS}.json", {"AreaCode": "415"}).json()
    second = api.post(f"{NUMBERS}/Local.json", {"AreaCode": "415"}).json()
    free = api.post(f"{NUMBERS}/TollFree.json", {"AreaCode": "800"}).json()
    mobile = api.post(f"{NUMBERS}/Mobile.json", {"PhoneNumber": MOBILE}).json()
    assert [one["phone_number"] for one in (first, second, free)] == [US, "+14155550111", TOLL_FREE]
    assert [one["type"] for one in (first, free, mobile)] == ["local", "toll-free", "mobile"]

    def listed(path: str) -> list[Any]:
        found = api.get(f"{NUMBERS}{path}.json").json()["incoming_phone_numbers"]
        return sorted(found, key=lambda one: str(one["phone_number"]))

    assert listed("") == [first, second, free, mobile]
    assert listed("/Local") == [first, second]
    assert listed("/TollFree") == [free]
    assert listed("/Mobile") == [mobile]


def test_two_buyers_of_one_number(api: Api) -> None:
    form = {"PhoneNumber": US}
    responses = api.together(*[("POST", f"{NUMBERS}.json", form)] * 4)
    assert sorted(response.status_code for response in responses) == [201, 400, 400, 400]
    by_area = api.together(*[("POST", f"{NUMBERS}.json", {"AreaCode": "628"})] * 4)
    assert len({response.json()["phone_number"] for response in by_area}) == 4


def test_the_list_is_filtered_and_paged(api: Api) -> None:
    made = []
    for number, name in ((US, "a"), (OVERLAY, "a"), (GB, "b"), (TOLL_FREE, "b")):
        made.append(buy(api, number, FriendlyName=name)["phone_number"])
        api.clock.advance(1)
    table: list[tuple[dict[str, str], list[str]]] = [
        ({}, made),
        ({"FriendlyName": "a"}, [US, OVERLAY]),
        ({"PhoneNumber": US}, [US]),
        ({"PhoneNumber": "(415) 555"}, [US]),
        ({"PhoneNumber": "5550110"}, [US, OVERLAY, TOLL_FREE]),
        ({"PhoneNumber": "1***5550110"}, [US, OVERLAY, TOLL_FREE]),
        ({"PhoneNumber": "+44%"}, []),
        ({"PhoneNumber": "999"}, []),
        ({"Beta": "false"}, made),
        ({"Beta": "true"}, []),
        ({"Origin": "twilio"}, made),
        ({"Origin": "hosted"}, []),
        ({"FriendlyName": "", "PhoneNumber": "", "Beta": "", "Origin": ""}, made),
    ]
    for query, numbers in table:
        response = api.get(f"{NUMBERS}.json", query)
        if "%" in query.get("PhoneNumber", ""):
            assert_error(response, 400, 20001)
            continue
        assert [one["phone_number"] for one in response.json()["incoming_phone_numbers"]] == numbers, query
    found, uri = [], f"{NUMBERS}.json?PageSize=3"
    while uri:
        page = api.get(uri).json()
        found += [one["phone_number"] for one in page["incoming_phone_numbers"]]
        uri = page["next_page_uri"]
    assert found == made


def test_a_number_moves_within_the_main_account_without_its_configuration(api: Api) -> None:
    application = api.post(f"{APPLICATIONS}.json").json()["sid"]
    form = {wire(name): sent for name, (sent, _) in SETTINGS.items()}
    made = buy(api, **form, SmsApplicationSid=application, VoiceApplicationSid=application)
    mine = service(api)
    assert api.post(pool(mine), {"PhoneNumberSid": made["sid"]}).status_code == 201
    other = subaccount(api)
    theirs = f"/2010-04-01/Accounts/{other[0]}/IncomingPhoneNumbers/{made['sid']}.json"
    moved = api.post(made["uri"], {"AccountSid": other[0]}).json()
    fresh = buy(api, GB)
    kept = {"sid": made["sid"], "friendly_name": "Front desk", "account_sid": other[0]}
    changing = {"phone_number", "capabilities", "date_created", "date_updated", "uri", *kept}
    assert {name: moved[name] for name in kept} == kept
    assert {name: moved[name] for name in moved if name not in changing} == {
        name: fresh[name] for name in fresh if name not in changing
    }
    assert_error(api.get(made["uri"]), 404, 20404)
    assert api.get(pool(mine)).json()["phone_numbers"] == []
    assert api.get(theirs, auth=other).json() == moved
    # The parent moves it on from one subaccount to another, and configures it for its new owner.
    third = subaccount(api)
    on = api.post(theirs, {"AccountSid": third[0], "SmsUrl": "https://example.com/third"}).json()
    assert (on["account_sid"], on["sms_url"]) == (third[0], "https://example.com/third")
    there = f"/2010-04-01/Accounts/{third[0]}/IncomingPhoneNumbers/{made['sid']}.json"
    assert_error(api.post(there, {"AccountSid": ACCOUNT_SID, "SmsApplicationSid": sid("AP")}), 400, 21218)
    key = api.run(facade.create_key(api.node.database, api.node.vault, ACCOUNT_SID, "main", main=True))
    back = api.post(
        there, {"AccountSid": ACCOUNT_SID, "SmsApplicationSid": application}, auth=(key[0].sid, key[1])
    ).json()
    assert (back["account_sid"], back["sms_application_sid"]) == (ACCOUNT_SID, application)


def test_only_the_parent_moves_a_number_to_an_active_account_of_its_own(api: Api) -> None:
    made, third, closed = buy(api), subaccount(api), subaccount(api)
    other = subaccount(api)
    moved = api.post(made["uri"], {"AccountSid": other[0]}).json()
    sub = f"/2010-04-01/Accounts/{other[0]}/Keys.json"
    keys = [
        (key["sid"], key["secret"]) for key in (api.post(sub).json(), api.post(f"{ACCOUNT}/Keys.json").json())
    ]
    main = api.run(facade.create_key(api.node.database, api.node.vault, other[0], "main", main=True))
    for auth in (other, keys[0], (main[0].sid, main[1])):
        for target in (ACCOUNT_SID, third[0], "AC" + "9" * 32):
            form = {"AccountSid": target, "SmsUrl": "https://example.com/sms"}
            assert_error(api.post(moved["uri"], form, auth=auth), 400, 21474)
        assert api.post(moved["uri"], {"AccountSid": other[0]}, auth=auth).json()["account_sid"] == other[0]
    api.post(f"/2010-04-01/Accounts/{third[0]}.json", {"Status": "suspended"})
    api.post(f"/2010-04-01/Accounts/{closed[0]}.json", {"Status": "closed"})
    back = buy(api, GB)
    assert_error(api.post(back["uri"], {"AccountSid": other[0]}, auth=keys[1]), 400, 21474)
    stranger = api.run(facade.create_main_account(api.node.database, api.node.vault, "stranger"))
    for target, code in (
        ("AC" + "9" * 32, 21471),
        (stranger.account.sid, 21471),
        (second_pair(api)[0], 21471),
        (third[0], 21472),
        (closed[0], 21472),
        (sid("MG"), 21470),
        ("AC1", 21470),
    ):
        assert_error(api.post(back["uri"], {"AccountSid": target, "SmsMethod": "GET"}), 400, code)
    assert api.get(back["uri"]).json() == back
    assert api.get(moved["uri"], auth=other).json()["sms_url"] == ""


def test_a_released_number_can_be_bought_again(api: Api) -> None:
    made = buy(api, FriendlyName="mine", SmsUrl="https://example.com/sms")
    mine = service(api)
    api.post(pool(mine), {"PhoneNumberSid": made["sid"]})
    gone = api.delete(made["uri"])
    assert (gone.status_code, gone.content) == (204, b"")
    for again in (api.get(made["uri"]), api.post(made["uri"], {"SmsUrl": ""}), api.delete(made["uri"])):
        assert_error(again, 404, 20404)
    assert api.get(pool(mine)).json()["phone_numbers"] == []
    bought = buy(api)
    assert bought["sid"] != made["sid"]
    assert (bought["friendly_name"], bought["sms_url"]) == ("(415) 555-0110", "")


def test_another_accounts_number_is_not_found(api: Api) -> None:
    made = buy(api)
    other = subaccount(api)
    path = f"/2010-04-01/Accounts/{other[0]}/IncomingPhoneNumbers/{made['sid']}.json"
    for response in (api.get(path, auth=other), api.post(path, {}, auth=other), api.delete(path, auth=other)):
        assert_error(response, 404, 20404)
    code = api.get(f"{ACCOUNT}/SMS/ShortCodes.json").json()["short_codes"][0]["sid"]
    assert_error(api.get(f"{NUMBERS}/{code}.json"), 404, 20404)
    assert_error(api.delete(f"{NUMBERS}/{code}.json"), 404, 20404)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"PhoneNumber": "+15005550006"}, 0),
        ({"PhoneNumber": "(500) 555-0006"}, 0),
        ({"AreaCode": "500"}, 0),
        ({"PhoneNumber": "+15005550000"}, 21422),
        ({"PhoneNumber": US}, 21422),
        ({"PhoneNumber": "+15005550001"}, 21421),
        ({"PhoneNumber": "x"}, 21421),
        ({"AreaCode": "533"}, 21452),
        ({}, 21421),
    ],
)
def test_a_purchase_is_rehearsed(api: Api, form: dict[str, str], code: int) -> None:
    pair = second_pair(api)
    path = f"/2010-04-01/Accounts/{pair[0]}/IncomingPhoneNumbers.json"
    response = api.post(path, {"SmsUrl": "https://example.com", **form}, auth=pair)
    if code:
        assert_error(response, 400, code)
        return
    assert response.status_code == 201
    assert response.json()["phone_number"] == "+15005550006"
    assert response.json()["sms_url"] == "https://example.com"
    assert_error(api.get(path, auth=pair), 403, 20008)
    assert api.get(f"{NUMBERS}.json").json()["incoming_phone_numbers"] == []


def test_voice_only_numbers_are_in_stock(api: Api) -> None:
    assert buy(api, GB_VOICE)["capabilities"] == {"voice": True, "sms": False, "mms": False, "fax": False}


def test_settings_that_are_changed_at_once_are_all_kept(api: Api) -> None:
    uri = buy(api)["uri"]
    names = ("SmsUrl", "SmsFallbackUrl", "VoiceUrl", "VoiceFallbackUrl", "StatusCallback")
    responses = api.together(*(("POST", uri, {name: f"https://example.com/{name}"}) for name in names))
    assert [response.status_code for response in responses] == [200] * len(names)
    now = api.get(uri).json()
    kept = [now[key] for key in ("sms_url", "sms_fallback_url", "voice_url", "voice_fallback_url")]
    assert [*kept, now["status_callback"]] == [f"https://example.com/{name}" for name in names]
