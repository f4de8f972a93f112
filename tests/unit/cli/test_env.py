"""``trunkline env`` and ``trunkline ca``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from trunkline.cli import main
from trunkline.switch.environment import ProxyAddress, variables
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
    address = ProxyAddress("http://127.0.0.1:9999", odd / "ca" / "ca.pem")
    expected = variables(address, made["sid"], made["auth_token"])
    assert json.loads(ran.stdout).items() >= expected.items()
    assert (odd / "ca" / "ca.pem").is_file()


def test_the_ca_is_named_absolutely(cli: Cli, tmp_path: Path) -> None:
    cli("account", "create")
    assert f"NODE_EXTRA_CA_CERTS={tmp_path}/data/ca/ca.pem\n" in cli("env").out


def _account(lines: str) -> tuple[str, str]:
    values = dict(line.split("=", 1) for line in lines.splitlines() if "=" in line)
    return values["export TWILIO_ACCOUNT_SID"], values["export TWILIO_AUTH_TOKEN"]


def test_the_oldest_account_counts_unless_one_is_named(
    cli: Cli, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [cli("account", "create", "--json").json for _ in range(3)]
    pairs = [(one["sid"], one["auth_token"]) for one in made]
    assert _account(cli("env").out) == pairs[0]
    monkeypatch.setenv("TRUNKLINE_ACCOUNT_SID", pairs[1][0])
    assert _account(cli("env").out) == pairs[1]
    assert _account(cli("env", "--account", pairs[2][0]).out) == pairs[2]


def test_without_a_proxy_there_are_the_credentials_alone(cli: Cli) -> None:
    made = cli("account", "create", "--json").json
    ended = cli("env", "--proxy-port", "-1")
    assert (ended.code, _account(ended.out)) == (0, (made["sid"], made["auth_token"]))
    assert "PROXY" not in ended.out
    assert "the CONNECT proxy is switched off" in ended.err


def test_a_port_that_the_server_alone_has_is_asked_for(cli: Cli) -> None:
    cli("account", "create")
    ended = cli("env", "--proxy-port", "0")
    assert (ended.code, ended.out) == (1, "")
    assert "give it with --proxy-port" in ended.err


@pytest.mark.parametrize(
    ("flags", "settings", "url"),
    [
        ([], {}, "http://127.0.0.1:8081"),
        ([], {"TRUNKLINE_HOST": "0.0.0.0"}, "http://127.0.0.1:8081"),
        ([], {"TRUNKLINE_HOST": "10.1.2.3"}, "http://10.1.2.3:8081"),
        (["--host", "trunkline.test"], {"TRUNKLINE_HOST": "0.0.0.0"}, "http://trunkline.test:8081"),
        (["--host", "fd00::1"], {}, "http://[fd00::1]:8081"),
        (["--format", "docker"], {"TRUNKLINE_HOST": "10.1.2.3"}, "http://10.1.2.3:8081"),
        (["--format", "docker", "--host", "trunkline"], {}, "http://trunkline:8081"),
        (["--format", "docker"], {"TRUNKLINE_PUBLIC_URL": "https://t.test/x"}, "http://t.test:8081"),
    ],
)
def test_the_proxy_is_named_as_the_program_sees_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, flags: list[str], settings: dict[str, str], url: str
) -> None:
    cli("account", "create")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert f"HTTPS_PROXY={url}" in cli("env", *flags).out.replace("'", "")


def test_a_container_has_files_and_loopback_of_its_own(cli: Cli, tmp_path: Path) -> None:
    cli("account", "create")
    ended = cli("env", "--format", "compose")
    assert (ended.code, ended.out) == (1, "")
    assert "give --host the name" in ended.err
    printed = cli("env", "--format", "compose", "--host", "trunkline").out
    assert 'SSL_CERT_FILE: "/run/trunkline/ca.pem"' in printed
    assert f'volumes:\n  - "{tmp_path}/data/ca/ca.pem:/run/trunkline/ca.pem:ro"' in printed
    elsewhere = cli("env", "--format", "compose", "--host", "trunkline", "--ca-file", "/certs/t.pem").out
    assert 'SSL_CERT_FILE: "/certs/t.pem"' in elsewhere
    assert "volumes" not in elsewhere
    ended = cli("env", "--ca-file", "certs/t.pem")
    assert (ended.code, ended.err) == (1, "trunkline: the path of the CA is not absolute: certs/t.pem\n")


@pytest.mark.parametrize(
    "arguments", [("--data-dir", "gone"), ("--no-such-option",), ("--proxy-port", "many"), ("--format", "x")]
)
def test_a_failure_fails_in_the_shell_that_evaluates_it(
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.setattr(sys, "argv", ["trunkline", "env", *arguments])
    with pytest.raises(SystemExit):
        main()
    printed = capsys.readouterr()
    assert printed.err
    evaluated = subprocess.run(["sh", "-c", 'eval "$1"', "sh", printed.out], check=False, capture_output=True)
    assert (evaluated.returncode, evaluated.stderr) == (1, b"")


def test_other_commands_fail_without_output(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["trunkline", "ca", "--out", "gone/x.pem"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().out == ""


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
