"""``trunkline serve``: run a node."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from trunkline.app.data import OPERATOR_TOKEN_FILE
from trunkline.app.server import Server, write_ready_file
from trunkline.cli.addresses import PortState, probe_port
from trunkline.cli.errors import exit_on_error, fail, reason
from trunkline.cli.options import with_settings
from trunkline.cli.startup_message import ReadyServer, port_of, startup_message
from trunkline.core.telemetry import configure_logs
from trunkline.settings import Settings
from trunkline.settings.loading import load
from trunkline.settings.option import flag
from trunkline.settings.server import PRODUCTS


@with_settings()
def run(settings: Settings) -> None:
    """Run the server until SIGTERM or Ctrl-C; requests in flight are finished."""
    configure_logs(settings.server.lowest_level)
    _allow_many_files()
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

    await Server(settings, announce).run()


def _ready_server(settings: Settings, server: Server) -> ReadyServer:
    proxy_port = port_of(server.proxy_url)
    return ReadyServer(
        settings.server.host,
        port_of(server.url) or settings.server.port,
        proxy_port,
        PRODUCTS,
        _flags(
            {"data_dir": settings.storage.data_dir, "host": settings.server.host, "proxy_port": proxy_port}
        ),
        _operator_token_file(settings),
    )


def _operator_token_file(settings: Settings) -> str:
    path = str(settings.storage.data_dir / OPERATOR_TOKEN_FILE)
    return path if not settings.server.operator_token and os.path.exists(path) else ""


def _flags(values: dict[str, Any]) -> list[str]:
    """Return the flags that give another command these values, without those of environment and file."""
    defaults = load({})
    changed = [(flag(name), value) for name, value in values.items() if value != defaults.value(name)]
    return [str(part) for pair in changed for part in pair]


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
