"""Commands that execute Operations of the control API: the same ones that requests reach, on each engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trunkline.api.errors import ApiError, invalid
from trunkline.api.execution import OperationExecutor, Request, Response
from trunkline.api.principal import OPERATOR
from trunkline.app.products import products
from trunkline.control import jobs
from trunkline.settings import Settings
from unit.cli.conftest import Cli
from unit.cli.test_jobs import dead_job

NUMBER = "+14155550100"
UNKNOWN = "AC" + "0" * 32

Executed = list[tuple[Request, Response]]


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> Executed:
    """Return the requests that the executor handles, with their responses."""
    found: Executed = []
    handle = OperationExecutor.handle

    async def recorded(self: OperationExecutor, request: Request) -> Response:
        response = await handle(self, request)
        found.append((request, response))
        return response

    monkeypatch.setattr(OperationExecutor, "handle", recorded)
    return found


def reject(monkeypatch: pytest.MonkeyPatch, error: ApiError) -> None:
    """Reject every request with an error."""

    async def rejected(self: OperationExecutor, request: Request) -> Response:
        raise error

    monkeypatch.setattr(OperationExecutor, "handle", rejected)


COMMANDS: list[tuple[tuple[str, ...], str | None]] = [
    (("number", "add", NUMBER, "--json"), ""),
    (("number", "assign", NUMBER, "--json"), ""),
    (("number", "list", "--json"), "numbers"),
    (("number", "remove", NUMBER), None),
    (("jobs", "list", "--json"), "jobs"),
    (("jobs", "show", "{job}", "--json"), ""),
    (("jobs", "retry", "{job}", "--json"), ""),
    (("jobs", "discard", "{job}"), None),
]
"""Commands, and the key of the response whose value they print: all of it for an empty one, nothing for None."""

OF_COMMANDS = {"/numbers", "/numbers/{Number}", "/jobs", "/jobs/{Id}", "/jobs/{Id}/retry"}


def test_each_command_executes_an_operation_and_prints_its_response(
    cli: Cli, data: Path, executed: Executed
) -> None:
    job = dead_job()
    for arguments, key in COMMANDS:
        executed.clear()
        outcome = cli(*(one.format(job=job) for one in arguments))
        ((request, response),) = executed
        assert (outcome.code, request.principal) == (0, OPERATOR)
        if key is not None:
            body: Any = json.loads(response.body)
            assert outcome.json == (body[key] if key else body)


def test_every_operation_of_jobs_and_numbers_has_a_command(cli: Cli, data: Path, executed: Executed) -> None:
    job = dead_job()
    for arguments, _ in COMMANDS:
        cli(*(one.format(job=job) for one in arguments))
    of_products = [operation for manifest in products(Settings()) for operation in manifest.control]
    served = [one for one in (*jobs.OPERATIONS, *of_products) if one.path in OF_COMMANDS]
    # Lists show all that a number has.
    without = {("GET", "/numbers/{Number}")}
    reached = {request.match.route.operation for request, _ in executed}
    assert {(one.method, one.path) for one in served} - without == {(one.method, one.path) for one in reached}
    assert all(any(one is operation for operation in served) for one in reached)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ApiError(20409, "+1 was bought just now"), "+1 was bought just now"),
        (ApiError(20404), f"{NUMBER} is not in the inventory"),
        (invalid("Rate", "must be small"), "--rate must be small"),
        (invalid("Number", "must be short"), "NUMBER must be short"),
        (invalid("Number", "+1 cannot be a number"), "+1 cannot be a number"),
        (
            invalid("AccountSid", "is not an account"),
            f"there is no account {UNKNOWN}; `trunkline account list` shows them",
        ),
    ],
)
def test_a_rejection_is_shown_in_the_words_of_the_command_line(
    cli: Cli, data: Path, monkeypatch: pytest.MonkeyPatch, error: ApiError, message: str
) -> None:
    cli("account", "create")
    reject(monkeypatch, error)
    outcome = cli("number", "assign", NUMBER, "--account", UNKNOWN)
    assert (outcome.code, outcome.out, outcome.err) == (1, "", f"trunkline: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("number", "add", ""), "NUMBER must be"),
        (("number", "add", NUMBER, "--rate", "nan"), "--rate must be"),
        (("number", "add", NUMBER, "--carrier", "\udcff"), "the arguments are not UTF-8"),
        (("number", "remove", "\udcff"), "the arguments are not UTF-8"),
        (("number", "list", "--account", UNKNOWN), f"there is no account {UNKNOWN}"),
        (("jobs", "show", ""), "there is no job"),
    ],
)
def test_what_an_operation_rejects_is_an_error(
    cli: Cli, data: Path, arguments: tuple[str, ...], message: str
) -> None:
    cli("account", "create")
    outcome = cli(*arguments)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"trunkline: {message}")
