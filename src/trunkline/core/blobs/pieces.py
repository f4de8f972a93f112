"""Blobs as rows in pieces, on PostgreSQL, where any node may read what another one wrote.

1. The row of ``blobs`` comes first, with its size unknown as 0; each piece is a transaction of its own, so that no
   transaction lasts as long as an upload. The last one sets the size.
2. A write that fails or is cancelled removes its row and pieces in one more transaction.
3. A piece is found by its number, so a range reads only what it covers. A read holds one piece and no connection while
   its caller uses it.
4. The sweep, a task of its own on each node, removes what a crash left; what two nodes remove at once is removed once.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import suppress

from trunkline.core.blobs.orphans import remove_orphans
from trunkline.core.blobs.store import (
    FIRST_SWEEP_SECONDS,
    PIECE,
    SWEEP_SECONDS,
    Blob,
    BlobMissing,
    BlobReference,
    delete_blob,
    pieces_of,
)
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.database import Database, Row, StorageError, Tx


class _Piece(Row, frozen=True):
    key: str
    number: int
    content: bytes


class PieceBlobs:
    """Implements ``BlobStore`` with rows of ``blob_pieces``."""

    def __init__(self, database: Database, references: Sequence[BlobReference]) -> None:
        self._database = database
        self._references = references
        self._sweeping = PeriodicTask(
            "unused blobs", self.sweep, SWEEP_SECONDS, retry_seconds=SWEEP_SECONDS, due_by=database.clock
        )

    async def write(self, content: AsyncIterable[bytes], limit: int) -> Blob:
        """Store a content. Raise BlobTooLarge, StorageError."""
        key = secrets.token_hex(16)
        try:
            await self._database.write(lambda tx: tx.insert("blobs", Blob(key, 0, tx.now)))
            return await self._write_pieces(key, content, limit)
        except BaseException:
            # The sweep removes it, if this cannot.
            with suppress(StorageError):
                await self._database.write(lambda tx: delete_blob(tx, key))
            raise

    async def _write_pieces(self, key: str, content: AsyncIterable[bytes], limit: int) -> Blob:
        number, size = 0, 0
        async for piece in pieces_of(content, limit):
            row = _Piece(key, number, piece)
            await self._database.write(lambda tx, row=row: tx.insert("blob_pieces", row))  # type: ignore[misc]
            number, size = number + 1, size + len(piece)

        async def complete(tx: Tx) -> Blob:
            await tx.run(
                "UPDATE blobs SET size = :size, date_created = :now WHERE key = :key",
                size=size,
                now=tx.now,
                key=key,
            )
            return Blob(key, size, tx.now)

        return await self._database.write(complete)

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield a part of a content. Raise BlobMissing."""
        sql = "SELECT content FROM blob_pieces WHERE key = :key AND number = :number"
        while start < end:
            number, offset = divmod(start, PIECE)
            piece: bytes | None = await self._database.read(
                lambda tx, number=number: tx.value(sql, key=key, number=number)  # type: ignore[misc]
            )
            chunk = (piece or b"")[offset : offset + end - start]
            if not chunk:
                raise BlobMissing(f"the blob {key} cannot be read")
            start += len(chunk)
            yield chunk

    async def start(self) -> None:
        """Begin to sweep."""
        self._sweeping.start(after=FIRST_SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Remove blobs without a reference."""
        await remove_orphans(self._database, self._references)

    async def stop(self) -> None:
        """End the sweep. May be called again."""
        await self._sweeping.stop()
