"""The options of the process: listeners, limits of requests, logs."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.core.host_patterns import HostPattern
from trunkline.settings.option import option
from trunkline.settings.values import (
    LARGEST,
    BadSetting,
    Networks,
    at_least,
    between,
    hidden,
    matches,
    nats_addresses,
    networks,
    one_of,
    origins,
    passthrough_hosts,
    writable_path,
)

PRODUCTS = ("sync", "notify", "messaging", "chat")
"""The products that SDKs have a domain for, in the order of the startup message."""
LEVELS = ("debug", "info", "warning", "error")


check_operator_token = matches(r"[!-~]{16,}", "at least 16 letters, digits or signs of ASCII, without spaces")
"""The check of the operator's token; an empty one is none."""


def _above_zero(value: float) -> None:
    if not 0 < value <= LARGEST:
        raise ValueError(f"must be above 0 and at most {LARGEST:,}")


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """The options of the table ``[server]``."""

    host: str = option("127.0.0.1", "Address that the API listens on; 0.0.0.0 for all.")
    port: int = option(8080, "Port of the API; 0 chooses a free one.", check=between(0, 65535))
    proxy_port: int = option(
        8081,
        "Port of the CONNECT proxy, for moving an app by environment variables alone;",
        "0 chooses a free one, -1 switches it off.",
        check=between(-1, 65535),
    )
    proxy_passthrough: str = option(
        "",
        "Hosts that the CONNECT proxy lets through to where they really are, separated by commas:",
        "a name or *.example.com, with a port that is 443 unless given.",
        check=passthrough_hosts,
    )
    sdk_dir: str = option(
        "",
        "Directory of the browser SDKs that pages load, filled by trunkline sdk fetch;",
        "empty uses sdk in the data directory.",
    )
    nats_url: str = option(
        "",
        "nats://… connects this node to the bus between nodes; it is ready only while it is connected.",
        secret=hidden,
        check=nats_addresses,
    )
    operator_token: str = option(
        "",
        "Token of the operator in the control API, at least 16 characters;",
        "empty uses the file operator.token in the data directory, made on first use.",
        secret=hidden,
        check=check_operator_token,
    )
    default_product: str = option(
        "",
        f"Product of paths such as /v1/Services on a host that names none: {', '.join(PRODUCTS[:-1])}",
        f"or {PRODUCTS[-1]}.",
        check=one_of(*PRODUCTS, optional=True),
    )
    trusted_proxies: str = option(
        "127.0.0.0/8,::1/128",
        "Networks whose X-Forwarded-Proto and X-Forwarded-Host are trusted, separated by commas.",
        check=networks,
    )
    browser_origins: str = option(
        "",
        "Origins whose pages may use credentials that a browser holds, such as https://app.example,",
        "separated by commas; others only read.",
        check=origins,
    )
    max_body_bytes: int = option(
        2 * 1024 * 1024, "Largest request body in bytes; a larger one is a 413.", check=at_least(1)
    )
    max_body_memory: int = option(
        64 * 1024 * 1024,
        "Bytes of request bodies in memory over all connections; a body without room is a 503.",
        check=at_least(64 * 1024),
    )
    request_timeout: float = option(
        30.0, "Seconds for a request's head, and again for its body, to arrive.", check=_above_zero
    )
    max_concurrent_requests: int = option(
        100, "Requests in flight per account; one more is a 429.", check=at_least(1)
    )
    max_anonymous_connections: int = option(
        10_000,
        "Connections of clients that have not logged in; for one more the one that was idle longest gives way.",
        check=at_least(1),
    )
    max_anonymous_per_address: int = option(
        1000, "The same for one address outside trusted_proxies.", check=at_least(1)
    )
    log_level: str = option(
        "info", "Lowest level that is logged: debug, info, warning or error.", check=one_of(*LEVELS)
    )
    log_requests: bool = option(True, "Log a line for each request, at level info.")
    ready_file: str = option(
        "",
        "Write the addresses as JSON to this file, or FIFO, once requests are accepted.",
        check=writable_path,
    )
    dev: bool = option(
        False,
        "Development: let webhooks reach this machine and private networks,",
        "and log everything, at level debug, regardless of log_level.",
    )

    def __post_init__(self) -> None:
        """Raise BadSetting if both listeners have the same port."""
        if self.port == self.proxy_port > 0:
            raise BadSetting(f"proxy_port must not be {self.port}, the port of the API", "proxy_port")

    def proxy_networks(self) -> Networks:
        """Return the networks of ``trusted_proxies``."""
        return networks(self.trusted_proxies)

    def allowed_origins(self) -> frozenset[str]:
        """Return the origins of ``browser_origins``."""
        return origins(self.browser_origins)

    def passthrough_hosts(self) -> tuple[HostPattern, ...]:
        """Return the hosts of ``proxy_passthrough``."""
        return passthrough_hosts(self.proxy_passthrough)

    @property
    def lowest_level(self) -> str:
        """The lowest level that is logged."""
        return "debug" if self.dev else self.log_level
