"""The shared board's own server as a process, installed as in its README."""

from __future__ import annotations

import json
import os
import select
import shlex
import shutil
import subprocess
import time
from pathlib import Path

from servers import clean_environment

FOLDER = Path(__file__).parents[2] / "examples" / "shared-board"
START_SECONDS = 30.0
STOP_SECONDS = 10.0


def install(folder: Path, modules: Path) -> Path:
    """Return a copy of the example below ``folder`` that finds its packages in ``modules``."""
    copy = folder / "shared-board"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("node_modules"))
    (copy / "node_modules").symlink_to(modules, target_is_directory=True)
    return copy


class Board:
    """The server, on a free port. Usable as a context manager, which asks it to end."""

    def __init__(self, copy: Path, url: str, account_sid: str, auth_token: str) -> None:
        command = json.loads((copy / "package.json").read_text())["scripts"]["start"]
        self._process = subprocess.Popen(
            shlex.split(command),
            cwd=copy,
            env=clean_environment()
            | {
                "PORT": "0",
                "TRUNKLINE_URL": url,
                "TWILIO_ACCOUNT_SID": account_sid,
                "TWILIO_AUTH_TOKEN": auth_token,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def address(self) -> str:
        """Return the address of the page. Raise AssertionError when the server does not print it within 30 s."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + START_SECONDS
        output = b""
        while not output.endswith(b"\n"):
            left = max(0.0, deadline - time.monotonic())
            assert select.select([self._process.stdout], [], [], left)[0], "the board does not start"
            piece = os.read(self._process.stdout.fileno(), 4096)
            assert piece, f"the board ended with {self._process.wait(STOP_SECONDS)}"
            output += piece
        return output.decode().strip()

    def end(self) -> int:
        """Stop it with SIGTERM; return its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        return self._process.returncode
