"""The sizes of a database's tables, at a price that does not grow with them.

PostgreSQL counts rows and bytes itself. SQLite has the virtual table ``dbstat``, which reads every page of the file (a
second for each gigabyte, if it is in memory) and is not in every build. So the size of a table is estimated: its
numbers of rows from the gaps between row ids at some places, the bytes of a row from the rows there, with what its
indexes repeat. The estimates are scaled to what the file uses, so that their sum is right for a database of some
size.
"""

from __future__ import annotations

import apsw
import msgspec

from trunkline.core.storage.database import Row, StorageError, Tx
from trunkline.core.storage.inspection import database_file, opened_unchanged, query_postgres
from trunkline.core.storage.sqlite_tx import SqliteTx, advance

PLACES = 16
"""Places of a table at which rows are read."""

SAMPLE = 64
"""Rows that are read at each place; a table with no more ids than all places read is counted."""

_EMPTIEST = 2.5
"""The largest ratio of a table's pages to the bytes of its rows."""

_OF_ROW, _OF_ENTRY = 12, 10
"""Bytes of a row's or an index entry's own header, about."""

_POSTGRES = """
SELECT c.relname::text, CAST(GREATEST(c.reltuples, s.n_live_tup, 0) AS BIGINT), pg_total_relation_size(c.oid)
FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
"""


class TableSize(msgspec.Struct, frozen=True):
    """The number of rows of a table and its bytes, with its indexes; both may be estimates."""

    table: str
    rows: int
    bytes: int


class _PostgresSize(Row, frozen=True):
    table: str
    rows: int
    bytes: int


class _Name(Row, frozen=True):
    name: str


class _Ids(Row, frozen=True):
    first: int | None
    last: int | None


class _Place(Row, frozen=True):
    rows: int
    last: int | None
    bytes: int | None


async def measure_tables(tx: Tx, engine: str) -> list[TableSize]:
    """Return the sizes of all tables, the largest first; ``engine`` is the name of the ``Database``."""
    if engine == "sqlite":
        found = await _estimate(tx)
    else:
        rows = await tx.all(_PostgresSize, _POSTGRES)
        found = [TableSize(row.table, row.rows, row.bytes) for row in rows]
    return sorted(found, key=lambda size: (-size.bytes, size.table))


async def _estimate(tx: Tx) -> list[TableSize]:
    names = await tx.all(
        _Name, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite$_%' ESCAPE '$'"
    )
    sizes = [await _estimate_table(tx, one.name) for one in names]
    page = await tx.value("SELECT page_size FROM pragma_page_size")
    used = await tx.value("SELECT page_count FROM pragma_page_count") - await tx.value(
        "SELECT freelist_count FROM pragma_freelist_count"
    )
    # Pages are half full at least; a small file consists of the first pages of its tables and indexes.
    scale = min(page * used / (sum(size.bytes for size in sizes) or 1), _EMPTIEST)
    return [TableSize(size.table, size.rows, int(size.bytes * scale)) for size in sizes]


async def _estimate_table(tx: Tx, table: str) -> TableSize:
    ids = await tx.one(_Ids, f"SELECT min(rowid), max(rowid) FROM {table}")
    if ids is None or ids.first is None or ids.last is None:
        return TableSize(table, 0, 0)
    sql = await _sampling(tx, table)
    span = ids.last - ids.first + 1
    if span <= PLACES * SAMPLE:
        place = await tx.one(_Place, sql, start=ids.first, sample=span)
        assert place is not None, "an aggregate has one row"
        return TableSize(table, place.rows, place.bytes or 0)
    rows, read, length = 0.0, 0, 0
    step = span / PLACES
    for number in range(PLACES):
        start = ids.first + int(number * step)
        place = await tx.one(_Place, sql, start=start, sample=SAMPLE)
        if place is None or place.last is None:
            continue
        # As many of these ids are in use as of those between the first and the last row that were read here.
        rows += step * place.rows / (place.last - start + 1)
        read, length = read + place.rows, length + (place.bytes or 0)
    return TableSize(table, int(rows), int(rows * length / max(read, 1)))


async def _sampling(tx: Tx, table: str) -> str:
    """Return the query for the number of rows from an id on, the last of their ids, and their bytes."""
    names = [
        one.name for one in await tx.all(_Name, "SELECT name FROM pragma_table_info(:table)", table=table)
    ]
    repeated = await tx.all(
        _Name,
        "SELECT c.name FROM pragma_index_list(:table) i JOIN pragma_index_info(i.name) c WHERE c.name IS NOT NULL",
        table=table,
    )
    indexes = await tx.value("SELECT count(*) FROM pragma_index_list(:table)", table=table)
    lengths = " + ".join(
        f"coalesce(length(CAST({name} AS BLOB)), 0)" for name in (*names, *(one.name for one in repeated))
    )
    own = _OF_ROW + _OF_ENTRY * indexes
    return (
        f"SELECT count(*), max(id), sum({lengths} + {own}) FROM (SELECT rowid AS id, * FROM {table}"
        " WHERE rowid >= :start ORDER BY rowid LIMIT :sample)"
    )


async def table_sizes_at(url: str) -> list[TableSize]:
    """Return the sizes of the tables of the database at ``url``, which nothing changes. Raise StorageError as
    ``inspect_database`` does."""
    path = database_file(url)
    if path is None:
        # Imported here because SQLite needs no driver of PostgreSQL.
        from trunkline.core.storage.postgres_tx import PostgresTx

        return await query_postgres(
            url, lambda connection: measure_tables(PostgresTx(connection, 0), "postgresql")
        )
    try:
        with opened_unchanged(path) as connection:
            return advance(lambda tx: measure_tables(tx, "sqlite"), SqliteTx(connection, 0))
    except (apsw.Error, OSError) as error:
        raise StorageError(f"cannot inspect {path}: {error}") from error
