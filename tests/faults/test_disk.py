"""A full disk: writes are refused with 503, reads go on, nothing is half written, and space heals it."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from faults.integrity import damage
from faults.ledger import Ledger
from faults.writers import SYNC, Writer, caller, shown, writers
from keepalive import Caller, Connection, ConnectionClosed, ConnectionLost
from servers import Server

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" and "CI" not in os.environ, reason="fills a disk in Linux' ways"
)

REFUSALS = 25
"""So many refusals show that the disk is full for good, not for the moment."""

MAX_CHANGES = 20_000
PATIENCE = 20.0


class Disk(Protocol):
    """A disk that a test can fill. ``folder`` is on it."""

    folder: Path

    def full(self, server: Server) -> AbstractContextManager[None]:
        """Let next to nothing more be written for as long as this is entered."""
        ...


class LimitedFiles:
    """No file of the server may grow: the nearest to a full disk that needs no privileges."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def full(self, server: Server) -> Iterator[None]:
        """Let no file grow past the largest there is."""
        largest = max(path.stat().st_size for path in [*server.data_dir.iterdir(), server.log])
        before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (largest, before[1]))
        try:
            yield
        finally:
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)


class SmallDisk:
    """A file system of 16 MiB in memory, filled up by a file beside the data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "disk"
        self.folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(self.folder)]
        subprocess.run(mount, check=True)

    @contextmanager
    def full(self, server: Server) -> Iterator[None]:
        """Fill the disk."""
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        try:
            yield
        finally:
            filler.unlink()

    def unmount(self) -> None:
        """Give the disk back."""
        subprocess.run(["umount", self.folder], check=True)


def _may_mount() -> bool:
    """Return whether this process has the capability that mounting takes (CAP_SYS_ADMIN)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return any(int(line.split()[1], 16) >> 21 & 1 for line in lines if line.startswith("CapEff:"))


@pytest.fixture(params=["limited files", "small disk"] if _may_mount() else ["limited files"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """Yield each way to fill a disk."""
    if request.param == "limited files":
        yield LimitedFiles(tmp_path)
        return
    small = SmallDisk(tmp_path)
    yield small
    small.unmount()


def test_a_full_disk_refuses_writes_until_there_is_space(
    disk: Disk, record_property: Callable[[str, object], None]
) -> None:
    ledger = Ledger()
    writer = writers(SYNC, ledger, "disk")[0]
    with Server(disk.folder, "--log-level", "error") as server:
        asyncio.run(_change(server, writer, refusals=0))
        with disk.full(server):
            asyncio.run(_change(server, writer, refusals=REFUSALS))
            found = asyncio.run(shown(server, SYNC))
            assert not (lies := ledger.lies(found)), lies
            assert _readiness(server) == (503, "not writable")
        # Without traffic: the health tries a change itself, once a second.
        deadline = time.monotonic() + PATIENCE
        while _readiness(server) != (200, "ok"):
            assert time.monotonic() < deadline, "the server stays not ready although there is space"
        assert {(response.status, response.json()["code"]) for response in writer.refused} == {(503, 20503)}
        record_property("acknowledged with a full disk", ledger.count.acknowledged)
        writer.refused.clear()
        asyncio.run(_change(server, writer, refusals=0))
        assert not writer.refused, "the server needs more than space to work again"
        server.kill()
        server.start()
        assert not (lies := ledger.lies(asyncio.run(shown(server, SYNC)))), lies
        assert not damage(server.data_dir / "trunkline.db")
    print(ledger.count)


def _readiness(server: Server) -> tuple[int, str]:
    """Return the status of the readiness, and the state of the storage."""
    response = httpx.get(server.url + "/_trunkline/health/ready", trust_env=False, verify=False)
    return response.status_code, response.json()["checks"]["storage"]


async def _change(server: Server, writer: Writer, refusals: int) -> None:
    """Make 50 changes or, when refusals are wanted, as many changes as it takes to see them."""
    calls: Caller = caller(server)
    connection: Connection = await calls.connect()
    try:
        for number in range(MAX_CHANGES):
            if len(writer.refused) >= refusals and (refusals or number == 50):
                return
            await writer.step(calls, connection)
        raise AssertionError(f"{MAX_CHANGES} changes found space on a full disk")
    except (ConnectionClosed, ConnectionLost) as error:
        raise AssertionError("the server hung up") from error
    finally:
        connection.close()
