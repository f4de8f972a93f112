"""The change of named parameters to numbered ones, and of many rows to batches."""

from __future__ import annotations

import asyncio

import pytest

from trunkline.core.storage.postgres_tx import BATCH_BYTES, PostgresTx, numbered


@pytest.mark.parametrize(
    ("sql", "text", "names"),
    [
        ("SELECT 1", "SELECT 1", ()),
        ("a = :a AND b = :b_2", "a = $1 AND b = $2", ("a", "b_2")),
        ("a = :x OR b = :y OR c = :x", "a = $1 OR b = $2 OR c = $1", ("x", "y")),
        ("a::text = :a::text", "a::text = $1::text", ("a",)),
        ("a = ':no' AND b = 'it''s :no' AND c = :c", "a = ':no' AND b = 'it''s :no' AND c = $1", ("c",)),
        ('":no" = :yes -- :no\n AND :z', '":no" = $1 -- :no\n AND $2', ("yes", "z")),
        ("a[1:2] = (:a)", "a[1:2] = ($1)", ("a",)),
    ],
)
def test_numbered(sql: str, text: str, names: tuple[str, ...]) -> None:
    assert numbered(sql) == (text, names)


@pytest.mark.parametrize(
    ("value", "rows", "statements"),
    [
        ("x" * 1_000, 1, 1),
        ("x" * 100, 300, 1),
        ("x" * 1_000, 600, 10),
        ("\u20ac" * 1_000, 150, 10),
        (b"x" * 100_000, 3, 3),
    ],
)
def test_rows_are_sent_in_pieces_that_the_driver_does_not_split(
    value: object, rows: int, statements: int
) -> None:
    sent: list[list[list[object]]] = []

    class Connection:
        async def executemany(self, text: str, rows: list[list[object]]) -> None:
            sent.append(rows)

    async def test() -> None:
        tx = PostgresTx(Connection(), 0, writable=True)  # type: ignore[arg-type]
        await tx.run_many("UPDATE t SET a = :a WHERE n = :n", [{"n": n, "a": value} for n in range(rows)])
        assert tx.changed

    asyncio.run(test())
    assert [row for batch in sent for row in batch] == [[value, n] for n in range(rows)]
    assert len(sent) == statements
    assert all(len(batch) == 1 or len(batch) * len(str(value).encode()) < BATCH_BYTES for batch in sent)
