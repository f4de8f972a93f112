"""A Trunkline server as its own process, for tests that need the whole thing: real sockets, signals,
restarts.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from server_process import ForkedServer

ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN = "fedcba9876543210" * 2
COMMAND = (sys.executable, "-m", "trunkline", "serve")
START_SECONDS = 30.0
STOP_SECONDS = 10.0
"""A clean stop takes no longer (promise R8)."""

_PR_SET_PDEATHSIG = 1
_FOREIGN = ("TRUNKLINE_", "TWILIO_")
_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}


class ServerFailed(AssertionError):
    """The server did not start, or did not stop as it should; the text ends with what it logged."""


def clean_environment() -> dict[str, str]:
    """Return the environment of this process without what would lead a server or a client elsewhere."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_FOREIGN) and name.upper() not in _PROXIES
    }


def _die_with_parent() -> None:
    """Leave no server behind when a test process is killed. The parent is the thread that starts the server:
    it must outlive it, as the main thread does, and those of ``asyncio.to_thread`` until ``asyncio.run``
    ends.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """A server on free loopback ports, its data below ``folder``. Usable as a context manager, which stops it.

    ``start`` may follow ``stop`` or ``kill``: the data are the same, the ports are new. After a start,
    ``url`` and ``proxy_url`` lead to the API and to the switch, and ``account_sid`` is the account that the
    server printed.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        database_url: str | None = None,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.data_dir = folder / "data"
        self.log = folder / "server.log"
        self.auth_token = AUTH_TOKEN
        self.account_sid = self.url = self.proxy_url = ""
        self._command = tuple(command)
        self._arguments = ["--host", "127.0.0.1", "--port", "0", "--proxy-port", "0"]
        self._arguments += ["--data-dir", str(self.data_dir)]
        self._arguments += ["--database-url", database_url] if database_url else []
        self._arguments += arguments
        self._environment = {
            **clean_environment(),
            "TRUNKLINE_ACCOUNT_SID": ACCOUNT_SID,
            "TRUNKLINE_AUTH_TOKEN": AUTH_TOKEN,
            **(environment or {}),
        }
        self._process: ForkedServer | subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        if kind is None:
            self.stop()
        else:
            self.kill()

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        return self._running().pid

    @property
    def client_environment(self) -> dict[str, str]:
        """The variables by which a program, or the command line, is a client of this server."""
        token = self.data_dir / "operator.token"
        return {
            **({"TRUNKLINE_OPERATOR_TOKEN": token.read_text().strip()} if token.exists() else {}),
            "TWILIO_ACCOUNT_SID": self.account_sid,
            "TWILIO_AUTH_TOKEN": self.auth_token,
            "TRUNKLINE_DATA_DIR": str(self.data_dir),
            "TRUNKLINE_PORT": str(urlsplit(self.url).port),
            "TRUNKLINE_PROXY_PORT": str(urlsplit(self.proxy_url).port),
        }

    def start(self) -> None:
        """Start, and return once the server takes requests. Raise ServerFailed after 30 s, or when it ends."""
        assert self._process is None, "the server runs already"
        readable, writable = os.pipe()
        try:
            with self.log.open("ab") as log:
                self._process = self._begin(writable, log.fileno())
            os.close(writable)
            shown = self._await_ready(readable)
        finally:
            os.close(readable)
        self.url, self.proxy_url, self.account_sid = shown["url"], shown["proxy_url"], shown["account_sid"]

    def stop(self) -> None:
        """Stop the server with SIGTERM. Raise ServerFailed when it takes over 10 s or ends with an error."""
        process = self._running()
        process.terminate()
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self._failed(f"did not stop within {STOP_SECONDS:.0f} s") from None
        self._process = None
        if code != 0:
            raise self._failed(f"ended with {code}")

    def kill(self) -> None:
        """End the server at once (SIGKILL), as a power cut would."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None

    def _begin(self, ready: int, log: int) -> ForkedServer | subprocess.Popen[bytes]:
        """Start the process; Trunkline itself as a fork, which is ready in half the time."""
        folder = self.log.parent
        if self._command == COMMAND:
            return ForkedServer(self._arguments, ready, folder, log, self._environment)
        return subprocess.Popen(
            [*self._command, *self._arguments, "--ready-file", f"/dev/fd/{ready}"],
            cwd=folder,
            env=self._environment,
            pass_fds=[ready],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )

    def _running(self) -> ForkedServer | subprocess.Popen[bytes]:
        assert self._process is not None, "the server does not run"
        return self._process

    def _await_ready(self, readable: int) -> dict[str, str]:
        """Read what the server prints about itself; an end of the pipe means that it ended."""
        deadline = time.monotonic() + START_SECONDS
        output = b""
        while not output.rstrip().endswith(b"}"):
            if not select.select([readable], [], [], max(0.0, deadline - time.monotonic()))[0]:
                self.kill()
                raise self._failed(f"was not ready within {START_SECONDS:.0f} s")
            if not (piece := os.read(readable, 4096)):
                self.kill()
                raise self._failed("ended before it was ready")
            output += piece
        return dict(json.loads(output))

    def _failed(self, what: str) -> ServerFailed:
        logged = self.log.read_text("utf-8", "replace")[-4000:]
        return ServerFailed(f"the server {what}; it logged:\n{logged}")
