"""The command line: ``trunkline serve`` and the operator's commands, one module a command."""

from __future__ import annotations

import typer

from trunkline.cli import config, serve
from trunkline.cli.options import with_settings

app = typer.Typer(
    name="trunkline",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A self-hosted server for Notify, Messaging, Programmable Chat and Sync.",
)
app.command("serve", help=serve.run.__doc__)(with_settings(serve.run))
app.command("config", help=config.run.__doc__)(with_settings(config.run))


def main() -> None:
    """Run the command line."""
    app()
