"""The senders of Messaging Services over the API: numbers, short codes, texts, addresses of other channels."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import ACCOUNT_SID, Api, assert_error
from api.messaging.inventory import (
    ACCOUNT,
    GB,
    GB_VOICE,
    MOBILE,
    NEW_YORK,
    NUMBERS,
    SERVICES,
    STOCKED,
    US,
    buy,
    pool,
    service,
    stock,
    subaccount,
)
from trunkline.core.sids import new_sid
from trunkline.products.messaging.numbers.inventory import Number

UNKNOWN = "MG" + "0" * 32
KINDS = ("PhoneNumbers", "ShortCodes", "AlphaSenders", "DestinationAlphaSenders", "ChannelSenders")


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    """Return a server with fictional numbers."""
    return STOCKED


def short_codes(api: Api) -> list[dict[str, Any]]:
    """Return the account's short codes, by their digits."""
    found: list[dict[str, Any]] = api.get(f"{ACCOUNT}/SMS/ShortCodes.json").json()["short_codes"]
    return sorted(found, key=lambda one: str(one["short_code"]))


def whatsapp(api: Api) -> str:
    """Return the SID of a WhatsApp address of the account's own."""
    address = "whatsapp:+12125550100"
    sid = stock(api, Number(address, "channel", "US", sms=True, mms=True, voice=False), ACCOUNT_SID)
    assert sid is not None
    return sid


def forms(api: Api) -> dict[str, dict[str, str]]:
    """Return a form for each kind that adds a sender."""
    return {
        "PhoneNumbers": {"PhoneNumberSid": buy(api)["sid"]},
        "ShortCodes": {"ShortCodeSid": short_codes(api)[0]["sid"]},
        "AlphaSenders": {"AlphaSender": "Acme Co"},
        "DestinationAlphaSenders": {"AlphaSender": "Acme Co", "IsoCountryCode": "fr"},
        "ChannelSenders": {"Sid": whatsapp(api)},
    }


def test_each_kind_is_added_shown_listed_and_removed(api: Api) -> None:
    mine = service(api)
    shown: dict[str, dict[str, Any]] = {
        "PhoneNumbers": {"phone_number": US, "country_code": "US", "capabilities": ["MMS", "SMS", "Voice"]},
        "ShortCodes": {"short_code": "55501", "country_code": "US", "capabilities": ["MMS", "SMS"]},
        "AlphaSenders": {"alpha_sender": "Acme Co", "capabilities": ["SMS"]},
        "DestinationAlphaSenders": {
            "alpha_sender": "Acme Co",
            "capabilities": ["SMS"],
            "iso_country_code": "FR",
        },
        "ChannelSenders": {
            "sender": "whatsapp:+12125550100",
            "sender_type": "WhatsApp",
            "country_code": "US",
        },
    }
    keys = ("phone_numbers", "short_codes", "alpha_senders", "alpha_senders", "senders")
    prefixes = ("PN", "SC", "AI", "AI", "XE")
    for (name, form), key, prefix in zip(forms(api).items(), keys, prefixes, strict=True):
        made = api.post(pool(mine, name), form)
        assert made.status_code == 201, made.text
        body = made.json()
        sid = form.get("PhoneNumberSid") or form.get("ShortCodeSid") or form.get("Sid") or body["sid"]
        assert sid.startswith(prefix)
        parent = "messaging_service_sid" if name == "ChannelSenders" else "service_sid"
        path = f"{pool(mine, name)}/{sid}"
        assert body == {
            "sid": sid,
            "account_sid": ACCOUNT_SID,
            parent: mine["sid"],
            "date_created": body["date_created"],
            "date_updated": body["date_created"],
            **shown[name],
            "url": f"http://127.0.0.1:8080{path}",
        }
        assert api.get(path).json() == body
        listed = api.get(pool(mine, name)).json()
        assert (listed["meta"]["key"], listed[key]) == (key, [body])
        gone = api.delete(path)
        assert (gone.status_code, gone.content) == (204, b"")
        assert api.get(pool(mine, name)).json()[key] == []
        for again in (api.get(path), api.delete(path)):
            assert_error(again, 404, 20404)


def test_a_number_is_in_one_pool_once(api: Api) -> None:
    mine, other = service(api), service(api)
    for name, form in forms(api).items():
        assert api.post(pool(mine, name), form).status_code == 201
        assert_error(api.post(pool(mine, name), form), 409, 21710)
        if "Alpha" in name:
            assert api.post(pool(other, name), form).status_code == 201
        else:
            assert_error(api.post(pool(other, name), form), 409, 21712)
    number = api.get(pool(mine)).json()["phone_numbers"][0]
    api.delete(number["url"])
    assert api.post(pool(other), {"PhoneNumberSid": number["sid"]}).status_code == 201


def test_what_is_not_the_accounts_own_cannot_be_added(api: Api) -> None:
    mine, other = service(api), subaccount(api)
    foreign = api.post(
        f"/2010-04-01/Accounts/{other[0]}/IncomingPhoneNumbers.json", {"PhoneNumber": GB}, auth=other
    ).json()["sid"]
    number, code = buy(api)["sid"], short_codes(api)[0]["sid"]
    table = [
        ("PhoneNumbers", "PhoneNumberSid", (foreign, new_sid("PN"), "PN1", code)),
        ("ShortCodes", "ShortCodeSid", (new_sid("SC"), number, "x")),
        ("ChannelSenders", "Sid", (new_sid("XE"), number, code)),
    ]
    for name, parameter, values in table:
        for value in values:
            assert_error(api.post(pool(mine, name), {parameter: value}), 404, 21421)
        for form in ({}, {parameter: ""}):
            body = assert_error(api.post(pool(mine, name), form), 400, 20001)
            assert parameter in body["message"]
    assert_error(api.post(f"{SERVICES}/{UNKNOWN}/PhoneNumbers", {"PhoneNumberSid": number}), 404, 20404)


def test_a_number_for_calls_only_cannot_be_added(api: Api) -> None:
    mine = service(api)
    assert_error(api.post(pool(mine), {"PhoneNumberSid": buy(api, GB_VOICE)["sid"]}), 400, 21715)
    only_mms = Number("+12125550100", "local", "US", sms=False, mms=True, voice=False)
    sid = stock(api, only_mms, ACCOUNT_SID)
    assert api.post(pool(mine), {"PhoneNumberSid": str(sid)}).json()["capabilities"] == ["MMS"]


@pytest.mark.parametrize("settings_overrides", [{**STOCKED, "max_service_senders": 3}])
def test_a_pool_can_be_full(api: Api) -> None:
    mine, other = service(api), service(api)
    for number in (US, GB):
        assert api.post(pool(mine), {"PhoneNumberSid": buy(api, number)["sid"]}).status_code == 201
    code = {"ShortCodeSid": short_codes(api)[0]["sid"]}
    assert api.post(pool(mine, "ShortCodes"), code).status_code == 201
    fourth = {"PhoneNumberSid": buy(api, NEW_YORK)["sid"]}
    assert_error(api.post(pool(mine), fourth), 400, 21714)
    assert_error(api.post(pool(mine, "ShortCodes"), {"ShortCodeSid": short_codes(api)[1]["sid"]}), 400, 21714)
    assert api.post(pool(mine, "AlphaSenders"), {"AlphaSender": "Acme"}).status_code == 201
    assert api.post(pool(mine, "ChannelSenders"), {"Sid": whatsapp(api)}).status_code == 201
    assert api.post(pool(other), fourth).status_code == 201
    api.delete(f"{pool(mine, 'ShortCodes')}/{code['ShortCodeSid']}")
    sid = buy(api, MOBILE)["sid"]
    assert api.post(pool(mine), {"PhoneNumberSid": sid}).status_code == 201


@pytest.mark.parametrize("settings_overrides", [{**STOCKED, "max_service_senders": 2}])
def test_a_pool_is_not_overfilled_by_many_at_once(api: Api) -> None:
    mine = service(api)
    sids = [buy(api, f"+1415555011{digit}")["sid"] for digit in range(5)]
    responses = api.together(*(("POST", pool(mine), {"PhoneNumberSid": sid}) for sid in sids))
    assert sorted(response.status_code for response in responses) == [201, 201, 400, 400, 400]


ALPHAS = [
    ("Acme Co", 0),
    ("a", 0),
    ("A-b+c_d&e 1", 0),
    ("123456", 21709),
    ("Acme Company", 21709),
    ("Acmé", 21709),
    ("A.B", 21709),
    (" Acme", 21709),
    ("", 21708),
    (None, 21708),
]


@pytest.mark.parametrize("name", ["AlphaSenders", "DestinationAlphaSenders"])
def test_alphanumeric_senders_are_checked(api: Api, name: str) -> None:
    mine = service(api)
    for value, code in ALPHAS:
        response = api.post(pool(mine, name), {} if value is None else {"AlphaSender": value})
        if code:
            assert_error(response, 400, code)
        else:
            assert (response.status_code, response.json()["alpha_sender"]) == (201, value)


def test_destinations(api: Api) -> None:
    path = pool(service(api), "DestinationAlphaSenders")
    france = api.post(path, {"AlphaSender": "Acme", "IsoCountryCode": "FR"}).json()
    api.clock.advance(1)
    anywhere = api.post(path, {"AlphaSender": "Acme"}).json()
    assert (france["iso_country_code"], anywhere["iso_country_code"]) == ("FR", None)
    assert_error(api.post(path, {"AlphaSender": "Acme", "IsoCountryCode": "FR"}), 409, 21710)
    assert_error(api.post(path, {"AlphaSender": "Acme", "IsoCountryCode": ""}), 409, 21710)
    for value in ("FRA", "F", "1F"):
        assert_error(api.post(path, {"AlphaSender": "Acme", "IsoCountryCode": value}), 400, 20001)
    for query, expected in (
        ({}, [france, anywhere]),
        ({"IsoCountryCode": "FR"}, [france]),
        ({"IsoCountryCode": "fr"}, [france]),
        ({"IsoCountryCode": "DE"}, []),
    ):
        assert api.get(path, query).json()["alpha_senders"] == expected


def test_pages_hold_every_sender_once(api: Api) -> None:
    mine, made = service(api), []
    for digit in range(5):
        made.append(buy(api, f"+1415555011{digit}")["sid"])
        assert api.post(pool(mine), {"PhoneNumberSid": made[-1]}).status_code == 201
        api.clock.advance(1)
    found, url = [], f"{pool(mine)}?PageSize=2"
    while url:
        body = api.get(url).json()
        found += [one["sid"] for one in body["phone_numbers"]]
        url = body["meta"]["next_page_url"]
    assert found == made


def test_a_deleted_service_gives_its_numbers_back(api: Api) -> None:
    mine, other = service(api), service(api)
    added = forms(api)
    for name, form in added.items():
        assert api.post(pool(mine, name), form).status_code == 201
    assert api.delete(mine["url"]).status_code == 204
    for name in KINDS:
        assert_error(api.get(pool(mine, name)), 404, 20404)
    owned = api.get(f"{NUMBERS}.json").json()["incoming_phone_numbers"]
    assert [one["phone_number"] for one in owned] == [US]
    for name, form in added.items():
        assert api.post(pool(other, name), form).status_code == 201


def test_another_accounts_pools_are_not_found(api: Api) -> None:
    mine, other = service(api), subaccount(api)
    for name, form in forms(api).items():
        made = api.post(pool(mine, name), form).json()
        for response in (
            api.get(pool(mine, name), auth=other),
            api.get(made["url"], auth=other),
            api.delete(made["url"], auth=other),
            api.post(pool(mine, name), form, auth=other),
        ):
            assert_error(response, 404, 20404)
        assert api.get(made["url"]).json() == made
