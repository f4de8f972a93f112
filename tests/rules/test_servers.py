"""The server process that other tests rely on: it is waited for, and a bad start or stop is noticed.

A small program stands in for the server, so that each way to fail can be shown.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import servers
from servers import Server, ServerFailed

PROGRAM = """
import json, os, signal, sys
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print("hello from the program", file=sys.stderr, flush=True)
{before}
told = dict(url="http://127.0.0.1:1", proxy_url="http://127.0.0.1:2", pid=os.getpid(),
            account_sid=os.environ["TRUNKLINE_ACCOUNT_SID"])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
with open(options["--ready-file"], "w") as ready:
    json.dump(told, ready)
with open(options["--data-dir"] + ".json", "w") as seen:
    json.dump([options, dict(os.environ)], seen)
signal.sigwait([signal.SIGTERM])
{after}
"""


def _server(folder: Path, before: str = "", after: str = "", **options: str) -> Server:
    program = PROGRAM.format(before=before, after=after)
    return Server(folder, "--extra", "1", command=[sys.executable, "-c", program], **options)  # type: ignore[arg-type]


def test_a_server_tells_where_it_is_and_stops(tmp_path: Path) -> None:
    with _server(tmp_path) as server:
        assert (server.url, server.proxy_url) == ("http://127.0.0.1:1", "http://127.0.0.1:2")
        assert server.client_environment["TWILIO_ACCOUNT_SID"] == server.account_sid == servers.ACCOUNT_SID
        os.kill(pid := server.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_options_and_environment_reach_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRUNKLINE_PORT", "TWILIO_REGION", "https_proxy"):
        monkeypatch.setenv(name, "elsewhere")
    with _server(tmp_path, database_url="postgresql://x"):
        pass
    options, environment = json.loads((tmp_path / "data.json").read_text())
    assert {
        "--port": "0",
        "--proxy-port": "0",
        "--host": "127.0.0.1",
        "--extra": "1",
    }.items() <= options.items()
    assert options["--database-url"] == "postgresql://x"
    assert environment["TRUNKLINE_AUTH_TOKEN"] == servers.AUTH_TOKEN
    assert not {"TRUNKLINE_PORT", "TWILIO_REGION", "https_proxy"} & environment.keys()


def test_a_server_starts_again_after_a_kill(tmp_path: Path) -> None:
    with _server(tmp_path) as server:
        first = server.pid
        server.kill()
        server.start()
        assert server.pid != first


def test_a_server_that_ends_early_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=r"(?s)ended before it was ready.*hello from the program"):
        _server(tmp_path, before="sys.exit(0)").start()


def test_a_server_that_is_never_ready_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "START_SECONDS", 0.3)
    with pytest.raises(ServerFailed, match="was not ready within"):
        _server(tmp_path, before="signal.pause()").start()


def test_a_stop_with_an_error_is_noticed(tmp_path: Path) -> None:
    server = _server(tmp_path, after="sys.exit(3)")
    server.start()
    with pytest.raises(ServerFailed, match=r"(?s)ended with 3.*hello"):
        server.stop()


def test_a_stop_that_takes_too_long_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "STOP_SECONDS", 0.2)
    server = _server(tmp_path, after="signal.pause()")
    server.start()
    with pytest.raises(ServerFailed, match="did not stop"):
        server.stop()


def test_a_failing_test_ends_the_server_without_waiting(tmp_path: Path) -> None:
    pids = []

    def fail() -> None:
        with _server(tmp_path, after="sys.exit(3)") as server:
            pids.append(server.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


@pytest.mark.skipif(
    sys.platform != "linux" and "CI" not in os.environ, reason="only Linux ends a process with its parent"
)
@pytest.mark.parametrize("forked", [False, True])
def test_a_server_ends_with_the_process_that_started_it(tmp_path: Path, forked: bool) -> None:
    outlived = PROGRAM.format(before="", after="").replace("SIGTERM", "SIGUSR1")
    of_program = "" if forked else f', "--extra", "1", command=[sys.executable, "-c", {outlived!r}]'
    starter = f"""
import sys
from pathlib import Path
from servers import Server
server = Server(Path({str(tmp_path)!r}){of_program})
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(servers.__file__).parent)}
    command = [sys.executable, "-c", starter]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        left = os.pidfd_open(int(process.stdout.readline()))
        process.kill()
    try:
        assert select.select([left], [], [], servers.STOP_SECONDS)[0], "the server outlived its starter"
    finally:
        os.close(left)


def test_a_forked_server_is_what_the_command_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEFT_BEHIND", "from a test before")
    with Server(tmp_path, environment={"ONLY_HERE": "1"}) as first:
        pass
    monkeypatch.delenv("LEFT_BEHIND")
    with Server(tmp_path, "--log-level", "debug", environment={"ONLY_HERE": "1"}) as server:
        shown = Path(f"/proc/{server.pid}")
        assert server.data_dir == first.data_dir
        assert (shown / "cwd").readlink() == tmp_path
        assert {(shown / f"fd/{number}").readlink() for number in (1, 2)} == {server.log}
        assert (shown / "fd/0").readlink() == Path(os.devnull)
        refused = Server(tmp_path)
        with pytest.raises(ServerFailed, match=r"(?s)ended before it was ready.*in use by another process"):
            refused.start()
    assert server.log.read_text().count("\n") > 3


def test_a_forked_server_that_dies_is_noticed(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(ServerFailed, match="ended with -9"):
        server.stop()
