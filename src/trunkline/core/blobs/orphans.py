"""The removal of blobs that no row references: left by a crash, or by a row that went with its parent."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from trunkline.core.blobs.store import GRACE, BlobReference, delete_blob
from trunkline.core.storage.database import Conflict, Database, Row, Tx

_PAGE = 1000
_LAST = """
SELECT max(key) FROM (SELECT key FROM blobs WHERE key > :after ORDER BY key LIMIT :most) AS page
"""
_ORPHANS = """
SELECT key FROM blobs WHERE key > :after AND key <= :last AND date_created < :before {conditions}
"""
_UNREFERENCED = "AND NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.{column} = blobs.key)"


class _Key(Row, frozen=True):
    key: str


async def remove_orphans(database: Database, references: Sequence[BlobReference]) -> None:
    """Remove the blobs older than ``GRACE`` that none of ``references`` has, a page of keys at a time."""
    conditions = " ".join(_UNREFERENCED.format(table=one.table, column=one.column) for one in references)
    sql = _ORPHANS.format(conditions=conditions)
    after = ""
    while (last := await _last_key(database, after)) is not None:
        for orphan in await _orphans(database, sql, after, last):
            # A reference that was made meanwhile wins.
            with suppress(Conflict):
                await database.write(partial(delete_blob, key=orphan.key))
        after = last


async def _last_key(database: Database, after: str) -> str | None:
    """Return the last key of the page behind ``after``."""
    last: str | None = await database.scan(lambda tx: tx.value(_LAST, after=after, most=_PAGE))
    return last


async def _orphans(database: Database, sql: str, after: str, last: str) -> list[_Key]:
    async def find(tx: Tx) -> list[_Key]:
        return await tx.all(_Key, sql, after=after, last=last, before=tx.now - GRACE)

    return await database.scan(find)
