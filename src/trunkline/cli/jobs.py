"""``trunkline jobs``: the queue of jobs and the dead ones, while the server runs or not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from trunkline.cli.database import with_database
from trunkline.cli.errors import fail
from trunkline.cli.options import DATA, with_settings
from trunkline.cli.printing import AsJson, print_json, print_pairs, print_table
from trunkline.control.jobs import DEFAULT_JOBS, MAX_JOBS, entry
from trunkline.core.dates import iso
from trunkline.core.jobs.administration import discard_job, find_job, list_jobs, retry_job
from trunkline.core.jobs.queue import JobState, StoredJob
from trunkline.core.storage.database import Tx
from trunkline.settings import Settings

app = typer.Typer(no_args_is_help=True, help="List jobs, retry dead ones, or discard them.")

T = TypeVar("T")

Id = Annotated[str, typer.Argument(metavar="ID", help="The job, JB….")]


@app.command("list")
@with_settings(*DATA)
def show_all(
    settings: Settings,
    state: Annotated[
        JobState, typer.Option(help="State of the jobs: dead, queued, or behind another job.")
    ] = JobState.DEAD,
    limit: Annotated[int, typer.Option(min=1, max=MAX_JOBS, help="Maximum number of jobs.")] = DEFAULT_JOBS,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first; the dead ones by default."""
    jobs = with_database(settings, lambda database, _: database.scan(lambda tx: list_jobs(tx, state, limit)))
    if as_json:
        print_json([entry(job) for job in jobs])
        return
    rows = [(job.id, job.kind, job.lane, str(job.attempts), iso(job.due), job.reason) for job in jobs]
    print_table(("ID", "KIND", "LANE", "ATTEMPTS", "DUE", "REASON"), rows)


@app.command("show")
@with_settings(*DATA)
def show(settings: Settings, id: Id, as_json: AsJson = False) -> None:
    """Show a job with its payload."""
    found = with_database(settings, lambda database, _: database.read(lambda tx: find_job(tx, id)))
    _show(found, id, as_json)


@app.command("retry")
@with_settings(*DATA)
def retry(settings: Settings, id: Id, as_json: AsJson = False) -> None:
    """Run a dead job again, or a postponed one now."""
    _show(_write(settings, lambda tx: retry_job(tx, id)), id, as_json)


@app.command("discard")
@with_settings(*DATA)
def discard(settings: Settings, id: Id) -> None:
    """Discard a job that is not running: it will never run."""
    if not _write(settings, lambda tx: discard_job(tx, id)):
        raise fail(f"there is no job {id} that could be discarded")
    typer.echo(f"discarded {id}")


def _write(settings: Settings, action: Callable[[Tx], Awaitable[T]]) -> T:
    return with_database(settings, lambda database, _: database.write(action))


def _show(job: StoredJob | None, id: str, as_json: bool) -> None:
    if job is None:
        raise fail(f"there is no job {id}: it is done, or never was")
    if as_json:
        print_json({**entry(job), "payload": job.payload})
        return
    shown = {**entry(job), "due_at": iso(job.due), "created_at": iso(job.created), "payload": job.payload}
    print_pairs({name: str(value) for name, value in shown.items() if value is not None})
