"""The removal of blobs that no row references: left by a crash, or by a row that went with its parent."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from trunkline.core.blobs.store import GRACE, PIECE, BlobReference, delete_blob
from trunkline.core.storage.batch import weighed_batches
from trunkline.core.storage.database import Conflict, Database, Row, Tx

_PAGE = 1000
_BATCH = 100
"""Pieces of blobs that one transaction removes: on PostgreSQL each of them is a row."""
_LAST = """
SELECT max(key) FROM (SELECT key FROM blobs WHERE key > :after ORDER BY key LIMIT :limit) AS page
"""
_ORPHANS = """
SELECT key, size FROM blobs WHERE key > :after AND key <= :last AND date_created < :before {conditions}
"""
# Not NOT EXISTS: PostgreSQL may read all of the table for it.
_UNREFERENCED = (
    "AND (SELECT {table}.{column} FROM {table} WHERE {table}.{column} = blobs.key LIMIT 1) IS NULL"
)


class _Orphan(Row, frozen=True):
    key: str
    size: int


async def remove_orphans(database: Database, references: Sequence[BlobReference]) -> None:
    """Remove the blobs older than ``GRACE`` that none of ``references`` has, a page of keys at a time."""
    conditions = " ".join(_UNREFERENCED.format(table=one.table, column=one.column) for one in references)
    sql = _ORPHANS.format(conditions=conditions)
    after = ""
    while (last := await _last_key(database, after)) is not None:
        orphans = await _orphans(database, sql, after, last)
        for batch in weighed_batches(orphans, _pieces, _BATCH):
            await _remove(database, batch)
        after = last


def _pieces(orphan: _Orphan) -> int:
    return max(1, -(-orphan.size // PIECE))


async def _remove(database: Database, orphans: Sequence[_Orphan]) -> None:
    try:
        await database.write(partial(_delete, orphans=orphans))
    except Conflict:
        # A reference that was made meanwhile wins; the others are removed.
        for orphan in orphans:
            with suppress(Conflict):
                await database.write(partial(delete_blob, key=orphan.key))


async def _delete(tx: Tx, orphans: Sequence[_Orphan]) -> None:
    for orphan in orphans:
        await delete_blob(tx, orphan.key)


async def _last_key(database: Database, after: str) -> str | None:
    """Return the last key of the page behind ``after``."""
    last: str | None = await database.scan(lambda tx: tx.value(_LAST, after=after, limit=_PAGE))
    return last


async def _orphans(database: Database, sql: str, after: str, last: str) -> list[_Orphan]:
    async def find(tx: Tx) -> list[_Orphan]:
        return await tx.all(_Orphan, sql, after=after, last=last, before=tx.now - GRACE)

    return await database.scan(find)
