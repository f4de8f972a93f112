"""Jobs: ``/_trunkline/jobs`` lists the dead ones, or those of another ``State``; ``…/jobs/{Id}`` shows a job with its
payload (GET) and discards it (DELETE); ``POST …/jobs/{Id}/retry`` runs a dead job again, or a postponed one now.

They belong to the server: the operator's token is needed. Of the ``Limit`` newest jobs, 100 unless it is given, all are
listed.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError
from trunkline.api.operation import FOR_OPERATOR, Call, Empty, delete, fetch, update
from trunkline.api.params import Given, choice, integer
from trunkline.api.views import Json, Urls
from trunkline.core.clock import SECOND
from trunkline.core.jobs.administration import discard_job, find_job, list_jobs, retry_job
from trunkline.core.jobs.queue import JobState, StoredJob
from trunkline.core.jobs.removals import KIND as REMOVAL
from trunkline.core.storage.database import Tx

MAX_JOBS = 10_000
DEFAULT_JOBS = 100
"""The jobs of a list whose caller gives no limit."""


class JobFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of the list."""

    state: Annotated[Given[str], choice(*(state.value for state in JobState))] = UNSET
    limit: Annotated[Given[int], integer(1, MAX_JOBS)] = UNSET


def view(job: StoredJob, urls: Urls) -> Json:
    """Return a job with its payload."""
    return {**entry(job), "payload": job.payload}


def entry(job: StoredJob) -> Json:
    """Return a job as lists show it, here and on the command line."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "lane": job.lane or None,
        "order_key": job.order_key,
        "attempts": job.attempts,
        "due_at": job.due / SECOND,
        "created_at": job.created / SECOND,
        "running": job.holder is not None,
        "reason": job.reason or None,
    }


async def list_all(tx: Tx, call: Call[JobFilter]) -> list[StoredJob]:
    """Return the newest jobs in a state."""
    state = JobState(call.input.state) if isinstance(call.input.state, str) else JobState.DEAD
    return await list_jobs(tx, state, call.input.limit if isinstance(call.input.limit, int) else DEFAULT_JOBS)


async def fetch_job(tx: Tx, call: Call[Empty]) -> StoredJob | None:
    """Return a job; None for a finished one."""
    return await find_job(tx, call.path["Id"])


async def retry(tx: Tx, call: Call[Empty]) -> StoredJob | None:
    """Run a dead job again, or a postponed one now."""
    return await retry_job(tx, call.path["Id"])


async def discard(tx: Tx, call: Call[Empty]) -> bool:
    """Delete a job that does not run at this moment; return False if there is no such job. Raise ApiError 20409 for one
    that removes what was deleted."""
    job = await find_job(tx, call.path["Id"])
    if job is not None and job.kind == REMOVAL:
        raise ApiError(20409, f"{job.id} removes what was deleted: it can be retried, and not be discarded")
    return await discard_job(tx, call.path["Id"])


OPERATIONS = (
    fetch(
        "/jobs",
        list_all,
        lambda jobs, _urls: {"jobs": [entry(job) for job in jobs]},
        input=JobFilter,
        pages=True,
        **FOR_OPERATOR,
    ),
    fetch("/jobs/{Id}", fetch_job, view, **FOR_OPERATOR),
    update("/jobs/{Id}/retry", retry, view, Empty, **FOR_OPERATOR),
    delete("/jobs/{Id}", discard, **FOR_OPERATOR),
)
"""The operations of jobs."""
