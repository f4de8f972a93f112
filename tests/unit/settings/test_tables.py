"""The tables of carriers, routes and prices: what they may hold, and the words of their errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from trunkline.settings import Settings
from trunkline.settings.loading import load
from trunkline.settings.tables import Price
from trunkline.settings.values import BadSetting
from trunkline.transports.http.settings import HttpRoute
from trunkline.transports.options import SandboxRoute
from trunkline.transports.routing import RouteRule
from trunkline.transports.smpp.settings import SmppRoute

SECRET = "hush-hush-hush-hush"
TABLES = f"""
account_rate = 5

[messaging]
service_rate = 2

[[messaging.carriers]]
name = "main"
host = "a"
system_id = "b"

[[messaging.carriers]]
name = "gate"
kind = "http"
url = "https://gate.example.com"
secret = "{SECRET}"

[[messaging.carriers]]
kind = "sandbox"

[[messaging.carrier_routes]]
carrier = "gate"
prefix = "+49"

[[messaging.prices]]
price = "0.0075"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory: an empty one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tables_become_typed_options(folder: Path) -> None:
    (folder / "trunkline.toml").write_text(TABLES)
    messaging = load({}, {}).messaging
    assert messaging.carriers == (
        SmppRoute(name="main", host="a", system_id="b"),
        HttpRoute(name="gate", url="https://gate.example.com", secret=SECRET),
        SandboxRoute(),
    )
    assert messaging.carrier_routes == (RouteRule(carrier="gate", prefix="+49"),)
    assert messaging.prices == (Price(price="0.0075"),)
    assert (messaging.account_rate, messaging.service_rate) == (5, 2)


def test_tables_come_from_flags_and_the_environment_as_json() -> None:
    found = load({"prices": '[{"price": "1"}]'}, {"TRUNKLINE_CARRIERS": '[{"kind": "sandbox"}]'}).messaging
    assert (found.prices, found.carriers) == ((Price(price="1"),), (SandboxRoute(),))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '[[carriers]]\nname = "main"\nhost = "a"\nsystem_id = "b"\nport = 0',
            "carriers: main: port must be from 1 to 65,535 (file trunkline.toml)",
        ),
        (
            '[[messaging.carriers]]\nname = "main"\nhost = "a"\nsystem_id = "b"\nport = "x"',
            "carriers: main: port must be int (file trunkline.toml [messaging])",
        ),
        (
            '[[messaging.carriers]]\nname = "main"\nsystem_id = "b"',
            "carriers: main: host is missing (file trunkline.toml [messaging])",
        ),
        (
            '[[messaging.carriers]]\nname = "main"\nhost = "a:2775"\nsystem_id = "b"',
            "carriers: main: host must be a name or an address, without scheme and port "
            "(file trunkline.toml [messaging])",
        ),
        (
            '[[messaging.carriers]]\nname = "main"\nhost = "a"\nsystem_id = "b"\ntls = true\n'
            'ca_file = "trunkline.toml"',
            "carriers: main: ca_file: trunkline.toml holds no certificates in PEM (file trunkline.toml [messaging])",
        ),
        (
            '[[messaging.carriers]]\nname = "main"\nhost = "a"\nsystem_id = "b"\nbind = "both"',
            "carriers: main: Invalid enum value 'both' - at $.bind (file trunkline.toml [messaging])",
        ),
        (
            '[[messaging.carrier_routes]]\ncarrier = "sandbox"\nprefix = "49"',
            "carrier_routes: sandbox: prefix must be empty, or + and the first digits of recipients; "
            "'49' matches none (file trunkline.toml [messaging])",
        ),
        (
            '[[messaging.carrier_routes]]\ncarrier = "sandbox"\n'
            '[[messaging.carrier_routes]]\ncarrier = "sandbox"\nprefix = "+49"',
            "carrier_routes: sandbox: a route before it matches all that it matches, that to sandbox "
            "(file trunkline.toml [messaging])",
        ),
        (
            '[[carriers]]\nname = "sandbox"\nhost = "a"\nsystem_id = "b"',
            "carriers: only the sandbox is called sandbox (file trunkline.toml)",
        ),
        (
            '[[prices]]\nprice = "1"\nprefix = "1"',
            "prices: prefix must be empty, or + and the first digits of recipients (file trunkline.toml)",
        ),
        (
            '[[prices]]\nprice = "1"\n[[prices]]\nprice = "2"',
            "prices: more than one is for the prefix (all) (file trunkline.toml)",
        ),
        (
            '[[messaging.carriers]]\nname = "main"\nhost = "a"\nsystem_id = "b"\npasword = "hush"',
            "carriers: main: unknown option pasword; did you mean password? (file trunkline.toml [messaging])",
        ),
        (
            '[[messaging.carriers]]\nkind = ["smpp"]',
            "carriers: kind must be smpp, http or sandbox (file trunkline.toml [messaging])",
        ),
        (
            '[[messaging.carrier_routes]]\ncarrier = "main"',
            "carrier_routes: no carrier is called main (file trunkline.toml [messaging])",
        ),
        (
            '[[messaging.carrier_routes]]\ncarrier = "sandbox"\nprefx = "+1"',
            "carrier_routes: unknown option prefx; did you mean prefix? (file trunkline.toml [messaging])",
        ),
        (
            '[[prices]]\nprice = "much"',
            "prices: price must be a decimal number in quotes (file trunkline.toml)",
        ),
        (
            "[[messaging.prices]]\nzzz = 1",
            "prices: unknown option zzz (file trunkline.toml [messaging])",
        ),
        (
            "[messaging]\nprices = 1",
            "prices (file trunkline.toml [messaging]) must be a list of tables",
        ),
    ],
)
def test_an_error_names_file_table_and_option(folder: Path, content: str, message: str) -> None:
    (folder / "trunkline.toml").write_text(content)
    with pytest.raises(BadSetting) as caught:
        load({}, {})
    assert str(caught.value) == message


def test_routes_may_name_the_sandbox_when_no_carrier_is_configured() -> None:
    assert Settings.of(carrier_routes=({"carrier": "sandbox"},)).messaging.carrier_routes
    with pytest.raises(BadSetting, match=r"^carrier_routes: no carrier is called sandbox$"):
        Settings.of(
            carriers=({"name": "main", "host": "a", "system_id": "b"},),
            carrier_routes=({"carrier": "sandbox"},),
        )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "database_url",
            "mysql://host/hush",
            "database_url cannot be used: a database address is sqlite:///",
        ),
        ("database_url", "sqlite:///", "database_url cannot be used: a database address is sqlite:///"),
        (
            "master_key",
            "hush",
            "master_key cannot be used: The master key must be base64 of 32 bytes, it has 3.",
        ),
        ("master_key", "hush!", "master_key cannot be used: The master key is not base64."),
    ],
)
def test_an_address_or_a_key_that_cannot_be_used_is_refused(name: str, value: str, message: str) -> None:
    with pytest.raises(BadSetting) as caught:
        load({name: value}, {})
    assert str(caught.value).startswith(message)
    assert "hush" not in str(caught.value)
