"""``trunkline env``: the shell commands that redirect an unmodified app here."""

from __future__ import annotations

from typing import Annotated

import typer

from trunkline.app.data import CA_DIRECTORY, open_authority
from trunkline.cli.addresses import url
from trunkline.cli.errors import exit_on_error, fail
from trunkline.cli.open_database import no_account, with_database
from trunkline.cli.options import DATA, with_settings
from trunkline.products.accounts import facade
from trunkline.settings import Settings
from trunkline.switch.environment import export_commands


@with_settings(*DATA, "host", "proxy_port")
def run(
    settings: Settings,
    account: Annotated[
        str, typer.Option(metavar="SID", help="The account; without it account_sid, or the oldest one.")
    ] = "",
) -> None:
    """Print the commands that redirect an unmodified app here: eval "$(trunkline env)"."""
    if settings.server.proxy_port < 0:
        raise fail("the CONNECT proxy is switched off (proxy_port is -1)")
    if settings.server.proxy_port == 0:
        raise fail(
            "proxy_port is 0, so the port is known to the running server only: give it with --proxy-port"
        )
    sid = account or settings.accounts.account_sid
    found = with_database(settings, lambda database, vault: facade.find_credentials(database, vault, sid))
    if found is None:
        raise no_account()
    with exit_on_error():
        open_authority(settings)
    ca = (settings.storage.data_dir / CA_DIRECTORY / "ca.pem").resolve()
    for line in export_commands(
        url(settings.server.host, settings.server.proxy_port), ca, found.account.sid, found.auth_token
    ):
        typer.echo(line)
