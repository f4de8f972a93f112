"""The files of a login on PostgreSQL: the password, and the certificates of TLS.

A password is the one of the address, else the content of its ``password_file``, else ``PGPASSWORD``, else the first
line that fits in the ``passfile``, in ``PGPASSFILE`` or in ``~/.pgpass``. A named file that others may read, or that is
missing, is refused; ``~/.pgpass`` is then left out, as by libpq.
"""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

from trunkline.core.storage.database import StorageError
from trunkline.core.storage.postgres_address import PostgresAddress

Login: TypeAlias = tuple[str, int, str, str]
"""Host, port, database and user, in the order of a line of a passfile."""

_OTHERS = 0o077
_LINE = re.compile(r"((?:[^\\:]|\\.)*):" * 4 + "(.*)")
"""Host, port, database, user and password; a backslash stands before a colon or backslash of a part."""
_FILES = ("sslcert", "sslkey", "sslrootcert", "sslcrl")
_SYSTEM = "system"


def password_for(address: PostgresAddress, login: Login) -> str:
    """Return the password for a login, empty if there is none. Raise StorageError if a file cannot be used."""
    if address.password is not None:
        return address.password
    if named := address.parameters.get("password_file"):
        return _content("password_file", named).rstrip("\r\n")
    if (password := os.environ.get("PGPASSWORD")) is not None:
        return password
    named, own = address.parameters.get("passfile"), os.environ.get("PGPASSFILE")
    path = Path(named or own or Path("~/.pgpass").expanduser())
    if named or own:
        content = (
            _content("passfile", named) if named else _read("the environment variable PGPASSFILE", str(path))
        )
        if path.stat().st_mode & _OTHERS:
            raise StorageError(f"the passfile {path} is open to other users: its mode must be 600")
    elif path.is_file() and os.access(path, os.R_OK) and not path.stat().st_mode & _OTHERS:
        content = _content("passfile", str(path))
    else:
        return ""
    return _fitting(content, login)


def tls_arguments(address: PostgresAddress) -> dict[str, Any]:
    """Return the driver's arguments for the parameters of TLS. Raise StorageError if they do not fit each other, or a
    file cannot be used."""
    named = dict(address.tls)
    lowest, highest = (named.get(f"ssl_{end}_protocol_version") for end in ("min", "max"))
    if lowest and highest and lowest > highest:
        raise StorageError("ssl_min_protocol_version of the PostgreSQL address is above its maximum")
    for name in _FILES:
        if name in named and named[name] != _SYSTEM:
            _content(name, named[name], "latin-1")
    if named.get("sslrootcert") == _SYSTEM:
        if named.get("sslmode", "verify-full") != "verify-full":
            raise StorageError("sslrootcert=system of the PostgreSQL address needs sslmode=verify-full")
        negotiation = {"direct_tls": True} if named.get("sslnegotiation") == "direct" else {}
        return {"ssl": _system_context(named), **negotiation}
    if not named:
        return {}
    _check_certificate(named)
    return {"dsn": f"postgresql://?{urlencode(named)}"}


def _system_context(named: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = _version(named.get("ssl_min_protocol_version", "TLSv1.2"))
    if "ssl_max_protocol_version" in named:
        context.maximum_version = _version(named["ssl_max_protocol_version"])
    if "sslcrl" in named:
        _load_authorities(context, named, "sslcrl")
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
    if "sslcert" in named:
        _load_certificate(context, named)
    return context


def _version(name: str) -> ssl.TLSVersion:
    return ssl.TLSVersion[name.replace(".", "_")]


def _check_certificate(named: dict[str, str]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name in ("sslrootcert", "sslcrl"):
        if name in named:
            _load_authorities(context, named, name)
    if "sslcert" in named:
        _load_certificate(context, named)


def _load_authorities(context: ssl.SSLContext, named: dict[str, str], name: str) -> None:
    try:
        context.load_verify_locations(cafile=named[name])
    except (ssl.SSLError, OSError) as error:
        raise StorageError(f"{name} of the PostgreSQL address has no certificates: {error}") from error


def _load_certificate(context: ssl.SSLContext, named: dict[str, str]) -> None:
    try:
        # A key that needs a password must not ask the terminal for it.
        context.load_cert_chain(named["sslcert"], named.get("sslkey"), lambda: named.get("sslpassword", ""))
    except (ssl.SSLError, OSError) as error:
        raise StorageError(
            f"sslcert, sslkey and sslpassword of the PostgreSQL address do not fit each other: {error}"
        ) from error


def _content(name: str, path: str, encoding: str = "utf-8") -> str:
    """Return the content of a file that a parameter names."""
    return _read(f"{name} of the PostgreSQL address", path, encoding)


def _read(shown: str, path: str, encoding: str = "utf-8") -> str:
    try:
        return Path(path).read_text(encoding)
    except UnicodeDecodeError as error:
        raise StorageError(f"{shown}: {path} is no text") from error
    except OSError as error:
        raise StorageError(f"{shown}: {path} cannot be read: {error.strerror}") from error


def _fitting(content: str, login: Login) -> str:
    """Return the password of the first line of a passfile that fits."""
    host, port, database, user = login
    wanted = ("localhost" if host.startswith("/") or not host else host, str(port), database, user)
    for line in content.splitlines():
        match = None if line.startswith("#") else _LINE.fullmatch(line)
        if match is not None:
            *fields, password = (re.sub(r"\\(.)", r"\1", field) for field in match.groups())
            if all(field in ("*", want) for field, want in zip(fields, wanted, strict=True)):
                return password
    return ""
