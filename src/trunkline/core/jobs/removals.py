"""The deletion of a resource with everything below it, however much that is, in transactions of a bounded size.

1. ``delete`` marks the row as deleted, and removes rows below it, up to ``ROWS`` in the caller's transaction. If that
   was all, the row goes with them. Else it stays, marked, and a job removes the rest: both exist, or neither.
2. A table that has a plan has a column ``deleted`` and a view ``live_<table>`` without the marked rows. Every query
   reads the view, so that nobody sees a marked row, and the view of a child table leaves out what is below one.
3. The marked row keeps the references to it valid: a transaction that began before the mark may still add a child,
   which goes with the row at the end. Unique names are released with the mark.
4. A job removes some thousands of rows, in pieces, and is then due again, so that several removals take turns and a
   stop waits shortly. Nothing is remembered but the plan and the SID: after a crash any node goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import msgspec

from trunkline.core.jobs.outcomes import ClaimedJob, Handler, JobOutcome, Retry, Success
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.storage.database import Database, StorageError, Tx
from trunkline.core.storage.removal import ROWS, RemovalPlan, in_pieces

KIND = "removal"
ROWS_A_RUN = 20 * ROWS
"""The rows that one run of a job removes at most."""
RETRY_SECONDS = 2.0
UNKNOWN_SECONDS = 60.0
_ENDLESS = 1 << 62


class _Payload(msgspec.Struct, frozen=True):
    plan: str
    sid: str


async def delete(tx: Tx, plan: RemovalPlan, account_sid: str, sid: str) -> bool:
    """Delete the account's row with this SID and everything below it; return False if there is none."""
    marked = await plan.mark(tx, account_sid, sid)
    if marked:
        await remove_marked(tx, plan, sid)
    return marked


async def remove_marked(tx: Tx, plan: RemovalPlan, sid: str, limit: int = ROWS) -> int:
    """Remove a row that is marked as deleted, and up to ``limit`` rows below it; a job removes the rest. Return the
    number of rows below it that were removed."""
    removed = 0
    for group in plan.groups(sid):
        if removed < limit:
            removed += await group(tx, limit - removed)
    if removed < limit and await plan.finish(tx, sid):
        return removed
    await plan.release(tx, sid)
    payload = msgspec.json.encode(_Payload(plan.table, sid)).decode()
    await enqueue(tx, Job(KIND, payload))
    return removed


class Removals:
    """The runner of the jobs of ``KIND``, for the plans of all products. ``rows`` counts the rows that this node has
    removed, for the metrics."""

    def __init__(self, database: Database, plans: Iterable[RemovalPlan]) -> None:
        self._database = database
        self._plans = {plan.table: plan for plan in plans}
        self.rows = 0

    def handler(self) -> Handler:
        """Return the handler of the jobs. One at a time, so that other writes have at least half of the time."""
        return Handler(self.run_job, concurrency=1, max_attempts=_ENDLESS)

    async def run_job(self, job: ClaimedJob) -> JobOutcome:
        """Remove some of the rows of a job, and the row itself after the last one."""
        payload = msgspec.json.decode(job.payload, type=_Payload)
        plan = self._plans.get(payload.plan)
        if plan is None:
            return Retry(UNKNOWN_SECONDS, f"this node cannot remove rows of {payload.plan}")
        left = ROWS_A_RUN
        try:
            for group in plan.groups(payload.sid):
                done = await in_pieces(self._database, group, most=left)
                left -= done.rows
                self.rows += done.rows
                if done.more:
                    return Retry(0, f"{ROWS_A_RUN} more rows are removed, some are left")
            finished = await self._database.write(partial(plan.finish, sid=payload.sid))
        except StorageError as error:
            return Retry(RETRY_SECONDS, f"the database: {error}")
        return Success() if finished else Retry(RETRY_SECONDS, "other transactions hold the rest of the rows")
