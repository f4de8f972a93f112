"""The senders of Messaging Services through the SDKs: every operation, and what is refused."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from clients.asking import Client
from clients.messaging.numbers import NUMBERS, SERVICES, buy, operator
from clients.sdks import SDKS
from servers import Server

every_engine = pytest.mark.parametrize(
    ("sdk", "server"),
    [*((sdk, "sqlite") for sdk in SDKS), ("python", "postgresql"), ("node", "postgresql")],
    indirect=True,
)
modern = pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if sdk != "python-6.10"], indirect=True)
"""The SDK 6.10 has neither channels nor destinations."""


def make(client: Client) -> str:
    """Return the chain of a new Service."""
    return f"{SERVICES}({client.call(SERVICES, 'create', FriendlyName='of a test')['sid']})"


def use(client: Client, senders: str, parameters: dict[str, Any], expected: dict[str, Any]) -> None:
    """Add a sender, read it in every way, and remove it."""
    made = client.call(senders, "create", parameters)
    assert made | expected == made
    assert isinstance(made["date_created"], datetime.datetime)
    one = f"{senders}({made['sid']})"
    assert client.call(one, "fetch") == made
    assert client.call(senders, "list") == [made]
    error = client.refused(senders, "create", **parameters)
    assert (error.status, error.code) == (409, 21710)
    assert client.call(one, "delete") is True
    assert client.call(senders, "list") == []
    for method in ("fetch", "delete"):
        error = client.refused(one, method)
        assert (error.status, error.code) == (404, 20404)


@every_engine
def test_numbers(client: Client) -> None:
    number, mine, other = buy(client), make(client), make(client)
    parameters = {"PhoneNumberSid": number["sid"]}
    expected = {
        "sid": number["sid"],
        "phone_number": number["phone_number"],
        "country_code": "US",
        "capabilities": ["MMS", "SMS", "Voice"],
    }
    use(client, f"{mine}.phone_numbers", parameters, expected)
    client.call(f"{mine}.phone_numbers", "create", parameters)
    error = client.refused(f"{other}.phone_numbers", "create", **parameters)
    assert (error.status, error.code) == (409, 21712)
    client.call(mine, "delete")
    assert client.call(NUMBERS, "list")[0]["sid"] == number["sid"]
    client.call(f"{other}.phone_numbers", "create", parameters)
    client.call(f"{NUMBERS}({number['sid']})", "delete")
    assert client.call(f"{other}.phone_numbers", "list") == []
    error = client.refused(f"{other}.phone_numbers", "create", **parameters)
    assert (error.status, error.code) == (404, 21421)


def test_a_number_for_calls_only(client: Client) -> None:
    number = buy(client, "GB", SmsEnabled=False)
    error = client.refused(f"{make(client)}.phone_numbers", "create", PhoneNumberSid=number["sid"])
    assert (error.status, error.code) == (400, 21715)
    client.call(f"{NUMBERS}({number['sid']})", "delete")


def test_short_codes(client: Client, server: Server) -> None:
    sid = operator(server, "assign", "55501", "--account", client.pointing.username)["sid"]
    expected = {"sid": sid, "short_code": "55501", "country_code": "US"}
    use(client, f"{make(client)}.short_codes", {"ShortCodeSid": sid}, expected)


def test_alphanumeric_senders(client: Client) -> None:
    mine = f"{make(client)}.alpha_senders"
    use(client, mine, {"AlphaSender": "Acme Co"}, {"alpha_sender": "Acme Co", "capabilities": ["SMS"]})
    for value, code in (("123456", 21709), ("twelve chars", 21709), ("", 21708)):
        error = client.refused(mine, "create", AlphaSender=value)
        assert (error.status, error.code) == (400, code)


@modern
def test_destinations(client: Client) -> None:
    mine = f"{make(client)}.destination_alpha_senders"
    france = {"AlphaSender": "Acme", "IsoCountryCode": "FR"}
    use(client, mine, france, {"alpha_sender": "Acme", "iso_country_code": "FR"})
    made = client.call(mine, "create", france)
    anywhere = client.call(mine, "create", AlphaSender="Acme")
    assert anywhere["iso_country_code"] is None
    assert client.call(mine, "list", IsoCountryCode="FR") == [made]
    rows = client.call(mine, "list")
    assert {row["sid"] for row in rows} == {made["sid"], anywhere["sid"]}


@modern
def test_channels(client: Client, server: Server) -> None:
    address = "whatsapp:+14155550199"
    sid = operator(server, "assign", address, "--account", client.pointing.username)["sid"]
    mine = make(client)
    expected = {"sid": sid, "sender": address, "sender_type": "WhatsApp", "country_code": "US"}
    use(client, f"{mine}.channel_senders", {"Sid": sid}, expected)
