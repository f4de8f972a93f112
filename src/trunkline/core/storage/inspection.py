"""The inspection of a database, which changes nothing in it: its migrations, the settings that lose commits, and a row
of one that may not be opened yet."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import apsw
import msgspec

from trunkline.core.database_clock import DatabaseClock, round_trip
from trunkline.core.storage.database import StorageError
from trunkline.core.storage.postgres_address import parse_address
from trunkline.core.storage.wal import is_in_use, without_server

if TYPE_CHECKING:
    from trunkline.core.storage.postgres_sessions import Session

T = TypeVar("T")

INSPECT_SECONDS = 5.0
"""The seconds that PostgreSQL may take for each query."""

_BUSY_MS = 2_000
_SQLITE = "sqlite:///"
_APPLIED = "SELECT room, number, applied_at FROM schema_migrations"
_DURABLE = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply", "remote_write", "local"),
}
_CONNECTIONS = """
SELECT min(allowed) FROM (
    SELECT CAST(current_setting('max_connections') AS INTEGER)
        - CAST(current_setting('superuser_reserved_connections') AS INTEGER)
        - CAST(COALESCE(current_setting('reserved_connections', true), '0') AS INTEGER) AS allowed
    UNION ALL SELECT datconnlimit FROM pg_database WHERE datname = current_database() AND datconnlimit >= 0
    UNION ALL SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user AND rolconnlimit >= 0
) AS limits
"""


class Inspection(msgspec.Struct, frozen=True):
    """The state of a database: the times at which its migrations were applied, in microseconds since 1970 UTC; the
    settings with which it loses commits in a power cut; and of a server its measured clock, and the connections that it
    allows this user."""

    applied: dict[tuple[str, int], int]
    weak: list[str]
    clock: DatabaseClock | None = None
    connections: int | None = None


def database_file(url: str) -> Path | None:
    """Return the file that the address of a database names, None if its data are not in a file."""
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


async def inspect_database(url: str) -> Inspection:
    """Inspect the database at ``url``, which must exist. Raise StorageError, which never repeats the address's
    password, if it cannot be opened or is no such database."""
    path = database_file(url)
    if path is None:
        return await query_postgres(url, _query_postgres)
    try:
        with opened_unchanged(path) as connection:
            return _inspect_sqlite(connection, path)
    except (apsw.Error, OSError) as error:
        raise StorageError(f"cannot inspect {path}: {error}") from error


@contextmanager
def opened_unchanged(path: Path) -> Iterator[apsw.Connection]:
    """Open an SQLite file and leave the files beside it as they are. Raise apsw.Error, OSError."""
    index = path.with_name(f"{path.name}-shm")
    # After a crash a reader rebuilds the index of the log, which shows what the log has lost.
    kept = None if is_in_use(path) else index.read_bytes() if index.exists() else b""
    connection = _open(path)
    try:
        yield connection
    finally:
        connection.close()
        with without_server(path) as free:
            if kept and free and index.exists():
                index.write_bytes(kept)
            elif kept == b"" and free:
                index.unlink(missing_ok=True)


def _open(path: Path) -> apsw.Connection:
    log = path.with_name(f"{path.name}-wal")
    if log.exists() or not _has_log(path):
        # With a log there is a server, or was one that died: its files are there, and are needed.
        return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    name = f"file:{quote(str(path.absolute()))}?immutable=1"
    return apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _has_log(path: Path) -> bool:
    """Return whether a database writes to a write-ahead log, by the versions in its header."""
    with path.open("rb") as file:
        return file.read(20)[18:] == b"\x02\x02"


async def first_row(url: str, query: str) -> tuple[Any, ...] | None:
    """Return the first row of ``query`` on the database at ``url``, None if there is none, or no such table. No file is
    made or changed. Raise StorageError as ``inspect_database`` does."""
    path = database_file(url)
    if path is None:
        return await query_postgres(url, lambda connection: _first_row(connection, query))
    if not path.exists() or not path.stat().st_size:
        return None
    # An ordinary connection makes the files of the write-ahead log; this one reads the file as it lies there.
    row = _read_row(f"file:{quote(str(path.absolute()))}?immutable=1", query)
    log = path.with_name(f"{path.name}-wal")
    if row is None and log.exists() and log.stat().st_size:
        # So young that all is in the log: both are small.
        with tempfile.TemporaryDirectory(prefix="trunkline-") as private:
            for one in (path, log):
                shutil.copyfile(one, Path(private, one.name))
            row = _read_row(str(Path(private, path.name)), query)
    return row


def _read_row(name: str, query: str) -> tuple[Any, ...] | None:
    """Return the first row; None also where a file cannot be read, which its opening reports."""
    try:
        connection = apsw.Connection(name, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI)
        try:
            row: tuple[Any, ...] | None = connection.execute(query).fetchone()
            return row
        finally:
            connection.close()
    except apsw.Error:
        return None


async def _first_row(connection: Session, query: str) -> tuple[Any, ...] | None:
    import asyncpg

    try:
        row = await connection.fetchrow(query)
    except asyncpg.UndefinedTableError:
        return None
    return None if row is None else tuple(row)


def _inspect_sqlite(connection: apsw.Connection, path: Path) -> Inspection:
    connection.set_busy_timeout(_BUSY_MS)
    registered = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'"
    if not connection.execute(registered).fetchall():
        return Inspection({}, [])
    applied: list[Any] = connection.execute(_APPLIED).fetchall()
    journal = "wal" if _has_log(path) else connection.execute("PRAGMA journal_mode").get
    # The other pragmas belong to a connection, not to the file.
    weak = [] if journal == "wal" else [f"journal_mode is {journal}"]
    return Inspection({(component, number): at for component, number, at in applied}, weak)


async def query_postgres(
    url: str,
    query: Callable[[Session], Awaitable[T]],
    seconds: float | None = INSPECT_SECONDS,
) -> T:
    """Return the result of ``query`` on a connection whose queries may take ``seconds``. Raise StorageError as
    ``inspect_database`` does."""
    try:
        from trunkline.core.storage.postgres_errors import DRIVER_ERRORS
        from trunkline.core.storage.postgres_sessions import PostgresServers, SessionBounds
    except ModuleNotFoundError as error:
        raise StorageError(
            "PostgreSQL needs the package asyncpg: pip install 'trunkline[cluster]'"
        ) from error
    bounds = SessionBounds(seconds, INSPECT_SECONDS, INSPECT_SECONDS, INSPECT_SECONDS, durable=False)
    session = await PostgresServers(parse_address(url)).open(bounds)
    try:
        return await query(session)
    except TimeoutError as error:
        raise StorageError(f"PostgreSQL does not respond within {INSPECT_SECONDS:.0f} s") from error
    except DRIVER_ERRORS as error:
        raise StorageError(f"cannot inspect the PostgreSQL database: {error}") from error
    finally:
        session.terminate()


async def _query_postgres(connection: Session) -> Inspection:
    if connection.get_settings().server_encoding != "UTF8":
        raise StorageError("the PostgreSQL database must have the encoding UTF8")
    weak = []
    for name, good in _DURABLE.items():
        value = await connection.fetchval("SELECT current_setting($1)", name)
        if value not in good:
            weak.append(f"{name} is {value}")
    applied = []
    if await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
        applied = await connection.fetch(_APPLIED)
    clock = DatabaseClock()
    await clock.measure(partial(round_trip, connection.fetchval))
    connections: int = await connection.fetchval(_CONNECTIONS)
    return Inspection(
        {(component, number): at for component, number, at in applied}, weak, clock, connections
    )
