"""The process of a server, forked from one that has imported Trunkline already: a start of Python with all its imports
takes longer than all else that a start does, and the tests start servers by the hundred.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import mmap
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing import reduction
from pathlib import Path
from typing import Any

from trunkline.cli import main

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["trunkline.cli.serve", "trunkline.core.nats_bus", "trunkline.core.storage.postgres"]
)

CLOCK_FILE = "TEST_CLOCK_FILE"
"""The variable with the file of a ``ClockOffset``, for a server whose clock the test sets."""
CONSTANTS = "TEST_CONSTANTS"
"""The variable with constants of modules that a server's process has otherwise, as JSON: ``{"module:NAME": value}``."""

_NANOSECONDS = 1_000_000_000
_PR_SET_PDEATHSIG = 1


class ClockOffset:
    """The offset of a server's wall clock, in a file that the server's process maps, too."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)

    @property
    def nanoseconds(self) -> int:
        """The offset: above 0 ahead."""
        return int(struct.unpack("=q", self._map[:8])[0])

    def set(self, seconds: float) -> None:
        """Put the clock so many seconds ahead of the machine's; below 0 behind it."""
        self._map[:8] = struct.pack("=q", round(seconds * _NANOSECONDS))


class _PassedFile:
    """A file descriptor that the new process has, too."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[object, ...]:
        return _received, (reduction.DupFd(self._descriptor),)


def _received(passed: Any) -> int:
    return int(passed.detach())


class ForkedServer:
    """``trunkline serve`` with the words of ``subprocess.Popen``."""

    def __init__(
        self, arguments: Sequence[str], ready: int, folder: Path, log: int, environment: Mapping[str, str]
    ) -> None:
        passed = (_PassedFile(ready), _PassedFile(log))
        self._process = _FORKS.Process(
            target=_serve, args=(list(arguments), *passed, str(folder), dict(environment)), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raise subprocess.TimeoutExpired after ``timeout`` seconds."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("trunkline serve", timeout or 0.0)
        return self._process.exitcode


def _serve(arguments: list[str], ready: int, log: int, folder: str, environment: dict[str, str]) -> None:
    """Run ``trunkline serve`` as a new process with these arguments would."""
    if sys.platform == "linux":
        # A process that a test has stopped runs no thread that could end it.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    clock_file, constants = environment.pop(CLOCK_FILE, ""), environment.pop(CONSTANTS, "{}")
    os.environ.clear()
    os.environ.update(environment)
    _set_up(clock_file, json.loads(constants))
    time.tzset()
    os.chdir(folder)
    for descriptor, standard in ((os.open(os.devnull, os.O_RDONLY), 0), (log, 1), (log, 2)):
        os.dup2(descriptor, standard)
    sys.argv = ["trunkline", "serve", *arguments, "--ready-file", f"/dev/fd/{ready}"]
    main()


def _set_up(clock_file: str, constants: Mapping[str, object]) -> None:
    """Give this process the clock of the test and its constants."""
    if clock_file:
        offset, nanoseconds = ClockOffset(Path(clock_file)), time.time_ns
        time.time_ns = lambda: nanoseconds() + offset.nanoseconds
        time.time = lambda: time.time_ns() / _NANOSECONDS
    for name, value in constants.items():
        module, _, constant = name.partition(":")
        found = importlib.import_module(module)
        assert hasattr(found, constant), name
        setattr(found, constant, value)


def _die_with_parent() -> None:
    """End this process when the test process ends, however that ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)
