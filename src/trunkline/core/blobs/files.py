"""Blobs as files of the data directory, beside an SQLite database.

1. A content is written to ``<key>.part``, synced, renamed to ``<key>`` and the directory synced; then its row is
   committed. So a row never lacks its file.
2. All file operations run on four threads. A cancelled caller waits for the end of its operation, so that no thread
   uses a file that is closed or removed.
3. A write that fails or is cancelled removes its file at once. A cancelled insert may be committed all the same, so its
   removal is a transaction behind it.
4. A file is removed after the commit that removed its row, by a thread that nobody awaits but ``stop``.
5. The sweep, a task of its own, finds the files that a crash left, a batch at a time.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from trunkline.core.atomic_files import sync_directory
from trunkline.core.blobs.orphans import remove_orphans
from trunkline.core.blobs.store import (
    FIRST_SWEEP_SECONDS,
    GRACE,
    PIECE,
    SWEEP_SECONDS,
    Blob,
    BlobDeleted,
    BlobKey,
    BlobMissing,
    BlobReference,
    DamagedBlob,
    delete_blob,
    pieces_of,
)
from trunkline.core.clock import SECOND
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.database import Database, StorageError, Tx, Unavailable

T = TypeVar("T")

log = logging.getLogger("trunkline.blobs")

_THREADS = 4
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors of a process that has too much open; the disk is not their cause."""
_BATCH = 500
"""Files that a sweep holds in memory and finds the rows of by one statement."""

_KEYS = ", ".join(f":key_{number}" for number in range(_BATCH))
_KNOWN = f"SELECT key FROM blobs WHERE key IN ({_KEYS})"


class FileBlobs:
    """Implements ``BlobStore`` with files below ``directory``."""

    def __init__(self, database: Database, directory: Path, references: Sequence[BlobReference]) -> None:
        self._database = database
        self._directory = directory
        self._references = references
        self._logged: set[str] = set()
        self._sweeping = PeriodicTask(
            "unused blobs", self.sweep, SWEEP_SECONDS, retry_seconds=SWEEP_SECONDS, due_by=database.clock
        )
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="trunkline-blobs")
        database.listen(self._handle_announcements)

    async def write(self, content: AsyncIterable[bytes], limit: int) -> Blob:
        """Store a content. Raise BlobTooLarge, StorageError."""
        key = secrets.token_hex(16)
        try:
            size = await self._write_file(key, content, limit)
        except OSError as error:
            if error.errno not in _PASSING:
                # A full disk has no space for the database either.
                self._database.refused(error)
            raise Unavailable(f"cannot write a blob: {error}") from error
        return await self._insert(key, size)

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield a part of a content. Raise BlobMissing, Unavailable, or DamagedBlob for a file that is cut short or
        that the disk cannot read."""
        try:
            file = await self._run(_open_at, self._path(key), start, undo=_close)
        except FileNotFoundError as error:
            raise BlobMissing(f"the blob {key} cannot be read") from error
        except OSError as error:
            raise self._unreadable(key, error) from error
        try:
            while start < end:
                try:
                    piece = await self._run(file.read, min(PIECE, end - start))
                except OSError as error:
                    raise self._unreadable(key, error) from error
                if not piece:
                    raise self._damaged(key, "it is cut short")
                start += len(piece)
                yield piece
        finally:
            file.close()

    async def start(self) -> None:
        """Begin to sweep."""
        self._sweeping.start(after=FIRST_SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Remove blobs without a reference, and files without a row."""
        await remove_orphans(self._database, self._references)
        before = await self._database.scan(_grace_began)
        with closing(_old_files(self._directory, before)) as batches:
            while batch := await self._run(next, batches, None):
                known = await self._database.scan(partial(_known, keys=list(batch)))
                for key, path in batch.items():
                    if key not in known:
                        await self._run(_remove, path)

    async def stop(self) -> None:
        """End the sweep and finish the removals that were begun. May be called again."""
        await self._sweeping.stop()
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)

    def _unreadable(self, key: str, error: OSError) -> StorageError:
        """Return the failure for a file that cannot be read: too many files are open, or it is damaged."""
        if error.errno in _PASSING:
            return Unavailable(f"a blob cannot be read at the moment: {error.strerror}")
        return self._damaged(key, str(error))

    def _damaged(self, key: str, cause: str) -> DamagedBlob:
        """Return the failure for a damaged file, which is logged once."""
        if key not in self._logged:
            self._logged.add(key)
            log.critical("the attachment %s is damaged: %s; restore it from a backup", self._path(key), cause)
        return DamagedBlob(f"the blob {key} is damaged")

    def _path(self, key: str) -> Path:
        return blob_path(self._directory, key)

    async def _write_file(self, key: str, content: AsyncIterable[bytes], limit: int) -> int:
        path = self._path(key)
        aside, size = path.with_suffix(".part"), 0
        file = await self._run(_create, aside, undo=partial(_discard, aside, path))
        try:
            async for piece in pieces_of(content, limit):
                await self._run(file.write, piece)
                size += len(piece)
            await self._run(_sync, file)
            await self._run(_publish, aside, path)
        except BaseException:
            await self._run(_discard, aside, path, file)
            raise
        return size

    async def _insert(self, key: str, size: int) -> Blob:
        async def insert(tx: Tx) -> Blob:
            blob = Blob(key, size, tx.now)
            await tx.insert("blobs", blob)
            return blob

        try:
            return await self._database.write(insert)
        except StorageError:
            await self._run(_remove, self._path(key))
            raise
        except BaseException:
            # It may be committed all the same. This comes behind it, and removes the file in either case.
            with suppress(StorageError):
                await self._database.write(partial(delete_blob, key=key))
            raise

    async def _run(
        self, function: Callable[..., T], *arguments: Any, undo: Callable[[T], None] | None = None
    ) -> T:
        """Run a file operation on a thread, to its end even if the caller is cancelled; ``undo`` then gets its
        result."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait((running,))
            if undo is not None and running.exception() is None:
                await self._run(undo, running.result())
            raise

    def _handle_announcements(self, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, BlobDeleted):
                # While the node stops, the sweep of the next start removes it.
                with suppress(RuntimeError):
                    self._threads.submit(_remove, self._path(event.key))


def blob_path(directory: Path, key: str) -> Path:
    """Return the file of a blob."""
    return directory / key[:2] / key


async def _grace_began(tx: Tx) -> int:
    return tx.now - GRACE


async def _known(tx: Tx, keys: Sequence[str]) -> set[str]:
    # Always as many parameters: one statement, prepared once.
    named = {f"key_{number}": keys[min(number, len(keys) - 1)] for number in range(_BATCH)}
    return {row.key for row in await tx.all(BlobKey, _KNOWN, **named)}


def _create(path: Path) -> BinaryIO:
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(path.parent.parent)
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _publish(aside: Path, path: Path) -> None:
    aside.rename(path)
    sync_directory(path.parent)


def _discard(aside: Path, path: Path, file: BinaryIO) -> None:
    """Close and remove a file, which may have its final name already."""
    _close(file)
    _remove(aside)
    _remove(path)


def _close(file: BinaryIO) -> None:
    # A full disk fails the flush of a close, too.
    with suppress(OSError):
        file.close()


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("a blob's file cannot be removed: %s", error)


def _open_at(path: Path, start: int) -> BinaryIO:
    file = path.open("rb")
    file.seek(start)
    return file


def _old_files(directory: Path, before: int) -> Generator[dict[str, Path], None, None]:
    """Yield the names and paths of the files that were last changed before ``before``, up to ``_BATCH`` at once."""
    batch: dict[str, Path] = {}
    for subdirectory in sorted(directory.glob("??")):
        with suppress(NotADirectoryError), os.scandir(subdirectory) as entries:
            for entry in entries:
                if _is_old_file(entry, before):
                    batch[entry.name] = Path(entry.path)
                if len(batch) == _BATCH:
                    yield batch
                    batch = {}
    if batch:
        yield batch


def _is_old_file(entry: os.DirEntry[str], before: int) -> bool:
    # It may have been removed since it was listed.
    with suppress(FileNotFoundError):
        return entry.is_file() and entry.stat().st_mtime * SECOND < before
    return False
