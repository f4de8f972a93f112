"""The checks of the machine: the interpreter, and the disk below the data directory."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

from trunkline.cli.doctor.finding import DoctorFinding, failed, ok, warned
from trunkline.settings import Settings

OLDEST_PYTHON = (3, 11)
MIB = 1024 * 1024
LITTLE_SPACE = 1024 * MIB
NO_SPACE = 100 * MIB
REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs"}
"""File systems on which SQLite's write-ahead log cannot work (SQLite's documentation)."""
VOLATILE = {"tmpfs", "ramfs"}

_MOUNTS = Path("/proc/self/mounts")


def findings(settings: Settings) -> list[DoctorFinding]:
    """Check everything in the order of printing."""
    folder = nearest(settings.storage.data_dir)
    found = [python(sys.version_info[:2]), space(shutil.disk_usage(folder).free)]
    if not settings.storage.database_url and (kind := file_system(folder, _mounts())):
        found.append(disk(kind))
    return found


def python(version: tuple[int, ...]) -> DoctorFinding:
    """Check the interpreter's version."""
    if version < OLDEST_PYTHON:
        return failed("python", f"this is Python {platform.python_version()}", "install Python 3.11 or later")
    return ok("python", f"Python {platform.python_version()} on {platform.system()}")


def space(free: int) -> DoctorFinding:
    """Check the free bytes of the disk."""
    message, remedy = f"{free // MIB:,} MiB are free", "free some space, or move the data directory"
    if free < NO_SPACE:
        return failed("disk space", message, remedy)
    return warned("disk space", message, remedy) if free < LITTLE_SPACE else ok("disk space", message)


def disk(kind: str) -> DoctorFinding:
    """Check the kind of file system that a SQLite database is on."""
    if kind in REMOTE:
        return failed(
            "file system",
            f"SQLite's write-ahead log does not work on {kind}",
            "use a local disk, or PostgreSQL",
        )
    if kind in VOLATILE:
        return warned(
            "file system", f"the data are in memory ({kind}) and gone after a restart", "use a disk"
        )
    return ok("file system", kind)


def file_system(folder: Path, mounts: str) -> str:
    """Return the kind of file system of ``folder`` by the text of the mount table; empty if it is not there."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        _, point, found = line.split(" ")[:3]
        at = Path(point.replace("\\040", " "))
        if folder.resolve().is_relative_to(at) and len(at.parts) >= best:
            best, kind = len(at.parts), found
    return kind


def nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    return next(one for one in (folder, *folder.parents) if one.is_dir())


def _mounts() -> str:
    return _MOUNTS.read_text("utf-8", "replace") if _MOUNTS.exists() else ""
