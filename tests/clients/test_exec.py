"""``trunkline exec``: an unmodified program that reaches the server, or is not started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from typer.testing import CliRunner, Result

from servers import Server, clean_environment
from trunkline.cli import build

PROGRAM = """
import sys
from twilio.rest import Client
import ssl
print(Client().api.v2010.account.fetch().sid)
# What does not honour the proxy reaches nobody: no other CA is trusted.
print([dict(name[0] for name in one["subject"]) for one in ssl.create_default_context().get_ca_certs()])
sys.exit(7)
"""


def command(server: Server, *program: str, **flags: str) -> list[str]:
    """Return the command line that runs a program on the server."""
    given = {
        "data-dir": str(server.data_dir),
        "proxy-port": str(urlsplit(server.proxy_url).port),
        "account": server.account_sid,
    }
    named = {name.replace("_", "-"): value for name, value in flags.items()}
    options = [part for name, value in (given | named).items() for part in (f"--{name}", value)]
    return [sys.executable, "-m", "trunkline", "exec", *options, *program]


def test_a_program_reaches_the_server_and_its_exit_code_is_passed_on(server: Server) -> None:
    ended = subprocess.run(
        command(server, "--", sys.executable, "-c", PROGRAM),
        env=clean_environment() | {"no_proxy": "*", "TWILIO_REGION": "ie1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stdout, ended.returncode) == (
        f"{server.account_sid}\n[{{'commonName': 'Trunkline local CA'}}]\n",
        7,
    ), ended.stderr


def test_signals_are_those_of_the_program(server: Server) -> None:
    program = command(server, "sh", "-c", "yes | head -n 1; echo $$; exec sleep 60")
    with subprocess.Popen(
        program, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"y\n"
        assert int(process.stdout.readline()) == process.pid
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM
        # With SIGPIPE ignored, as Python starts its children, it would complain.
        assert process.stderr.read() == b""


class Exec:
    """The command in this process, up to the start of the program."""

    def __init__(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self.started: list[Any] = []
        self.failure: OSError | None = None
        self._monkeypatch = monkeypatch
        for name in os.environ.keys() - clean_environment().keys():
            monkeypatch.delenv(name)
        monkeypatch.setattr(os, "execvpe", self._start)
        monkeypatch.setattr(signal, "signal", lambda *_: None)

    def _start(self, *started: Any) -> None:
        self.started = list(started)
        raise self.failure or SystemExit(0)

    def __call__(self, *program: str, environment: Mapping[str, str] | None = None, **flags: str) -> Result:
        for name, value in (environment or {}).items():
            self._monkeypatch.setenv(name, value)
        return CliRunner().invoke(build("exec"), command(self.server, *program, **flags)[3:])


@pytest.fixture
def execute(server: Server, monkeypatch: pytest.MonkeyPatch) -> Exec:
    return Exec(server, monkeypatch)


def test_nothing_leads_a_program_elsewhere(execute: Exec, http: httpx.Client) -> None:
    server = execute.server
    known = http.post(f"/2010-04-01/Accounts/{server.account_sid}/Keys.json").json()["sid"]
    elsewhere = {
        "OUR_KEY": known,
        "OTHER_KEY": "SK" + "0" * 32,
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "of another server",
        "TWILIO_EDGE": "dublin",
        "NO_PROXY": "*",
        "all_proxy": "http://192.0.2.1:1",
        "NODE_TLS_REJECT_UNAUTHORIZED": "0",
        "NODE_USE_SYSTEM_CA": "1",
        "NODE_OPTIONS": "--no-warnings --use-bundled-ca",
    }
    ended = execute("app", "--verbose", environment=elsewhere)
    assert ended.stderr == "trunkline: left out, since no credentials of this server: OTHER_KEY\n"
    file, arguments, found = execute.started
    assert (file, arguments) == ("app", ["app", "--verbose"])
    assert found["OUR_KEY"] == known
    assert (
        not {"OTHER_KEY", "TWILIO_EDGE", "NODE_TLS_REJECT_UNAUTHORIZED", "NODE_USE_SYSTEM_CA"} & found.keys()
    )
    ours = (found["TWILIO_ACCOUNT_SID"], found["TWILIO_AUTH_TOKEN"])
    assert ours == (server.account_sid, server.auth_token)
    assert found["all_proxy"] == found["HTTPS_PROXY"] == server.proxy_url
    assert found["no_proxy"] == found["NO_PROXY"] == "localhost,127.0.0.1,::1"
    assert found["NODE_OPTIONS"] == "--no-warnings --use-openssl-ca"


def test_a_program_may_get_a_list_of_certificates_of_its_own(execute: Exec, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes((execute.server.data_dir / "ca" / "ca.pem").read_bytes() * 2)
    assert execute("app", ca_file=str(both)).exit_code == 0
    found = execute.started[2]
    assert (found["SSL_CERT_FILE"], found["SSL_CERT_DIR"]) == (str(both), str(tmp_path))
    ended = execute("app", ca_file=str(tmp_path / "gone.pem"))
    assert (ended.exit_code, ended.stderr) == (
        1,
        f"trunkline: --ca-file: there is no file {tmp_path}/gone.pem\n",
    )


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (FileNotFoundError(2, "No such file or directory"), 127),
        (PermissionError(13, "Permission denied"), 126),
    ],
)
def test_a_program_that_cannot_be_started_is_told(execute: Exec, failure: OSError, code: int) -> None:
    execute.failure = failure
    ended = execute("--", "app")
    assert (ended.exit_code, ended.stderr) == (code, f"trunkline: app: {failure.strerror}\n")


def test_without_its_server_no_program_is_started(execute: Exec, tmp_path: Path) -> None:
    def rejection(**flags: str) -> str:
        ended = execute("app", **flags)
        assert (ended.exit_code, ended.stdout, execute.started) == (1, "", [])
        return ended.stderr

    port = str(urlsplit(execute.server.url).port)
    assert f"no proxy of a server responds at http://127.0.0.1:{port}" in rejection(proxy_port=port)
    assert "the CONNECT proxy is switched off" in rejection(proxy_port="-1")
    other = str(tmp_path / "other")
    created = CliRunner().invoke(build("account"), ["account", "create", "--json", "--data-dir", other])
    sid = json.loads(created.stdout)["sid"]
    assert "is not that of the server on" in rejection(data_dir=other, account=sid)


def test_an_account_that_is_not_served_is_told(execute: Exec, http: httpx.Client) -> None:
    made = http.post("/2010-04-01/Accounts.json").json()
    http.post(f"/2010-04-01/Accounts/{made['sid']}.json", data={"Status": "suspended"})
    ended = execute("app", account=made["sid"])
    assert (ended.exit_code, execute.started) == (1, [])
    assert f"does not accept the account {made['sid']}" in ended.stderr
