"""The interface of blob stores, and the rows that all of them keep.

1. ``write`` stores the content, then its row in ``blobs``; both are durable when it returns. Until then nobody has the
   key. The caller refers to the key from a row of its own, in a column that references ``blobs (key)``: the database
   refuses a reference to a blob that does not exist, and the removal of one that is referenced.
2. ``delete_blob`` removes the row in the caller's transaction. The content goes with it (PostgreSQL) or right after
   the commit (files).
3. Blobs are written before the transaction that refers to them. ``removed_on_failure`` removes them if anything fails
   before it is committed.
4. A crash leaves a blob without a reference, or a file without a row. The sweep removes both once they are older than
   ``GRACE``, which is longer than any upload takes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Protocol

import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.storage.database import DamagedData, Database, Row, StorageError, Tx
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.retention import TableRetention

PIECE = 256 * 1024
"""Bytes that are read, written and held in memory at once."""

GRACE = 6 * 3600 * SECOND
SWEEP_SECONDS = 3600.0
FIRST_SWEEP_SECONDS = 60.0
"""The wait before a node's first sweep, so that it does not compete with the start."""

MIGRATIONS = (
    Migration(
        "blobs",
        1,
        (
            """CREATE TABLE blobs (
                key TEXT PRIMARY KEY,
                size BIGINT NOT NULL,
                date_created BIGINT NOT NULL
            )""",
            # Used on PostgreSQL only: each content in pieces of PIECE bytes, the last one shorter.
            """CREATE TABLE blob_pieces (
                key TEXT NOT NULL REFERENCES blobs (key) ON DELETE CASCADE,
                number BIGINT NOT NULL,
                content BLOB NOT NULL,
                PRIMARY KEY (key, number)
            )""",
        ),
    ),
)

RETENTION = (
    TableRetention(table="blobs", rule="with the row that refers to it; six hours without one", key=("key",)),
    TableRetention(table="blob_pieces", rule="with its row of blobs", key=("key", "number")),
)


class Blob(Row, frozen=True):
    """A row of ``blobs``; ``size`` is in bytes."""

    key: str
    size: int
    date_created: int


class BlobKey(Row, frozen=True):
    """The key of a row of ``blobs``."""

    key: str


class BlobDeleted(msgspec.Struct, frozen=True):
    """The announcement that a blob's row was removed."""

    key: str


class BlobTooLarge(Exception):
    """The content has more bytes than its limit; nothing of it is stored."""


class BlobMissing(StorageError):
    """A blob does not exist, or was removed while it was read."""


class DamagedBlob(BlobMissing, DamagedData):
    """A blob has fewer bytes than were written, or the disk cannot read it."""


class BlobReference(msgspec.Struct, frozen=True):
    """A column that references ``blobs (key)``; it must have an index."""

    table: str
    column: str


class BlobStore(Protocol):
    """A place for contents. Keys are 32 hex digits."""

    async def write(self, content: AsyncIterable[bytes], limit: int) -> Blob:
        """Store a content and return its blob once it is durable. Raise BlobTooLarge if it has more than ``limit``
        bytes, StorageError if it cannot be stored; whatever ``content`` raises ends the write."""
        ...

    def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Return the bytes from ``start`` until before ``end``, in pieces of at most ``PIECE``. Raise BlobMissing."""
        ...


class SweptBlobStore(BlobStore, Protocol):
    """A store with its sweep, for the node that owns it."""

    async def start(self) -> None:
        """Begin to sweep, after a minute and then once an hour."""
        ...

    async def sweep(self) -> None:
        """Remove what a crash left behind."""
        ...

    async def stop(self) -> None:
        """End the sweep and finish the removals that were begun. May be called again."""
        ...


async def delete_blob(tx: Tx, key: str) -> None:
    """Remove a blob that no row references any more."""
    await tx.run("DELETE FROM blobs WHERE key = :key", key=key)
    tx.announce(BlobDeleted(key))


class BlobRecorder:
    """A store that records the blobs that are written through it. It implements ``BlobStore``."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self.written: list[Blob] = []

    async def write(self, content: AsyncIterable[bytes], limit: int) -> Blob:
        """Store a content and record its blob. Raise BlobTooLarge, StorageError."""
        blob = await self._store.write(content, limit)
        self.written.append(blob)
        return blob

    def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Return a part of a content. Raise BlobMissing."""
        return self._store.read(key, start, end)


@asynccontextmanager
async def removed_on_failure(database: Database, store: BlobStore) -> AsyncIterator[BlobRecorder]:
    """Yield a store for the blobs that the block writes and then refers to. If the block fails or is cancelled, remove
    those that no row refers to."""
    recorder = BlobRecorder(store)
    try:
        yield recorder
    except BaseException:
        # If the block's transaction was committed all the same, the database refuses this.
        if recorder.written:
            with suppress(StorageError):
                await database.write(partial(delete_blobs, blobs=recorder.written))
        raise


async def delete_blobs(tx: Tx, blobs: Sequence[Blob]) -> None:
    """Remove blobs that no row references any more."""
    for blob in blobs:
        await delete_blob(tx, blob.key)


async def once(content: bytes) -> AsyncIterator[bytes]:
    """Yield a content that is in memory already, in pieces."""
    for start in range(0, len(content), PIECE):
        yield content[start : start + PIECE]


async def pieces_of(content: AsyncIterable[bytes], limit: int) -> AsyncIterator[bytes]:
    """Yield a content in pieces of exactly ``PIECE`` bytes, the last one shorter. Raise BlobTooLarge."""
    buffer, size = bytearray(), 0
    async for chunk in content:
        size += len(chunk)
        if size > limit:
            raise BlobTooLarge
        buffer += chunk
        while len(buffer) >= PIECE:
            yield bytes(buffer[:PIECE])
            del buffer[:PIECE]
    if buffer:
        yield bytes(buffer)
