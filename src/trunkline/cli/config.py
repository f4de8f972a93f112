"""``trunkline config``: the effective settings, without secrets."""

from __future__ import annotations

import typer

from trunkline.settings import Settings


def run(settings: Settings) -> None:
    """Print the effective settings; of a secret only whether it is set."""
    for name, value in settings.shown().items():
        typer.echo(f"{name} = {value}")
