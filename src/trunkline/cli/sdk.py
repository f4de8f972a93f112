"""``trunkline sdk``: the browser SDKs that the server gives to pages in place of the vendor's hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trunkline.app.data import sdk_directory
from trunkline.browser_sdks.library import PACKAGES, SdkRelease, copy_bundles, list_releases
from trunkline.cli.errors import exit_on_error, fail
from trunkline.cli.options import with_settings
from trunkline.cli.printing import AsJson, print_json, print_table
from trunkline.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Fill and list the browser SDKs that pages load from this server."
)


@app.command("fetch")
@with_settings("data_dir", "sdk_dir")
def fetch_sdks(
    settings: Settings,
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="FROM...", help="Folders with npm packages, such as node_modules."),
    ],
) -> None:
    """Copy the browser bundles of installed npm packages to where the server finds them."""
    found: list[SdkRelease] = []
    for source in sources:
        if not source.is_dir():
            raise fail(f"there is no folder {source}")
        with exit_on_error():
            found += copy_bundles(source, sdk_directory(settings))
    if not found:
        raise fail(
            f"no browser bundle of {', '.join(PACKAGES)} is in {', '.join(map(str, sources))}: "
            "install one first, such as `npm install twilio-sync`"
        )
    _show(found)


@app.command("list")
@with_settings("data_dir", "sdk_dir")
def list_sdks(settings: Settings, as_json: AsJson = False) -> None:
    """List the releases that the server has."""
    found = list_releases(sdk_directory(settings))
    if as_json:
        print_json([{"name": one.name, "version": one.version, "files": one.files} for one in found])
    elif found:
        _show(found)
    else:
        typer.echo("none: fill it with `trunkline sdk fetch node_modules`")


def _show(releases: list[SdkRelease]) -> None:
    rows = [
        (one.name, one.version, f"/sdk/js/{one.name}/releases/{one.version}/", ", ".join(one.files))
        for one in releases
    ]
    print_table(("SDK", "VERSION", "PATH", "FILES"), rows)
