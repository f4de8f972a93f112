"""``trunkline doctor``: a check of everything that a server needs, with remedies; it changes nothing."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import Any

import typer

from trunkline.cli.doctor import authority, database, files, machine, network, tables
from trunkline.cli.doctor.finding import DoctorFinding, Level, failed, ok, warned
from trunkline.cli.options import with_flags
from trunkline.cli.printing import AsJson, print_json, printable
from trunkline.settings import OPTIONS
from trunkline.settings.loading import load
from trunkline.settings.option import PREFIX, variable
from trunkline.settings.values import BadSetting, nearest

_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
_KNOWN = {f"{PREFIX}CONFIG", *map(variable, OPTIONS)}


@with_flags()
def run(flags: Mapping[str, Any], as_json: AsJson = False) -> None:
    """Check settings, files, database, bus, ports and certificate, and print a remedy for each problem. Change
    nothing. The exit code is 1 if a check fails."""
    # A check reports in its finding what it would log.
    logging.getLogger("trunkline").addHandler(logging.NullHandler())
    findings = asyncio.run(_check_all(flags))
    sound = all(finding.level is not Level.FAIL for finding in findings)
    if as_json:
        print_json({"ok": sound, "findings": findings})
    else:
        for finding in findings:
            _print(finding)
    if not sound:
        raise typer.Exit(1)


async def _check_all(flags: Mapping[str, Any]) -> list[DoctorFinding]:
    try:
        settings = load(flags)
    except BadSetting as error:
        return [failed("settings", str(error), "put the value right; `trunkline serve --help` explains it")]
    return [
        _unknown_variables(),
        *machine.findings(settings),
        *files.findings(settings),
        *await database.findings(settings),
        *await tables.findings(settings),
        *await network.findings(settings),
        *authority.findings(settings),
    ]


def _unknown_variables() -> DoctorFinding:
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in _KNOWN)
    if unknown:
        return warned(
            "settings",
            f"the environment sets what is no option: {', '.join(unknown)}",
            f"{_suggestion(unknown)} `trunkline config` shows the effective options",
        )
    return ok("settings", "all values can be used")


def _suggestion(unknown: list[str]) -> str:
    names = [name.removeprefix(PREFIX).lower() for name in unknown]
    found = ", ".join(map(variable, nearest(names, OPTIONS)))
    return f"did you mean {found}?" if found else "remove them;"


def _print(finding: DoctorFinding) -> None:
    level = typer.style(f"{finding.level.value:4}", fg=_COLOURS[finding.level])
    typer.echo(f"{level}  {finding.name:12}  {printable(finding.message)}")
    if finding.remedy:
        typer.echo(f"{'':20}-> {printable(finding.remedy)}")
