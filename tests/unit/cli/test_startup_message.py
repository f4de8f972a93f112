"""The output of a started server."""

from __future__ import annotations

import msgspec
import pytest

from trunkline.cli.startup_message import ReadyServer, port_of, startup_message
from trunkline.products.accounts.facade import AccountCredentials
from trunkline.products.accounts.store import Account

SID, TOKEN = "AC" + "a" * 32, "t" * 32
FIRST = AccountCredentials(Account(SID, SID, "", "active", b"", 0, 0), TOKEN, created=True)
AGAIN = msgspec.structs.replace(FIRST, created=False)
STARTED = ReadyServer("127.0.0.1", 8080, 8081, ["sync", "chat"])


def test_the_first_start_shows_the_account_and_lines_for_each_sdk() -> None:
    lines = [line.strip() for line in startup_message(STARTED, FIRST).splitlines()]
    for line in (
        "Trunkline is ready at http://127.0.0.1:8080",
        "CONNECT proxy at http://127.0.0.1:8081",
        f"Account SID  {SID}",
        f"Auth token   {TOKEN}",
        f'client = Client("{SID}", "{TOKEN}")',
        'client.sync.base_url = "http://127.0.0.1:8080/sync"',
        'client.chat.base_url = "http://127.0.0.1:8080/chat"',
        'client.api.base_url = "http://127.0.0.1:8080/api"',
        'client.monitor.base_url = "http://127.0.0.1:8080/monitor"',
        f'const client = require("twilio")("{SID}", "{TOKEN}");',
        'client.sync.baseUrl = "http://127.0.0.1:8080/sync";',
        'client.chat.baseUrl = "http://127.0.0.1:8080/chat";',
        'client.api.baseUrl = "http://127.0.0.1:8080/api";',
        'client.monitor.baseUrl = "http://127.0.0.1:8080/monitor";',
        f'curl -u "{SID}:{TOKEN}" http://127.0.0.1:8080/sync/v1/Services',
        'eval "$(trunkline env)"',
    ):
        assert line in lines


def test_the_python_lines_are_python() -> None:
    shown = startup_message(STARTED, FIRST).split("Python:\n")[1].split("\n\n")[0]
    code = "\n".join(line.removeprefix("  ") for line in shown.splitlines())
    names: dict[str, object] = {}
    exec(code, names)
    assert names["client"].sync.base_url == "http://127.0.0.1:8080/sync"  # type: ignore[attr-defined]


def test_later_starts_show_no_token() -> None:
    shown = startup_message(STARTED, AGAIN)
    assert SID in shown
    assert TOKEN not in shown
    assert "counts only when" not in shown


def test_a_configured_token_is_not_repeated() -> None:
    shown = startup_message(STARTED, FIRST, TOKEN)
    assert TOKEN not in shown
    assert "as configured" in shown
    assert f'Client("{SID}", "<auth token>")' in shown
    assert "counts only when" not in startup_message(STARTED, AGAIN, TOKEN)


def test_a_configured_token_that_does_not_count_is_told() -> None:
    shown = startup_message(STARTED, AGAIN, "another" * 5)
    assert "the configured auth_token counts only when the account is made" in shown
    assert "another" not in shown


def test_without_a_proxy_none_is_shown() -> None:
    shown = startup_message(msgspec.structs.replace(STARTED, proxy_port=None), FIRST)
    assert "proxy" not in shown
    assert "trunkline env" not in shown


def test_env_is_shown_with_the_flags_that_find_this_server() -> None:
    started = msgspec.structs.replace(STARTED, flags=["--data-dir", "my data"])
    assert "eval \"$(trunkline env --data-dir 'my data')\"" in startup_message(started, FIRST)


@pytest.mark.parametrize(
    ("address", "port"), [("http://127.0.0.1:80", 80), ("http://[::1]:8080", 8080), (None, None)]
)
def test_a_port_is_read_from_an_address(address: str | None, port: int | None) -> None:
    assert port_of(address) == port


def test_the_file_of_the_operators_token_is_named() -> None:
    server = msgspec.structs.replace(STARTED, operator_token_file="data/operator.token")
    for first in (FIRST, AGAIN):
        assert "Operator's token in data/operator.token" in startup_message(server, first)
    assert "perator" not in startup_message(STARTED, FIRST)
