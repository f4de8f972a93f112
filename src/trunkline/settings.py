"""Every option once: its name, type, default and what it does.

A value comes from, in this order: the command line (``--data-dir``), the environment (``TRUNKLINE_DATA_DIR``), the
file ``trunkline.toml`` in the working directory or the one that ``TRUNKLINE_CONFIG`` names, the default.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any

from trunkline.core.setting_values import (
    BadSetting,
    Networks,
    Tables,
    hidden,
    names_only,
    networks,
    origins,
    pauses,
    without_password,
)

__all__ = ["BadSetting", "without_password"]

FILE = "trunkline.toml"
PREFIX = "TRUNKLINE_"
PRODUCTS = ("sync", "notify", "messaging", "chat")
APPROVALS = ("auto", "manual")
LEVELS = ("debug", "info", "warning", "error")

_ACCOUNT_SID = re.compile(r"AC[0-9a-f]{32}")
_AUTH_TOKEN = re.compile(r"[!-~]{16,}")


def option(default: Any, *help: str, secret: Callable[[Any], str] | None = None) -> Any:
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
    webhook_retry_schedule: str = option(
        "",
        "Pauses in seconds before a queued webhook that failed is begun again, separated by commas, such as",
        "60,600,3600; one that fails after the last is a dead job. Empty: the attempts that its URL asks for.",
    )
    webhook_log_days: int = option(
        30, "Days that attempts to deliver webhooks are kept for /_trunkline/webhooks."
    )
    alert_days: int = option(30, "Days that the alerts of the debugger are kept for /v1/Alerts.")
    webhook_networks: str = option(
        "",
        "Networks that webhooks may reach although they are not public, such as 10.1.0.0/16, separated by commas.",
    )
    egress_ca_file: str = option(
        "", "File with the certificates that outgoing requests trust (PEM), in place of the system's."
    )
    realtime_origins: str = option(
        "",
        "Origins whose pages may connect, such as https://app.example, separated by commas; empty allows all.",
    )
    max_connections: int = option(100_000, "Realtime connections of this node; one more is a 503.")
    compliance_approval: str = option(
        "auto",
        "Who approves brands, campaigns and toll-free verifications: auto at once,",
        "manual the operator, over /_trunkline/compliance.",
    )
    a2p_enforced: bool = option(
        False, "Fail messages from US long codes to the US that no verified campaign covers (30033, 30034)."
    )
    a2p_caps: bool = option(
        False,
        "With a2p_enforced: hold campaigns to their rate (30022) and brands to their daily cap (30023).",
    )
    a2p_number_minutes: int = option(
        0, "With a2p_enforced: minutes in which a number that was added to a Service cannot send (30035)."
    )
    tollfree_enforced: bool = option(
        False, "Fail messages from unverified toll-free numbers to the US and Canada (30032)."
    )
    carriers: Tables = option(
        (),
        "The carriers that SMS leave by, as tables of the file; none is the sandbox.",
        secret=names_only,
    )
    carrier_routes: Tables = option(
        (),
        "Which carrier a message leaves by, as tables with carrier, prefix and sender: the first that fits counts;",
        "none is the first carrier.",
    )
    sandbox_numbers: bool = option(
        True, "Fill an empty inventory with fictional numbers when the sandbox is the only carrier."
    )
    prices: Tables = option(
        (), "What a segment costs, as tables with prefix, price and unit; the longest prefix counts."
    )
    account_rate: float = option(
        0.0,
        "Segments a second that an account may send through this node, all senders together; 0 for no limit.",
    )
    service_rate: float = option(
        0.0, "Segments a second that a Messaging Service may send through this node; 0 for no limit."
    )
    public_url: str = option(
        "",
        "Address under which phones and networks reach this server, for links in messages;",
        "empty uses the address that it listens on.",
    )
    geo_permissions: str = option(
        "", "Countries that messages may be sent to, as ISO codes separated by commas; empty allows all."
    )
    refuse_landlines: bool = option(
        True, "Refuse messages to numbers that are known to be landlines, unless they ask for ForceDelivery."
    )
    blocked_sender_ids: str = option(
        "", "Alphanumeric senders that are refused besides generic ones such as SMS, separated by commas."
    )
    max_service_senders: int = option(
        400, "Phone numbers and short codes, taken together, in the pool of a Messaging Service."
    )
    max_scheduled_messages: int = option(500_000, "Scheduled messages that an account may have waiting.")
    protect_media: bool = option(
        False, "Ask for an account's credentials before the attachments of its messages are served."
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
        for name in (
            "max_body_bytes",
            "max_concurrent_requests",
            "max_notify_services",
            "webhook_log_days",
            "alert_days",
            "max_connections",
            "max_service_senders",
            "max_scheduled_messages",
        ):
            if getattr(self, name) < 1:
                raise BadSetting(f"{name} must be at least 1")
        if self.compliance_approval not in APPROVALS:
            raise BadSetting(f"compliance_approval must be one of {', '.join(APPROVALS)}")
        if self.a2p_number_minutes < 0:
            raise BadSetting("a2p_number_minutes must be at least 0")
        for name in ("account_rate", "service_rate"):
            if not 0 <= getattr(self, name) < 1e6:
                raise BadSetting(f"{name} must be from 0 to 1,000,000")
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
        if self.egress_ca_file and not Path(self.egress_ca_file).is_file():
            raise BadSetting(f"egress_ca_file names {self.egress_ca_file}, which is not a file")
        self.proxy_networks()
        self.reachable_networks()
        self.webhook_pauses()
        self.browser_origins()

    def proxy_networks(self) -> Networks:
        """The networks of ``trusted_proxies``. Raises BadSetting."""
        return networks("trusted_proxies", self.trusted_proxies)

    def reachable_networks(self) -> Networks:
        """The networks of ``webhook_networks``. Raises BadSetting."""
        return networks("webhook_networks", self.webhook_networks)

    def webhook_pauses(self) -> tuple[float, ...]:
        """The seconds of ``webhook_retry_schedule``. Raises BadSetting."""
        return pauses("webhook_retry_schedule", self.webhook_retry_schedule)

    def browser_origins(self) -> frozenset[str]:
        """The origins of ``realtime_origins``. Raises BadSetting."""
        return origins("realtime_origins", self.realtime_origins)

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
    if isinstance(value, tuple):
        return json.dumps(value)
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
    "Tables": lambda text: _tables(json.loads(text)),
}
_FORMS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "Tables": "a list of tables",
}


def _tables(value: Any) -> Tables:
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise ValueError(value)
    return tuple(value)


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
        if kind == "Tables" and not isinstance(value, str):
            return _tables(value)
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
