"""The removal of rows in pieces, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from engines import opened
from trunkline.core.storage.database import Database, Row, Tx
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.removal import ROWS, Removal, RemovalProgress, in_pieces

MIGRATIONS = (
    Migration(
        "things",
        1,
        (
            "CREATE TABLE parents (sid TEXT PRIMARY KEY)",
            """CREATE TABLE things (
                parent TEXT NOT NULL REFERENCES parents (sid) ON DELETE CASCADE,
                number BIGINT NOT NULL,
                PRIMARY KEY (parent, number)
            )""",
        ),
    ),
)
OF_ONE = Removal("things", ("parent", "number"), "parent = :parent", {"parent": "one"}, order="number")


class Thing(Row, frozen=True):
    parent: str
    number: int


def on(url: str, check: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(url, MIGRATIONS) as database:
            await database.write(_fill)
            await check(database)

    asyncio.run(run())


async def _fill(tx: Tx) -> None:
    for parent in ("one", "other"):
        await tx.run("INSERT INTO parents VALUES (:parent)", parent=parent)
        await tx.insert_many("things", [Thing(parent, number) for number in range(25)])


async def _numbers(database: Database, parent: str) -> list[int]:
    async def find(tx: Tx) -> list[int]:
        sql = "SELECT parent, number FROM things WHERE parent = :parent ORDER BY number"
        return [thing.number for thing in await tx.all(Thing, sql, parent=parent)]

    return await database.read(find)


class PauseRecorder:
    """The pauses between pieces, in which others have their turn."""

    def __init__(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        self.seconds: list[float] = []
        self._meanwhile = meanwhile

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if self._meanwhile is not None:
            await self._meanwhile()


def test_each_piece_is_a_transaction_of_its_own(database_url: str) -> None:
    async def check(database: Database) -> None:
        left: list[int] = []

        async def meanwhile() -> None:
            left.append(len(await _numbers(database, "one")))
            await database.write(lambda tx: tx.insert("things", Thing("other", 100 + len(left))))

        pauses = PauseRecorder(meanwhile)
        assert await in_pieces(database, OF_ONE, rows=10, pause=pauses) == RemovalProgress(25, more=False)
        assert left == [15, 5]
        assert all(seconds > 0 for seconds in pauses.seconds)
        assert await _numbers(database, "one") == []
        assert await _numbers(database, "other") == [*range(25), 101, 102]

    on(database_url, check)


def test_a_run_with_a_bound_goes_on_at_the_next_call(database_url: str) -> None:
    async def check(database: Database) -> None:
        first = await in_pieces(database, OF_ONE, rows=10, most=15, pause=PauseRecorder())
        assert first == RemovalProgress(15, more=True)
        assert await _numbers(database, "one") == list(range(15, 25))
        assert await in_pieces(database, OF_ONE, rows=10, most=15) == RemovalProgress(10, more=False)
        assert await in_pieces(database, OF_ONE) == RemovalProgress(0, more=False)

    on(database_url, check)


@pytest.mark.parametrize("count", [ROWS, ROWS + 1])
def test_no_piece_changes_more_than_its_bound(database_url: str, count: int) -> None:
    found: list[int] = []

    async def piece(tx: Tx, limit: int) -> int:
        found.append(await OF_ONE(tx, limit))
        return found[-1]

    async def check(database: Database) -> None:
        await database.write(
            lambda tx: tx.insert_many("things", [Thing("one", number) for number in range(25, count)])
        )
        assert await in_pieces(database, piece, pause=PauseRecorder()) == RemovalProgress(count, more=False)
        assert found == [ROWS, count - ROWS]

    on(database_url, check)


def test_several_runs_at_once_share_the_rows(database_url: str) -> None:
    async def check(database: Database) -> None:
        runs = await asyncio.gather(*(in_pieces(database, OF_ONE, rows=3) for _ in range(4)))
        rest = await in_pieces(database, OF_ONE, rows=3)
        assert sum(run.rows for run in runs) + rest.rows == 25
        assert await _numbers(database, "one") == []

    on(database_url, check)


def test_rows_that_another_transaction_has_locked_are_skipped(
    postgres_server: str, database_url: str
) -> None:
    async def check(database: Database) -> None:
        async def hold(tx: Tx) -> None:
            await tx.value("SELECT number FROM things WHERE parent = 'one' AND number = 7 FOR UPDATE")
            # Another connection; the removal does not wait for this one.
            assert await in_pieces(database, OF_ONE, rows=10, pause=PauseRecorder()) == RemovalProgress(
                24, more=False
            )

        if database.name == "postgresql":
            await database.write(hold)
            assert await _numbers(database, "one") == [7]

    on(database_url, check)


def test_a_piece_finds_and_removes_its_rows_by_an_index(database_url: str) -> None:
    plans: list[str] = []

    class PlanEntry(Row, frozen=True):
        id: int
        parent: int
        unused: int
        detail: str

    async def explain(tx: Tx, limit: int) -> int:
        class StatementExplainer:
            skip_locked = tx.skip_locked

            async def run(self, sql: str, **values: object) -> int:
                found = await tx.all(PlanEntry, f"EXPLAIN QUERY PLAN {sql}", **values)
                plans.extend(line.detail for line in found)
                return 0

        return await OF_ONE(StatementExplainer(), limit)  # type: ignore[arg-type]

    async def check(database: Database) -> None:
        if database.name == "sqlite":
            await in_pieces(database, explain)
            assert not [plan for plan in plans if "things" in plan and not plan.startswith("SEARCH")], plans
            assert sum("USING" in plan and "INDEX" in plan for plan in plans) == 2, plans

    on(database_url, check)
