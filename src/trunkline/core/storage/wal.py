"""The write-ahead log beside an SQLite file: the damage that SQLite does not report.

SQLite reads a log up to the first frame that is incomplete or has a wrong checksum, and drops the rest without a word:
after a crash that is right for a commit under way. It drops acknowledged commits as silently if the file was cut short.
The log's index (``-shm``) outlives a crash of the process and has the number of committed frames, which is raised only
after the log was synced. So frames that it counts, that are not in the database yet and that are missing in the log
were acknowledged. Without the index, as in a copy, only the end of a whole frame and of a transaction can be seen.

A log also has no name of its database. ``mark_database`` gives each database a random number in the header of its first
page, which every log contains, so that the log of another one is recognized.

Formats: https://www.sqlite.org/walformat.html
"""

from __future__ import annotations

import fcntl
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec

from trunkline.core.storage.database import StorageError

_HEADER = struct.Struct(">4sIII8s8s")
_FRAME = struct.Struct(">II8s8s")
_INDEX = struct.Struct("=IIIBBHIIII8s8s")
_BACKFILL_AT = 96
_MARK_AT = 60
_MAX_MARK = 2**31 - 1


class WalState(msgspec.Struct, frozen=True):
    """A log that is not open: its whole frames, those up to the end of its last transaction, the bytes of a frame that
    is incomplete, the frames that its index counts as committed, those of them that are in the database already, and
    the mark of its database, 0 if it has none."""

    frames: int = 0
    transactions: int = 0
    rest: int = 0
    committed: int = 0
    in_database: int = 0
    mark: int = 0

    def lost(self, found: int) -> int:
        """Return the number of committed frames that are missing if the log has ``found`` good ones."""
        return max(self.committed - max(self.in_database, found), 0)


def wal_file(path: Path) -> Path:
    """Return the log of a database file."""
    return path.with_name(f"{path.name}-wal")


def read_wal(path: Path) -> WalState:
    """Read the log of a database file that this process does not have open: closing a file drops its locks (POSIX).
    Raise StorageError if the log has no database, or is that of another one; OSError."""
    log, index = wal_file(path), path.with_name(f"{path.name}-shm")
    committed, in_database, salt = _read_index(index)
    if not _size(log):
        return WalState(committed=committed, in_database=in_database)
    if not _size(path):
        raise StorageError(
            f"the write-ahead log {log} is there without its database: restore {path}, or move the log away; opening"
            " it would delete the log"
        )
    with path.open("rb") as file:
        head = file.read(100)
    found = _read_log(log, int.from_bytes(head[16:18], "big"))
    own = int.from_bytes(head[_MARK_AT : _MARK_AT + 4], "big")
    if found is None or (own and found[1].mark and found[1].mark != own):
        raise StorageError(
            f"the write-ahead log {log} belongs to another database: opening {path} with it would damage it; move the"
            " log away, or restore the database that belongs to it"
        )
    log_salt, state = found
    if salt != log_salt and committed <= in_database:
        committed = in_database = 0
    return msgspec.structs.replace(state, committed=committed, in_database=in_database)


@contextmanager
def without_server(path: Path) -> Iterator[bool]:
    """Keep servers from opening the database as long as this lasts. Yield False if one has it open, by its lock."""
    try:
        lock = os.open(f"{path}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield True
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        free = True
    except BlockingIOError:
        free = False
    try:
        yield free
    finally:
        os.close(lock)


def is_in_use(path: Path) -> bool:
    """Return whether a server has the database open."""
    with without_server(path) as free:
        return not free


def mark_database(connection: apsw.Connection) -> None:
    """Give a database its mark on first use, and write it, so that the log has the first page."""
    mark = connection.execute("PRAGMA user_version").get or secrets.randbelow(_MAX_MARK) + 1
    connection.execute(f"PRAGMA user_version = {int(mark)}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _read_index(path: Path) -> tuple[int, int, bytes]:
    """Return the committed frames, those in the database already, and the salt of the log, of the log's index."""
    if _size(path) < _BACKFILL_AT + 4:
        return 0, 0, b""
    with path.open("rb") as file:
        content = file.read(_BACKFILL_AT + 4)
    values = _INDEX.unpack_from(content)
    ready, committed, salt = values[3], values[6], values[10]
    (in_database,) = struct.unpack_from("=I", content, _BACKFILL_AT)
    return (committed, in_database, salt) if ready else (0, 0, b"")


def _read_log(path: Path, page_size: int) -> tuple[bytes, WalState] | None:
    """Return the salt and the state of a log; None if its pages have another size than the database's."""
    page_size = 65_536 if page_size == 1 else page_size
    size = _size(path)
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return b"", WalState(rest=len(header))
        _, _, log_page_size, _, salt, _ = _HEADER.unpack(header)
        if log_page_size != page_size:
            return None
        frames = transactions = mark = 0
        whole, rest = divmod(size - _HEADER.size, _FRAME.size + page_size)
        for number in range(whole):
            file.seek(_HEADER.size + number * (_FRAME.size + page_size))
            page, commit, frame_salt, _ = _FRAME.unpack(file.read(_FRAME.size))
            if frame_salt != salt:
                # Left by an earlier use of the file.
                rest = 0
                break
            frames += 1
            transactions = frames if commit else transactions
            if page == 1:
                mark = int.from_bytes(file.read(100)[_MARK_AT : _MARK_AT + 4], "big")
    return salt, WalState(frames, transactions, rest, mark=mark)
