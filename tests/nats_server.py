"""A real NATS server for tests, from the wheel of the dev group: one of its own for each test that needs one."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

START_SECONDS = 10.0
_LISTENING = re.compile(rb"Listening for client connections on 127\.0\.0\.1:(\d+)")
_PR_SET_PDEATHSIG = 1


class NatsServer:
    """A server on a free loopback port, which it keeps over ``kill`` and ``start``."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._port = -1
        self._process: subprocess.Popen[bytes] | None = None
        self._drain: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start, and return once clients can connect. Raise RuntimeError after 10 s, or when it ends."""
        assert self._process is None, "the NATS server runs already"
        self._process = subprocess.Popen(
            [self._program, "-a", "127.0.0.1", "-p", str(self._port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        too_late = threading.Timer(START_SECONDS, self._process.kill)
        too_late.start()
        output: list[bytes] = []
        assert self._process.stderr is not None
        for line in self._process.stderr:
            output.append(line)
            if found := _LISTENING.search(line):
                self._port = int(found[1])
            if b"Server is ready" in line:
                too_late.cancel()
                self._drain = threading.Thread(target=_drain, args=(self._process.stderr,), daemon=True)
                self._drain.start()
                return
        too_late.cancel()
        self.kill()
        raise RuntimeError(f"no NATS server: {b''.join(output[-20:]).decode()}")

    def kill(self) -> None:
        """End the server at once; does nothing when there is none."""
        process, self._process = self._process, None
        drain, self._drain = self._drain, None
        if process is not None:
            process.kill()
            process.wait()
        if drain is not None:
            drain.join()
        elif process is not None and process.stderr is not None:
            process.stderr.close()


def _drain(stream: IO[bytes]) -> None:
    with stream:
        for _ in stream:
            pass


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _program() -> Path | None:
    beside = Path(sys.executable).with_name("nats-server")
    found = shutil.which("nats-server")
    return beside if beside.exists() else Path(found) if found else None


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """Yield a running NATS server; where it cannot run, tests are skipped, but fail where ``CI`` is set."""
    program = _program()
    try:
        if program is None:
            raise RuntimeError("the program nats-server is not installed")
        server = NatsServer(program)
        server.start()
    except (RuntimeError, OSError) as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
    yield server
    server.kill()
