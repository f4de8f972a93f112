"""A write-ahead log that was cut short, is without its database, or is another one's."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engines import opened
from trunkline.cli.doctor.database import write_ahead_log
from trunkline.cli.doctor.finding import Level
from trunkline.core.clock import system_clock
from trunkline.core.storage.damage import find_damage
from trunkline.core.storage.database import StorageError, Tx
from trunkline.core.storage.inspection import inspect_database
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.sqlite import SqliteDatabase
from trunkline.core.storage.wal import WalState, read_wal

MIGRATIONS = (Migration("things", 1, ("CREATE TABLE things (sid TEXT PRIMARY KEY)",)),)
FRAME = 24 + 4096
ENDS = ("", "-wal", "-shm")


async def add(tx: Tx, sid: str) -> None:
    await tx.run("INSERT INTO things VALUES (:sid)", sid=sid)


async def count(tx: Tx) -> int:
    return int(await tx.value("SELECT count(*) FROM things"))


def killed(folder: Path, rows: int = 20) -> Path:
    """Return a database as the kill of its server leaves it, with all in its log."""
    folder.mkdir()
    running, left = folder / "running.db", folder / "x.db"

    async def run() -> None:
        async with opened(f"sqlite:///{running}", MIGRATIONS) as database:
            for number in range(rows):
                await database.write(lambda tx, number=number: add(tx, str(number)))  # type: ignore[misc]
            for end in ENDS:
                shutil.copyfile(f"{running}{end}", f"{left}{end}")

    asyncio.run(run())
    return left


def contents(folder: Path) -> dict[Path, bytes]:
    """Return the contents of the files in a folder but for those that are locks."""
    return {one: one.read_bytes() for one in folder.iterdir() if one.suffix != ".lock"}


def start(path: Path) -> int:
    """Start on a database; return the number of its rows."""

    async def run() -> int:
        async with opened(f"sqlite:///{path}", MIGRATIONS) as database:
            return await database.read(count)

    return asyncio.run(run())


def cut(octets: int) -> Callable[[Path], None]:
    """Return what cuts the end of a log."""

    def change(path: Path) -> None:
        log = Path(f"{path}-wal")
        with log.open("r+b") as file:
            file.truncate(max(log.stat().st_size - octets, 0))

    return change


def damage(path: Path) -> None:
    """Write over the middle of a log."""
    log = Path(f"{path}-wal")
    with log.open("r+b") as file:
        file.seek(log.stat().st_size // 2)
        file.write(b"\xa5" * 100)


def without_index(change: Callable[[Path], None]) -> Callable[[Path], None]:
    """Return what changes a log, and removes its index."""

    def changed(path: Path) -> None:
        change(path)
        Path(f"{path}-shm").unlink()

    return changed


def leave(path: Path) -> None:
    """Change nothing."""


def remove(path: Path) -> None:
    """Remove a log."""
    Path(f"{path}-wal").unlink()


@pytest.mark.parametrize(
    ("change", "level", "doctor"),
    [
        (leave, None, Level.OK),
        (without_index(leave), None, Level.OK),
        (cut(FRAME), logging.CRITICAL, Level.FAIL),
        (cut(10), logging.CRITICAL, Level.FAIL),
        (cut(10 * FRAME), logging.CRITICAL, Level.FAIL),
        (cut(10**9), logging.CRITICAL, Level.FAIL),
        (remove, logging.CRITICAL, Level.FAIL),
        (damage, logging.CRITICAL, None),
        (without_index(cut(10)), logging.WARNING, Level.WARN),
        (without_index(damage), logging.WARNING, None),
    ],
)
def test_a_log_that_lost_commits_is_reported(
    tmp_path: Path,
    change: Callable[[Path], None],
    level: int | None,
    doctor: Level | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = killed(tmp_path / "data")
    change(path)
    if doctor is not None:
        # Nothing that reads before the start hides the loss.
        for _ in "twice":
            assert write_ahead_log(read_wal(path)).level is doctor
            asyncio.run(inspect_database(f"sqlite:///{path}"))
            asyncio.run(find_damage(f"sqlite:///{path}"))
    caplog.clear()
    try:
        rows = start(path)
    except StorageError:
        # The tables themselves were in the log.
        rows = 0
    found = [record.levelno for record in caplog.records if "write-ahead log" in record.getMessage()]
    assert found == ([] if level is None else [level])
    assert (rows == 20) == (level is None)
    # Once it is open, all is well again.
    caplog.clear()
    start(path)
    assert not caplog.records


def test_a_transaction_that_a_kill_cut_off_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = killed(tmp_path / "data")
    whole = Path(f"{path}-wal").read_bytes()
    # The salt of the log is that of its first frame; a commit under way has written a frame without its end.
    with Path(f"{path}-wal").open("ab") as file:
        file.write(b"\0\0\0\2" + bytes(4) + whole[16:24] + bytes(8) + bytes(4096))
    assert write_ahead_log(read_wal(path)).level is Level.WARN
    assert start(path) == 20
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("content", [None, b""])
def test_a_log_without_its_database_is_kept(tmp_path: Path, content: bytes | None) -> None:
    path = killed(tmp_path / "data")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    before = contents(path.parent)
    with pytest.raises(StorageError, match=r"x\.db-wal is there without its database"):
        start(path)
    assert contents(path.parent) == before


def test_the_log_of_another_database_is_refused(tmp_path: Path) -> None:
    one, other = killed(tmp_path / "one"), killed(tmp_path / "other")
    start(one)
    for end in ENDS[1:]:
        shutil.copyfile(f"{other}{end}", f"{one}{end}")
    before = one.read_bytes()
    with pytest.raises(StorageError, match=r"x\.db-wal belongs to another database"):
        start(one)
    assert one.read_bytes() == before
    for end in ENDS[1:]:
        Path(f"{one}{end}").unlink()
    assert start(one) == 20


def test_a_log_with_pages_of_another_size_is_refused(tmp_path: Path) -> None:
    path = killed(tmp_path / "data")
    log = Path(f"{path}-wal")
    log.write_bytes(log.read_bytes()[:8] + (8192).to_bytes(4, "big") + log.read_bytes()[12:])
    with pytest.raises(StorageError, match="belongs to another database"):
        start(path)


def test_a_log_without_a_whole_header_has_no_frames(tmp_path: Path) -> None:
    path = killed(tmp_path / "data")
    Path(f"{path}-shm").unlink()
    Path(f"{path}-wal").write_bytes(b"abc")
    assert read_wal(path) == WalState(rest=3)


LOCKED = """
import fcntl, sys
# The byte by which everybody who has the log's index open keeps it from being made anew.
with open(sys.argv[1] + "-shm", "r+b") as index:
    try:
        fcntl.lockf(index, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)
    except BlockingIOError:
        print("locked")
"""


@pytest.mark.parametrize("shared", [False, True])
def test_a_database_keeps_the_locks_of_its_log(tmp_path: Path, shared: bool) -> None:
    """Start on a log: without the locks, the next process to open the database makes the index anew, and both then
    write what the other does not see."""
    path = killed(tmp_path / "a")

    async def run() -> str:
        database = SqliteDatabase(path, MIGRATIONS, system_clock, shared=shared)
        await database.start()
        try:
            command = [sys.executable, "-c", LOCKED, str(path)]
            return (await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)).stdout
        finally:
            await database.stop()

    assert asyncio.run(run()) == "locked\n"
