"""The address of a PostgreSQL database, as libpq reads it and its environment, and the bounds of its use.

An address is ``postgresql://user:password@host:port/database?parameter=value``.

Several hosts stand with commas between, each with its port. A parameter that would have no effect is refused. No
message repeats a part of the address in which a password may stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

import msgspec

from trunkline.core.storage.database import StorageError

FORM = "postgresql://user:password@host:port/database"
"""An address, for messages."""
SCHEMES = ("postgresql://", "postgres://")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_HOST = re.compile(r"(\[(?P<six>[0-9A-Fa-f:.]+(%[\w.-]+)?)\]|(?P<name>[^:\s\[\]@]+))(:(?P<port>[0-9]{1,5}))?")
_TLS_VERSION = r"TLSv1(\.[1-3])?"
_NUMBER = r"[1-9][0-9]{0,3}"
_ANY = ("", "")
_FILE = (".+", "the path of a file")
_PARAMETERS: dict[str, tuple[str, str]] = {
    "host": _ANY,
    "port": (r"[0-9]{1,5}(,[0-9]{1,5})*", "port numbers, separated by commas"),
    "user": _ANY,
    "password": _ANY,
    "dbname": _ANY,
    "database": _ANY,
    "passfile": _FILE,
    "password_file": _FILE,
    "connect_timeout": (_NUMBER, "seconds from 1 to 9999"),
    "application_name": _ANY,
    "options": _ANY,
    "target_session_attrs": ("read-write|primary", "read-write or primary: a node must write"),
    "sslmode": ("|".join(SSL_MODES), ", ".join(SSL_MODES)),
    "sslnegotiation": ("postgres|direct", "postgres or direct"),
    "sslrootcert": (".+", "the path of a file, or system"),
    "sslcert": _FILE,
    "sslkey": _FILE,
    "sslcrl": _FILE,
    "sslpassword": _ANY,
    "ssl_min_protocol_version": (_TLS_VERSION, "a version such as TLSv1.2"),
    "ssl_max_protocol_version": (_TLS_VERSION, "a version such as TLSv1.3"),
    # What others ask for by default; it has no effect here, and needs none.
    "client_encoding": ("(?i:utf-?8|auto)", "UTF8"),
    "channel_binding": ("disable|prefer", "prefer or disable"),
    "gssencmode": ("disable|prefer", "prefer or disable"),
    "load_balance_hosts": ("disable", "disable: the hosts are tried in their order"),
}
"""The parameters by their names: the pattern of the values, if not all are allowed, and its description."""
_VARIABLES = {
    "PGHOST": "host",
    "PGPORT": "port",
    "PGUSER": "user",
    "PGDATABASE": "database",
    "PGCONNECT_TIMEOUT": "connect_timeout",
    "PGAPPNAME": "application_name",
    "PGOPTIONS": "options",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGSSLMODE": "sslmode",
    "PGSSLNEGOTIATION": "sslnegotiation",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGSSLCRL": "sslcrl",
    "PGSSLMINPROTOCOLVERSION": "ssl_min_protocol_version",
    "PGSSLMAXPROTOCOLVERSION": "ssl_max_protocol_version",
    "PGCHANNELBINDING": "channel_binding",
    "PGGSSENCMODE": "gssencmode",
    "PGLOADBALANCEHOSTS": "load_balance_hosts",
}
"""The parameters by libpq's environment variables, but for those of the password."""
_OTHERS_OF_LIBPQ = re.compile(
    "fallback_application_name|gssdelegation|gsslib|hostaddr|keepalives(_count|_idle|_interval)?|krbsrvname|(max|min)_protocol_version"
    "|replication|require_auth|requirepeer|requiressl|service|servicefile|sslcertmode|sslcompression|sslcrldir"
    "|sslkeylogfile|sslsni|tcp_user_timeout"
)
"""The names that an error may repeat, although they are not supported: they are no part of a password."""


class PostgresBounds(msgspec.Struct, frozen=True):
    """The bounds of a node's use of PostgreSQL: connections for changes and reads, and for scans; calls that
    use or wait for one; and seconds, which the options of ``[storage]`` explain."""

    pool_size: int = 10
    scan_pool_size: int = 2
    max_queue: int = 10_000
    wait: float = 5.0
    idle_in_transaction: float = 2.0
    lock: float = 1.0
    statement: float = 10.0
    scan: float = 60.0
    migration: float = 600.0
    peer: float = 5.0

    @property
    def long_sessions(self) -> int:
        """The connections of the pool for changes that lists and replays may use at once: two, or half of a small pool,
        stay for changes and quick reads. With a pool of one they have none of it, and use that of the scans."""
        return self.pool_size - min(2, max(1, self.pool_size // 2))

    @property
    def connections(self) -> int:
        """The most connections of a node: of both pools, of its health, and of a migration or a command."""
        return self.pool_size + self.scan_pool_size + 2


class PostgresAddress(msgspec.Struct, frozen=True):
    """An address in its parts. Without ``hosts``, and where a part is None, libpq's environment variables and defaults
    apply. ``parameters`` are the checked ones, but for hosts, ports, user, password and database."""

    hosts: tuple[tuple[str, int | None], ...]
    user: str | None
    password: str | None
    database: str | None
    parameters: Mapping[str, str]

    @property
    def tls(self) -> dict[str, str]:
        """The parameters of TLS."""
        return {name: value for name, value in self.parameters.items() if name.startswith("ssl")}


def parse_address(url: str) -> PostgresAddress:
    """Return the parts of an address. Raise StorageError, which repeats no password, if it cannot be used."""
    scheme = next((scheme for scheme in SCHEMES if url.startswith(scheme)), None)
    if scheme is None or not url.removeprefix(scheme):
        raise StorageError(f"a PostgreSQL address is {FORM}")
    if "#" in url:
        raise _malformed("a # must be written %23")
    if "\0" in unquote(url):
        raise _malformed("no part of it has a NUL character")
    base, _, query = url.removeprefix(scheme).partition("?")
    authority, _, database = base.partition("/")
    if "/" in database:
        raise _malformed("a / in a name or password must be written %2F")
    if "@" in database and "@" not in authority:
        raise _malformed("a / in a name or password must be written %2F, an @ %40")
    if "@" in query and "@" not in authority:
        raise _malformed("a ? in a user or password must be written %3F")
    login, _, hosts = authority.rpartition("@")
    user, has_password, password = login.partition(":")
    found = _parameters(query)
    given = {
        "host": hosts,
        "user": unquote(user) or None,
        "password": unquote(password) if has_password else None,
        "database": unquote(database) or None,
    }
    if "dbname" in found:
        found.setdefault("database", found["dbname"])
    for name in given:
        if given[name] and name in found:
            raise StorageError(f"the {name} of the PostgreSQL address is given twice")
    return PostgresAddress(
        hosts=_parse_hosts(hosts or found.get("host", ""), found.get("port", ""), quoted=bool(hosts)),
        user=given["user"] or found.get("user"),
        password=given["password"] or found.get("password"),
        database=given["database"] or found.get("database"),
        parameters={
            name: value
            for name, value in found.items()
            if name not in ("host", "port", "user", "password", "dbname", "database")
        },
    )


def with_environment(address: PostgresAddress, environment: Mapping[str, str]) -> PostgresAddress:
    """Return the address with libpq's environment variables for what it does not have. Raise StorageError if one of
    them has a value that the address could not have."""
    found = {
        name: _checked(name, environment[variable], f"the environment variable {variable}")
        for variable, name in _VARIABLES.items()
        if environment.get(variable)
    }
    hosts, ports = address.hosts, found.pop("port", "")
    host = found.pop("host", "")
    if not any(name for name, _ in hosts):
        own = ",".join(str(port) for _, port in hosts)
        hosts = _parse_hosts(host, own or ports, quoted=False)
    elif all(port is None for _, port in hosts):
        hosts = _with_ports([(name, None) for name, _ in hosts], ports)
    user, database = found.pop("user", None), found.pop("database", None)
    return msgspec.structs.replace(
        address,
        hosts=hosts,
        user=address.user or user,
        database=address.database or database,
        parameters=found | dict(address.parameters),
    )


def _parse_hosts(hosts: str, ports: str, *, quoted: bool) -> tuple[tuple[str, int | None], ...]:
    """Return the hosts and ports of lists with commas, an empty host for a port alone; ``quoted`` hosts have
    percent-encodings and may have ports. Raise StorageError if they are malformed or do not fit each other."""
    names = [_host(name, quoted=quoted) for name in hosts.split(",")] if hosts else []
    return _with_ports(names or ([("", None)] if ports else []), ports)


def _with_ports(names: Sequence[tuple[str, str | None]], ports: str) -> tuple[tuple[str, int | None], ...]:
    numbers = ports.split(",") if ports else []
    if len(numbers) > 1 and len(numbers) != len(names):
        raise StorageError(
            "the PostgreSQL address, with PGHOST and PGPORT, must have one port, or one for each host"
        )
    found: list[tuple[str, int | None]] = []
    for place, (host, own) in enumerate(names):
        port = own or (numbers[place % len(numbers)] if numbers else None)
        if port is not None and not 0 < int(port) < 65_536:
            raise _malformed("a port is a number from 1 to 65535")
        found.append((host, None if port is None else int(port)))
    return tuple(found)


def _host(text: str, *, quoted: bool) -> tuple[str, str | None]:
    decoded = unquote(text) if quoted else text
    if decoded.startswith("/"):
        directory, _, port = decoded.partition(":") if quoted else (decoded, "", "")
        return directory, port or None
    if not quoted and decoded.count(":") > 1:
        decoded = f"[{decoded.strip('[]')}]"
    match = _HOST.fullmatch(decoded)
    if match is None:
        raise _malformed(
            "a host or its port; signs such as @ : / ? # in a user or password must be percent-encoded"
        )
    if match["name"] is not None:
        try:
            match["name"].encode("idna")
        except UnicodeError:
            raise _malformed("a host name has parts of 1 to 63 characters between its dots") from None
    return match["six"] or match["name"], match["port"]


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    # Behind an @, or an & in a password, the name of a parameter may be a part of the password.
    secret = "@" in query
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        # As libpq does: + is a plus sign here, no space. An encoded name could hide a password from its mask.
        value = unquote(value)
        if name not in _PARAMETERS:
            known = ", ".join(sorted(_PARAMETERS))
            public = not secret and _OTHERS_OF_LIBPQ.fullmatch(name)
            shown = f"the parameter {name}" if public else "a parameter"
            raise StorageError(f"{shown} of the PostgreSQL address is not supported; these are: {known}")
        secret = secret or name.endswith("password")
        found[name] = _checked(name, value, f"the parameter {name} of the PostgreSQL address")
    return found


def _checked(name: str, value: str, shown: str) -> str:
    pattern, form = _PARAMETERS[name]
    if pattern and not re.fullmatch(pattern, value):
        raise StorageError(f"{shown} must be {form}")
    return value


def _malformed(what: str) -> StorageError:
    return StorageError(f"the PostgreSQL address is malformed: {what}; it is {FORM}")
