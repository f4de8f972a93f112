"""The inspection of a database, which changes nothing in it: its migrations, and the settings that lose commits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import msgspec

from trunkline.core.clock import SECOND
from trunkline.core.storage.database import StorageError

if TYPE_CHECKING:
    import asyncpg

INSPECT_SECONDS = 5.0
"""The seconds that PostgreSQL may take for the connection, and for each query."""

_BUSY_MS = 2_000
_SQLITE = "sqlite:///"
_APPLIED = "SELECT room, number, applied_at FROM schema_migrations"
_DURABLE = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply", "remote_write", "local"),
}


class Inspection(msgspec.Struct, frozen=True):
    """The state of a database: the times at which its migrations were applied, in microseconds since 1970 UTC; the
    settings with which it loses commits in a power cut; and the time of its server's own clock, where it has one."""

    applied: dict[tuple[str, int], int]
    weak: list[str]
    now: int | None = None


def database_file(url: str) -> Path | None:
    """Return the file that the address of a database names, None if its data are not in a file."""
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


async def inspect_database(url: str) -> Inspection:
    """Inspect the database at ``url``, which must exist. Raise StorageError, which never repeats the address's
    password, if it cannot be opened or is no such database."""
    path = database_file(url)
    if path is None:
        return await _inspect_postgres(url)
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return _inspect_sqlite(connection)
        finally:
            connection.close()
    except apsw.Error as error:
        raise StorageError(f"cannot inspect {path}: {error}") from error


def _inspect_sqlite(connection: apsw.Connection) -> Inspection:
    connection.set_busy_timeout(_BUSY_MS)
    registered = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'"
    if not connection.execute(registered).fetchall():
        return Inspection({}, [])
    applied: list[Any] = connection.execute(_APPLIED).fetchall()
    journal = connection.execute("PRAGMA journal_mode").get
    # The other pragmas belong to a connection, not to the file.
    weak = [] if journal == "wal" else [f"journal_mode is {journal}"]
    return Inspection({(component, number): at for component, number, at in applied}, weak)


async def _inspect_postgres(url: str) -> Inspection:
    try:
        import asyncpg
    except ModuleNotFoundError as error:
        raise StorageError(
            "PostgreSQL needs the package asyncpg: pip install 'trunkline[cluster]'"
        ) from error
    try:
        connection = await asyncpg.connect(url, timeout=INSPECT_SECONDS, command_timeout=INSPECT_SECONDS)
        try:
            return await _query_postgres(connection)
        finally:
            await connection.close()
    except TimeoutError as error:
        raise StorageError(f"PostgreSQL does not respond within {INSPECT_SECONDS:.0f} s") from error
    except (asyncpg.PostgresError, OSError) as error:
        raise StorageError(f"cannot inspect the PostgreSQL database: {error}") from error
    except (asyncpg.InterfaceError, ValueError) as error:
        # The driver's error about an address may repeat its password.
        raise StorageError("cannot understand the address of the PostgreSQL database") from error


async def _query_postgres(connection: asyncpg.Connection[asyncpg.Record]) -> Inspection:
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
    seconds = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())")
    return Inspection(
        {(component, number): at for component, number, at in applied}, weak, int(seconds * SECOND)
    )
