"""``trunkline jobs``: the queue of jobs and the dead ones, while the server runs or not."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from trunkline.cli.control_api import run
from trunkline.cli.options import DATA, with_settings
from trunkline.cli.printing import AsJson, print_fields, print_json, print_table
from trunkline.control.jobs import DEFAULT_JOBS, MAX_JOBS
from trunkline.core.clock import SECOND
from trunkline.core.dates import iso
from trunkline.core.jobs.queue import JobState
from trunkline.settings import Settings

app = typer.Typer(no_args_is_help=True, help="List jobs, retry dead ones, or discard them.")

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
    jobs = run(settings, "GET", ("jobs",), {"State": state.value, "Limit": limit})["jobs"]
    if as_json:
        print_json(jobs)
        return
    if not jobs:
        typer.echo(f"no job is {state.value}")
        return
    rows = [
        (
            job["id"],
            job["kind"],
            job["lane"] or "",
            str(job["attempts"]),
            _date(job["due_at"]),
            job["reason"] or "",
        )
        for job in jobs
    ]
    print_table(("ID", "KIND", "LANE", "ATTEMPTS", "DUE", "REASON"), rows)


@app.command("show")
@with_settings(*DATA)
def show(settings: Settings, id: Id, as_json: AsJson = False) -> None:
    """Show a job with its payload."""
    _show(run(settings, "GET", ("jobs", id), absent=_absent(id)), as_json)


@app.command("retry")
@with_settings(*DATA)
def retry(settings: Settings, id: Id, as_json: AsJson = False) -> None:
    """Run a dead job again, or a postponed one now."""
    _show(run(settings, "POST", ("jobs", id, "retry"), absent=_absent(id)), as_json)


@app.command("discard")
@with_settings(*DATA)
def discard(settings: Settings, id: Id) -> None:
    """Discard a job that is not running: it will never run."""
    run(settings, "DELETE", ("jobs", id), absent=f"there is no job {id} that could be discarded")
    typer.echo(f"discarded {id}")


def _absent(id: str) -> str:
    """Return the message for a job that is not stored."""
    return f"there is no job {id}: it is done, or never was"


def _date(seconds: float) -> str:
    return iso(round(seconds * SECOND))


def _show(job: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(job)
        return
    shown = {**job, "due_at": _date(job["due_at"]), "created_at": _date(job["created_at"])}
    print_fields(shown)
