"""``trunkline serve``: run a node."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import typer

from trunkline.app import Server, write_ready_file
from trunkline.cli.options import fail
from trunkline.core.bus import BusUnreachable
from trunkline.core.secrets import BadMasterKey
from trunkline.core.storage.database import StorageError
from trunkline.core.telemetry import configure_logs
from trunkline.products.accounts.facade import Opened
from trunkline.settings import Settings


def run(settings: Settings) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    configure_logs(settings.lowest_level)
    try:
        _loop(_serve(settings))
    except (StorageError, BadMasterKey, BusUnreachable) as error:
        raise fail(str(error)) from None
    except OSError as error:
        raise fail(f"cannot start: {error.strerror or error}") from None


def _loop(main: object) -> None:
    if sys.platform == "win32":
        asyncio.run(main)  # type: ignore[arg-type]
    else:
        import uvloop

        uvloop.run(main)  # type: ignore[arg-type]


async def _serve(settings: Settings) -> None:
    def announce(server: Server, first: Opened) -> None:
        if settings.ready_file:
            write_ready_file(Path(settings.ready_file), server, first.account.sid)
        typer.echo(welcome(server, first))

    await Server(settings, announce).run()


def welcome(server: Server, first: Opened) -> str:
    """What a start prints: the addresses, and at the first start the account and the lines for each SDK."""
    sid, lines = first.account.sid, [f"Trunkline is ready at {server.url}"]
    if server.proxy_url:
        lines.append(f"CONNECT proxy at {server.proxy_url} (see `trunkline env`)")
    token = first.auth_token if first.created else "<auth token>"
    lines += ["", f"  Account SID  {sid}", f"  Auth token   {token}"]
    if not first.created:
        lines.append("  (`trunkline env` shows the token)")
        return "\n".join(lines)
    return "\n".join(
        [
            *lines,
            "",
            "Python:",
            "  from twilio.rest import Client",
            f'  client = Client("{sid}", "{token}")',
            f'  client.sync.base_url = "{server.url}/sync"',
            "",
            "Node:",
            f'  const client = require("twilio")("{sid}", "{token}");',
            f'  client.sync.baseUrl = "{server.url}/sync";',
            "",
            "curl:",
            f'  curl -u "{sid}:{token}" {server.url}/sync/v1/Services -d FriendlyName=first',
            "",
        ]
    )
