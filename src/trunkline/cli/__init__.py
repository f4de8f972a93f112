"""The command line: ``trunkline serve`` and the operator's commands, one module a command."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

COMMANDS = (
    "serve",
    "config",
    "doctor",
    "account",
    "key",
    "token",
    "number",
    "carrier",
    "jobs",
    "env",
    "exec",
    "ca",
    "sdk",
)
"""The commands in the order of the help. Each is the module of its name, with ``run`` or, for several commands
under one name, ``app``."""


def main() -> None:
    """Run the command line."""
    try:
        build(*sys.argv[1:2])(prog_name="trunkline")
    except BaseException as ended:
        failed = not isinstance(ended, SystemExit) or ended.code
        if failed and sys.argv[1:2] == ["env"] and not sys.stdout.isatty():
            from trunkline.switch.environment_forms import failing_output

            typer.echo(failing_output(sys.argv[2:]))
        raise


def build(name: str = "") -> typer.Typer:
    """Return the command line with the command ``name`` if there is one, else with all commands.

    Only the modules of those commands are imported, so that a start of the server does not wait for the others.
    """
    app = typer.Typer(
        name="trunkline", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback(help="A self-hosted server for Notify, Messaging, Programmable Chat and Sync.")(_options)
    for command in (name,) if name in COMMANDS else COMMANDS:
        module = import_module(f"trunkline.cli.{command}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=command)
        else:
            # The first argument that is no option begins another program's command line.
            settings = {"allow_interspersed_args": False} if command == "exec" else None
            app.command(command, context_settings=settings)(module.run)
    return app


def _show_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version  # costs a server's start too much

        typer.echo(f"trunkline {version('trunkline')}")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Accept the options that no command needs."""
