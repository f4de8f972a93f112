"""``trunkline env``: the environment that redirects an unmodified app here, in the forms of shells and containers."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import urlsplit

import typer

from trunkline.app.data import CA_DIRECTORY, open_authority
from trunkline.cli.addresses import is_loopback, local_host, url_of
from trunkline.cli.errors import exit_on_error, fail
from trunkline.cli.open_database import no_account, with_database
from trunkline.cli.options import DATA, with_settings
from trunkline.products.accounts import facade
from trunkline.products.accounts.facade import AccountCredentials
from trunkline.settings import Settings
from trunkline.switch.environment import REMOVED, ProxyAddress, credentials, variables
from trunkline.switch.environment_forms import EnvironmentForm, render

CONTAINER_CA = PurePosixPath("/run/trunkline/ca.pem")
"""The path of the CA's certificate in a container, unless another one is given."""

AccountOption = Annotated[
    str, typer.Option(metavar="SID", help="The account; without it account_sid, or the oldest one.")
]
HostOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Host under which the program reaches this server; by default the one that it listens on.",
    ),
]
CaFileOption = Annotated[
    str, typer.Option(metavar="FILE", help="Path of the CA's certificate where the program runs.")
]

_NO_PROXY = "the CONNECT proxy is switched off (proxy_port is -1)"


@with_settings(*DATA, "proxy_port")
def run(
    settings: Settings,
    account: AccountOption = "",
    host: HostOption = "",
    format: Annotated[
        EnvironmentForm, typer.Option(help="Form of the output: a shell's, a file's, or Compose's.")
    ] = EnvironmentForm.SH,
    ca_file: CaFileOption = "",
) -> None:
    """Print the environment that redirects an unmodified app here: eval "$(trunkline env)"."""
    found = find_account(settings, account)
    sid, token = found.account.sid, found.auth_token
    try:
        if settings.server.proxy_port < 0:
            typer.echo(render(format, credentials(sid, token), REMOVED))
            typer.echo(
                f"trunkline: {_NO_PROXY}: these are the credentials alone, with which an app still reaches the "
                "vendor; give its SDK this server's address, or start the server with the proxy",
                err=True,
            )
            return
        certificate = ca_certificate(settings)
        mount = ""
        if format.for_container and not ca_file:
            mount, ca_file = f"{certificate}:{CONTAINER_CA}:ro", str(CONTAINER_CA)
        address = ProxyAddress(_proxy_url(settings, host, format), PurePosixPath(ca_file or certificate))
        inherited = {} if _is_for_file(format) else os.environ
        typer.echo(render(format, variables(address, sid, token, inherited), REMOVED, mount))
    except ValueError as error:
        raise fail(str(error)) from None


def find_account(settings: Settings, account: str) -> AccountCredentials:
    """Return the account that a program is started with. Exit with a message if there is none."""
    sid = account or settings.accounts.account_sid
    found = with_database(settings, lambda database, vault: facade.find_credentials(database, vault, sid))
    if found is None:
        raise no_account()
    return found


def ca_certificate(settings: Settings) -> Path:
    """Return the file of the CA's certificate, made on first use. Exit with a message if it cannot be used."""
    with exit_on_error():
        open_authority(settings)
    return (settings.storage.data_dir / CA_DIRECTORY / "ca.pem").resolve()


def local_proxy_url(settings: Settings, host: str) -> str:
    """Return the address of the proxy for a program on this machine. Exit with a message if there is no proxy, or if
    the running server alone has its port."""
    if settings.server.proxy_port < 0:
        raise fail(_NO_PROXY)
    if settings.server.proxy_port == 0:
        raise fail(
            "proxy_port is 0, so the port is known to the running server only: give it with --proxy-port"
        )
    return url_of(local_host(host or settings.server.host), settings.server.proxy_port)


def _proxy_url(settings: Settings, host: str, form: EnvironmentForm) -> str:
    if not form.for_container or host:
        return local_proxy_url(settings, host)
    public = urlsplit(settings.messaging.public_url).hostname or ""
    for name in (local_host(settings.server.host), public):
        if name and not is_loopback(name):
            return local_proxy_url(settings, name)
    raise fail(
        "in a container 127.0.0.1 is the container itself: give --host the name under which it reaches this server, "
        "such as a service of Compose or host.docker.internal, and let the server listen there (--host 0.0.0.0)"
    )


def _is_for_file(form: EnvironmentForm) -> bool:
    return form.for_container or form in (EnvironmentForm.DOTENV, EnvironmentForm.JSON)
