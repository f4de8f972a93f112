"""Every option once: its name, type, default and what it does.

A value comes from, in this order: the command line (``--data-dir``), the environment (``TRUNKLINE_DATA_DIR``), the
file ``trunkline.toml`` in the working directory or the one that ``TRUNKLINE_CONFIG`` names, the default.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

FILE = "trunkline.toml"
PREFIX = "TRUNKLINE_"
PRODUCTS = ("sync", "notify", "messaging", "chat")
LEVELS = ("debug", "info", "warning", "error")

_ACCOUNT_SID = re.compile(r"AC[0-9a-f]{32}")
_AUTH_TOKEN = re.compile(r"[!-~]{16,}")
_PASSWORD = re.compile(r"(://[^:]*:).*@", re.DOTALL)
_PASSWORD_FIELD = re.compile(r"([?&][a-z]*password=)[^&]*", re.IGNORECASE)
_MASK = "***"


class BadSetting(Exception):
    """An option has a value that cannot be; the message names the option and where the value came from."""


def hidden(value: str) -> str:
    """Of a secret only whether it is set."""
    return "(set)" if value else "(not set)"


def without_password(url: str) -> str:
    """The address with its password masked. What is no address is hidden whole; an ``@`` in the password, or in
    a parameter, masks too much rather than too little."""
    if "://" not in url:
        return hidden(url)
    return _PASSWORD_FIELD.sub(rf"\g<1>{_MASK}", _PASSWORD.sub(rf"\g<1>{_MASK}@", url))


def option(default: Any, *help: str, secret: Callable[[str], str] | None = None) -> Any:
    """An option with its default and its explanation; ``secret`` makes what may be printed of a secret's value."""
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
        secret=without_password,
    )
    nats_url: str = option(
        "",
        "nats://… connects this node to the bus between nodes; the node is ready only while it is connected.",
        secret=hidden,
    )
    account_sid: str = option("", "SID of the first account, made at the first start; empty makes one up.")
    auth_token: str = option("", "Auth token of the first account; empty makes one up.", secret=hidden)
    master_key: str = option(
        "",
        "Base64 of the 32 bytes that encrypt secrets at rest;",
        "empty uses the file master.key in the data directory, made on first use.",
        secret=hidden,
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
    sync_limits: bool = option(
        True,
        "Keep Sync's documented limits, such as 20 writes a second for one object; false for none.",
    )
    log_level: str = option("info", "Lowest level that is logged: debug, info, warning or error.")
    log_requests: bool = option(True, "Log a line for each request, at level info.")
    ready_file: str = option(
        "", "Write the addresses as JSON to this file, or FIFO, once requests are accepted."
    )
    dev: bool = option(
        False,
        "Development: let webhooks reach this machine and private networks,",
        "and log everything, at level debug, whatever log_level says.",
    )

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
        if self.account_sid and not _ACCOUNT_SID.fullmatch(self.account_sid):
            raise BadSetting("account_sid must be AC and 32 digits or small letters from a to f")
        if self.auth_token and not _AUTH_TOKEN.fullmatch(self.auth_token):
            raise BadSetting(
                "auth_token must be at least 16 letters, digits or signs of ASCII, without spaces"
            )
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
        """The values for printing, without what is secret."""
        shown = {}
        for item in fields(self):
            value, mask = getattr(self, item.name), item.metadata["secret"]
            shown[item.name] = mask(value) if mask else value
        return shown


class Source(Enum):
    """Where a value comes from; the first one that has it counts."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True)
class Origin:
    """Where one value came from: the source, and the flag, variable or file; empty for a default."""

    source: Source
    name: str = ""

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.source.value} {self.name}".rstrip()


@dataclass(frozen=True)
class Effective:
    """The settings, and for each where its value came from."""

    settings: Settings
    origins: dict[str, Origin]


def flag(name: str) -> str:
    """The command-line option of a setting."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def as_text(value: Any) -> str:
    """A value as flags and the environment take it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


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
_PARSE: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "Path": Path,
    "bool": lambda text: _WORDS[text.lower()],
}
_FORMS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def load(flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """The effective settings. ``flags`` holds what was given on the command line. Raises BadSetting."""
    return effective(flags, environment).settings


def effective(flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Effective:
    """As ``load``, with the origins."""
    path, document = _file(environment)
    values, origins = {}, {}
    for item in fields(Settings):
        name = item.name
        found = (
            (flags.get(name), Origin(Source.FLAG, flag(name))),
            (environment.get(variable(name)), Origin(Source.ENVIRONMENT, variable(name))),
            (document.get(name), Origin(Source.FILE, str(path))),
        )
        value, origin = next((one for one in found if one[0] is not None), (None, Origin(Source.DEFAULT)))
        origins[name] = origin
        if value is not None:
            values[name] = _converted(item.name, str(item.type), value, origin)
    return Effective(Settings(**values), origins)


def _converted(name: str, kind: str, value: Any, origin: Origin) -> Any:
    """The value as the setting's type. The file knows numbers and booleans; everything else is text."""
    if type(value).__name__ == kind or (kind == "float" and type(value) is int):
        return value
    try:
        if not isinstance(value, str):
            raise TypeError
        return _PARSE[kind](value)
    except (KeyError, ValueError, TypeError):
        raise BadSetting(f"{name} ({origin}) must be {_FORMS.get(kind, 'text')}") from None


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
