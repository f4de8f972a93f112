"""``trunkline number``, on each engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unit.cli.conftest import Cli

UNKNOWN = "AC" + "0" * 32


@pytest.fixture
def account(cli: Cli, data: Path) -> str:
    """Return the SID of an account in a fresh database."""
    sid: str = cli("account", "create", "--json").json["sid"]
    return sid


GUESSES: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("+14155550100",), {"kind": "local", "country": "US", "sms": True, "mms": True, "voice": True}),
    (("(604) 555-0100",), {"number": "+16045550100", "kind": "local", "country": "CA", "mms": True}),
    (("+18005550100",), {"kind": "toll-free", "country": "US"}),
    (("+447400123456",), {"kind": "mobile", "country": "GB", "sms": True, "mms": False}),
    (("+442079460100", "--no-sms"), {"kind": "local", "country": "GB", "sms": False, "voice": True}),
    (("+61491570156", "--mms", "--no-voice"), {"kind": "mobile", "mms": True, "voice": False}),
    (("+27860000000", "--kind", "national"), {"kind": "national", "country": "ZA"}),
    (("72345",), {"kind": "short-code", "country": "US", "sms": True, "mms": False, "voice": False}),
    (("72346", "--country", "gb", "--mms", "--rate", "0.5"), {"country": "GB", "mms": True, "rate": 0.5}),
    (("whatsapp:+14155550100",), {"kind": "channel", "country": "US"}),
    (("messenger:page", "--carrier", "meta"), {"kind": "channel", "country": "", "carrier": "meta"}),
]


def test_what_is_not_said_is_guessed(cli: Cli, account: str) -> None:
    for arguments, expected in GUESSES:
        added = cli("number", "add", *arguments, "--json").json
        assert added | expected == added
        assert (added["account_sid"], added["sid"]) == (None, None)
    assert len(cli("number", "list", "--json").json) == len(GUESSES)


def test_a_number_is_given_and_taken_back(cli: Cli, account: str) -> None:
    for number, prefix in (("+14155550100", "PN"), ("72345", "SC"), ("whatsapp:+14155550100", "XE")):
        added = cli("number", "add", number, "--account", account, "--json").json
        assert (added["account_sid"], added["sid"][:2]) == (account, prefix)
    listed = cli("number", "list", "--account", account, "--json").json
    assert [one["number"] for one in listed] == ["+14155550100", "72345", "whatsapp:+14155550100"]
    again = cli("number", "assign", "72345", "--account", account, "--json").json
    assert again in listed
    other = cli("account", "create", "--json").json["sid"]
    moved = cli("number", "assign", "72345", "--account", other, "--json").json
    assert (moved["account_sid"], moved["sid"] != again["sid"]) == (other, True)
    assert cli("number", "assign", "72345", "--json").json["account_sid"] is None
    assert cli("number", "remove", "+1 (415) 555-0100").out == "removed +14155550100\n"
    assert [one["number"] for one in cli("number", "list", "--json").json] == [
        "72345",
        "whatsapp:+14155550100",
    ]


def test_a_carrier_that_is_not_configured_is_told(cli: Cli, account: str) -> None:
    assert "no carrier is called gate: " in cli("number", "add", "72345", "--carrier", "gate").err
    assert cli("number", "add", "72346", "--carrier", "sandbox").err == ""


def test_every_page_is_listed(cli: Cli, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.cli.control_api.PAGE_SIZE", 2)
    numbers = [f"+1415555010{digit}" for digit in range(5)]
    for one in reversed(numbers):
        cli("number", "add", one, "--account", account)
    cli("number", "add", "+14155550109")
    assert [one["number"] for one in cli("number", "list", "--json").json] == [*numbers, "+14155550109"]
    assert [one["number"] for one in cli("number", "list", "--account", account, "--json").json] == numbers


def test_numbers_are_shown_to_people(cli: Cli, account: str) -> None:
    assert cli("number", "list").out.startswith("the inventory is empty: `trunkline number add ")
    empty = cli("number", "list", "--account", account).out
    assert empty.startswith(f"{account} has no numbers: `trunkline number add ")
    shown = cli("number", "add", "+14155550100", "--rate", "2.5", "--account", account).out
    assert "SMS, MMS, voice" in shown
    assert "2.5/s" in shown
    sid = cli("number", "list", "--json").json[0]["sid"]
    listed = cli("number", "list").out.splitlines()
    assert listed[1].split() == ["+14155550100", "local", "US", "SMS,", "MMS,", "voice", "2.5/s", "by", "the",
                                 "routes", account, sid]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "hello"), "hello is no number"),
        (("add", "+14155550100", "--country", "USA"), "--country must be"),
        (("add", "+14155550100", "--kind", "short-code"), "+14155550100 cannot be a short-code number"),
        (("add", "72345"), "72345 is in the inventory already"),
        (("add", "72346", "--account", UNKNOWN), f"there is no account {UNKNOWN}"),
        (("assign", "72345", "--account", UNKNOWN), f"there is no account {UNKNOWN}"),
        (("assign", "72346"), "72346 is not in the inventory"),
        (("remove", "72346"), "72346 is not in the inventory"),
        (("remove", "hello"), "hello is no number"),
    ],
)
def test_what_cannot_be_is_told(cli: Cli, account: str, arguments: tuple[str, ...], message: str) -> None:
    cli("number", "add", "72345")
    before = cli("number", "list", "--json").json
    ended = cli("number", *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"trunkline: {message}")
    assert cli("number", "list", "--json").json == before
