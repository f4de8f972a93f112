"""The choice of the engine and of the clock by the address of the database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trunkline.core.clock import Clock, WatchedClock
from trunkline.core.database_clock import DatabaseClock
from trunkline.core.storage.database import Database, StorageError
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.postgres_address import SCHEMES, PostgresBounds, parse_address
from trunkline.core.storage.sqlite import SqliteDatabase

FORMS = "sqlite:///relative/path, sqlite:////absolute/path or postgresql://user:password@host/database"
"""The addresses that ``open_database`` supports."""

_SQLITE = "sqlite:///"


def open_database(
    url: str,
    migrations: Sequence[Migration],
    clock: Clock,
    *,
    shared: bool = False,
    bounds: PostgresBounds | None = None,
) -> Database:
    """Return the engine for ``url``, not started yet. ``shared`` opens an SQLite file beside the server that has it;
    ``bounds`` are those of PostgreSQL.

    Raise StorageError, which never repeats the address, if no engine supports it or the package for PostgreSQL is
    missing.
    """
    check_address(url)
    if url.startswith(_SQLITE):
        return SqliteDatabase(Path(url.removeprefix(_SQLITE)), migrations, clock, shared=shared)
    try:
        from trunkline.core.storage.postgres import PostgresDatabase
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise StorageError(
            "PostgreSQL needs the package asyncpg: pip install 'trunkline[cluster]'"
        ) from error
    return PostgresDatabase(url, migrations, clock, bounds)


def open_clock(url: str) -> Clock:
    """Return the clock of a node on the database at ``url``: the machine's on SQLite, else the database's, which its
    start measures."""
    return WatchedClock() if url.startswith(_SQLITE) else DatabaseClock()


def check_address(url: str) -> None:
    """Raise StorageError, which never repeats the address, if no engine understands it."""
    if not any(url.startswith(prefix) and url != prefix for prefix in (_SQLITE, *SCHEMES)):
        raise StorageError(f"a database address is {FORMS}")
    if not url.startswith(_SQLITE):
        parse_address(url)
