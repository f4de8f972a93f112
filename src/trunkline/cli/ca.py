"""``trunkline ca``: the certificate that clients of the CONNECT proxy must trust."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from trunkline.app.data import CA_DIRECTORY, open_authority, require_master_key
from trunkline.cli.errors import exit_on_error
from trunkline.cli.options import with_settings
from trunkline.settings import Settings


@with_settings("data_dir")
def run(
    settings: Settings,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it to this file.")] = None,
) -> None:
    """Write the certificate of the CONNECT proxy's CA, in PEM, to standard output or to a file."""
    with exit_on_error():
        if not (settings.storage.data_dir / CA_DIRECTORY).exists():
            asyncio.run(require_master_key(settings))
        pem = open_authority(settings).certificate_pem
        if out is None:
            typer.echo(pem.decode("ascii"), nl=False)
        else:
            # In place: the file may be a mount of its own, and can be written again.
            out.write_bytes(pem)
