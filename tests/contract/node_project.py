"""Installs a Node project of this repository when a test needs it, once for all workers."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent / "node"
"""The Node clients that the tests run, and the package that carries the vendor's OpenAPI documents."""

INSTALL_SECONDS = 600


class NodeMissing(RuntimeError):
    """This machine has no ``node`` or no ``npm``."""


class InstallFailed(RuntimeError):
    """An error of ``npm ci``; the text is its output."""


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold a lock that every process of this machine honours for ``folder``."""
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    with (Path(tempfile.gettempdir()) / f"trunkline-npm-{os.getuid()}-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run_npm_ci(folder: Path, npm: str) -> None:
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode:
        raise InstallFailed(f"npm ci in {folder} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def install(folder: Path) -> Path:
    """Return the ``node_modules`` of a Node project, installed from its lock file unless that has been done.

    Workers may call it at the same time: one installs, the others wait. A changed lock file installs again.
    Raise `NodeMissing` without Node, `InstallFailed` when npm fails.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NodeMissing(
            "Node is missing: install Node 20 or newer, with npm, to run the tests that need it"
        )
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    modules = folder / "node_modules"
    stamp = modules / ".trunkline-installed"
    with _only_one(folder):
        if not stamp.is_file() or stamp.read_text() != wanted:
            _run_npm_ci(folder, npm)
            stamp.write_text(wanted)
    return modules


def begin_install() -> threading.Thread:
    """Begin to install the Node test project; return the thread that does. An error is for the test that needs it."""
    thread = threading.Thread(target=_try_install)
    thread.start()
    return thread


def _try_install() -> None:
    with suppress(NodeMissing, InstallFailed, subprocess.SubprocessError, OSError):
        install(PROJECT)


@functools.cache
def node_modules() -> Path:
    """Return the installed packages of the Node test project. Raise as `install` does."""
    return install(PROJECT)


def require_node() -> Path:
    """Return `node_modules` for a test: without Node the test is skipped, or fails where the variable CI is
    set.
    """
    try:
        return node_modules()
    except NodeMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
