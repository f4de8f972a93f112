"""Environment variables in the forms that shells and containers read. Pure.

A form also has a text for a failure. A shell that evaluates the output of a program does not see its exit code, and
evaluating nothing succeeds: the text fails where it is read. Values that a form cannot express raise ValueError.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from itertools import pairwise

_FORMAT = "--format"
_BARE = re.compile(r"[A-Za-z0-9_./:,@%+=-]*")
_POWERSHELL_QUOTES = re.compile("['\N{LEFT SINGLE QUOTATION MARK}-\N{SINGLE HIGH-REVERSED-9 QUOTATION MARK}]")


class EnvironmentForm(Enum):
    """The forms of output."""

    SH = "sh"
    FISH = "fish"
    POWERSHELL = "powershell"
    DOTENV = "dotenv"
    DOCKER = "docker"
    COMPOSE = "compose"
    JSON = "json"

    @property
    def for_container(self) -> bool:
        """True if it is for programs in containers, which do not share this machine's loopback and files."""
        return self in (EnvironmentForm.DOCKER, EnvironmentForm.COMPOSE)


def render(
    form: EnvironmentForm, variables: Mapping[str, str], removed: Iterable[str] = (), mount: str = ""
) -> str:
    """Return the text that sets the variables and, in the forms of shells, removes others. ``mount`` is a volume,
    ``/here:/there:ro``, that a container needs. Raise ValueError for a value that the form cannot express."""
    if form is EnvironmentForm.JSON:
        return json.dumps(dict(variables), indent=2)
    if form is EnvironmentForm.COMPOSE:
        volumes = ["volumes:", f"  - {_compose(mount)}"] if mount else []
        fields = [f"  {name}: {_compose(value)}" for name, value in variables.items()]
        return "\n".join(["environment:", *fields, *volumes])
    lines = [f"# docker run --env-file FILE -v {shlex.quote(mount)} …"] if mount else []
    if form in _REMOVALS:
        lines += [_REMOVALS[form](name) for name in removed]
    return "\n".join(lines + [_LINES[form](name, value) for name, value in variables.items()])


def failure(form: EnvironmentForm, message: str) -> str:
    """Return the text that fails where it is evaluated or read, on one line."""
    line = " ".join(message.split())
    if form is EnvironmentForm.POWERSHELL:
        return f"throw {_powershell(line)}"
    if form in (EnvironmentForm.COMPOSE, EnvironmentForm.JSON):
        # Neither a section that Compose knows nor a JSON document.
        return f"false: {json.dumps(line)}"
    # A command that fails; for Docker, a name with spaces in it.
    return f"false # {line}"


def failing_output(arguments: Sequence[str]) -> str:
    """Return the output of a ``trunkline env`` with these arguments that has failed, in the form that they choose."""
    given = [after for name, after in pairwise(arguments) if name == _FORMAT]
    given += [one.partition("=")[2] for one in arguments if one.startswith(f"{_FORMAT}=")]
    form = next((form for form in EnvironmentForm if form.value in given), EnvironmentForm.SH)
    return failure(form, "trunkline env failed: see its message")


def _compose(value: str) -> str:
    """Return a YAML text in which Compose replaces nothing."""
    return json.dumps(value, ensure_ascii=False).replace("$", "$$")


def _fish(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _powershell(value: str) -> str:
    return "'" + _POWERSHELL_QUOTES.sub(lambda found: found[0] * 2, value) + "'"


def _dotenv(value: str) -> str:
    """Return a value as every reader of such files understands it: their escapes differ, and so do the quotes in which
    they replace variables."""
    if _BARE.fullmatch(value):
        return value
    if "\n" not in value and "\\" not in value and "${" not in value:
        if "'" not in value:
            return f"'{value}'"
        if not set(value) & set('"$`'):
            return f'"{value}"'
    raise ValueError(f"dotenv files have no form for {value}")


def _docker(value: str) -> str:
    if "\n" in value or "\r" in value:
        raise ValueError(f"files for Docker have no form for {value}")
    return value


_LINES: Mapping[EnvironmentForm, Callable[[str, str], str]] = {
    EnvironmentForm.SH: lambda name, value: f"export {name}={shlex.quote(value)}",
    EnvironmentForm.FISH: lambda name, value: f"set -gx {name} {_fish(value)}",
    EnvironmentForm.POWERSHELL: lambda name, value: f"$env:{name} = {_powershell(value)}",
    EnvironmentForm.DOTENV: lambda name, value: f"{name}={_dotenv(value)}",
    EnvironmentForm.DOCKER: lambda name, value: f"{name}={_docker(value)}",
}
_REMOVALS: Mapping[EnvironmentForm, Callable[[str], str]] = {
    EnvironmentForm.SH: lambda name: f"unset {name}",
    EnvironmentForm.FISH: lambda name: f"set -e {name}",
    EnvironmentForm.POWERSHELL: lambda name: f"Remove-Item Env:{name} -ErrorAction SilentlyContinue",
}
