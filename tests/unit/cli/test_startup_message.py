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
        "Inbox of the virtual phones at http://127.0.0.1:8080/_trunkline/inbox",
        "Log-in for pages at http://127.0.0.1:8080/_trunkline/login, with an account SID and its auth token",
        "Health at http://127.0.0.1:8080/_trunkline/health",
        "trunkline exec -- python app.py",
        'eval "$(trunkline env || echo false)"',
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


def test_a_closed_account_has_no_token_to_show() -> None:
    closed = msgspec.structs.replace(AGAIN.account, status="closed")
    shown = startup_message(STARTED, AccountCredentials(closed, ""), TOKEN)
    assert "none: the account is closed" in shown
    assert "env" not in shown


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
    assert "CONNECT proxy" not in shown
    assert "trunkline exec" not in shown
    assert 'eval "$(trunkline env || echo false)"' in shown


@pytest.mark.parametrize("first", [FIRST, AGAIN])
def test_commands_are_shown_as_they_find_this_server(first: AccountCredentials) -> None:
    started = msgspec.structs.replace(
        STARTED,
        program=["/opt/my tools/trunkline"],
        flags=["--data-dir", "/my data"],
        settings_file="/etc/t.toml",
    )
    shown = startup_message(started, first)
    program = "TRUNKLINE_CONFIG=/etc/t.toml '/opt/my tools/trunkline'"
    assert f"  {program} exec --data-dir '/my data' -- python app.py\n" in shown
    assert f"  eval \"$({program} env --data-dir '/my data' || echo false)\"\n" in shown


def test_refused_webhooks_are_told_with_the_remedy() -> None:
    refused = "Webhooks to this machine and to private networks are refused"
    shown = startup_message(STARTED, AGAIN)
    assert refused in shown
    assert "--dev" in shown
    assert "webhook_networks" in shown
    developing = startup_message(msgspec.structs.replace(STARTED, local_webhooks=True), AGAIN)
    assert refused not in developing
    assert "may reach this machine" in developing


def test_without_the_sandbox_there_is_no_inbox() -> None:
    shown = startup_message(msgspec.structs.replace(STARTED, inbox=False), FIRST)
    assert "inbox" not in shown
    assert "Messages leave over the configured carriers" in shown


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
