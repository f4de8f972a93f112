"""``trunkline serve``: run a node."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import typer

from trunkline.app.data import CA_DIRECTORY, OPERATOR_TOKEN_FILE, make_private, require_master_key
from trunkline.app.server import Server, write_ready_file
from trunkline.cli.addresses import ANY, PortState, probe_port
from trunkline.cli.errors import exit_on_error, fail, reason
from trunkline.cli.options import with_settings
from trunkline.cli.startup_message import ReadyServer, port_of, startup_message
from trunkline.core.telemetry import configure_logs
from trunkline.settings import Settings
from trunkline.settings.loading import settings_file
from trunkline.settings.server import PRODUCTS, ServerSettings
from trunkline.settings.values import without_password
from trunkline.transports.options import SandboxRoute


@with_settings()
def run(settings: Settings) -> None:
    """Run the server until SIGTERM or Ctrl-C; requests in flight are finished."""
    configure_logs(settings.server.lowest_level)
    _allow_many_files()
    trust_the_system(settings)
    with exit_on_error():
        try:
            _loop(_serve(settings))
        except OSError as error:
            raise fail(f"cannot start: {_start_error(error, settings)}") from None


def _allow_many_files() -> None:
    """Raise the limit of open files to the hard limit: each connection is an open file, and shells often start with
    1,024."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS refuses what it calls unlimited.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def trust_the_system(settings: Settings) -> None:
    """Forget the certificates of programs that this server serves, in a shell that ``env`` has prepared: the server's
    own requests reach other servers."""
    own = (settings.storage.data_dir / CA_DIRECTORY).resolve()
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if name in os.environ and own in (path := Path(os.environ[name]), path.parent):
            del os.environ[name]


def _loop(main: object) -> None:
    if sys.platform == "win32":
        asyncio.run(main)  # type: ignore[arg-type]
    else:
        import uvloop

        uvloop.run(main)  # type: ignore[arg-type]


async def _serve(settings: Settings) -> None:
    def announce(server: Server) -> None:
        first = server.node.accounts.first
        if settings.server.ready_file:
            write_ready_file(Path(settings.server.ready_file), server, first.account.sid)
        typer.echo(startup_message(_ready_server(settings, server), first, settings.accounts.auth_token))

    await require_master_key(settings)
    make_private(settings)
    await Server(settings, announce).run()


def _ready_server(settings: Settings, server: Server) -> ReadyServer:
    proxy_port = port_of(server.proxy_url)
    file = settings_file()
    return ReadyServer(
        settings.server.host,
        port_of(server.url) or settings.server.port,
        proxy_port,
        PRODUCTS,
        program(),
        flags_for(settings, proxy_port),
        str(file.absolute()) if file else "",
        _operator_token_file(settings),
        inbox=SandboxRoute().name in settings.messaging.carrier_names,
        local_webhooks=settings.server.dev,
    )


def _operator_token_file(settings: Settings) -> str:
    path = str(settings.storage.data_dir / OPERATOR_TOKEN_FILE)
    return path if not settings.server.operator_token and os.path.exists(path) else ""


def program() -> list[str]:
    """Return the words that run this program from any directory: its name, if that finds it."""
    started = Path(sys.argv[0]).absolute()
    if started.name == "__main__.py":
        return [sys.executable, "-m", "trunkline"]
    found = shutil.which("trunkline")
    return ["trunkline"] if found and Path(found).absolute() == started else [str(started)]


def flags_for(settings: Settings, proxy_port: int | None) -> list[str]:
    """Return the flags that lead other commands to this server's data and proxy, from any directory and shell. A
    password is left out: they need the setting, too."""
    found = ["--data-dir", str(settings.storage.data_dir.absolute())]
    address, sid = settings.storage.database_url, settings.accounts.account_sid
    if address and without_password(address) == address:
        found += ["--database-url", address]
    if sid:
        found += ["--account", sid]
    if settings.server.host not in (*ANY, ServerSettings.host):
        found += ["--host", settings.server.host]
    if proxy_port != ServerSettings.proxy_port:
        found += ["--proxy-port", str(-1 if proxy_port is None else proxy_port)]
    return found


def _start_error(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return "; ".join(_occupied_ports(settings)) or "its port was used for a moment: try again"
    if error.errno == errno.EACCES and not error.filename:
        return f"ports below 1024 need a privilege: {settings.server.port}, {settings.server.proxy_port}"
    return reason(error)


def _occupied_ports(settings: Settings) -> list[str]:
    found = []
    for option, port in (("--port", settings.server.port), ("--proxy-port", settings.server.proxy_port)):
        if port > 0 and (there := probe_port(settings.server.host, port)) is not PortState.FREE:
            found.append(
                f"{settings.server.host}:{port} is used by {there.value}; end it, or choose another {option}"
            )
    return found
