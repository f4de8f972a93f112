"""``trunkline token``: explaining tokens and making them, on each engine, with and without a running node."""

from __future__ import annotations

import asyncio
import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import ChatGrant, SyncGrant

from trunkline.app.node import Node
from trunkline.settings.loading import load
from unit.cli.conftest import Cli

CHAT = "IS" + "c" * 32
UNKNOWN = "IS" + "0" * 32


class Signer:
    """An account with a key, made on the command line, and tokens that the SDK signs with it."""

    def __init__(self, cli: Cli) -> None:
        self.account = cli("account", "create", "--json").json["sid"]
        made = cli("key", "create", "--account", self.account, "--json").json
        self.key, self.secret = made["sid"], made["secret"]

    def token(self, *grants: Any, **options: Any) -> str:
        """Return a token that the SDK made."""
        options = {"identity": "alice", **options}
        text = AccessToken(self.account, self.key, self.secret, list(grants), **options).to_jwt()
        assert isinstance(text, str)
        return text


@pytest.fixture
def signer(cli: Cli, data: Path) -> Signer:
    return Signer(cli)


def test_a_token_is_explained_to_people(cli: Cli, signer: Signer) -> None:
    token = signer.token(SyncGrant("default"), region="ie1")
    result = cli("token", "check", token)
    assert result.code == 0
    lines = dict(line.split("  ", 1) for line in result.out.splitlines())
    shown = {name.strip(): value.strip() for name, value in lines.items()}
    assert shown["Key"] == signer.key
    assert shown["Account"] == signer.account
    assert shown["Identity"] == "alice"
    assert shown["Grant data_sync"] == '{"service_sid": "default"}'
    assert '"twr": "ie1"' in shown["Header"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \(\d+ s (ago|from now)\)", shown["Begins"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \(3[56]\d\d s from now\)", shown["Ends"])
    assert shown["For sync"] == "accepted, for the Service default, which is made with its first use"
    assert token.rpartition(".")[2] not in result.out
    assert signer.secret not in result.out


def test_a_refused_token_names_the_rule_that_it_breaks(cli: Cli, signer: Signer) -> None:
    token = signer.token(SyncGrant("default"), nbf=None, valid_until=1_735_689_600)
    result = cli("token", "check", token)
    assert result.code == 1
    assert re.search(r"^Ends +2025-01-01T00:00:00Z \(\d+ s ago\)$", result.out, re.MULTILINE)
    assert "Begins" not in result.out
    assert re.search(
        r"^For sync +refused: 20104 Access Token expired or expiration date invalid: exp is over$",
        result.out,
        re.MULTILINE,
    )
    assert cli("token", "check", token, "--json").json["verdicts"] == [
        {
            "product": "sync",
            "accepted": False,
            "rule": "expiry",
            "code": 20104,
            "description": "Access Token expired or expiration date invalid",
            "reason": "exp is over",
        }
    ]


def test_a_token_is_checked_for_each_product_that_it_has_a_grant_for(cli: Cli, signer: Signer) -> None:
    result = cli("token", "check", signer.token(SyncGrant("default"), ChatGrant(UNKNOWN)), "--json")
    assert result.code == 1
    sync, chat = result.json["verdicts"]
    assert (sync["product"], sync["accepted"], sync["identity"]) == ("sync", True, "alice")
    assert (sync["account_sid"], sync["key_sid"]) == (signer.account, signer.key)
    assert (chat["product"], chat["accepted"], chat["code"]) == ("chat", False, 51101)
    assert result.json["claims"]["payload"]["grants"]["chat"] == {"service_sid": UNKNOWN}
    alone = cli("token", "check", signer.token(SyncGrant("default")), "--product", "chat", "--json")
    assert (alone.code, [one["code"] for one in alone.json["verdicts"]]) == (1, [20106])
    assert (
        cli(
            "token", "check", signer.token(SyncGrant("default"), ChatGrant(UNKNOWN)), "--product", "sync"
        ).code
        == 0
    )


def test_a_token_may_come_from_standard_input(
    cli: Cli, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = io.StringIO(signer.token(SyncGrant("default")) + "\n")
    monkeypatch.setattr("trunkline.cli.token.sys", SimpleNamespace(stdin=given))
    assert cli("token", "check", "-", "--json").json["verdicts"][0]["accepted"]


@pytest.mark.parametrize("text", ["x", "a.b.c", "", "é"])
def test_what_is_no_token_is_refused(cli: Cli, signer: Signer, text: str) -> None:
    result = cli("token", "check", text, "--json")
    assert (result.code, result.json["claims"]) == (1, None)
    assert result.json["verdicts"][0]["code"] == 20101
    assert cli("token", "check", text).out.startswith("For sync  refused: 20101 Invalid Access Token: ")


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"exp": 10**30, "nbf": "x", "iss": "5", "grants": [1]},
        {"exp": 253_402_300_799, "sub": {"a": "\x1b[2J"}, "grants": {"\x1b": 1, "identity": None}},
        {"x": "y" * 1000, "iss": "z" * 1000},
    ],
    ids=["empty", "wrong types", "control characters", "long"],
)
def test_claims_of_any_kind_are_shown(cli: Cli, signer: Signer, payload: dict[str, Any]) -> None:
    token = jwt.encode(payload, "s" * 32, headers={"cty": "twilio-fpa;v=1"})
    result = cli("token", "check", token)
    assert result.code == 1
    assert "For sync  refused: 20103 " in re.sub(" +refused", "  refused", result.out)
    assert "\x1b" not in result.out
    assert max(map(len, result.out.splitlines())) < 400
    assert cli("token", "check", token, "--json").json["claims"]["payload"] == payload


def test_a_made_token_is_accepted(cli: Cli, signer: Signer) -> None:
    made = cli("token", "create", "--key", signer.key, "--identity", "Zoë", "--ttl", "60")
    assert made.code == 0
    claims = jwt.decode(made.out.strip(), signer.secret, algorithms=["HS256"])
    assert (claims["iss"], claims["sub"], claims["exp"] - claims["nbf"]) == (signer.key, signer.account, 60)
    assert claims["grants"] == {"identity": "Zoë", "data_sync": {"service_sid": "default"}}
    assert cli("token", "check", made.out.strip()).code == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"--key": "SK" + "0" * 32}, 20103),
        ({"--key": "x"}, 20103),
        ({"--identity": ""}, 20106),
        ({"--identity": "a" * 257}, 20106),
        ({"--service": UNKNOWN}, 51101),
        ({"--product": "chat"}, 51101),
    ],
)
def test_a_token_that_nobody_would_accept_is_not_made(
    cli: Cli, signer: Signer, change: dict[str, str], code: int
) -> None:
    options = {"--key": signer.key, "--identity": "alice", **change}
    ended = cli("token", "create", *(part for pair in options.items() for part in pair))
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"trunkline: {code} ")


@pytest.mark.parametrize("ttl", ["0", "86401", "x"])
def test_a_lifetime_that_is_not_allowed_is_refused(cli: Cli, signer: Signer, ttl: str) -> None:
    ended = cli("token", "create", "--key", signer.key, "--identity", "alice", "--ttl", ttl)
    assert (ended.code, ended.out) == (2, "")


def test_tokens_are_explained_and_made_while_a_node_runs(cli: Cli, signer: Signer) -> None:
    async def work() -> tuple[str, Any]:
        node = Node(load({"proxy_port": "-1"}))
        await node.start()
        try:
            made = await asyncio.to_thread(cli, "token", "create", "--key", signer.key, "--identity", "alice")
            return made.out, await asyncio.to_thread(cli, "token", "check", made.out.strip())
        finally:
            await node.stop()

    token, result = asyncio.run(work())
    assert token.count(".") == 2
    assert (result.code, "accepted" in result.out) == (0, True)


def test_nothing_is_made_where_no_database_is(cli: Cli, tmp_path: Path) -> None:
    ended = cli("token", "check", "x", "--data-dir", "elsewhere")
    assert ended.code == 1
    assert "there is no database elsewhere/trunkline.db" in ended.err
    assert list(tmp_path.iterdir()) == []
