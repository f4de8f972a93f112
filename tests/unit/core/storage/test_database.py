"""The promises of the storage interface, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from engines import opened
from trunkline.core.storage.database import (
    Conflict,
    Database,
    Row,
    StorageError,
    Tx,
    Unavailable,
    assignments,
    columns,
    placeholders,
)
from trunkline.core.storage.migrate import Migration

SCHEMA = (
    "CREATE TABLE owners (sid TEXT PRIMARY KEY)",
    "CREATE TABLE things (sid TEXT PRIMARY KEY, owner TEXT REFERENCES owners (sid), count BIGINT NOT NULL, "
    "active BOOLEAN NOT NULL, hidden BOOLEAN, body BLOB)",
)
MIGRATIONS = (Migration("things", 1, SCHEMA),)
SELECT = "SELECT sid, owner, count, active, hidden, body FROM things"


class Thing(Row, frozen=True):
    sid: str
    owner: str | None = None
    count: int = 0
    active: bool = True
    hidden: bool | None = None
    body: bytes | None = None


class ExpectedError(Exception):
    pass


def on(url: str, check: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(url, MIGRATIONS) as database:
            await check(database)

    asyncio.run(run())


async def insert(database: Database, *things: Thing) -> None:
    async def action(tx: Tx) -> None:
        for thing in things:
            await tx.insert("things", thing)

    await database.write(action)


async def sids(database: Database) -> list[str]:
    async def action(tx: Tx) -> list[str]:
        return [thing.sid for thing in await tx.all(Thing, f"{SELECT} ORDER BY sid")]

    return await database.read(action)


@pytest.mark.parametrize(
    "thing",
    [
        Thing("plain"),
        Thing("é 漢字 👩‍👩‍👧", count=-(2**63), active=False, hidden=True, body=b"\x00\xff"),
        Thing("", count=2**63 - 1, hidden=False, body=b""),
    ],
)
def test_row_comes_back_as_it_went(database_url: str, thing: Thing) -> None:
    async def check(database: Database) -> None:
        async def fetch(tx: Tx) -> Thing | None:
            return await tx.one(Thing, f"{SELECT} WHERE sid = :sid", sid=thing.sid)

        await insert(database, thing)
        for view in (database.read, database.scan, database.write):
            found = await view(fetch)
            assert found == thing
            assert found is not None
            assert [type(value) for value in msgspec.structs.astuple(found)] == [
                type(value) for value in msgspec.structs.astuple(thing)
            ]

    on(database_url, check)


def test_nothing_found(database_url: str) -> None:
    async def check(database: Database) -> None:
        async def action(tx: Tx) -> tuple[object, ...]:
            where = f"{SELECT} WHERE sid = :sid"
            return (
                await tx.one(Thing, where, sid="x"),
                await tx.all(Thing, where, sid="x"),
                await tx.value("SELECT sid FROM things WHERE sid = :sid", sid="x"),
            )

        assert await database.read(action) == (None, [], None)

    on(database_url, check)


def test_run_answers_how_many_rows_it_touched(database_url: str) -> None:
    async def check(database: Database) -> None:
        async def action(tx: Tx) -> list[int]:
            again = (
                f"INSERT INTO things ({columns(Thing)}) VALUES ({placeholders(Thing)}) ON CONFLICT DO NOTHING"
            )
            return [
                await tx.run(
                    f"UPDATE things SET {assignments(('count',))} WHERE count < :limit", count=1, limit=3
                ),
                await tx.run(again, **msgspec.structs.asdict(Thing("a"))),
                await tx.run("DELETE FROM things WHERE sid = :sid", sid="nobody"),
                await tx.run("CREATE TABLE more (sid TEXT)"),
            ]

        await insert(database, Thing("a"), Thing("b"), Thing("c", count=9))
        assert await database.write(action) == [2, 0, 0, 0]

    on(database_url, check)


def test_one_with_returning_changes_every_row(database_url: str) -> None:
    async def check(database: Database) -> None:
        async def change(tx: Tx) -> Thing | None:
            return await tx.one(Thing, f"UPDATE things SET count = 5 RETURNING {columns(Thing)}")

        async def fives(tx: Tx) -> object:
            return await tx.value("SELECT count(*) FROM things WHERE count = 5")

        await insert(database, Thing("a"), Thing("b"), Thing("c"))
        changed = await database.write(change)
        assert changed is not None
        assert changed.count == 5
        assert await database.read(fives) == 3

    on(database_url, check)


def test_an_action_that_raises_leaves_nothing_and_its_neighbours_stay(database_url: str) -> None:
    async def check(database: Database) -> None:
        def action(number: int) -> Callable[[Tx], Awaitable[int]]:
            async def change(tx: Tx) -> int:
                await tx.insert("things", Thing(f"{number:02}"))
                if number % 3 == 0:
                    raise ExpectedError(number)
                return number

            return change

        results = await asyncio.gather(
            *(database.write(action(number)) for number in range(20)), return_exceptions=True
        )
        assert [isinstance(result, ExpectedError) for result in results] == [n % 3 == 0 for n in range(20)]
        assert [result for result in results if isinstance(result, int)] == [n for n in range(20) if n % 3]
        assert await sids(database) == [f"{n:02}" for n in range(20) if n % 3]

    on(database_url, check)


@pytest.mark.parametrize("thing", [Thing("taken"), Thing("new", owner="nobody")])
def test_a_broken_rule_is_a_conflict(database_url: str, thing: Thing) -> None:
    async def check(database: Database) -> None:
        await insert(database, Thing("taken"))
        with pytest.raises(Conflict) as caught:
            await insert(database, Thing("before"), thing)
        assert thing.sid not in str(caught.value)
        assert "INSERT" not in str(caught.value)
        assert await sids(database) == ["taken"]

    on(database_url, check)


def test_many_rows_are_one_call_in_their_order(database_url: str) -> None:
    insert_one = (
        f"INSERT INTO things ({columns(Thing)}) VALUES ({placeholders(Thing)}) ON CONFLICT DO NOTHING"
    )
    things = [Thing("a", count=1, hidden=True, body=b"\0"), Thing("b", active=False), Thing("c")]

    async def check(database: Database) -> None:
        async def action(tx: Tx) -> None:
            await tx.insert_many("things", things[:2])
            await tx.insert_many("things", [])
            await tx.run_many(insert_one, [msgspec.structs.asdict(thing) for thing in things])
            await tx.run_many("UPDATE things SET count = 10 * count + :digit WHERE sid = :sid", digits)
            await tx.run_many("DELETE FROM things WHERE sid = :sid", [{"sid": "c"}, {"sid": "nobody"}])
            await tx.run_many("DELETE FROM things WHERE sid = :sid", [])

        async def stored(tx: Tx) -> list[Thing]:
            return await tx.all(Thing, f"{SELECT} ORDER BY sid")

        digits = [{"sid": sid, "digit": digit} for digit in range(1, 4) for sid in ("a", "b")]
        await database.write(action)
        assert await database.read(stored) == [
            msgspec.structs.replace(things[0], count=1123),
            msgspec.structs.replace(things[1], count=123),
        ]

    on(database_url, check)


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (Thing("taken"), Conflict),
        (Thing("new", owner="nobody"), Conflict),
        (Thing("large", count=2**63), StorageError),
        (Thing("\ud800"), StorageError),
    ],
)
def test_one_bad_row_of_many_leaves_nothing(
    database_url: str, last: Thing, error: type[StorageError]
) -> None:
    things = [*(Thing(f"{number:03}") for number in range(300)), last]

    async def check(database: Database) -> None:
        async def insert_all(tx: Tx) -> None:
            await tx.insert_many("things", things)

        async def catch(tx: Tx) -> None:
            try:
                await insert_all(tx)
            except StorageError:
                return

        async def run_all(tx: Tx) -> None:
            sql = f"INSERT INTO things ({columns(Thing)}) VALUES ({placeholders(Thing)})"
            await tx.run_many(sql, [msgspec.structs.asdict(thing) for thing in things])

        await insert(database, Thing("taken"))
        for action in (insert_all, catch, run_all):
            results = await asyncio.gather(
                database.write(action), insert(database, Thing(action.__name__)), return_exceptions=True
            )
            assert type(results[0]) is error
            assert "000" not in str(results[0])
            assert results[1] is None
        assert await sids(database) == ["catch", "insert_all", "run_all", "taken"]

    on(database_url, check)


def test_a_view_inserts_no_rows(database_url: str) -> None:
    async def check(database: Database) -> None:
        async def action(tx: Tx) -> None:
            await tx.insert_many("things", [Thing("a"), Thing("b")])

        for view in (database.read, database.scan):
            with pytest.raises(StorageError):
                await view(action)
        assert await sids(database) == []

    on(database_url, check)


def test_a_conflict_that_the_action_catches_still_undoes_it(database_url: str) -> None:
    async def check(database: Database) -> None:
        async def action(tx: Tx) -> None:
            await tx.insert("things", Thing("first"))
            try:
                await tx.insert("things", Thing("first"))
            except Conflict:
                return

        with pytest.raises(Conflict):
            await database.write(action)
        assert await sids(database) == []

    on(database_url, check)


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("SELECT nonsense FROM nowhere", {}),
        ("SELECT sid FROM things WHERE count = :n", {"n": 2**63}),
        ("SELECT sid FROM things WHERE sid = :sid", {"sid": "\ud800"}),
        ("SELECT sid FROM things WHERE sid = :sid", {"sid": object()}),
        ("INSERT INTO things (sid, count, active) VALUES (:sid, NULL, TRUE)", {"sid": "secret-value"}),
    ],
)
def test_other_errors_are_storage_errors_that_tell_nothing(
    database_url: str, sql: str, values: dict[str, object]
) -> None:
    async def check(database: Database) -> None:
        async def action(tx: Tx) -> object:
            return await tx.value(sql, **values)

        with pytest.raises(StorageError) as caught:
            await database.write(action)
        assert type(caught.value) is StorageError
        assert str(caught.value) == "the database refused the statement"
        assert caught.value.__cause__ is not None

    on(database_url, check)


def test_a_view_changes_nothing(database_url: str) -> None:
    async def check(database: Database) -> None:
        async def change(tx: Tx) -> None:
            await tx.insert("things", Thing("a"))

        async def read_then_change(tx: Tx) -> None:
            await tx.value("SELECT count(*) FROM things")
            await change(tx)

        for view in (database.read, database.scan):
            for action in (change, read_then_change):
                with pytest.raises(StorageError):
                    await view(action)
        assert await sids(database) == []

    on(database_url, check)


def test_reads_see_the_write_that_returned(database_url: str) -> None:
    async def check(database: Database) -> None:
        async def write_then_read(number: int) -> bool:
            await insert(database, Thing(f"{number:02}"))
            return f"{number:02}" in await sids(database)

        assert all(await asyncio.gather(*(write_then_read(number) for number in range(20))))

    on(database_url, check)


def test_text_is_ordered_bytewise(database_url: str) -> None:
    names = ["a", "B", "Z", "z", "é", "_", "-", "aa", "Ab", "1", "10", "9", "漢", "𝄞", "\uffee"]

    async def check(database: Database) -> None:
        await insert(database, *map(Thing, names))
        assert await sids(database) == sorted(names, key=str.encode)

    on(database_url, check)


def test_like_tells_capitals_apart(database_url: str) -> None:
    async def check(database: Database) -> None:
        async def action(tx: Tx) -> list[Thing]:
            return await tx.all(Thing, f"{SELECT} WHERE sid LIKE :like ESCAPE '!'", like="a!%%")

        await insert(database, Thing("a%b"), Thing("A%b"), Thing("ab"))
        assert await database.read(action) == [Thing("a%b")]

    on(database_url, check)


def test_now_is_the_clock_once_a_transaction(database_url: str) -> None:
    readings = iter(range(1, 100))

    async def run() -> None:
        async with opened(database_url, (), lambda: next(readings)) as database:

            async def action(tx: Tx) -> tuple[int, int]:
                first = tx.now
                await tx.value("SELECT 1")
                return first, tx.now

            assert await database.write(action) == (1, 1)
            assert await database.read(action) == (2, 2)

    asyncio.run(run())


def test_counter_under_a_lock_loses_nothing(database_url: str) -> None:
    async def check(database: Database) -> None:
        async def action(tx: Tx) -> None:
            await tx.lock("counter")
            count = await tx.value("SELECT count FROM things WHERE sid = 'a'")
            await tx.run("UPDATE things SET count = :count WHERE sid = 'a'", count=count + 1)

        async def total(tx: Tx) -> object:
            return await tx.value("SELECT count FROM things WHERE sid = 'a'")

        await insert(database, Thing("a"))
        await asyncio.gather(*(database.write(action) for _ in range(30)))
        assert await database.read(total) == 30

    on(database_url, check)


def test_a_cancelled_caller_leaves_whole_changes(database_url: str) -> None:
    async def check(database: Database) -> None:
        async def add(number: int) -> None:
            await insert(database, Thing(f"{number:02} left"), Thing(f"{number:02} right"))

        tasks = [asyncio.create_task(add(number)) for number in range(20)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
        assert results[1::2] == [None] * 10
        found = await sids(database)
        assert {sid[:2] for sid in found} >= {f"{number:02}" for number in range(1, 20, 2)}
        assert len(found) == 2 * len({sid[:2] for sid in found})
        assert database.queued == 0

    on(database_url, check)


def test_stop_finishes_what_was_accepted_and_start_finds_it(database_url: str) -> None:
    async def run() -> None:
        async with opened(database_url, MIGRATIONS) as database:
            writes = [asyncio.create_task(insert(database, Thing(f"{n:02}"))) for n in range(20)]
            await asyncio.sleep(0)
            assert database.queued == 20
        await asyncio.gather(*writes)
        for call in (database.write, database.read, database.scan):
            with pytest.raises(Unavailable):
                await call(sids)  # type: ignore[arg-type]
        with pytest.raises(Unavailable):
            await database.check()
        async with opened(database_url, MIGRATIONS) as again:
            await again.check()
            assert len(await sids(again)) == 20

    asyncio.run(run())
