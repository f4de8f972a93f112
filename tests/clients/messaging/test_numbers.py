"""Numbers, short codes and applications through the SDKs: every operation."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest

from clients.asking import Client
from clients.messaging.numbers import AVAILABLE, NUMBERS, buy, operator
from clients.sdks import SDKS
from servers import Server

every_engine = pytest.mark.parametrize(
    ("sdk", "server"),
    [*((sdk, "sqlite") for sdk in SDKS), ("python", "postgresql"), ("node", "postgresql")],
    indirect=True,
)


@every_engine
def test_a_number_is_found_bought_set_and_released(client: Client) -> None:
    found = client.call(f"{AVAILABLE}(US).local", "list", AreaCode=212, Limit=2)
    assert [one["phone_number"][:5] for one in found] == ["+1212", "+1212"]
    assert found[0]["region"] == "NY"
    made = client.call(NUMBERS, "create", AreaCode="212", FriendlyName="Front desk")
    assert re.fullmatch("PN[0-9a-f]{32}", made["sid"])
    assert made["phone_number"].startswith("+1212555")
    assert isinstance(made["date_created"], datetime.datetime)
    abilities = made["capabilities"]
    assert (abilities["voice"], abilities["sms"], abilities["mms"]) == (True, True, True)
    one = f"{NUMBERS}({made['sid']})"
    assert client.call(one, "fetch") == made
    assert client.call(NUMBERS, "list") == [made]
    assert client.call(NUMBERS, "list", PhoneNumber=made["phone_number"]) == [made]
    assert client.call(NUMBERS, "list", FriendlyName="other") == []
    changed = client.call(one, "update", SmsUrl="https://example.com/sms", SmsMethod="GET")
    assert (changed["sms_url"], changed["sms_method"]) == ("https://example.com/sms", "GET")
    assert changed["friendly_name"] == "Front desk"
    assert client.call(one, "delete") is True
    for method in ("fetch", "delete"):
        error = client.refused(one, method)
        assert (error.status, error.code) == (404, 20404)


def test_each_kind_of_number(client: Client) -> None:
    for kind, country, attribute in (
        ("local", "GB", "local"),
        ("toll_free", "US", "toll_free"),
        ("mobile", "SE", "mobile"),
    ):
        found = client.call(f"{AVAILABLE}({country}).{attribute}", "list", Limit=1)[0]
        made = client.call(f"{NUMBERS}.{kind}", "create", PhoneNumber=found["phone_number"])
        assert client.call(f"{NUMBERS}.{kind}", "list") == [made]
        client.call(f"{NUMBERS}({made['sid']})", "delete")
    countries = client.call(AVAILABLE, "list")
    assert {"US", "GB", "CA"} <= {one["country_code"] for one in countries}
    assert client.call(f"{AVAILABLE}(US)", "fetch")["country"] == "United States"


def test_what_is_refused(client: Client) -> None:
    bought = buy(client)
    table: list[tuple[dict[str, Any], int]] = [
        ({"PhoneNumber": bought["phone_number"]}, 21422),
        ({"PhoneNumber": "12"}, 21421),
        ({"AreaCode": "999"}, 21452),
        ({"PhoneNumber": "+16285550188", "SmsUrl": "nope"}, 21205),
        ({"PhoneNumber": "+16285550188", "SmsApplicationSid": "AP" + "0" * 32}, 21218),
    ]
    for arguments, code in table:
        error = client.refused(NUMBERS, "create", **arguments)
        assert (error.status, error.code) == (400, code)
    assert client.call(NUMBERS, "list") == [bought]
    client.call(f"{NUMBERS}({bought['sid']})", "delete")


@pytest.mark.parametrize("sdk", ["python", "node"], indirect=True)
def test_the_main_account_moves_a_number_to_a_subaccount(client: Client, server: Server) -> None:
    main = client.but(username=server.account_sid, password=server.auth_token)
    made = buy(main)
    moved = main.call(f"{NUMBERS}({made['sid']})", "update", AccountSid=client.pointing.username)
    assert moved["account_sid"] == client.pointing.username
    assert client.call(NUMBERS, "list") == [moved]
    client.call(f"{NUMBERS}({made['sid']})", "delete")


def test_short_codes(client: Client, server: Server) -> None:
    operator(server, "assign", "55501", "--account", client.pointing.username)
    made = client.call("short_codes", "list")
    assert [one["short_code"] for one in made] == ["55501"]
    one = f"short_codes({made[0]['sid']})"
    assert client.call(one, "fetch") == made[0]
    changed = client.call(one, "update", FriendlyName="Votes", SmsUrl="https://example.com/sms")
    assert (changed["friendly_name"], changed["sms_url"]) == ("Votes", "https://example.com/sms")
    assert client.call("short_codes", "list", ShortCode="55501") == [changed]


def test_applications(client: Client) -> None:
    made = client.call("applications", "create", FriendlyName="Bot", SmsUrl="https://example.com/sms")
    assert re.fullmatch("AP[0-9a-f]{32}", made["sid"])
    assert (made["friendly_name"], made["sms_url"]) == ("Bot", "https://example.com/sms")
    one = f"applications({made['sid']})"
    assert client.call(one, "fetch") == made
    changed = client.call(one, "update", SmsMethod="GET")
    assert changed == made | {"sms_method": "GET", "date_updated": changed["date_updated"]}
    assert client.call("applications", "list", FriendlyName="Bot") == [changed]
    number = buy(client)
    path = f"{NUMBERS}({number['sid']})"
    assert client.call(path, "update", SmsApplicationSid=made["sid"])["sms_application_sid"] == made["sid"]
    assert client.call(one, "delete") is True
    assert client.refused(one, "fetch").status == 404
    assert not client.call(path, "fetch")["sms_application_sid"]
    client.call(path, "delete")
