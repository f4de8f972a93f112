"""The administration of the queue: the operator's view of it, and the changes that an operator may make."""

from __future__ import annotations

from trunkline.core.jobs.claims import free_next
from trunkline.core.jobs.queue import JobsDue, JobState, StoredJob, order_lock
from trunkline.core.storage.database import Tx, columns

_FIND = f"SELECT {columns(StoredJob)} FROM jobs WHERE id = :id"
_NEWEST = "ORDER BY created DESC, id DESC LIMIT :limit"
# Each has an index of its own.
_IN_STATE = {
    JobState.DEAD: f"SELECT {columns(StoredJob)} FROM jobs WHERE state = 'dead' {_NEWEST}",
    JobState.READY: f"SELECT {columns(StoredJob)} FROM jobs WHERE state = 'ready' {_NEWEST}",
    JobState.WAITING: f"SELECT {columns(StoredJob)} FROM jobs WHERE state = 'waiting' {_NEWEST}",
}
_REVIVE = "UPDATE jobs SET state = 'waiting', due = :now, attempts = 0 WHERE id = :id AND state = 'dead'"
_READY = "UPDATE jobs SET state = 'ready' WHERE id = :id"
_HASTEN = "UPDATE jobs SET due = :now WHERE id = :id AND holder IS NULL AND due > :now"
_DELETE = "DELETE FROM jobs WHERE id = :id AND (holder IS NULL OR due <= :now)"


async def find_job(tx: Tx, id: str) -> StoredJob | None:
    """Find the job with ``id``; a finished one is not found."""
    return await tx.one(StoredJob, _FIND, id=id)


async def list_jobs(tx: Tx, state: JobState, limit: int) -> list[StoredJob]:
    """Return up to ``limit`` jobs in ``state``, newest first."""
    return await tx.all(StoredJob, _IN_STATE[state], limit=limit)


async def retry_job(tx: Tx, id: str) -> StoredJob | None:
    """Run a dead job again, with all its attempts, or a postponed one now; a job that runs stays as it is. A job behind
    another one of its order still waits for that one."""
    job = await find_job(tx, id)
    if job is None:
        return None
    if job.order_key:
        await tx.lock(order_lock(job.order_key))
    if await tx.run(_REVIVE, id=id, now=tx.now):
        if job.order_key:
            await free_next(tx, job.order_key)
        else:
            await tx.run(_READY, id=id)
    else:
        await tx.run(_HASTEN, id=id, now=tx.now)
    tx.announce(JobsDue(tx.now))
    return await find_job(tx, id)


async def discard_job(tx: Tx, id: str) -> bool:
    """Delete a job; return False if there is none or it is running."""
    job = await find_job(tx, id)
    if job is None:
        return False
    if job.order_key:
        await tx.lock(order_lock(job.order_key))
    if not await tx.run(_DELETE, id=id, now=tx.now):
        return False
    if job.order_key:
        await free_next(tx, job.order_key)
        tx.announce(JobsDue(tx.now))
    return True
