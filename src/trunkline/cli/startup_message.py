"""The startup message: addresses, and at the first start the account and the code for each SDK."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from trunkline.cli.addresses import local_host, url, url_of
from trunkline.products.accounts.facade import AccountCredentials, AccountStatus

_FOR_ALL = ("api", "monitor")
"""Domains of the SDKs beside the products': accounts, keys, numbers and messages; alerts."""


class ReadyServer(msgspec.Struct, frozen=True):
    """A server that accepts requests: its configured host, its ports (None without a proxy), the products for SDKs, the
    program that runs with the flags by which its other commands find this server, the file of the settings and the one
    of the operator's token if there is one, and whether it has an inbox and lets webhooks reach local addresses."""

    host: str
    port: int
    proxy_port: int | None
    products: Sequence[str]
    program: Sequence[str] = ("trunkline",)
    flags: Sequence[str] = ()
    settings_file: str = ""
    operator_token_file: str = ""
    inbox: bool = True
    local_webhooks: bool = False

    @property
    def url(self) -> str:
        """The address of the API for clients on this machine."""
        return url(self.host, self.port)

    def command(self, name: str) -> str:
        """Return the shell command that runs another command on this server's data, from any directory."""
        variables = f"TRUNKLINE_CONFIG={shlex.quote(self.settings_file)} " if self.settings_file else ""
        return variables + shlex.join([*self.program, name, *self.flags])


def port_of(address: str | None) -> int | None:
    """Return the port of an address, or None."""
    return urlsplit(address).port if address else None


def startup_message(server: ReadyServer, first: AccountCredentials, configured_token: str = "") -> str:
    """Return the text. A token that the operator configured is not repeated."""
    lines = [f"Trunkline is ready at {server.url}", *_addresses(server), "", *_webhooks(server), ""]
    lines += [f"  Account SID  {first.account.sid}"]
    if first.account.status == AccountStatus.CLOSED.value:
        lines += ["  Auth token   none: the account is closed; `trunkline account create` makes another one"]
        return "\n".join([*lines, ""])
    if not first.created:
        lines += ["  Auth token   as before; the command below that ends in `env` shows it"]
        if configured_token and configured_token != first.auth_token:
            lines += ["               (the configured auth_token counts only when the account is made)"]
        return "\n".join([*lines, "", *_by_environment(server)])
    token = "<auth token>" if configured_token else first.auth_token
    lines += [f"  Auth token   {'as configured' if configured_token else token}", ""]
    return "\n".join(lines + _by_address(server, first.account.sid, token) + _by_environment(server))


def _addresses(server: ReadyServer) -> list[str]:
    pages = f"{server.url}/_trunkline"
    lines = []
    if server.proxy_port is not None:
        lines.append(f"CONNECT proxy at {url_of(local_host(server.host), server.proxy_port)}")
    if server.inbox:
        lines.append(f"Inbox of the virtual phones at {pages}/inbox")
    else:
        lines.append("Messages leave over the configured carriers; `trunkline carrier list` shows them")
    lines += [f"Log-in for pages at {pages}/login, with an account SID and its auth token"]
    lines += [f"Health at {pages}/health"]
    if server.operator_token_file:
        lines.append(f"Operator's token in {server.operator_token_file}")
    return lines


def _webhooks(server: ReadyServer) -> list[str]:
    if server.local_webhooks:
        return ["Webhooks may reach this machine and private networks (--dev)."]
    return [
        "Webhooks to this machine and to private networks are refused:",
        "--dev allows them, webhook_networks those of the networks that it lists.",
    ]


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
    # The shell evaluates nothing, with success, if the program is not there any more.
    prepared = f'  eval "$({server.command("env")} || echo false)"'
    if server.proxy_port is None:
        return [
            "Set the SID and the auth token in a shell (without the proxy, no more than these):",
            prepared,
            "",
        ]
    return [
        "Or run an unmodified app here, by environment variables alone:",
        f"  {server.command('exec')} -- python app.py",
        "or prepare a shell for it (`env` --help shows other shells and containers):",
        prepared,
        "",
    ]
