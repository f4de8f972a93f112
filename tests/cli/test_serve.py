"""``trunkline serve`` as a real process: start, first account, refusals, ready file and clean stop."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import apsw
import httpx
import pytest

from servers import ACCOUNT_SID, AUTH_TOKEN, STOP_SECONDS, Server, clean_environment

COMMAND = (sys.executable, "-m", "trunkline")
PORTS = ("--port", "0", "--proxy-port", "0")
NO_ACCOUNT = {"TRUNKLINE_ACCOUNT_SID": "", "TRUNKLINE_AUTH_TOKEN": ""}


def trunkline(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**clean_environment(), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refused(folder: Path, *arguments: str) -> str:
    """Return the output of a start that must fail: one line, no traceback, exit code 1."""
    ended = trunkline(folder, "serve", *arguments)
    assert (ended.returncode, ended.stdout) == (1, ""), ended
    assert ended.stderr.startswith("trunkline: ")
    assert len(ended.stderr.splitlines()) == 1
    return ended.stderr


def page(server: Server, sid: str, token: str) -> int:
    """Return the status of a request with these credentials."""
    url = f"{server.url}/sync/v1/Services"
    return httpx.get(url, auth=(sid, token), trust_env=False, verify=False).status_code


def test_the_first_start_prints_an_account_that_works_and_stops_cleanly(tmp_path: Path) -> None:
    with Server(tmp_path, environment=NO_ACCOUNT) as server:
        # The server tells that it is ready first, and prints then.
        deadline = time.monotonic() + 10
        while "curl" not in (shown := server.log.read_text()) and time.monotonic() < deadline:
            os.sched_yield()
        sid = re.search(r"Account SID +(AC[0-9a-f]{32})\n", shown)
        token = re.search(r"Auth token +([0-9a-f]{32})\n", shown)
        assert sid is not None
        assert token is not None
        assert sid[1] == server.account_sid
        assert server.url in shown
        assert page(server, sid[1], token[1]) == 200
        assert page(server, sid[1], "0" * 32) == 401
    again = Server(tmp_path, environment=NO_ACCOUNT)
    with again:
        assert again.account_sid == sid[1]
        assert page(again, sid[1], token[1]) == 200
    later = server.log.read_text().removeprefix(shown)
    assert token[1] not in later


def test_a_configured_token_works_and_is_not_printed(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert page(server, ACCOUNT_SID, AUTH_TOKEN) == 200
    assert AUTH_TOKEN not in server.log.read_text()


def test_the_ready_file_appears_whole(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    process = subprocess.Popen(
        [*COMMAND, "serve", *PORTS, "--ready-file", str(ready)],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        ready_file = json.loads(ready.read_text())
        assert first == f"Trunkline is ready at {ready_file['url']}\n"
        assert ready_file["pid"] == process.pid
        assert (
            httpx.get(f"{ready_file['url']}/_trunkline/health", trust_env=False, verify=False).json()["ready"]
            is True
        )
        assert {path.name for path in tmp_path.iterdir()} == {"data", "ready.json"}
        process.terminate()
        process.communicate(timeout=STOP_SECONDS)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0


def test_an_interrupt_from_the_keyboard_is_a_clean_stop_too(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "serve", *PORTS],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Trunkline is ready")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=STOP_SECONDS)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        message = refused(tmp_path, *PORTS, "--data-dir", str(server.data_dir))
        assert "is in use by another process" in message


def test_a_port_that_another_server_has_is_named(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        port = str(httpx.URL(server.url).port)
        message = refused(tmp_path, "--port", port, "--proxy-port", "0", "--data-dir", "other")
        assert f"127.0.0.1:{port} is used by a running Trunkline; end it, or choose another --port" in message
        port = str(httpx.URL(server.proxy_url).port)
        message = refused(tmp_path, "--port", "0", "--proxy-port", port, "--data-dir", "other")
        assert f"127.0.0.1:{port} is used by the CONNECT proxy of a running Trunkline" in message


def test_commands_find_the_running_server(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        data = ("--data-dir", str(server.data_dir))
        made = json.loads(trunkline(tmp_path, "account", "create", "--json", *data).stdout)
        assert page(server, made["sid"], made["auth_token"]) == 200
        trunkline(tmp_path, "account", "set-status", made["sid"], "suspended", *data)
        assert page(server, made["sid"], made["auth_token"]) == 403
        ports = ("--port", str(httpx.URL(server.url).port))
        ports += ("--proxy-port", str(httpx.URL(server.proxy_url).port))
        doctor = trunkline(tmp_path, "doctor", *data, *ports)
        assert doctor.returncode == 0, doctor
        assert f"127.0.0.1:{ports[1]} is a running Trunkline\n" in doctor.stdout
        assert f"127.0.0.1:{ports[3]} is the CONNECT proxy of a running Trunkline\n" in doctor.stdout


def test_env_leads_an_unmodified_program_here(tmp_path: Path) -> None:
    program = (
        "from twilio.rest import Client\n"
        "client = Client()\n"
        "service = client.sync.v1.services.create(friendly_name='moved')\n"
        "print(client.sync.v1.services(service.sid).fetch().friendly_name)\n"
    )
    (tmp_path / "app.py").write_text(program)
    with Server(tmp_path) as server:
        flags = f"--data-dir '{server.data_dir}' --proxy-port {httpx.URL(server.proxy_url).port}"
        script = f'eval "$("$PYTHON" -m trunkline env {flags})" && exec "$PYTHON" app.py'
        ran = subprocess.run(
            ["sh", "-c", script],
            cwd=tmp_path,
            env={**clean_environment(), "PYTHON": sys.executable},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (ran.returncode, ran.stdout) == (0, "moved\n"), ran.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--port", "eighty"), "port (flag --port) must be a whole number"),
        (("--account-sid", "AC1"), "account_sid must be AC and 32"),
        (("--auth-token", "short"), "auth_token must be at least 16"),
        (("--master-key", "x"), "The master key is not base64"),
        (("--database-url", "mysql://host/db"), "a database address is"),
        (("--host", "203.0.113.1", *PORTS), "the host is no address of this machine"),
        (("--data-dir", "file", *PORTS), "file is not a directory"),
        (("--data-dir", "file/below", *PORTS), "file/below: Not a directory"),
        (("--ready-file", "gone/ready", *PORTS), "there is no gone"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "file").touch()
    assert message in refused(tmp_path, *arguments)


def test_another_master_key_is_refused(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        pass
    key = "A" * 43 + "="
    arguments = (*PORTS, "--data-dir", str(server.data_dir))
    assert "the configured master_key is not the key" in refused(tmp_path, *arguments, "--master-key", key)
    path = server.data_dir / "master.key"
    path.unlink()
    before = sorted(server.data_dir.rglob("*"))
    assert f"{path} is missing" in refused(tmp_path, *arguments)
    assert sorted(server.data_dir.rglob("*")) == before


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        pass
    connection = apsw.Connection(str(server.data_dir / "trunkline.db"))
    connection.execute("INSERT INTO schema_migrations VALUES ('later', 1, 0)")
    connection.close()
    assert "newer version of Trunkline" in refused(tmp_path, *PORTS, "--data-dir", str(server.data_dir))


def test_a_taken_port_of_another_program_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        listener.listen(1)
        port = listener.getsockname()[1]
        message = refused(tmp_path, "--port", str(port), "--proxy-port", "-1")
    assert f"127.0.0.1:{port} is used by another program" in message


def _begin(server: Server, body: bytes, length: int) -> socket.socket:
    """Return a connection on which a request was begun, and reached the server."""
    url = httpx.URL(server.url)
    assert url.port is not None
    connection = socket.create_connection((url.host, url.port), timeout=30)
    login = b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
    head = (
        f"POST /sync/v1/Services HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nAuthorization: Basic {login}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )
    connection.sendall(head.encode())
    assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")  # the server waits for the body now
    connection.sendall(body)
    return connection


def _await_closed(server: Server) -> None:
    """Return once the server takes no further connections."""
    url = httpx.URL(server.url)
    assert url.port is not None
    while True:
        try:
            socket.create_connection((url.host, url.port), timeout=30).close()
        except OSError:
            return


def test_a_request_in_flight_is_finished_before_the_end(tmp_path: Path) -> None:
    body = b"FriendlyName=last"
    server = Server(tmp_path)
    server.start()
    with _begin(server, body[:5], len(body)) as connection:
        os.kill(server.pid, signal.SIGTERM)
        _await_closed(server)
        connection.sendall(body[5:])
        response = connection.recv(65536)
    server.stop()
    assert response.startswith(b"HTTP/1.1 201 ")


def test_a_request_that_never_ends_does_not_keep_the_server(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    with _begin(server, b"Friendly", 1000):
        server.stop()
