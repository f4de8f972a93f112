"""The statements by which rows are found and removed: each by an index, and over a bounded number of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from api.test_list_costs import METERS
from engines import Engine, SqliteEngine
from trunkline.core.blobs import orphans
from trunkline.core.clock import SECOND
from trunkline.core.storage import retention as governed
from trunkline.core.storage.database import Row, Tx
from trunkline.core.storage.removal import ROWS
from trunkline.core.storage.retention import DAY, FoundRows, Limit, TableRetention, find_rows_of_account
from trunkline.products.messaging.media import schema as media_schema
from trunkline.products.messaging.messages import old_messages
from trunkline.products.messaging.messages.old_messages import OLD_MEDIA, OLD_MESSAGES, ROUND, OldRows
from trunkline.products.messaging.sending import receipt_handling
from trunkline.products.messaging.sending.receipt_handling import RECONCILED
from unit.app.test_retention import (
    ACCOUNT,
    COLUMNS,
    NOW,
    OTHER,
    PARENTS,
    REFERENCES,
    World,
    fill,
    on,
)

Statements = list[tuple[str, Mapping[str, Any]]]


class RecordedTx:
    """A transaction that records its statements, each with its values."""

    def __init__(self, tx: Any, statements: Statements) -> None:
        self._tx, self._statements = tx, statements

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    async def one(self, row: Any, sql: str, /, **values: Any) -> Any:
        """Return the first row of the result."""
        self._statements.append((sql, values))
        return await self._tx.one(row, sql, **values)

    async def all(self, row: Any, sql: str, /, **values: Any) -> Any:
        """Return all rows of the result."""
        self._statements.append((sql, values))
        return await self._tx.all(row, sql, **values)

    async def value(self, sql: str, /, **values: Any) -> Any:
        """Return the first column of the first row."""
        self._statements.append((sql, values))
        return await self._tx.value(sql, **values)

    async def run(self, sql: str, /, **values: Any) -> Any:
        """Carry out a change."""
        self._statements.append((sql, values))
        return await self._tx.run(sql, **values)

    async def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]], /) -> None:
        """Carry out a change for each of some rows."""
        self._statements += [(sql, values) for values in rows[:1]]
        await self._tx.run_many(sql, rows)


class _Step(Row, frozen=True):
    id: int
    parent: int
    notused: int
    detail: str


BOUNDED = {"picked", "page", "newest", "CONSTANT"}
"""The names of subqueries that have a limit."""


def whole_reads(plan: list[str]) -> list[str]:
    """Return the steps of a plan that read or sort a whole table."""
    return [
        step
        for step in plan
        if (step.startswith("SCAN ") and step.split()[1] not in BOUNDED) or step.startswith("USE TEMP B-TREE")
    ]


async def old_rows(world: World, table: TableRetention, limit: Limit) -> None:
    """Insert rows that the limit removes."""
    if isinstance(limit, OldRows):
        # The first ones must stay, and are passed over.
        for number, status in enumerate(["scheduled"] * 8 + ["delivered"] * 2):
            of = {"account_sid": ACCOUNT, "date_created": number}
            await world.insert("messages", sid=f"{table.table}-{number}", status=status, num_media=1, **of)
            await world.insert(
                "message_media", sid=f"{table.table}-{number}", message_sid=f"{table.table}-{number}", **of
            )
        return
    references = REFERENCES.get(table.table, {})
    closed: dict[str, Any] = {}
    if table.table == "accounts":
        closed = {"owner_account_sid": "AC3", "status": "closed", "auth_token": b"sealed"}
    for number in (1, 2) if not closed else (3,):
        key = next(name for name in reversed(table.key) if name not in references)
        text = COLUMNS[table.table][key] == "TEXT"
        own = {key: f"AC{number}" if closed else str(number) if text else number}
        if column := getattr(limit, "column", ""):
            own[column] = number
        await world.insert(table.table, **{**references, **closed, **own})


async def removed(world: World, found: FoundRows | None) -> bool:
    """Remove some of the rows; return whether there were some."""
    if found is not None:
        await world.database.write(lambda tx: found.piece(tx, ROWS))
    return found is not None


@pytest.mark.parametrize("days", [0, 3])
def test_every_statement_of_retention_finds_its_rows_by_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    monkeypatch.setattr(governed, "MEGABYTE", 1)
    monkeypatch.setattr(old_messages, "_OLDEST", 2)
    monkeypatch.setattr(old_messages, "PAGE", 3)

    async def check(world: World) -> None:
        for parent, values in PARENTS:
            await world.insert(parent, **values)
        if not days:
            await world.insert("account_retention", account_sid=ACCOUNT, message_days=3, media_days=3)
        statements: Statements = []
        scan, write = world.database.scan, world.database.write
        world.database.scan = lambda action: scan(lambda tx: action(RecordedTx(tx, statements)))  # type: ignore
        # The days of an account matter to two of the limits only.
        limits = [
            (table, limit)
            for table in world.retention.tables
            for limit in table.limits
            if days or isinstance(limit, OldRows)
        ]
        for table, limit in limits:
            await old_rows(world, table, limit)
            world.database.write = lambda action: write(lambda tx: action(RecordedTx(tx, statements)))  # type: ignore
            found = await limit.find(world.database, world.retention, table, NOW)
            assert await removed(world, found), (table.table, limit)
            world.database.write = write  # type: ignore
        assert world.retention.places
        if days:
            await fill(world, OTHER)
        world.database.write = lambda action: write(lambda tx: action(RecordedTx(tx, statements)))  # type: ignore
        while await removed(world, await find_rows_of_account(world.database, world.retention, OTHER)):
            pass
        plans: dict[str, list[str]] = {}
        for sql, values in statements:
            if sql not in plans:
                explained = await world.database.read(
                    lambda tx, sql=sql, values=values: tx.all(_Step, f"EXPLAIN QUERY PLAN {sql}", **values)
                )
                plans[sql] = [step.detail for step in explained]
        assert len(plans) > (60 if days else 6)
        assert {sql: wrong for sql, plan in plans.items() if (wrong := whole_reads(plan))} == {}

    on(
        SqliteEngine(tmp_path),
        tmp_path,
        check,
        message_days=days,
        media_days=days,
        alert_limit=1,
        sandbox_message_limit=1,
        webhook_log_megabytes=1,
    )


_VALUES = {"TEXT": "''", "BIGINT": "CAST(0 AS BIGINT)", "BOOLEAN": "FALSE", "BLOB": "CAST('' AS BLOB)"}


async def insert_series(world: World, table: str, rows: int, **expressions: str) -> None:
    """Insert rows; ``i`` is the number of a row in the expressions of its columns."""
    values = {name: _VALUES[kind] for name, kind in COLUMNS[table].items()} | expressions
    sql = (
        f"INSERT INTO {table} ({', '.join(values)})"
        f" WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
        f" SELECT {', '.join(values.values())} FROM n"
    )
    await world.run(sql.replace("AS BLOB", "AS BYTEA") if world.database.name == "postgresql" else sql)


def metered(world: World) -> list[float]:
    """Return the rows that each read and each piece of a removal costs, a list that grows."""
    costs: list[float] = []
    scan, write = world.database.scan, world.database.write

    async def measured(run: Any, action: Any) -> Any:
        meters: list[Any] = []

        def act(tx: Tx) -> Any:
            meters.append(METERS[type(world.database)](tx))
            return action(meters[-1])

        found = await run(act)
        costs.append(sum(meters[-1].costs))
        return found

    world.database.scan = lambda action: measured(scan, action)  # type: ignore
    world.database.write = lambda action: measured(write, action)  # type: ignore
    return costs


@pytest.mark.parametrize("limit", [OLD_MESSAGES, OLD_MEDIA], ids=lambda limit: limit.option)
def test_a_look_and_a_piece_read_a_bounded_number_of_rows_whatever_must_stay(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: OldRows
) -> None:
    monkeypatch.setattr(old_messages, "PAGE", 300)
    old, table = NOW - 40 * DAY, "messages" if limit is OLD_MESSAGES else "message_media"

    async def check(world: World) -> None:
        common = {"account_sid": f"'{ACCOUNT}'", "date_created": f"CAST({old} AS BIGINT) + i"}
        status = "CASE WHEN i > 1500 THEN 'delivered' ELSE 'scheduled' END"
        await insert_series(
            world, "messages", 1505, sid="'SM' || CAST(i AS TEXT)", status=status, num_media="1", **common
        )
        await insert_series(
            world,
            "message_media",
            1505,
            sid="'ME' || CAST(i AS TEXT)",
            message_sid="'SM' || CAST(i AS TEXT)",
            **common,
        )
        await insert_series(
            world, "accounts", 300, sid="'AC3' || CAST(i AS TEXT)", owner_account_sid=f"'{OTHER}'"
        )
        # As the engines do by themselves while tables grow.
        await world.run("ANALYZE")
        costs = metered(world)

        async def sweep() -> tuple[int, float, float]:
            costs.clear()
            world.removed.clear()
            await world.sweeper.sweep(lambda one: one is limit)
            return world.removed[table], max(costs), sum(costs)

        removed, most, _ = await sweep()
        assert (removed, most < 900) == (5, True), costs
        # What was passed over is not read again until a while later.
        removed, _, total = await sweep()
        assert (removed, total < 900) == (0, True), costs
        await world.run("UPDATE messages SET status = 'canceled' WHERE sid IN ('SM2', 'SM1000')")
        removed, _, _ = await sweep()
        assert removed == 1
        world.clock.go(ROUND)
        removed, most, _ = await sweep()
        assert (removed, most < 900) == (1, True), costs

    on(engine, tmp_path, check, message_days=3, media_days=3)


def test_receipts_without_a_message_cost_a_bounded_number_of_rows(engine: Engine, tmp_path: Path) -> None:
    async def check(world: World) -> None:
        await world.insert("messages", sid="SM", account_sid=ACCOUNT)
        rows = 5 * RECONCILED
        common = {"carrier": "'main'", "date_created": f"CAST({NOW} AS BIGINT) + i"}
        await insert_series(world, "early_receipts", rows, id="'early' || CAST(i AS TEXT)", **common)
        await insert_series(
            world, "message_parts", rows, message_sid="'SM'", part="i", id="CAST(i AS TEXT)", **common
        )
        await world.run("ANALYZE")
        costs = metered(world)
        world.clock.go(SECOND)
        await world.database.write(lambda tx: receipt_handling.reconcile(tx, 10))
        assert max(costs) < 2 * RECONCILED

    on(engine, tmp_path, check)


def test_a_page_of_blobs_is_checked_without_all_that_refers_to_them(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "_PAGE", 500)

    async def check(world: World) -> None:
        rows = 3_000
        sid = "'X' || CAST(i AS TEXT)"
        await world.insert("messages", sid="SM", account_sid=ACCOUNT)
        await insert_series(world, "blobs", rows, key=sid)
        await insert_series(
            world,
            "message_media",
            rows - 1,
            sid=sid,
            blob=sid,
            message_sid="'SM'",
            account_sid=f"'{ACCOUNT}'",
        )
        await world.run("ANALYZE")
        costs = metered(world)
        await orphans.remove_orphans(world.database, media_schema.BLOBS)
        assert await world.rows("blobs") == rows - 1
        assert max(costs) < 1_000

    on(engine, tmp_path, check)
