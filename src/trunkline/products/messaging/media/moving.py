"""The move of attachments from before blobs: from the column ``content`` of their row into a blob.

1. It is a chain of jobs. Each moves one attachment, and the transaction that settles it enqueues the next one, due
   after ``PAUSE``: so the writer is free for others between two attachments.
2. All these jobs have one order key, and none is enqueued while one of them is unfinished: so there is one chain for
   all nodes, however often they start, and one attachment is moved at a time. If a node dies, another one goes on once
   its lease has ended.
3. The start of a node enqueues the first job if anything is left and there is no chain. The chain ends when its job
   finds nothing.
4. A job writes the content as a blob, then one statement refers the row to it and empties the column. If the row is
   gone by then, the blob goes with it; if the job fails or is cancelled, the blob is removed at once. A crash in
   between leaves a blob that is swept.
5. A job that fails, as on a full disk, is logged and tried again after at most ``MAX_RETRY_PAUSE``, without end.
"""

from __future__ import annotations

import logging

from trunkline.core.blobs.store import BlobStore, delete_blob, once, removed_on_failure
from trunkline.core.clock import SECOND
from trunkline.core.jobs.outcomes import ClaimedJob, Handler, JobOutcome, Retry, Success
from trunkline.core.jobs.queue import Job, enqueue_unless_queued
from trunkline.core.storage.database import LOGGED_ONCE, Database, Row, StorageError, Tx

log = logging.getLogger("trunkline.messaging")

MOVE_JOB = "messaging.media.move"
"""The kind of the job that moves one attachment."""

PAUSE = SECOND // 10
"""Microseconds between two attachments."""

MAX_RETRY_PAUSE = 60.0
"""Seconds after which a job that failed is tried again at the latest; the first pause is a second, each next one twice
the last."""

_ENDLESS = 1 << 62
_DOUBLINGS = 10


class _OldRow(Row, frozen=True):
    sid: str
    content: bytes


class MediaMover:
    """The move; implements ``Component``."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def handler(self) -> Handler:
        """Return the handler of the jobs of ``MOVE_JOB``."""
        return Handler(self._move_next, concurrency=1, max_attempts=_ENDLESS)

    async def start(self) -> None:
        """Enqueue the first job, if there is anything to move. Raise StorageError if the database fails."""
        sql = "SELECT sid FROM message_media WHERE blob IS NULL LIMIT 1"
        if await self._database.read(lambda tx: tx.value(sql)) is not None:
            await self._database.write(_enqueue_move)

    async def stop(self) -> None:
        """Do nothing: the job runner ends the jobs, and other nodes or the next start go on."""

    async def _move_next(self, job: ClaimedJob) -> JobOutcome:
        """Move one attachment, if there is one."""
        try:
            moved = await self._move()
        except StorageError as error:
            if not isinstance(error, LOGGED_ONCE):
                log.warning("the move of attachments waits for the storage: %s", error)
            pause = 2.0 ** min(job.attempts - 1, _DOUBLINGS)
            return Retry(min(pause, MAX_RETRY_PAUSE), str(error))
        return Success(also=_enqueue_move) if moved else Success()

    async def _move(self) -> bool:
        row = await self._database.scan(_next_row)
        if row is None:
            return False
        async with removed_on_failure(self._database, self._blobs) as store:
            blob = await store.write(once(row.content), len(row.content))

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
        return True


async def _enqueue_move(tx: Tx) -> None:
    await enqueue_unless_queued(tx, Job(MOVE_JOB, "null", order_key=MOVE_JOB, due=tx.now + PAUSE))


async def _next_row(tx: Tx) -> _OldRow | None:
    return await tx.one(_OldRow, "SELECT sid, content FROM message_media WHERE blob IS NULL LIMIT 1")
