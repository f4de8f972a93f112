"""Every option once: its name, type, default and what it does.

A value comes from, in this order: the command line (``--data-dir``), the environment (``TRUNKLINE_DATA_DIR``), the
file ``trunkline.toml`` in the working directory or the one that ``TRUNKLINE_CONFIG`` names, the default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

FILE = "trunkline.toml"
PREFIX = "TRUNKLINE_"
PRODUCTS = ("sync", "notify", "messaging", "chat")
LEVELS = ("debug", "info", "warning", "error")


class BadSetting(Exception):
    """An option has a value that cannot be; the message names the option and where the value came from."""


def option(default: Any, *help: str, secret: bool = False) -> Any:
    """An option with its default and its explanation; a secret's value is never printed."""
    return field(default=default, metadata={"help": " ".join(help), "secret": secret})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The effective options of a server."""

    host: str = option("127.0.0.1", "Address that the API listens on; 0.0.0.0 for all.")
    port: int = option(8080, "Port of the API; 0 takes a free one.")
    proxy_port: int = option(
        8081,
        "Port of the CONNECT proxy, for moving an app by environment variables alone;",
        "0 takes a free one, -1 switches it off.",
    )
    data_dir: Path = option(Path("data"), "Directory of the database, the master key and the proxy's CA.")
    database_url: str = option(
        "",
        "postgresql://… keeps the data in PostgreSQL; empty keeps them in SQLite in the data directory.",
        secret=True,
    )
    nats_url: str = option(
        "",
        "nats://… connects this node to the bus between nodes; the node is ready only while it is connected.",
        secret=True,
    )
    account_sid: str = option("", "SID of the first account, made at the first start; empty makes one up.")
    auth_token: str = option("", "Auth token of the first account; empty makes one up.", secret=True)
    master_key: str = option(
        "",
        "Base64 of the 32 bytes that encrypt secrets at rest;",
        "empty uses the file master.key in the data directory, made on first use.",
        secret=True,
    )
    default_product: str = option(
        "",
        "Product of paths such as /v1/Services on a host that names none: sync, notify, messaging or chat.",
    )
    trusted_proxies: str = option(
        "127.0.0.0/8,::1/128", "Networks whose X-Forwarded-Proto is believed, separated by commas."
    )
    max_body_bytes: int = option(2 * 1024 * 1024, "Largest request body in bytes; a larger one is a 413.")
    request_timeout: float = option(30.0, "Seconds for a request's head, and again for its body, to arrive.")
    max_concurrent_requests: int = option(100, "Requests in flight per account; one more is a 429.")
    max_notify_services: int = option(10, "Notify Services per account.")
    chat_limits_as_seen: bool = option(
        False,
        "Give new Chat Services the limits that the real service was seen to give",
        "(100 members, 250 channels) instead of the documented ones (250, 100).",
    )
    log_level: str = option("info", "Lowest level that is logged: debug, info, warning or error.")
    log_requests: bool = option(True, "Log a line for each request, at level info.")
    ready_file: str = option(
        "", "Write the addresses as JSON to this file, or FIFO, once requests are accepted."
    )
    dev: bool = option(False, "Development: log everything, at level debug, whatever log_level says.")

    def __post_init__(self) -> None:
        """Check what no type says. Raises BadSetting."""
        for name, low in (("port", 0), ("proxy_port", -1)):
            if not low <= getattr(self, name) <= 65535:
                raise BadSetting(f"{name} must be from {low} to 65535")
        for name in ("max_body_bytes", "max_concurrent_requests", "max_notify_services"):
            if getattr(self, name) < 1:
                raise BadSetting(f"{name} must be at least 1")
        if not 0 < self.request_timeout < float("inf"):
            raise BadSetting("request_timeout must be above 0")
        if self.log_level not in LEVELS:
            raise BadSetting(f"log_level must be one of {', '.join(LEVELS)}")
        if self.default_product not in ("", *PRODUCTS):
            raise BadSetting(f"default_product must be one of {', '.join(PRODUCTS)}")
        self.proxy_networks()

    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of ``trusted_proxies``. Raises BadSetting."""
        try:
            return tuple(ip_network(part.strip()) for part in self.trusted_proxies.split(",") if part.strip())
        except ValueError as error:
            raise BadSetting(f"trusted_proxies: {error}") from None

    @property
    def lowest_level(self) -> str:
        """The lowest level that is logged."""
        return "debug" if self.dev else self.log_level

    @property
    def storage_url(self) -> str:
        """The address of the database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'trunkline.db'}"

    def shown(self) -> dict[str, Any]:
        """The values for printing: of a secret only whether it is set."""
        shown = {}
        for item in fields(self):
            value = getattr(self, item.name)
            shown[item.name] = ("(set)" if value else "(not set)") if item.metadata["secret"] else value
        return shown


_WORDS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


def _boolean(value: Any) -> bool:
    return value if isinstance(value, bool) else _WORDS[str(value).lower()]


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "Path": Path,
    "bool": _boolean,
}


def load(flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """The effective settings. ``flags`` holds what was given on the command line. Raises BadSetting."""
    path, document = _file(environment)
    values = {}
    for item in fields(Settings):
        variable = PREFIX + item.name.upper()
        sources = ((flags, item.name, "the command line"), (environment, variable, variable))
        for source, name, origin in (*sources, (document, item.name, str(path))):
            if source.get(name) is not None:
                try:
                    values[item.name] = _CONVERT[str(item.type)](source[name])
                except (KeyError, ValueError, TypeError):
                    raise BadSetting(f"{item.name} from {origin} is not a valid {item.type}") from None
                break
    return Settings(**values)


def _file(environment: Mapping[str, str]) -> tuple[Path, dict[str, Any]]:
    named = environment.get(f"{PREFIX}CONFIG")
    path = Path(named or FILE)
    if not path.is_file():
        if named:
            raise BadSetting(f"{PREFIX}CONFIG names {named}, which is not a file")
        return path, {}
    try:
        document = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadSetting(f"{path}: {error}") from None
    if unknown := sorted(set(document) - {item.name for item in fields(Settings)}):
        raise BadSetting(f"{path} has unknown options: {', '.join(unknown)}")
    return path, document
