"""The words of ``trunkline serve`` that lead to its server, and its environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from trunkline.cli import serve
from trunkline.settings import Settings

SID = "AC" + "1" * 32


@pytest.mark.parametrize(
    ("options", "proxy_port", "flags"),
    [
        ({}, 8081, []),
        ({"host": "0.0.0.0"}, 8081, []),
        ({"host": "10.1.2.3"}, 9001, ["--host", "10.1.2.3", "--proxy-port", "9001"]),
        ({"account_sid": SID}, None, ["--account", SID, "--proxy-port", "-1"]),
        ({"database_url": "postgresql://db/t"}, 8081, ["--database-url", "postgresql://db/t"]),
        ({"database_url": "postgresql://u:secret@db/t"}, 8081, []),
    ],
)
def test_flags_lead_to_the_server_and_hold_no_password(
    options: dict[str, str], proxy_port: int | None, flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = serve.flags_for(Settings.of(**options), proxy_port)
    assert found == ["--data-dir", str(Path.cwd() / "data"), *flags]


def test_the_program_is_named_so_that_it_runs_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "trunkline"
    program.touch(mode=0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["./trunkline", "serve"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert serve.program() == [str(program)]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert serve.program() == ["trunkline"]
    monkeypatch.setattr(sys, "argv", ["/lib/trunkline/__main__.py", "serve"])
    assert serve.program() == [sys.executable, "-m", "trunkline"]


def test_a_server_in_a_prepared_shell_trusts_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca" / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", "/etc/ssl/certs")
    serve.trust_the_system(Settings.of(data_dir=tmp_path))
    assert "SSL_CERT_FILE" not in os.environ
    assert os.environ["SSL_CERT_DIR"] == "/etc/ssl/certs"
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "ca"))
    serve.trust_the_system(Settings.of(data_dir=tmp_path))
    assert "SSL_CERT_DIR" not in os.environ
