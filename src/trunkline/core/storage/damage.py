"""The search for damage in a database, which reads all of it and changes nothing.

SQLite checks the structure of every page (``quick_check``). PostgreSQL has no such check that any user may run: every
row of every table is read, which meets damaged pages and values, and what the server has found is shown: invalid
indexes, and failures of page checksums. With the extension amcheck every B-tree index is checked, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from trunkline.core.storage.inspection import database_file, opened_unchanged, query_postgres

if TYPE_CHECKING:
    from trunkline.core.storage.postgres_sessions import Session

MAX_FINDINGS = 10

_TABLES = """
SELECT quote_ident(relname) FROM pg_class
WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY relname
"""
_INVALID = """
SELECT indexrelid::regclass::text FROM pg_index
WHERE NOT (indisvalid AND indisready) AND indrelid IN (
    SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
"""
_CHECKSUMS = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
_AMCHECK = """
SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE extname = 'amcheck'
"""
_TREES = """
SELECT c.oid, c.relname FROM pg_class c JOIN pg_am a ON a.oid = c.relam
WHERE c.relkind = 'i' AND a.amname = 'btree' AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname
"""


async def find_damage(url: str) -> list[str]:
    """Return up to ``MAX_FINDINGS`` findings about a database. Raise StorageError if it cannot be opened."""
    path = database_file(url)
    if path is None:
        return (await query_postgres(url, _check_postgres, seconds=None))[:MAX_FINDINGS]
    return list(_check_sqlite(path))[:MAX_FINDINGS]


def find_damaged_files(database: Path, path_of: Callable[[str], Path]) -> list[str]:
    """Return up to ``MAX_FINDINGS`` findings about the contents that an SQLite database has in files, which ``path_of``
    names by their keys."""
    found: list[str] = []
    try:
        with opened_unchanged(database) as connection:
            for key, size in connection.execute("SELECT key, size FROM blobs"):
                path = path_of(key)
                there = path.stat().st_size if path.exists() else None
                if there != size and len(found) < MAX_FINDINGS:
                    state = "is missing" if there is None else f"has {there} of {size} bytes"
                    found.append(f"the attachment {path} {state}")
    except (apsw.Error, OSError) as error:
        found.append(f"the attachments cannot be checked: {error}")
    return found


def _check_sqlite(path: Path) -> Iterator[str]:
    try:
        with opened_unchanged(path) as connection:
            for (text,) in connection.execute(f"PRAGMA quick_check({MAX_FINDINGS})"):
                if text != "ok":
                    yield from (line for line in str(text).splitlines() if not line.startswith("***"))
    except (apsw.Error, OSError) as error:
        yield str(error)


async def _check_postgres(connection: Session) -> list[str]:
    import asyncpg

    found = [f"the index {name} is invalid" for (name,) in await connection.fetch(_INVALID)]
    if failures := await connection.fetchval(_CHECKSUMS):
        found.append(f"{failures} pages failed their checksum since the server's statistics began")
    for (table,) in await connection.fetch(_TABLES):
        try:
            await connection.fetchval(f"SELECT sum(length(t::text)) FROM {table} AS t")
        except asyncpg.PostgresError as error:
            found.append(f"the table {table} cannot be read: {error}")
    schema = await connection.fetchval(_AMCHECK)
    for number, index in await connection.fetch(_TREES) if schema else ():
        try:
            await connection.execute(f"SELECT {schema}.bt_index_check({number}::oid)")
        except asyncpg.InsufficientPrivilegeError:
            break
        except asyncpg.PostgresError as error:
            found.append(f"the index {index} is damaged: {error}")
    return found
