"""Bounded walks: pages of rows whose filters no index holds together with the list's order.

A statement that checks a filter row by row reads a whole table for a filter that matches little. A walk goes along an
index in steps of a bounded number of rows until one has a row that matches, returns those that match, and, if it
stopped before it had enough, the key at which the next one goes on. It stops after many more if no row matches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.core.storage.database import R, Row, Tx, columns
from trunkline.core.storage.list_query import ListQuery, Span, WalkResult


class _Key(Row, frozen=True):
    number: int
    text: str


async def walk(tx: Tx, row: type[R], query: ListQuery, span: Span, /, **values: Any) -> WalkResult[R]:
    """Return the first rows of the span that match, at most ``span.limit``. If anything is checked row by row, read
    ``span.walk`` of them at a time, and ``span.most`` at most, until one matches. ``values`` are those of the
    conditions."""
    left = span.most
    result = await _step(tx, row, query, span, values)
    while not result.rows and result.stop is not None and (left := left - span.walk) > 0:
        span = span.resume(result.stop)
        result = await _step(tx, row, query, span, values)
    return result


async def _step(
    tx: Tx, row: type[R], query: ListQuery, span: Span, conditions: Mapping[str, Any]
) -> WalkResult[R]:
    values = {**conditions, **span.values}
    within = f"FROM {query.table} WHERE {' AND '.join(query.held)} {span.start}{span.order_by}"
    if not query.checked:
        return WalkResult(await tx.all(row, f"SELECT {columns(row)} {within} LIMIT :row_limit", **values))
    # The rows of a limited subquery come in its order: sorting them again would keep the walk from ending early.
    found = await tx.all(
        row,
        f"SELECT {columns(row)} FROM (SELECT * {within} LIMIT :walk_limit) walked"
        f" WHERE {' AND '.join(query.checked)} LIMIT :row_limit",
        **values,
        walk_limit=span.walk,
    )
    if len(found) >= span.limit:
        return WalkResult(found)
    number, text = span.key
    last = await tx.one(
        _Key,
        f"SELECT {number}, {text} {within} LIMIT 1 OFFSET :walk_offset",
        **values,
        walk_offset=span.walk - 1,
    )
    return WalkResult(found, None if last is None else (last.number, last.text))
