"""Sessions on PostgreSQL: the choice of the host, the login, and the bounds by which a session ends by itself.

1. The hosts of the address are tried in their order, beginning with the one that worked last, each for its own time. A
   host that is a standby is passed over.
2. The bounds are set by statements after the login, not as parameters of the start, which a connection pooler such as
   PgBouncer refuses. A server that does not have a setting does without it.
3. Passwords in files are read for each login, so that one may be changed while the server runs.
4. A session that does not respond is closed by the client some time after the server should have ended the statement.
   One timer of the session is that of all its statements: when it fires it is set again for the one under way, if
   there is one. It is late after the process stood still, and then lets the loop read first: the response, even to a
   COMMIT, may be in the socket.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import msgspec

from trunkline.core.late_timers import LateTimer, patient_timeout
from trunkline.core.storage.database import StorageError, Unavailable
from trunkline.core.storage.postgres_address import PostgresAddress, with_environment
from trunkline.core.storage.postgres_errors import DRIVER_ERRORS, Standby
from trunkline.core.storage.postgres_login import password_for, tls_arguments

T = TypeVar("T")

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection

CONNECT_SECONDS = 3
"""The time for a login on one host, unless the address has its ``connect_timeout``."""

_CLIENT_MARGIN = 2.0
"""Seconds after which a statement that the server should have ended is given up by the client."""
_NEVER = 1e6
"""More seconds than the login may take."""
_PORT = 5432
_STATEMENTS = 1_000
_STATE = "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')"


class Session(_Connection):
    """A connection whose statements end within the time of ``bound``. ``abandoned`` if it was closed because the server
    does not respond to a check either."""

    abandoned = False
    _seconds: float | None = None
    _began: float | None = None
    _timer: LateTimer | None = None
    _is_silent = False

    def bound(self, seconds: float | None) -> None:
        """Close the session when a statement takes longer than ``seconds``; None is any time."""
        self._seconds = seconds
        self.add_termination_listener(self._cancel_timer)

    async def execute(self, *args: Any, **options: Any) -> str:
        """Run a statement and return its status."""
        return await self._bounded(super().execute(*args, **options))

    async def executemany(self, *args: Any, **options: Any) -> None:
        """Run a statement for each of several rows."""
        await self._bounded(super().executemany(*args, **options))

    async def fetch(self, *args: Any, **options: Any) -> Any:
        """Return the rows of a query."""
        return await self._bounded(super().fetch(*args, **options))

    async def fetchrow(self, *args: Any, **options: Any) -> Any:
        """Return the first row of a query, or None."""
        return await self._bounded(super().fetchrow(*args, **options))

    async def fetchval(self, *args: Any, **options: Any) -> Any:
        """Return the first value of a query, or None."""
        return await self._bounded(super().fetchval(*args, **options))

    async def _bounded(self, response: Awaitable[T]) -> T:
        if self._seconds is None:
            return await response
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        if self._timer is None:
            self._timer = LateTimer(loop, self._began + self._seconds, self._check)
        try:
            return await response
        except DRIVER_ERRORS as error:
            if self._is_silent:
                raise TimeoutError("the server does not respond in time") from error
            raise
        finally:
            self._began = None

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if self._began is None or self._seconds is None:
            return
        if loop.time() < self._began + self._seconds:
            self._timer = LateTimer(loop, self._began + self._seconds, self._check)
        else:
            self._is_silent = True
            self.terminate()

    def _cancel_timer(self, _: object) -> None:
        if self._timer is not None:
            self._timer.cancel()


class SessionBounds(msgspec.Struct, frozen=True):
    """The seconds that a statement (None for any time), a wait for a lock and a pause in a transaction may take in one
    session, and those after which a peer that does not respond is gone."""

    statement: float | None
    lock: float
    idle_in_transaction: float
    peer: float
    read_only: bool = True
    transaction: float | None = None
    """The seconds that a transaction may take, on servers that bound it."""
    durable: bool = True
    """Commits are durable, whatever the server prefers."""

    def settings(self) -> Iterator[tuple[str, str]]:
        """Yield the settings of the session that every server has."""
        yield "default_transaction_read_only", "on" if self.read_only else "off"
        if self.durable:
            yield "synchronous_commit", "on"
        yield "statement_timeout", "0" if self.statement is None else _milliseconds(self.statement)
        yield "lock_timeout", _milliseconds(self.lock)
        yield "idle_in_transaction_session_timeout", _milliseconds(self.idle_in_transaction)
        idle, interval, count = _keepalive(self.peer)
        yield "tcp_keepalives_idle", str(idle)
        yield "tcp_keepalives_interval", str(interval)
        yield "tcp_keepalives_count", str(count)

    def optional_settings(self) -> Iterator[tuple[str, str]]:
        """Yield the settings that older servers, or those of some systems, do not have."""
        yield "tcp_user_timeout", _milliseconds(self.peer)
        yield "client_connection_check_interval", "1000"
        if self.transaction is not None:
            yield "transaction_timeout", _milliseconds(self.transaction)


class PostgresServers:
    """The servers of an address, on which sessions are opened."""

    def __init__(self, address: PostgresAddress) -> None:
        self._address = with_environment(address, os.environ)
        self._preferred = 0
        self._seconds = int(self._address.parameters.get("connect_timeout", CONNECT_SECONDS))

    async def open(self, bounds: SessionBounds) -> Session:
        """Return a session on the first host that accepts it. Raise Standby if only standbys do, Unavailable if none
        does, and StorageError if a file that the address names cannot be used."""
        # Without any, the driver tries the usual sockets, then localhost.
        hosts = self._address.hosts or (("", None),)
        failures = []
        standby = False
        for step, first in enumerate([self._preferred] * len(hosts)):
            place = (first + step) % len(hosts)
            try:
                async with patient_timeout(self._seconds):
                    session = await self._log_in(*hosts[place], bounds)
            except asyncio.CancelledError:
                # The wait for this host was cut short: the next call begins with the next one.
                self._preferred = (place + 1) % len(hosts)
                raise
            except Standby as error:
                standby = True
                failures.append(f"{_shown(*hosts[place])}: {error}")
            except DRIVER_ERRORS as error:
                failures.append(f"{_shown(*hosts[place])}: {_reason(error)}")
            else:
                self._preferred = place
                return session
        raise (Standby if standby else Unavailable)(f"cannot use PostgreSQL: {'; '.join(failures)}")

    async def _log_in(self, host: str, port: int | None, bounds: SessionBounds) -> Session:
        address, parameters = self._address, self._address.parameters
        user = address.user or _own_name()
        database = address.database or user
        login = (host, port or _PORT, database, user)
        session = await asyncpg.connect(
            host=host or None,
            port=port or _PORT,
            user=user,
            database=database,
            password=password_for(address, login),
            timeout=_NEVER,
            statement_cache_size=_STATEMENTS,
            server_settings={
                "application_name": parameters.get("application_name") or "trunkline",
                **({"options": parameters["options"]} if "options" in parameters else {}),
            },
            target_session_attrs=asyncpg.connect_utils.SessionAttribute.any,
            connection_class=Session,
            **tls_arguments(address),
        )
        try:
            _bound_peer(session, bounds.peer)
            await self._prepare(session, bounds)
            session.bound(None if bounds.statement is None else bounds.statement + _CLIENT_MARGIN)
        except BaseException:
            session.terminate()
            raise
        return session

    async def _prepare(self, session: Session, bounds: SessionBounds) -> None:
        in_recovery, read_only = await session.fetchrow(_STATE) or (True, "on")
        wanted = self._address.parameters.get("target_session_attrs")
        if in_recovery or (wanted == "read-write" and read_only == "on"):
            raise Standby("it is a read-only standby" if in_recovery else "it is read-only")
        await session.execute(_assignments(bounds.settings()))
        for setting in bounds.optional_settings():
            with suppress(asyncpg.UndefinedObjectError, asyncpg.InvalidParameterValueError):
                await session.execute(_assignments([setting]))


def _assignments(settings: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"SET {name} = '{value}'" for name, value in settings)


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


def _keepalive(peer: float) -> tuple[int, int, int]:
    """Return the idle seconds, the seconds between probes and their number, by which a peer that is gone is noticed."""
    idle = max(1, round(peer / 2))
    return idle, max(1, round((peer - idle) / 2)), 2


def _bound_peer(session: Session, peer: float) -> None:
    """Let the kernel end the connection when its peer is gone; the driver has no parameter for this."""
    connection = session._transport.get_extra_info("socket")  # type: ignore[attr-defined]
    if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    idle, interval, count = _keepalive(peer)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", idle),
        ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", count),
        ("TCP_USER_TIMEOUT", round(peer * 1000)),
    ):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise StorageError(
            "the PostgreSQL address must name a user: this process has no user name"
        ) from error


def _shown(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host or "the local server"
    return shown if port is None else f"{shown}:{port}"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not respond in time"
    if isinstance(error, socket.gaierror):
        return f"the host name is not known here: {error.strerror}"
    # Of the driver's errors about its arguments the first line is enough.
    return str(error).partition("\n")[0] or type(error).__name__
