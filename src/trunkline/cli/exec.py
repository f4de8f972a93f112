"""``trunkline exec``: a program in the environment that redirects it here.

The program is started only if a server responds through the proxy, with a certificate of this data directory's CA, to
the credentials that the program gets. It takes the place of this process, so its exit code and its signals are its own.
"""

from __future__ import annotations

import base64
import http.client
import os
import signal
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import urlsplit

import typer

from trunkline.cli.env import (
    AccountOption,
    CaFileOption,
    HostOption,
    ca_certificate,
    find_account,
    local_proxy_url,
)
from trunkline.cli.errors import fail, reason
from trunkline.cli.open_database import with_database
from trunkline.cli.options import DATA, with_settings
from trunkline.core.certificates import check_certificates
from trunkline.products.accounts import facade
from trunkline.products.accounts.facade import AccountCredentials
from trunkline.settings import Settings
from trunkline.switch.environment import REMOVED, ProxyAddress, foreign, owner_sids, variables

RESPONSE_SECONDS = 5.0

_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")


@with_settings(*DATA, "proxy_port")
def run(
    settings: Settings,
    command: Annotated[
        list[str], typer.Argument(metavar="[--] COMMAND...", help="The program and its arguments.")
    ],
    account: AccountOption = "",
    host: HostOption = "",
    ca_file: CaFileOption = "",
) -> None:
    """Run a program that reaches this server in place of the vendor's: trunkline exec -- python app.py."""
    proxy_url = local_proxy_url(settings, host)
    found = find_account(settings, account)
    certificate = ca_certificate(settings)
    _require_server(proxy_url, certificate, found, settings.storage.data_dir)
    trusted = Path(ca_file).absolute() if ca_file else certificate
    try:
        check_certificates(str(trusted))
    except ValueError as error:
        raise fail(f"--ca-file: {error}") from None
    environment = _environment(settings, ProxyAddress(proxy_url, trusted), found)
    _replace_process(command, environment)


def _environment(
    settings: Settings, address: ProxyAddress, credentials: AccountCredentials
) -> Mapping[str, str]:
    """Return the environment of the program: that of this process, redirected, and without the credentials of other
    servers."""
    ours = variables(address, credentials.account.sid, credentials.auth_token, os.environ)
    kept = {name: value for name, value in os.environ.items() if name not in ours and name not in REMOVED}
    sids = owner_sids(kept)
    known = with_database(settings, lambda database, _: facade.known_sids(database, sids)) if sids else set()
    strange = foreign(kept, known)
    if strange:
        typer.echo(
            f"trunkline: left out, since no credentials of this server: {', '.join(sorted(strange))}",
            err=True,
        )
    return {name: value for name, value in kept.items() if name not in strange} | ours


def _require_server(
    proxy_url: str, certificate: Path, credentials: AccountCredentials, data_dir: Path
) -> None:
    """Exit with a message unless the server of this data directory responds to the credentials."""
    sid = credentials.account.sid
    try:
        status = _request(proxy_url, certificate, sid, credentials.auth_token)
    except ssl.SSLError:
        raise fail(
            f"the proxy at {proxy_url} is not that of the server on {data_dir}, whose CA it does not have; "
            "name the server's --data-dir and --proxy-port"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        text = reason(error) if isinstance(error, OSError) else str(error)
        raise fail(
            f"no proxy of a server responds at {proxy_url}: {text}; start the server (trunkline serve), or name its "
            "--proxy-port"
        ) from None
    if status != http.client.OK:
        raise fail(f"the server at {proxy_url} does not accept the account {sid}: it responds with {status}")


def _request(proxy_url: str, certificate: Path, sid: str, token: str) -> int:
    """Return the status of a request for the account, made as the program makes its requests."""
    parts = urlsplit(proxy_url)
    connection = http.client.HTTPSConnection(
        parts.hostname or "",
        parts.port,
        timeout=RESPONSE_SECONDS,
        context=ssl.create_default_context(cafile=str(certificate)),
    )
    connection.set_tunnel("api.twilio.com", 443)
    authorization = "Basic " + base64.b64encode(f"{sid}:{token}".encode()).decode()
    try:
        connection.request(
            "GET", f"/2010-04-01/Accounts/{sid}.json", headers={"Authorization": authorization}
        )
        return connection.getresponse().status
    finally:
        connection.close()


def _replace_process(command: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Run the program in place of this one. Exit as shells do if there is no such program."""
    for name in _IGNORED_BY_PYTHON:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 - the operator's own program
    except OSError as error:
        fail(f"{command[0]}: {error.strerror}")
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        raise typer.Exit(_NOT_FOUND if missing else _NOT_EXECUTABLE) from None
