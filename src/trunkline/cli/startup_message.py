"""The startup message: addresses, and at the first start the account and the code for each SDK."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from trunkline.cli.addresses import url
from trunkline.products.accounts.facade import AccountCredentials

_FOR_ALL = ("api", "monitor")
"""Domains of the SDKs beside the products': accounts, keys, numbers and messages; alerts."""


class ReadyServer(msgspec.Struct, frozen=True):
    """A server that accepts requests: its configured host, its ports (None without a proxy), the products for SDKs, the
    flags with which ``trunkline env`` finds it, and the file of the operator's token, if it is in one."""

    host: str
    port: int
    proxy_port: int | None
    products: Sequence[str]
    flags: Sequence[str] = ()
    operator_token_file: str = ""

    @property
    def url(self) -> str:
        """The address of the API for clients on this machine."""
        return url(self.host, self.port)


def port_of(address: str | None) -> int | None:
    """Return the port of an address, or None."""
    return urlsplit(address).port if address else None


def startup_message(server: ReadyServer, first: AccountCredentials, configured_token: str = "") -> str:
    """Return the text. A token that the operator configured is not repeated."""
    lines = [f"Trunkline is ready at {server.url}"]
    if server.proxy_port is not None:
        lines.append(f"CONNECT proxy at {url(server.host, server.proxy_port)}")
    if server.operator_token_file:
        lines.append(f"Operator's token in {server.operator_token_file}")
    lines += ["", f"  Account SID  {first.account.sid}"]
    if not first.created:
        lines += ["  Auth token   as before; `trunkline env` shows it"]
        if configured_token and configured_token != first.auth_token:
            lines += ["               (the configured auth_token counts only when the account is made)"]
        return "\n".join([*lines, ""])
    token = "<auth token>" if configured_token else first.auth_token
    lines += [f"  Auth token   {'as configured' if configured_token else token}", ""]
    return "\n".join(lines + _by_address(server, first.account.sid, token) + _by_environment(server))


def _by_address(server: ReadyServer, sid: str, token: str) -> list[str]:
    base, products = server.url, server.products
    domains = (*products, *_FOR_ALL)
    return [
        "Point an SDK here, in Python:",
        "  from twilio.rest import Client",
        f'  client = Client("{sid}", "{token}")',
        *(f'  client.{name}.base_url = "{base}/{name}"' for name in domains),
        "",
        "in Node:",
        f'  const client = require("twilio")("{sid}", "{token}");',
        *(f'  client.{name}.baseUrl = "{base}/{name}";' for name in domains),
        "",
        "with curl:",
        *(f'  curl -u "{sid}:{token}" {base}/{name}/v1/Services' for name in products[:1]),
        "",
    ]


def _by_environment(server: ReadyServer) -> list[str]:
    if server.proxy_port is None:
        return []
    return [
        "Or move an unmodified app by environment variables alone:",
        f'  eval "$({shlex.join(["trunkline", "env", *server.flags])})"',
        "",
    ]
