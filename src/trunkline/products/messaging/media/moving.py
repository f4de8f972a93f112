"""The move of attachments from before blobs: from the column ``content`` of their row into a blob.

It runs in the background from the start of a node until nothing is left, one attachment at a time: the content is
written as a blob, then one statement refers the row to it and empties the column. A crash in between leaves a blob
that is swept. If several nodes move the same attachment, the first one wins and the others remove their blob.
"""

from __future__ import annotations

from trunkline.core.blobs.store import BlobStore, delete_blob, once
from trunkline.core.periodic import PeriodicTask
from trunkline.core.storage.database import Database, Row, Tx


class _OldRow(Row, frozen=True):
    sid: str
    content: bytes


class MediaMover:
    """The move; implements ``Component``."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs
        self._task = PeriodicTask("attachments from before blobs", self._move_next, None)

    async def start(self) -> None:
        """Begin to move."""
        self._task.start(at_once=True)

    async def stop(self) -> None:
        """End; the next start goes on. May be called again."""
        await self._task.stop()

    async def _move_next(self) -> float | None:
        """Move one attachment and return that the next one follows at once; None if there is none."""
        row = await self._database.scan(_next_row)
        if row is None:
            return None
        blob = await self._blobs.write(once(row.content), len(row.content))

        async def refer(tx: Tx) -> None:
            moved = await tx.run(
                "UPDATE message_media SET blob = :blob, content = :empty WHERE sid = :sid AND blob IS NULL",
                blob=blob.key,
                empty=b"",
                sid=row.sid,
            )
            if not moved:
                await delete_blob(tx, blob.key)

        await self._database.write(refer)
        return 0.0


async def _next_row(tx: Tx) -> _OldRow | None:
    return await tx.one(_OldRow, "SELECT sid, content FROM message_media WHERE blob IS NULL LIMIT 1")
