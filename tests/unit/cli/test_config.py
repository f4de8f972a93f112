"""``trunkline config``."""

from __future__ import annotations

from pathlib import Path

import pytest

from trunkline.settings import OPTIONS
from unit.cli.conftest import Cli


def test_each_value_is_told_with_its_origin(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trunkline.toml").write_text("log_level = 'error'")
    monkeypatch.setenv("TRUNKLINE_PROXY_PORT", "-1")
    shown = cli("config", "--port", "99", "--json").json
    assert list(shown) == list(OPTIONS)
    assert shown["port"] == {"value": 99, "source": "flag", "name": "--port"}
    assert shown["proxy_port"] == {"value": -1, "source": "environment", "name": "TRUNKLINE_PROXY_PORT"}
    assert shown["log_level"] == {"value": "error", "source": "file", "name": "trunkline.toml"}
    assert shown["host"] == {"value": "127.0.0.1", "source": "default", "name": ""}
    assert shown["data_dir"]["value"] == "data"


def test_people_get_one_line_for_each_option(cli: Cli) -> None:
    heading, *lines = (line.split() for line in cli("config", "--dev", "--port", "99").out.splitlines())
    assert heading == ["OPTION", "VALUE", "FROM"]
    assert [line[0] for line in lines] == list(OPTIONS)
    assert ["port", "99", "flag", "--port"] in lines
    assert ["dev", "true", "flag", "--dev"] in lines
    assert ["log_requests", "true", "default"] in lines


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_no_secret_is_printed(cli: Cli, monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...]) -> None:
    monkeypatch.setenv("TRUNKLINE_DATABASE_URL", "postgresql://me:hush-1@host/db")
    monkeypatch.setenv("TRUNKLINE_AUTH_TOKEN", "hush-2-hush-hush-hush")
    printed = cli(
        "config", "--master-key", "hush" * 10 + "hus=", "--nats-url", "nats://hush-4@host", *form
    ).out
    assert "hush" not in printed
    assert "postgresql://me:***@host/db" in printed


def test_a_bad_value_is_told_without_a_traceback(cli: Cli) -> None:
    ended = cli("config", "--port", "x")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "trunkline: port (flag --port) must be a whole number\n"


@pytest.mark.parametrize(
    "content",
    [
        "prot = 1",
        "[server]\nport = 65536",
        "port = 1\n[server]\nport = 1",
        "database_url = 'mysql://host/db'",
        "[storage]\nmaster_key = 'x'",
        "[[carriers]]\nkind = 'pigeon'",
        "[[messaging.carriers]]\nname = 'main'\nhost = 'a'\nsystem_id = 'b'\nport = 0",
        "[[messaging.carrier_routes]]\ncarrier = 'none'",
        "[[messaging.prices]]\nprice = 'much'",
    ],
)
def test_serve_config_and_doctor_refuse_a_file_with_the_same_words(
    cli: Cli, tmp_path: Path, content: str
) -> None:
    (tmp_path / "trunkline.toml").write_text(content)
    served, shown, checked = cli("serve"), cli("config"), cli("doctor", "--json")
    assert (served.code, shown.code, checked.code) == (1, 1, 1)
    assert served.err == shown.err
    (finding,) = checked.json["findings"]
    assert f"trunkline: {finding['message']}\n" == served.err


@pytest.mark.parametrize(
    "text",
    [
        "[server]\nproxy_port = 8080",
        '[server]\nnats_url = "nats://h:port"',
        '[storage]\ndatabase_url = "postgresql://h:port/x"',
        '[webhooks]\negress_ca_file = "trunkline.toml"',
        '[messaging]\npublic_url = "sms.example.com"',
        '[[messaging.carriers]]\nname = "a"\nhost = "b"',
        '[[messaging.carrier_routes]]\ncarrier = "none"',
        '[[messaging.prices]]\nprice = "much"',
    ],
)
def test_a_bad_file_is_refused_by_all_commands_alike(cli: Cli, text: str) -> None:
    Path("trunkline.toml").write_text(text)
    refused = cli("config")
    started = cli("serve")
    checked = cli("doctor", "--json")
    assert (refused.code, started.code, checked.code) == (1, 1, 1)
    assert refused.err == started.err
    [finding] = checked.json["findings"]
    assert refused.err == f"trunkline: {finding['message']}\n"
    assert "trunkline.toml" in finding["message"]
