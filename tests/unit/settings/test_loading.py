"""Settings: where values come from, what they may be, and what of them is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trunkline.settings import OPTIONS, Settings
from trunkline.settings.loading import ValueOrigin, ValueSource, effective, load
from trunkline.settings.option import as_text, flag, variable
from trunkline.settings.values import BadSetting, without_password

SECRETS = {"database_url", "nats_url", "operator_token", "auth_token", "master_key", "carriers"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory: an empty one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_count_when_nothing_is_said() -> None:
    found = effective({}, {})
    assert found.settings == Settings()
    assert set(found.origins.values()) == {ValueOrigin(ValueSource.DEFAULT)}


def test_flag_beats_environment_beats_file_beats_default(folder: Path) -> None:
    (folder / "trunkline.toml").write_text("port = 1\nproxy_port = 2\nhost = 'file'\n")
    environment = {"TRUNKLINE_PORT": "3", "TRUNKLINE_PROXY_PORT": "4"}
    found = effective({"port": "5", "proxy_port": None}, environment)
    assert (found.settings.server.port, found.settings.server.proxy_port, found.settings.server.host) == (
        5,
        4,
        "file",
    )
    origins = {name: str(found.origins[name]) for name in ("port", "proxy_port", "host", "log_level")}
    assert origins == {
        "port": "flag --port",
        "proxy_port": "environment TRUNKLINE_PROXY_PORT",
        "host": "file trunkline.toml",
        "log_level": "default",
    }


def test_a_value_that_is_false_or_zero_counts_all_the_same() -> None:
    environment = {"TRUNKLINE_PORT": "1", "TRUNKLINE_LOG_REQUESTS": "true"}
    found = load({"port": "0", "log_requests": False}, environment)
    assert (found.server.port, found.server.log_requests) == (0, False)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("port", "8000", 8000),
        ("request_timeout", "1.5", 1.5),
        ("request_timeout", "2", 2.0),
        ("data_dir", "/srv/x", Path("/srv/x")),
        ("host", "::1", "::1"),
        *[("dev", word, True) for word in ("true", "1", "yes", "on", "TRUE", "On")],
        *[("log_requests", word, False) for word in ("false", "0", "no", "off", "False")],
    ],
)
def test_text_is_read_as_the_options_type(name: str, text: str, value: Any) -> None:
    found = load({}, {variable(name): text}).value(name)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("port = 8000", "port", 8000),
        ("port = '8000'", "port", 8000),
        ("request_timeout = 2", "request_timeout", 2),
        ("request_timeout = 2.5", "request_timeout", 2.5),
        ("dev = true", "dev", True),
        ("data_dir = '/srv/x'", "data_dir", Path("/srv/x")),
    ],
)
def test_the_file_may_use_its_own_types(folder: Path, line: str, name: str, value: Any) -> None:
    (folder / "trunkline.toml").write_text(line)
    assert load({}, {}).value(name) == value


@pytest.mark.parametrize(
    "line",
    [
        "port = true",
        "port = 80.5",
        "port = [1]",
        "dev = 1",
        "host = 5",
        'host = "a\\u0000b"',
        "data_dir = 5",
        "request_timeout = true",
    ],
)
def test_the_file_may_not_mix_types(folder: Path, line: str) -> None:
    (folder / "trunkline.toml").write_text(line)
    name = line.split()[0]
    with pytest.raises(BadSetting, match=rf"^{name} \(file trunkline.toml\) must be "):
        load({}, {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", ""),
        ("port", "eighty"),
        ("port", "80.0"),
        ("port", "-1"),
        ("port", "65536"),
        ("proxy_port", "-2"),
        ("proxy_port", "65536"),
        ("request_timeout", "0"),
        ("request_timeout", "-1"),
        ("request_timeout", "inf"),
        ("request_timeout", "nan"),
        ("max_body_bytes", "0"),
        ("max_concurrent_requests", "0"),
        ("max_notify_services", "0"),
        ("log_level", "loud"),
        ("default_product", "voice"),
        ("compliance_approval", "never"),
        ("a2p_number_minutes", "-1"),
        ("trusted_proxies", "127.0.0.1/33"),
        ("webhook_retry_schedule", "0"),
        ("webhook_retry_schedule", "60,-1"),
        ("webhook_retry_schedule", "60;600"),
        ("webhook_retry_schedule", "1.5"),
        ("webhook_retry_schedule", "604801"),
        ("webhook_log_days", "0"),
        ("webhook_log_days", "36501"),
        ("alert_days", "36501"),
        ("request_timeout", "1e10"),
        ("max_scheduled_messages", "9223372036854775808"),
        ("proxy_port", "8080"),
        ("ready_file", "gone/ready"),
        ("nats_url", "http://h:1"),
        ("nats_url", "nats://h:port"),
        ("nats_url", "nats://a:1,b"),
        ("database_url", "postgresql://h:port/t"),
        ("database_url", "postgresql://u:p@h x/t"),
        ("egress_ca_file", "gone.pem"),
        ("egress_ca_file", "/"),
        ("egress_ca_file", __file__),
        ("public_url", "sms.example.com"),
        ("public_url", "ftp://sms.example.com"),
        ("public_url", "https://u:p@sms.example.com"),
        ("public_url", "https://sms.example.com/?a=b"),
        ("geo_permissions", "US,Germany"),
        ("alert_days", "0"),
        ("webhook_networks", "10.0.0.0/33"),
        ("webhook_networks", "example.com"),
        ("egress_ca_file", "/nowhere/ca.pem"),
        ("realtime_origins", "app.example"),
        ("realtime_origins", "https://app.example/path"),
        ("realtime_origins", "*"),
        ("realtime_origins", "null"),
        ("realtime_origins", "https://*.app.example"),
        ("realtime_origins", "https://app.example/"),
        ("realtime_origins", "https://app.example:0"),
        ("realtime_origins", "https://app.example:65536"),
        ("realtime_origins", "https://me@app.example"),
        ("realtime_origins", "https://bücher.example"),
        ("realtime_origins", "https://app.example https://b.example"),
        ("browser_origins", "*"),
        ("browser_origins", "null"),
        ("browser_origins", "https://*.app.example"),
        ("browser_origins", "https://app.example/"),
        ("browser_origins", "https://app.example:0"),
        ("browser_origins", "https://app.example:65536"),
        ("browser_origins", "https://me@app.example"),
        ("browser_origins", "https://bücher.example"),
        ("browser_origins", "https://app.example https://b.example"),
        ("browser_origins", "https://app.example/path"),
        ("proxy_passthrough", "*"),
        ("proxy_passthrough", "*.com"),
        ("proxy_passthrough", "https://fonts.example"),
        ("proxy_passthrough", "fonts.example;other.example"),
        ("proxy_passthrough", "fonts.example:0"),
        ("proxy_passthrough", "api.twilio.com"),
        ("proxy_passthrough", "*.twilio.com"),
        ("proxy_passthrough", "twilio.com"),
        ("proxy_passthrough", "media.twiliocdn.com"),
        ("max_connections", "0"),
        ("dev", "maybe"),
        ("dev", ""),
        ("account_sid", "AC" + "A" * 32),
        ("account_sid", "AC" + "a" * 31),
        ("account_sid", "AC" + "a" * 33),
        ("account_sid", "AC" + "a" * 32 + "\n"),
        ("account_sid", "SK" + "a" * 32),
        ("auth_token", "x" * 15),
        ("auth_token", "x" * 16 + " y"),
        ("auth_token", "ü" * 16),
    ],
)
def test_a_value_that_cannot_be_names_its_option(name: str, text: str) -> None:
    with pytest.raises(BadSetting, match=rf"^{name}\b"):
        load({}, {variable(name): text})


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("lock_timeout", "2.5", "must be at most 2, the idle_in_transaction_timeout"),
        ("idle_in_transaction_timeout", "0.5", "must be at least 1, the lock_timeout"),
    ],
)
def test_bounds_of_sessions_do_not_undo_each_other(name: str, text: str, message: str) -> None:
    given = {variable(name): text}
    with pytest.raises(BadSetting, match=rf"^{name} {message} \(environment {variable(name)}\)"):
        load({}, {**given, variable("database_url"): "postgresql://h/t"})
    # SQLite has neither.
    assert getattr(load({}, given).storage, name) == float(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", "0"),
        ("port", "65535"),
        ("proxy_port", "-1"),
        ("default_product", "chat"),
        ("compliance_approval", "manual"),
        ("a2p_number_minutes", "0"),
        ("account_sid", "AC" + "a0" * 16),
        ("auth_token", "x" * 16),
        ("trusted_proxies", ""),
        ("trusted_proxies", "10.0.0.0/8, fd00::/8"),
        ("webhook_retry_schedule", "1, 604800"),
        ("webhook_log_days", "36500"),
        ("nats_url", "nats://u:p@a:4222, tls://[::1], nats://b/"),
        ("database_url", "postgresql://u:p%2Fw@a:1,[::1]:2/t"),
        ("database_url", "postgresql:///t?host=/tmp"),
        ("public_url", "https://sms.example.com:8443/t/"),
        ("geo_permissions", "us, DE,"),
        ("ready_file", "ready"),
        ("webhook_networks", "10.1.0.0/16, fd00::/8, 192.168.1.7"),
        ("realtime_origins", "https://app.example, http://localhost:3000, capacitor://localhost"),
        ("browser_origins", "https://app.example, http://[::1]:3000,"),
    ],
)
def test_a_value_at_the_edge_is_taken(name: str, text: str) -> None:
    assert str(load({}, {variable(name): text}).value(name)) == text


def test_lists_are_read() -> None:
    texts = {
        "webhook_retry_schedule": "60, 600,3600",
        "webhook_networks": "10.1.0.0/16,fd00::/8",
        "realtime_origins": "https://A.example:443, https://b.example:8443",
        "browser_origins": "http://localhost:80, https://c.example",
    }
    settings = load({}, {variable(name): text for name, text in texts.items()})
    assert settings.webhooks.retry_delays() == (60.0, 600.0, 3600.0)
    assert [str(network) for network in settings.webhooks.reachable_networks()] == ["10.1.0.0/16", "fd00::/8"]
    assert settings.realtime.allowed_origins() == {"https://a.example", "https://b.example:8443"}
    assert settings.server.allowed_origins() == {"http://localhost", "https://c.example"}
    nothing = load({}, {})
    assert (nothing.webhooks.retry_delays(), nothing.webhooks.reachable_networks()) == ((), ())
    assert nothing.realtime.allowed_origins() == frozenset()


def test_a_refusal_does_not_repeat_a_secret(folder: Path) -> None:
    (folder / "trunkline.toml").write_text("master_key = 77991133")
    for environment in ({}, {"TRUNKLINE_AUTH_TOKEN": "77991133"}):
        with pytest.raises(BadSetting) as caught:
            load({}, environment)
        assert "77991133" not in str(caught.value)


def test_unknown_options_in_the_file_are_refused(folder: Path) -> None:
    (folder / "trunkline.toml").write_text("prot = 1\nhost = 'x'\nhots = 2\n")
    with pytest.raises(BadSetting, match=r"trunkline\.toml has unknown options: hots, prot"):
        load({}, {})


def test_options_stand_in_the_tables_of_their_groups(folder: Path) -> None:
    (folder / "trunkline.toml").write_text(
        "host = 'top'\n[server]\nport = 1\n[messaging]\naccount_rate = 5\n"
    )
    found = effective({}, {})
    server, messaging = found.settings.server, found.settings.messaging
    assert (server.host, server.port, messaging.account_rate) == ("top", 1, 5)
    origins = {name: str(found.origins[name]) for name in ("host", "port", "account_rate")}
    assert origins == {
        "host": "file trunkline.toml",
        "port": "file trunkline.toml [server]",
        "account_rate": "file trunkline.toml [messaging]",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("prot = 1", "trunkline.toml has unknown options: prot; did you mean port?"),
        ("[server]\nprot = 1", "trunkline.toml has unknown options: [server] prot; did you mean port?"),
        (
            "[mesaging]\nprices = []",
            "trunkline.toml has unknown options: mesaging; did you mean [messaging]?",
        ),
        ("zzz = 1", "trunkline.toml has unknown options: zzz"),
        ("[chat]\nport = 1", "trunkline.toml: port belongs to [server], not to [chat]"),
        ("port = 1\n[server]\nport = 1", "trunkline.toml has port twice: at the top and in [server]"),
        ("server = 1", "trunkline.toml: server must be a table, [server]"),
        ("[server]\nport = 'x'", "port (file trunkline.toml [server]) must be a whole number"),
        ("[server]\nport = 65536", "port must be from 0 to 65535 (file trunkline.toml [server])"),
        ("port = 65536", "port must be from 0 to 65535 (file trunkline.toml)"),
    ],
)
def test_an_error_names_file_table_option_and_what_is_allowed(
    folder: Path, content: str, message: str
) -> None:
    (folder / "trunkline.toml").write_text(content)
    with pytest.raises(BadSetting) as caught:
        load({}, {})
    assert str(caught.value) == message


def test_an_error_names_flag_or_variable() -> None:
    with pytest.raises(BadSetting) as caught:
        load({"port": "65536"}, {})
    assert str(caught.value) == "port must be from 0 to 65535 (flag --port)"
    with pytest.raises(BadSetting) as caught:
        load({}, {"TRUNKLINE_PORT": "65536"})
    assert str(caught.value) == "port must be from 0 to 65535 (environment TRUNKLINE_PORT)"


@pytest.mark.parametrize("content", [b"port = ", b"\xff"])
def test_a_file_that_cannot_be_read_is_refused(folder: Path, content: bytes) -> None:
    (folder / "trunkline.toml").write_bytes(content)
    with pytest.raises(BadSetting, match=r"trunkline\.toml: "):
        load({}, {})


def test_the_environment_names_another_file(folder: Path) -> None:
    (folder / "trunkline.toml").write_text("port = 1")
    (folder / "other.toml").write_text("port = 2")
    assert load({}, {"TRUNKLINE_CONFIG": "other.toml"}).server.port == 2
    with pytest.raises(BadSetting, match=r"TRUNKLINE_CONFIG names gone\.toml"):
        load({}, {"TRUNKLINE_CONFIG": "gone.toml"})


def test_every_option_is_explained_and_of_a_known_type() -> None:
    for item in OPTIONS.values():
        assert item.help.endswith("."), item.name
        value = True if item.is_switch else item.default
        if isinstance(value, int | float):
            assert load({}, {variable(item.name): as_text(value)}).value(item.name) == value


def test_every_default_can_be_said_in_text() -> None:
    texts = {variable(item.name): as_text(item.default) for item in OPTIONS.values()}
    assert load({}, texts) == Settings()


def test_names_follow_from_the_option() -> None:
    assert (flag("data_dir"), variable("data_dir")) == ("--data-dir", "TRUNKLINE_DATA_DIR")


def test_secrets_are_not_shown() -> None:
    assert {item.name for item in OPTIONS.values() if item.secret} == SECRETS
    settings = Settings.of(
        database_url="postgresql://me:hush-hush-1@host/db",
        nats_url="nats://hush-hush-2@host",
        operator_token="hush-hush-6-hush-hush",
        auth_token="hush-hush-3-hush-hush",
        master_key="hush" * 10 + "hus=",
        carriers=({"name": "main", "host": "a", "system_id": "b", "password": "hush-5"},),
    )
    shown = settings.printable()
    assert "hush" not in str(shown)
    assert shown["database_url"] == "postgresql://me:***@host/db"
    assert shown["nats_url"] == shown["auth_token"] == shown["master_key"] == "(set)"
    assert shown["operator_token"] == "(set)"
    assert shown["carriers"] == "main"
    assert {Settings().printable()[name] for name in SECRETS} == {"(not set)", "none"}
    assert shown.keys() == OPTIONS.keys()
    assert shown["port"] == 8080


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", "(not set)"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
        ("postgresql://me:pw@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("postgresql://me:p@w/x?:y@host/db", "postgresql://me:***@host/db"),
        ("postgresql://a/b:pw@host/db", "postgresql://a/b:***@host/db"),
        ("postgresql://host/db?user=me&password=pw&x=1", "postgresql://host/db?user=me&password=***"),
        ("postgresql://host/db?sslpassword=pa&ss", "postgresql://host/db?sslpassword=***"),
        ("postgresql://u:p@1?hunter2=z@host/db", "postgresql://u:***@host/db"),
        ("postgresql://host/db?sslpassword=pw", "postgresql://host/db?sslpassword=***"),
        ("me:pw@host", "(set)"),
        ("sqlite:///x.db", "sqlite:///x.db"),
    ],
)
def test_of_an_address_the_password_is_masked(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_development_logs_everything() -> None:
    assert Settings.of(log_level="error").server.lowest_level == "error"
    assert Settings.of(log_level="error", dev=True).server.lowest_level == "debug"


def test_the_database_is_in_the_data_directory_unless_it_is_elsewhere() -> None:
    assert Settings.of(data_dir=Path("/srv/x")).storage.url == "sqlite:////srv/x/trunkline.db"
    assert Settings.of(database_url="postgresql://host/db").storage.url == "postgresql://host/db"
