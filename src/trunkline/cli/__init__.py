"""The command line: ``trunkline serve`` and the operator's commands, one module a command."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

COMMANDS = ("serve", "config", "doctor", "account", "key", "token", "number", "carrier", "jobs", "env", "ca")
"""The commands in the order of the help. Each is the module of its name, with ``run`` or, for several commands
under one name, ``app``."""


def main() -> None:
    """Run the command line."""
    build(*sys.argv[1:2])(prog_name="trunkline")


def build(name: str = "") -> typer.Typer:
    """The command line with the one command ``name`` when there is such a one, else with all.

    Only what is built is imported: a start of the server does not wait for the other commands.
    """
    app = typer.Typer(
        name="trunkline", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback()(_trunkline)
    for command in (name,) if name in COMMANDS else COMMANDS:
        module = import_module(f"trunkline.cli.{command}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=command)
        else:
            app.command(command)(module.run)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # costs a server's start too much

        typer.echo(f"trunkline {version('trunkline')}")
        raise typer.Exit


def _trunkline(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """A self-hosted server for Notify, Messaging, Programmable Chat and Sync."""
