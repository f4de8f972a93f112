"""``trunkline account`` and ``trunkline key``, on each engine, with and without a running node."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from trunkline.api.errors import ApiError
from trunkline.api.principal import Credential
from trunkline.app.node import Node
from trunkline.core.storage.database import Tx
from trunkline.products.accounts.credentials import AccountDirectory
from trunkline.products.accounts.store import insert_account
from trunkline.settings import Settings
from trunkline.settings.loading import load
from unit.cli.conftest import Cli

UNKNOWN = "AC" + "0" * 32


def on_node(action: Callable[[Node], Awaitable[Any]], settings: Settings | None = None) -> Any:
    """Return the result of ``action`` on a running node with the settings of the environment."""

    async def work() -> Any:
        node = Node(settings or load({"proxy_port": "-1"}))
        await node.start()
        try:
            return await action(node)
        finally:
            await node.stop()

    return asyncio.run(work())


def log_in(username: str, password: str) -> Any:
    """Return the user as a running node authenticates it: a principal, None, or the code of an error."""

    async def authenticate(node: Node) -> Any:
        directory = AccountDirectory(node.vault)
        try:
            return await node.database.read(lambda tx: directory.authenticate(tx, username, password))
        except ApiError as error:
            return error.code

    return on_node(authenticate)


def test_a_made_account_can_log_in(cli: Cli, new_data: Path) -> None:
    made = cli("account", "create", "--name", "Second", "--json").json
    assert made["friendly_name"] == "Second"
    assert made["status"] == "active"
    assert made["owner_account_sid"] == made["sid"]
    principal = log_in(made["sid"], made["auth_token"])
    assert principal.account_sid == made["sid"]


def test_an_account_is_shown_to_people(cli: Cli, data: Path) -> None:
    shown = cli("account", "create", "--name", "Second").out
    token = re.search(r"^Auth token +([0-9a-f]{32})$", shown, re.MULTILINE)
    sid = re.search(r"^Account SID +(AC[0-9a-f]{32})$", shown, re.MULTILINE)
    assert token
    assert sid
    assert log_in(sid[1], token[1]) is not None
    listed = cli("account", "list").out
    assert re.search(rf"^{sid[1]} +Second +active ", listed, re.MULTILINE)
    assert token[1] not in listed


def test_accounts_are_listed_oldest_first_without_secrets(cli: Cli, data: Path) -> None:
    first, second = (cli("account", "create", "--name", name, "--json").json for name in "ab")
    listed = cli("account", "list", "--json").json
    assert [one["sid"] for one in listed] == [first["sid"], second["sid"]]
    assert listed[0] == {name: value for name, value in first.items() if name != "auth_token"}


def test_a_subaccount_is_listed_with_its_owner(cli: Cli, data: Path) -> None:
    main = cli("account", "create", "--json").json["sid"]

    async def make(node: Node) -> str:
        async def insert(tx: Tx) -> str:
            return (await insert_account(tx, node.vault, "Below", owner=main)).sid

        return await node.database.write(insert)

    sub = on_node(make)
    owners = {one["sid"]: one["owner_account_sid"] for one in cli("account", "list", "--json").json}
    assert owners == {main: main, sub: main}
    assert re.search(rf"^{sub} .* {main} ", cli("account", "list").out, re.MULTILINE)


def test_a_rotated_token_replaces_the_old_one(cli: Cli, data: Path) -> None:
    made = cli("account", "create", "--json").json
    rotated = cli("account", "rotate-token", made["sid"], "--json").json
    assert rotated["sid"] == made["sid"]
    assert log_in(made["sid"], made["auth_token"]) is None
    assert log_in(made["sid"], rotated["auth_token"]) is not None


def test_test_credentials_are_made_once_and_log_in_as_what_they_are(cli: Cli, data: Path) -> None:
    made = cli("account", "create", "--json").json
    shown = cli("account", "test-credentials", made["sid"], "--json").json
    assert shown["account_sid"] == made["sid"]
    principal = log_in(shown["test_account_sid"], shown["test_auth_token"])
    assert (principal.account_sid, principal.credential) == (shown["test_account_sid"], Credential.TEST)
    assert cli("account", "test-credentials", made["sid"], "--json").json == shown
    people = cli("account", "test-credentials", made["sid"]).out
    assert re.search(rf"^Test account SID +{shown['test_account_sid']}$", people, re.MULTILINE)
    assert re.search(rf"^Test auth token +{shown['test_auth_token']}$", people, re.MULTILINE)
    assert log_in(made["sid"], shown["test_auth_token"]) is None


def test_a_suspended_account_cannot_log_in_until_it_is_active_again(cli: Cli, data: Path) -> None:
    made = cli("account", "create", "--json").json
    assert cli("account", "set-status", made["sid"], "suspended", "--json").json["status"] == "suspended"
    assert log_in(made["sid"], made["auth_token"]) == 20005
    assert "active" in cli("account", "set-status", made["sid"], "active").out
    assert log_in(made["sid"], made["auth_token"]) is not None


def test_a_closed_account_stays_closed(cli: Cli, data: Path) -> None:
    sid = cli("account", "create", "--json").json["sid"]
    assert cli("account", "set-status", sid, "closed").code == 0
    for status in ("active", "suspended"):
        refused = cli("account", "set-status", sid, status)
        assert (refused.code, refused.err) == (
            1,
            f"trunkline: {sid} is closed, and a closed account stays closed\n",
        )
    assert cli("account", "set-status", sid, "closed").code == 0
    assert cli("account", "list", "--json").json[0]["status"] == "closed"


def test_commands_work_while_a_node_runs(cli: Cli, data: Path) -> None:
    async def beside(node: Node) -> tuple[Any, Any]:
        made = await asyncio.to_thread(lambda: cli("account", "create", "--json").json)
        directory = AccountDirectory(node.vault)
        before = await node.database.read(
            lambda tx: directory.authenticate(tx, made["sid"], made["auth_token"])
        )
        rotated = await asyncio.to_thread(lambda: cli("account", "rotate-token", made["sid"], "--json").json)
        after = await node.database.read(
            lambda tx: directory.authenticate(tx, made["sid"], made["auth_token"])
        )
        assert rotated["auth_token"] != made["auth_token"]
        return before, after

    before, after = on_node(beside)
    assert before is not None
    assert after is None


@pytest.mark.parametrize("flags", [(), ("--main",)])
def test_a_made_key_can_log_in(cli: Cli, data: Path, flags: tuple[str, ...]) -> None:
    account = cli("account", "create", "--json").json["sid"]
    key = cli("key", "create", "--account", account, "--name", "ci", "--json", *flags).json
    assert (key["account_sid"], key["friendly_name"]) == (account, "ci")
    principal = log_in(key["sid"], key["secret"])
    assert (principal.account_sid, principal.key_sid) == (account, key["sid"])
    assert principal.credential.value == key["type"] == ("main" if flags else "standard")


def test_a_key_is_shown_to_people(cli: Cli, data: Path) -> None:
    account = cli("account", "create", "--json").json["sid"]
    shown = cli("key", "create", "--account", account).out
    sid = re.search(r"^Key SID +(SK[0-9a-f]{32})$", shown, re.MULTILINE)
    secret = re.search(r"^Secret +([0-9a-f]{32})  \(shown now and never again\)$", shown, re.MULTILINE)
    assert sid
    assert secret
    assert log_in(sid[1], secret[1]) is not None


@pytest.mark.parametrize(
    "command",
    [
        ("account", "rotate-token", UNKNOWN),
        ("account", "set-status", UNKNOWN, "closed"),
        ("account", "test-credentials", UNKNOWN),
        ("key", "create", "--account", UNKNOWN),
        ("env", "--account", UNKNOWN),
    ],
)
def test_an_unknown_account_is_told(cli: Cli, data: Path, command: tuple[str, ...]) -> None:
    cli("account", "create")
    ended = cli(*command)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"trunkline: there is no account {UNKNOWN}; `trunkline account list` shows them\n"


@pytest.mark.parametrize(
    "command",
    [
        ("account", "list"),
        ("account", "rotate-token", UNKNOWN),
        ("account", "set-status", UNKNOWN, "closed"),
        ("account", "test-credentials", UNKNOWN),
        ("key", "create", "--account", UNKNOWN),
        ("env",),
    ],
)
def test_nothing_is_made_where_no_database_is(cli: Cli, tmp_path: Path, command: tuple[str, ...]) -> None:
    ended = cli(*command, "--data-dir", "elsewhere")
    assert ended.code == 1
    assert "there is no database elsewhere/trunkline.db" in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("account", "create"), ("key", "create", "--account", UNKNOWN)])
@pytest.mark.parametrize("name", ["x" * 65, "a\0b"])
def test_a_name_that_the_api_would_refuse_is_refused(cli: Cli, command: tuple[str, ...], name: str) -> None:
    ended = cli(*command, "--name", name)
    assert (ended.code, ended.err) == (1, "trunkline: a name has at most 64 characters, none of them NUL\n")


def test_another_master_key_is_told(cli: Cli, data: Path) -> None:
    cli("account", "create")
    (data / "master.key").unlink()
    ended = cli("account", "list")
    assert ended.code == 1
    assert "data/master.key is missing" in ended.err


def test_bad_settings_are_told(cli: Cli) -> None:
    (Path.cwd() / "trunkline.toml").write_text("port = 'x'")
    ended = cli("account", "list")
    assert (ended.code, ended.err) == (1, "trunkline: port (file trunkline.toml) must be a whole number\n")
