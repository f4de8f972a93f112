"""Commands that execute Operations of the control API have no rules of their own: they import nothing that reads or
changes what is stored."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rules.source import ROOT, Source, report
from rules.test_imports import imported

COMMANDS = ("src/trunkline/cli/jobs.py", "src/trunkline/cli/number.py")

ALLOWED = (
    "trunkline.cli.control_api",
    "trunkline.cli.options",
    "trunkline.cli.printing",
    "trunkline.control.jobs.DEFAULT_JOBS",
    "trunkline.control.jobs.MAX_JOBS",
    "trunkline.core.clock.SECOND",
    "trunkline.core.dates",
    "trunkline.core.jobs.queue.JobState",
    "trunkline.products.messaging.facade.MAX_RATE",
    "trunkline.products.messaging.facade.NumberType",
    "trunkline.products.messaging.facade.read_address",
    "trunkline.settings.Settings",
)
"""The imports of these commands: how they execute and print, and the values that their options may have."""


def offences(source: Source) -> Iterator[str]:
    """Yield the imports of these commands by which they could act beside the Operations."""
    if source.path not in COMMANDS:
        return
    for line, name in imported(source):
        if f"{name}.".startswith("trunkline.") and not any(
            f"{name}.".startswith(f"{one}.") for one in ALLOWED
        ):
            yield source.at(line, f"may not import {name}: the Operation of the control API has the rules")


def test_commands_leave_the_rules_to_the_operations() -> None:
    assert not (found := report(offences, "src/trunkline/cli")), found


@pytest.mark.parametrize("path", COMMANDS)
def test_a_listed_command_executes_operations(path: str) -> None:
    source = Source.of(path, (ROOT / path).read_text("utf-8"))
    assert "trunkline.cli.control_api.run" in {name for _, name in imported(source)}


@pytest.mark.parametrize(
    "text",
    [
        "from trunkline.products.messaging.numbers.inventory_changes import add_number",
        "from trunkline.products.messaging import facade",
        "from trunkline.core.jobs.administration import retry_job",
        "from trunkline.cli.open_database import with_database",
        "def late():\n    import trunkline.core.storage.database",
    ],
)
def test_a_way_around_the_operations_is_caught(text: str) -> None:
    assert list(offences(Source.of(COMMANDS[0], text)))
    assert list(offences(Source.of("src/trunkline/cli/account.py", text))) == []
