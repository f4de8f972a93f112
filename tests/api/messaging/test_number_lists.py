"""Numbers on offer, short codes, and applications over the API."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from api.messaging.inventory import (
    ACCOUNT,
    GB,
    MOBILE,
    NUMBERS,
    STOCKED,
    TOLL_FREE,
    US,
    buy,
    stock,
    subaccount,
)
from trunkline.api import paging
from trunkline.api.paging import Cursor, encode
from trunkline.products.messaging.numbers.inventory import Number

AVAILABLE = f"{ACCOUNT}/AvailablePhoneNumbers"
CODES = f"{ACCOUNT}/SMS/ShortCodes"
APPLICATIONS = f"{ACCOUNT}/Applications"


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    """Return a server with fictional numbers."""
    return STOCKED


def found(api: Api, path: str, **query: str) -> list[str]:
    """Return the numbers of a list."""
    body = api.get(f"{AVAILABLE}/{path}.json", {"PageSize": "1000", **query}).json()
    return [one["phone_number"] for one in body["available_phone_numbers"]]


def test_a_number_that_can_be_bought_is_shown_with_its_place(api: Api) -> None:
    shown = api.get(f"{AVAILABLE}/US/Local.json", {"AreaCode": "415", "PageSize": "1"}).json()
    assert shown["available_phone_numbers"] == [
        {
            "friendly_name": "(415) 555-0110",
            "phone_number": US,
            "lata": None,
            "locality": "San Francisco",
            "rate_center": None,
            "latitude": None,
            "longitude": None,
            "region": "CA",
            "postal_code": None,
            "iso_country": "US",
            "address_requirements": "none",
            "beta": False,
            "capabilities": {
                "voice": True,
                "sms": True,
                "mms": True,
                "fax": False,
                "SMS": True,
                "MMS": True,
            },
        }
    ]
    assert shown["next_page_uri"]
    assert US in found(api, "US/Local")
    buy(api)
    assert US not in found(api, "US/Local")


def test_what_can_be_bought_is_filtered(api: Api) -> None:
    assert found(api, "US/TollFree")[0] == TOLL_FREE
    assert found(api, "SE/Mobile")[0] == MOBILE
    assert found(api, "GB/Local", SmsEnabled="true")[0] == GB
    assert len(found(api, "GB/Local", SmsEnabled="false")) == 10
    assert found(api, "GB/Local", MmsEnabled="true") == []
    assert len(found(api, "GB/Local", VoiceEnabled="true")) == 100
    assert found(api, "US/Local", Contains="4155550199") == ["+14155550199"]
    assert found(api, "US/Local", Contains="415*****99") == ["+14155550199"]
    assert found(api, "US/Local", Contains="415KKK0199") == ["+14155550199"]
    assert {number[:5] for number in found(api, "US/Local", AreaCode="628")} == {"+1628"}
    assert {number[:5] for number in found(api, "US/Local", InRegion="NY")} == {"+1212"}
    assert {number[:5] for number in found(api, "US/Local", InLocality="Chicago")} == {"+1312"}
    assert {number[:5] for number in found(api, "CA/Local")} == {"+1416", "+1604"}
    for query in ({"FaxEnabled": "true"}, {"Beta": "true"}, {"AreaCode": "907"}):
        assert found(api, "US/Local", **query) == []
    for path in (
        "US/National",
        "US/Voip",
        "US/SharedCost",
        "US/MachineToMachine",
        "FR/TollFree",
        "ZA/Mobile",
    ):
        assert found(api, path) == []
    assert_error(api.get(f"{AVAILABLE}/us/Local.json"), 404, 20404)
    assert_error(api.get(f"{AVAILABLE}/US/Local.json", {"AreaCode": "x"}), 400, 20001)
    assert_error(api.get(f"{AVAILABLE}/US/Local.json", {"Contains": "%"}), 400, 20001)


def test_a_whole_number_is_found_in_one_page(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "WALKED_PAGES", 1)
    monkeypatch.setattr(paging, "DEFAULT_SIZE", 2)
    offered = found(api, "US/Local")
    numbers = [buy(api, number)["phone_number"] for number in offered[:6]]
    for path, key, given, number in (
        (f"{AVAILABLE}/US/Local.json", "available_phone_numbers", "Contains", offered[-1]),
        (f"{NUMBERS}.json", "incoming_phone_numbers", "PhoneNumber", numbers[-1]),
        (f"{ACCOUNT}/IncomingPhoneNumbers/Local.json", "incoming_phone_numbers", "PhoneNumber", numbers[-1]),
    ):
        for form in (number, f"{number[:2]} ({number[2:5]}) {number[5:8]}-{number[8:]}"):
            page = api.get(path, {given: form}).json()
            assert [one["phone_number"] for one in page[key]] == [number]
            assert page["next_page_uri"] is None
    bought = {"Contains": numbers[-1], "PageSize": "1000"}
    page = api.get(f"{AVAILABLE}/US/Local.json", bought).json()
    assert page["available_phone_numbers"] == []


def test_digits_without_a_plus_are_a_part_of_each_number_that_has_them(api: Api) -> None:
    for number, country in (("+4155550100", "CH"), ("+14155550100", "US")):
        stock(api, Number(number, "local", country, sms=True, mms=False, voice=True), ACCOUNT_SID)
    for given, expected in (
        ("4155550100", {"+4155550100", "+14155550100"}),
        ("+4155550100", {"+4155550100"}),
        ("+415555", {"+4155550100"}),
        ("14155550100", {"+14155550100"}),
    ):
        page = api.get(f"{NUMBERS}.json", {"PhoneNumber": given}).json()
        assert {one["phone_number"] for one in page["incoming_phone_numbers"]} == expected


def test_a_pattern_that_begins_with_an_area_goes_to_its_numbers(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = set(found(api, "US/Local", AreaCode="628"))
    for name, value in (("WALKED_PAGES", 1), ("DEFAULT_SIZE", 2), ("MOST_WALKED", 2)):
        monkeypatch.setattr(paging, name, value)
    for form in ("628*******", "1628*******", "+1628*", "+1 (628)"):
        page = api.get(f"{AVAILABLE}/US/Local.json", {"Contains": form, "PageSize": "2"}).json()
        numbers = {one["phone_number"] for one in page["available_phone_numbers"]}
        assert len(numbers) == 2
        assert numbers <= wanted


def test_a_page_has_a_row_until_many_rows_match_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "WALKED_PAGES", 1)
    monkeypatch.setattr(paging, "DEFAULT_SIZE", 2)
    offered = found(api, "US/Local")
    for number in offered[:7]:
        buy(api, number)
    owned = api.get(f"{NUMBERS}.json", {"PageSize": "1000"}).json()["incoming_phone_numbers"]
    numbers = [one["phone_number"] for one in owned]
    for path, key, given, number in (
        (f"{AVAILABLE}/US/Local.json", "available_phone_numbers", "Contains", offered[-1]),
        (f"{NUMBERS}.json", "incoming_phone_numbers", "PhoneNumber", numbers[-1]),
    ):
        monkeypatch.setattr(paging, "MOST_WALKED", 20_000)
        query = {given: number[2:], "PageSize": "2"}
        assert [one["phone_number"] for one in api.get(path, query).json()[key]] == [number]
        # An empty page names both neighbours, and the way leads there and back.
        monkeypatch.setattr(paging, "MOST_WALKED", 4)
        pages = [api.get(path, query).json()]
        assert pages[0][key] == []
        while pages[-1]["next_page_uri"]:
            pages.append(api.get(pages[-1]["next_page_uri"]).json())
        assert [one["phone_number"] for page in pages for one in page[key]] == [number]
        back = pages[-1:]
        while back[-1]["previous_page_uri"]:
            back.append(api.get(back[-1]["previous_page_uri"]).json())
        assert [one["phone_number"] for page in back for one in page[key]] == [number]
        assert back[-1]["next_page_uri"]


def test_countries_are_listed_with_their_kinds(api: Api) -> None:
    body = api.get(f"{AVAILABLE}.json", {"PageSize": "3"}).json()
    codes = [one["country_code"] for one in body["countries"]]
    following = api.get(body["next_page_uri"]).json()
    codes += [one["country_code"] for one in following["countries"]]
    assert codes == ["AU", "CA", "DE", "FR", "GB", "SE"]
    later = {"PageToken": encode(Cursor((2**52, "")))}
    assert api.get(f"{AVAILABLE}.json", later).json()["countries"] == []
    america = api.get(f"{AVAILABLE}/US.json").json()
    assert america == {
        "country_code": "US",
        "country": "United States",
        "uri": f"{AVAILABLE}/US.json",
        "beta": False,
        "subresource_uris": {
            "local": f"{AVAILABLE}/US/Local.json",
            "toll_free": f"{AVAILABLE}/US/TollFree.json",
        },
    }
    assert_error(api.get(f"{AVAILABLE}/ZA.json"), 404, 20404)
    stock(api, Number("+27110000000", "national", "ZA", sms=True, mms=False, voice=True))
    assert list(api.get(f"{AVAILABLE}/ZA.json").json()["subresource_uris"]) == ["national"]


def test_short_codes_are_shown_and_set(api: Api) -> None:
    codes = api.get(f"{CODES}.json").json()["short_codes"]
    assert sorted(one["short_code"] for one in codes) == ["55501", "55502"]
    code = next(one for one in codes if one["short_code"] == "55501")
    assert code == {
        "account_sid": ACCOUNT_SID,
        "api_version": "2010-04-01",
        "date_created": code["date_created"],
        "date_updated": code["date_created"],
        "friendly_name": "55501",
        "short_code": "55501",
        "sid": code["sid"],
        "sms_fallback_method": "POST",
        "sms_fallback_url": None,
        "sms_method": "POST",
        "sms_url": None,
        "uri": f"{CODES}/{code['sid']}.json",
    }
    assert api.get(code["uri"]).json() == code
    changes = {
        "FriendlyName": "Votes",
        "ApiVersion": "2008-08-01",
        "SmsUrl": "https://example.com/sms",
        "SmsMethod": "GET",
        "SmsFallbackUrl": "https://example.com/fallback",
        "SmsFallbackMethod": "GET",
    }
    api.clock.advance(1)
    changed = api.post(code["uri"], changes).json()
    assert changed == code | {
        "friendly_name": "Votes",
        "api_version": "2008-08-01",
        "sms_url": "https://example.com/sms",
        "sms_method": "GET",
        "sms_fallback_url": "https://example.com/fallback",
        "sms_fallback_method": "GET",
        "date_updated": changed["date_updated"],
    }
    for query, expected in (
        ({"ShortCode": "55501"}, [changed]),
        ({"FriendlyName": "Votes"}, [changed]),
        ({"FriendlyName": "x"}, []),
        ({"ShortCode": "99"}, []),
    ):
        assert api.get(f"{CODES}.json", query).json()["short_codes"] == expected
    assert_error(api.post(code["uri"], {"SmsUrl": "x"}), 400, 21205)
    other = subaccount(api)
    path = f"/2010-04-01/Accounts/{other[0]}/SMS/ShortCodes"
    assert api.get(f"{path}.json", auth=other).json()["short_codes"] == []
    for response in (
        api.get(f"{path}/{code['sid']}.json", auth=other),
        api.post(f"{path}/{code['sid']}.json", auth=other),
    ):
        assert_error(response, 404, 20404)
    assert_error(api.get(f"{CODES}/{buy(api)['sid']}.json"), 404, 20404)


SETTINGS: dict[str, tuple[str, Any]] = {
    "FriendlyName": ("friendly_name", "Bot"),
    "ApiVersion": ("api_version", "2008-08-01"),
    "VoiceUrl": ("voice_url", "https://example.com/v"),
    "VoiceMethod": ("voice_method", "GET"),
    "VoiceFallbackUrl": ("voice_fallback_url", "https://example.com/vf"),
    "VoiceFallbackMethod": ("voice_fallback_method", "GET"),
    "VoiceCallerIdLookup": ("voice_caller_id_lookup", True),
    "StatusCallback": ("status_callback", "https://example.com/s"),
    "StatusCallbackMethod": ("status_callback_method", "GET"),
    "SmsUrl": ("sms_url", "https://example.com/m"),
    "SmsMethod": ("sms_method", "GET"),
    "SmsFallbackUrl": ("sms_fallback_url", "https://example.com/mf"),
    "SmsFallbackMethod": ("sms_fallback_method", "GET"),
    "SmsStatusCallback": ("sms_status_callback", "https://example.com/ms"),
    "MessageStatusCallback": ("message_status_callback", "https://example.com/mms"),
    "PublicApplicationConnectEnabled": ("public_application_connect_enabled", True),
}


def test_applications(api: Api) -> None:
    plain = api.post(f"{APPLICATIONS}.json").json()
    assert plain == {
        "account_sid": ACCOUNT_SID,
        "api_version": "2010-04-01",
        "date_created": plain["date_created"],
        "date_updated": plain["date_created"],
        "friendly_name": "",
        "message_status_callback": None,
        "sid": plain["sid"],
        "sms_fallback_method": "POST",
        "sms_fallback_url": None,
        "sms_method": "POST",
        "sms_status_callback": None,
        "sms_url": None,
        "status_callback": None,
        "status_callback_method": "POST",
        "uri": f"{APPLICATIONS}/{plain['sid']}.json",
        "voice_caller_id_lookup": False,
        "voice_fallback_method": "POST",
        "voice_fallback_url": None,
        "voice_method": "POST",
        "voice_url": None,
        "public_application_connect_enabled": False,
    }
    api.clock.advance(1)
    form = {name: str(value).lower() if value is True else value for name, (_, value) in SETTINGS.items()}
    full = api.post(f"{APPLICATIONS}.json", form).json()
    expected = dict(SETTINGS.values())
    assert {name: full[name] for name in expected} == expected
    api.clock.advance(1)
    for name, value in form.items():
        assert api.post(plain["uri"], {name: value}).status_code == 200
    changed = api.get(plain["uri"]).json()
    assert changed == plain | expected | {"date_updated": changed["date_updated"]}
    assert api.get(f"{APPLICATIONS}.json").json()["applications"] == [changed, full]
    assert api.get(f"{APPLICATIONS}.json", {"FriendlyName": "x"}).json()["applications"] == []
    assert api.get(f"{APPLICATIONS}.json", {"FriendlyName": "Bot"}).json()["applications"] == [changed, full]
    for name, value, code in (
        ("SmsUrl", "x", 21205),
        ("SmsMethod", "x", 21209),
        ("FriendlyName", "x" * 65, 20002),
        ("PublicApplicationConnectEnabled", "x", 20001),
    ):
        assert_error(api.post(f"{APPLICATIONS}.json", {name: value}), 400, code)
        assert_error(api.post(full["uri"], {name: value}), 400, code)
    other = subaccount(api)
    theirs = f"/2010-04-01/Accounts/{other[0]}/Applications/{full['sid']}.json"
    for response in (
        api.get(theirs, auth=other),
        api.post(theirs, auth=other),
        api.delete(theirs, auth=other),
    ):
        assert_error(response, 404, 20404)


def test_numbers_forget_an_application_that_is_removed(api: Api) -> None:
    application = api.post(f"{APPLICATIONS}.json").json()
    number = buy(api, SmsApplicationSid=application["sid"], VoiceApplicationSid=application["sid"])
    assert number["sms_application_sid"] == number["voice_application_sid"] == application["sid"]
    assert api.delete(application["uri"]).status_code == 204
    now = api.get(number["uri"]).json()
    assert (now["sms_application_sid"], now["voice_application_sid"]) == ("", "")
    assert_error(api.delete(application["uri"]), 404, 20404)


def test_a_key_of_the_account_uses_its_numbers(api: Api) -> None:
    key = api.post(f"{ACCOUNT}/Keys.json").json()
    pair = (key["sid"], key["secret"])
    bought = api.post(f"{NUMBERS}.json", {"PhoneNumber": US}, auth=pair)
    assert bought.status_code == 201
    assert api.get(bought.json()["uri"], auth=pair).json() == bought.json()
    assert_error(api.get(bought.json()["uri"], auth=(key["sid"], "0" * 32)), 401, 20003)
