"""``trunkline env`` and ``trunkline ca``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from trunkline.switch.environment import variables
from unit.cli.conftest import Cli


def test_the_lines_work_in_a_posix_shell(cli: Cli, tmp_path: Path) -> None:
    odd = tmp_path / "da'ta $HOME"
    made = cli("account", "create", "--json", "--data-dir", str(odd)).json
    lines = cli("env", "--data-dir", str(odd), "--proxy-port", "9999").out
    program = "import json, os; print(json.dumps(dict(os.environ)))"
    script = f'eval "$LINES_TO_RUN"; exec "{sys.executable}" -c "{program}"'
    ran = subprocess.run(
        ["sh", "-c", script], env={"LINES_TO_RUN": lines}, capture_output=True, text=True, check=True
    )
    expected = variables("http://127.0.0.1:9999", odd / "ca" / "ca.pem", made["sid"], made["auth_token"])
    assert json.loads(ran.stdout).items() >= expected.items()
    assert (odd / "ca" / "ca.pem").is_file()


def test_the_ca_is_named_absolutely(cli: Cli, tmp_path: Path) -> None:
    cli("account", "create")
    assert f"NODE_EXTRA_CA_CERTS={tmp_path}/data/ca/ca.pem\n" in cli("env").out


def _account(lines: str) -> tuple[str, str]:
    sid, token = (line.split("=")[1] for line in lines.splitlines()[:2])
    return sid, token


def test_the_oldest_account_counts_unless_one_is_named(
    cli: Cli, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [cli("account", "create", "--json").json for _ in range(3)]
    pairs = [(one["sid"], one["auth_token"]) for one in made]
    assert _account(cli("env").out) == pairs[0]
    monkeypatch.setenv("TRUNKLINE_ACCOUNT_SID", pairs[1][0])
    assert _account(cli("env").out) == pairs[1]
    assert _account(cli("env", "--account", pairs[2][0]).out) == pairs[2]


@pytest.mark.parametrize(
    ("port", "message"), [("-1", "the CONNECT proxy is switched off"), ("0", "give it with --proxy-port")]
)
def test_without_a_proxy_there_are_no_lines(cli: Cli, port: str, message: str) -> None:
    cli("account", "create")
    ended = cli("env", "--proxy-port", port)
    assert (ended.code, ended.out) == (1, "")
    assert message in ended.err


def test_an_empty_database_has_no_account(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "trunkline.db").touch()
    ended = cli("env")
    assert (ended.code, ended.out) == (1, "")
    assert "there is no account yet" in ended.err


def test_the_certificate_is_written(cli: Cli, tmp_path: Path) -> None:
    printed = cli("ca").out
    assert (
        x509.load_pem_x509_certificate(printed.encode()).subject.rfc4514_string() == "CN=Trunkline local CA"
    )
    assert cli("ca", "--out", "x.pem").out == ""
    assert (tmp_path / "x.pem").read_text() == printed == (tmp_path / "data" / "ca" / "ca.pem").read_text()


def test_a_certificate_that_cannot_be_written_is_told(cli: Cli) -> None:
    ended = cli("ca", "--out", "gone/x.pem")
    assert (ended.code, ended.err) == (1, "trunkline: gone/x.pem: No such file or directory\n")


def test_a_broken_ca_is_told(cli: Cli, tmp_path: Path) -> None:
    cli("ca")
    (tmp_path / "data" / "ca" / "ca.pem").write_text("x")
    ended = cli("ca")
    assert (ended.code, ended.out) == (1, "")
    assert "ca.pem cannot be read as a certificate" in ended.err
