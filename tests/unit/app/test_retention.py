"""The retention of every table: what goes and what stays, on both engines, and the clock by which it is judged."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engines import Engine, opened
from trunkline.app.products import migrations, products, retention
from trunkline.core import retention_sweeper
from trunkline.core.blobs.store import PIECE
from trunkline.core.clock import SECOND
from trunkline.core.retention_clock import GAP, SETTLE
from trunkline.core.retention_sweeper import SURVEY, RetentionSweeper
from trunkline.core.storage import retention as governed
from trunkline.core.storage.database import Database, Row, Tx
from trunkline.core.storage.removal import ROWS
from trunkline.core.storage.retention import DAY, AgeLimit, Retention, TableRetention
from trunkline.products.accounts.retention import ClosedAccounts
from trunkline.products.messaging.messages.old_messages import OLD_MEDIA, OLD_MESSAGES, receipt_days
from trunkline.settings import Settings

NOW = 1_800_000_000 * SECOND
MANIFESTS = products(Settings())
ACCOUNT, OTHER = "AC" + "1" * 32, "AC" + "2" * 32


class Steps:
    """A wall clock and a steady clock, which go on together unless the wall clock is set."""

    def __init__(self) -> None:
        self.now = NOW
        self.steady = 0

    def go(self, span: int) -> None:
        self.now += span
        self.steady += span


class World:
    """A database with the whole schema, and the sweeper of its tables."""

    def __init__(self, database: Database, clock: Steps, **options: Any) -> None:
        settings = Settings.of(**options)
        self.database = database
        self.clock = clock
        self.removed: Counter[str] = Counter()
        self.retention = retention(settings, MANIFESTS)
        self.sweeper = self.sweeping(self.retention)

    def sweeping(self, governed: Retention) -> RetentionSweeper:
        return RetentionSweeper(
            self.database, governed, lambda: self.clock.now, self._count, lambda: self.clock.steady
        )

    def _count(self, table: str, rows: int) -> None:
        self.removed[table] += rows

    async def run(self, sql: str, **values: Any) -> None:
        await self.database.write(lambda tx: tx.run(sql, **values))

    async def insert(self, table: str, **values: Any) -> None:
        """Insert a row; the columns that are not given have a value of their type."""
        await self.database.write(lambda tx: insert(tx, table, values))

    async def value(self, sql: str, **values: Any) -> Any:
        return await self.database.read(lambda tx: tx.value(sql, **values))

    async def rows(self, table: str) -> int:
        return int(await self.value(f"SELECT count(*) FROM {table}"))


COLUMNS: dict[str, dict[str, str]] = {}
"""The columns of each table that must have a value, with their types."""
_CREATE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+) \((.*)\)", re.DOTALL)
_COLUMN = re.compile(r"^\s*(\w+) (TEXT|BIGINT|BOOLEAN|BLOB)([^,\n]*)", re.MULTILINE)
for _step in migrations(MANIFESTS):
    for _text in _step.statements:
        if _found := _CREATE.match(_text.strip()):
            COLUMNS[_found[1]] = {
                name: kind
                for name, kind, more in _COLUMN.findall(_found[2])
                if "NOT NULL" in more or "PRIMARY KEY" in more
            }
COLUMNS = {
    table.table: COLUMNS[table.table] for table in retention(Settings(), MANIFESTS).tables if table.key
}
KEYS = {
    table.table: [(name, COLUMNS[table.table].get(name, "")) for name in table.key]
    for table in retention(Settings(), MANIFESTS).tables
    if table.key
}
_VALUES: dict[str, Any] = {"TEXT": "", "BIGINT": 0, "BOOLEAN": False, "BLOB": b""}


async def insert(tx: Tx, table: str, values: dict[str, Any]) -> None:
    row = {name: _VALUES[kind] for name, kind in COLUMNS[table].items()} | values
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    await tx.run(f"INSERT INTO {table} ({names}) VALUES ({marks})", **row)


def on(engine: Engine, folder: Path, check: Callable[[World], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        clock = Steps()
        url = engine.migrated_url(folder, migrations(MANIFESTS))
        async with opened(url, migrations(MANIFESTS), lambda: clock.now) as database:
            world = World(database, clock, **options)
            for sid in (ACCOUNT, OTHER):
                await world.insert(
                    "accounts", sid=sid, owner_account_sid=sid, status="active", auth_token=b"sealed"
                )
            await check(world)

    asyncio.run(run())


PARENTS: list[tuple[str, dict[str, Any]]] = [
    ("messages", {"sid": "SM1", "account_sid": ACCOUNT}),
    ("message_media", {"sid": "ME1", "account_sid": ACCOUNT, "message_sid": "SM1"}),
    ("messaging_services", {"sid": "MG1", "account_sid": ACCOUNT}),
    ("link_domains", {"sid": "DN1", "account_sid": ACCOUNT, "name": "a.example"}),
]
"""The rows that rows of the aged tables refer to."""
REFERENCES: dict[str, dict[str, Any]] = {
    "alerts": {"account_sid": ACCOUNT},
    "jobs": {"state": "dead"},
    "media_links": {"media_sid": "ME1"},
    "message_lanes": {"account_sid": ACCOUNT},
    "message_parts": {"message_sid": "SM1"},
    "reply_exchanges": {"account_sid": ACCOUNT},
    "sandbox_messages": {"account_sid": ACCOUNT},
    "short_links": {"domain_sid": "DN1"},
    "sticky_senders": {"service_sid": "MG1", "account_sid": ACCOUNT},
    "webhook_cookies": {"account_sid": ACCOUNT},
}
AGED = [
    (table, limit)
    for table in retention(Settings(), MANIFESTS).tables
    for limit in table.limits
    if isinstance(limit, AgeLimit)
]


def test_a_row_goes_with_its_age_and_a_younger_one_stays(engine: Engine, tmp_path: Path) -> None:
    async def check(world: World) -> None:
        for parent, values in PARENTS:
            await world.insert(parent, **values)
        assert len(AGED) > 12
        for table, limit in AGED:
            span = world.retention.options[limit.option] * DAY if limit.option else limit.span
            begin = world.clock.now - span
            references = REFERENCES.get(table.table, {})
            key = next(name for name in reversed(table.key) if name not in (*references, limit.column))
            for number in (1, 2):
                text = COLUMNS[table.table][key] == "TEXT"
                own = {
                    key: str(number) if text else number,
                    limit.column: begin - (2 if span else 1) + number,
                }
                await world.insert(table.table, **{**references, **own})
            await world.sweeper.sweep()
            assert (await world.rows(table.table), world.removed.pop(table.table)) == (1, 1), table.table
            # The other one is a microsecond younger.
            world.clock.go(1)
            await world.sweeper.sweep()
            assert await world.rows(table.table) == 0, table.table
            world.removed.clear()

    on(engine, tmp_path, check)


def test_zero_days_keep_everything(engine: Engine, tmp_path: Path) -> None:
    options = {limit.option: 0 for _, limit in AGED if limit.option} | {"closed_account_days": 0}
    for name in ("webhook_log_days", "alert_days"):
        del options[name]

    async def check(world: World) -> None:
        await world.run("UPDATE accounts SET status = 'closed', date_updated = 0")
        found = [
            await limit.find(world.database, world.retention, table, NOW)
            for table in world.retention.tables
            for limit in table.limits
        ]
        assert set(found) == {None}
        words = " ".join(table.words(world.retention.options) for table in world.retention.tables)
        assert not any(name in words for name in options)

    on(engine, tmp_path, check, **options)


def test_dead_jobs_alone_are_old_and_a_segment_in_the_queue_is_not(engine: Engine, tmp_path: Path) -> None:
    async def check(world: World) -> None:
        for parent, values in PARENTS:
            await world.insert(parent, **values)
        await world.insert("jobs", id="alive", state="ready")
        await world.insert("message_parts", message_sid="SM1")
        await world.insert("message_queue", message_sid="SM1", account_sid=ACCOUNT)
        await world.insert("message_lanes", lane="l", account_sid=ACCOUNT, queued=1)
        await world.sweeper.sweep()
        assert not world.removed
        await world.run("DELETE FROM message_queue")
        await world.sweeper.sweep()
        assert world.removed == {"message_parts": 1}

    on(engine, tmp_path, check)


def test_the_newest_stay_by_number_and_by_size(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(governed, "PAGE", 4)
    monkeypatch.setattr(governed, "MEGABYTE", 100)

    async def check(world: World) -> None:
        for number in range(20):
            await world.insert("alerts", sid=str(number), account_sid=ACCOUNT, date_created=NOW - number)
            # Three fit, and a part of the fourth.
            await world.insert(
                "webhook_attempts", sid=str(number), account_sid=ACCOUNT, started=NOW - number, size=30
            )
        await world.sweeper.sweep()
        left = await world.value("SELECT min(date_created) FROM alerts")
        assert (await world.rows("alerts"), left) == (7, NOW - 6)
        assert await world.rows("webhook_attempts") == 3
        assert world.removed == {"alerts": 13, "webhook_attempts": 17}
        await world.sweeper.sweep()
        assert sum(world.removed.values()) == 30

    on(engine, tmp_path, check, alert_limit=7, webhook_log_megabytes=1)


def test_messages_and_media_go_by_the_days_of_the_server_or_of_their_account(
    engine: Engine, tmp_path: Path
) -> None:
    async def check(world: World) -> None:
        await world.insert("account_retention", account_sid=OTHER, message_days=0, media_days=2)
        for account in (ACCOUNT, OTHER):
            for status in ("delivered", "sent", "queued", "scheduled"):
                for age in (1, 4, 8):
                    sid, made = f"{account[-1]}{status}{age}", NOW - age * DAY
                    values = {"account_sid": account, "date_created": made}
                    await world.insert("messages", sid=sid, status=status, num_media=1, **values)
                    await world.insert("blobs", key=sid)
                    await world.insert("message_media", sid=sid, message_sid=sid, blob=sid, **values)
                    await world.insert("message_parts", message_sid=sid, date_created=NOW)
        await world.sweeper.sweep()
        # Finished ones after three days of the server; of the other account only media, after two of its own.
        assert world.removed == {"messages": 3, "message_media": 3}
        assert await sids(world, "messages") == await sids(world, "messages", "message_parts", "message_sid")
        gone = {"1delivered4", "1delivered8", "1sent8"}
        every = {
            f"{a}{s}{d}"
            for a in "12"
            for s in ("delivered", "sent", "queued", "scheduled")
            for d in (1, 4, 8)
        }
        assert await sids(world, "messages") == every - gone
        assert await sids(world, "blobs", column="key") == every - gone - {
            "2delivered4",
            "2delivered8",
            "2sent8",
        }
        assert await sids(world, "message_media") == await sids(world, "blobs", column="key")

    on(engine, tmp_path, check, message_days=3)


def test_a_message_that_has_just_changed_is_young_and_a_sent_one_waits_for_its_receipt(
    engine: Engine, tmp_path: Path
) -> None:
    # Each was made forty days ago, as a message that was scheduled.
    cases = {
        "delivered just now": ("delivered", 0, 0),
        "sent just now": ("sent", 0, 0),
        "read just now": ("read", 0, 40),
        "sent, with a receipt to come": ("sent", 6, 6),
        "delivered long ago": ("delivered", 4, 4),
        "sent long ago": ("sent", 8, 8),
        "canceled long ago": ("canceled", 4, None),
    }

    async def check(world: World) -> None:
        for sid, (status, updated, sent) in cases.items():
            values = {"account_sid": ACCOUNT, "date_created": NOW - 40 * DAY}
            times = {
                "date_updated": NOW - updated * DAY,
                "date_sent": None if sent is None else NOW - sent * DAY,
            }
            await world.insert("messages", sid=sid, status=status, num_media=1, **values, **times)
            await world.insert("message_media", sid=sid, message_sid=sid, **values)
        stay = {sid for sid in cases if not sid.endswith("long ago")}
        await world.sweeper.sweep(lambda limit: limit is OLD_MEDIA)
        assert await sids(world, "message_media") == stay
        await world.sweeper.sweep()
        assert await sids(world, "messages") == stay

    on(engine, tmp_path, check, message_days=3, media_days=3)


@pytest.mark.parametrize(("part_days", "days"), [(1, 1), (7, 7), (30, 30), (31, 30), (36_500, 30), (0, 30)])
def test_a_message_waits_for_its_receipt_as_long_as_that_finds_it(part_days: int, days: int) -> None:
    assert receipt_days({"message_part_days": part_days}) == days


@pytest.mark.parametrize("option", ["message_days", "media_days"])
def test_a_piece_counts_what_goes_with_a_message(engine: Engine, tmp_path: Path, option: str) -> None:
    async def check(world: World) -> None:
        old = {"account_sid": ACCOUNT, "date_created": NOW - 40 * DAY}
        for number in range(6):
            sid = f"SM{number}"
            await world.insert("messages", sid=sid, status="delivered", num_media=2, **old)
            for medium in range(2):
                key = f"{sid}-{medium}"
                await world.insert("blobs", key=key)
                await world.insert(
                    "message_media", sid=key, message_sid=sid, blob=key, size=200 * PIECE, **old
                )
        pieces: list[int] = []
        write = world.database.write

        async def counting(action: Any) -> Any:
            result = await write(action)
            pieces.append(await world.rows("message_media"))
            return result

        world.database.write = counting  # type: ignore[method-assign]
        await world.sweeper.sweep()
        # Two contents of 202 rows fit into a piece of 500.
        assert pieces[:6] == [10, 8, 6, 4, 2, 0]
        assert await world.rows("messages") == (0 if option == "message_days" else 6)
        assert world.removed == ({"messages": 6} if option == "message_days" else {"message_media": 12})

    on(engine, tmp_path, check, **{option: 35})


def test_without_days_messages_stay_but_those_of_an_account_that_has_chosen(
    engine: Engine, tmp_path: Path
) -> None:
    async def check(world: World) -> None:
        await world.insert("account_retention", account_sid=OTHER, message_days=1)
        for account in (ACCOUNT, OTHER):
            await world.insert("messages", sid=account, account_sid=account, status="received")
        await world.sweeper.sweep()
        assert await sids(world, "messages") == {ACCOUNT}

    on(engine, tmp_path, check)


class CountedTx:
    """A transaction that counts its statements."""

    def __init__(self, tx: Tx, statements: list[str]) -> None:
        self._tx, self._statements, self.now = tx, statements, tx.now

    async def all(self, row: Any, sql: str, /, **values: Any) -> Any:
        self._statements.append(sql)
        return await self._tx.all(row, sql, **values)

    async def value(self, sql: str, /, **values: Any) -> Any:
        self._statements.append(sql)
        return await self._tx.value(sql, **values)


@pytest.mark.parametrize("days", [0, 3])
def test_the_accounts_with_old_messages_are_found_by_few_statements(
    engine: Engine, tmp_path: Path, days: int
) -> None:
    async def check(world: World) -> None:
        async def fill(tx: Tx) -> None:
            for number in range(300):
                sid = f"AC{number:032}"
                await insert(tx, "accounts", {"sid": sid, "owner_account_sid": sid})
                await insert(tx, "messages", {"sid": sid, "account_sid": sid, "status": "received"})
                if not days:
                    await insert(tx, "account_retention", {"account_sid": sid, "message_days": 3})

        await world.database.write(fill)
        statements: list[str] = []
        scan = world.database.scan

        async def counted(action: Any) -> Any:
            return await scan(lambda tx: action(CountedTx(tx, statements)))

        world.database.scan = counted  # type: ignore[method-assign]
        await world.sweeper.sweep(lambda limit: limit is OLD_MESSAGES)
        assert world.removed == {"messages": 300}
        # PostgreSQL begins a scan with two statements anew.
        assert len(statements) < 20

    on(engine, tmp_path, check, message_days=days)


async def sids(world: World, _: str, table: str = "", column: str = "sid") -> set[str]:
    """Return the values of a column."""
    sql = f"SELECT {column} FROM {table or _}"
    return {row.value for row in await world.database.read(lambda tx: tx.all(_Value, sql))}


class _Value(Row, frozen=True):
    value: str


OWNED = [name for name, present in COLUMNS.items() if {"account_sid", "owner_account_sid"} & set(present)] + [
    "numbers",
    "browser_sessions",
]
"""The tables that have an account."""


def test_all_of_a_closed_account_goes_after_its_grace(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(governed, "PARENTS", 2)
    monkeypatch.setattr(retention_sweeper, "TURN_ROWS", 3)

    async def check(world: World) -> None:
        for owner in (ACCOUNT, OTHER):
            await fill(world, owner)
            await world.insert(
                "sync_items", object_sid=f"sync_objects{owner[-1]}", item_index=1, account_sid=owner
            )
        before = {table: await world.rows(table) for table in COLUMNS}
        assert all(before[table] >= 2 for table in OWNED), before
        await world.run(
            "UPDATE accounts SET status = 'closed', date_updated = :now WHERE sid = :sid", now=NOW, sid=OTHER
        )
        # A main account is emptied after its subaccount.
        await world.run(
            "UPDATE accounts SET owner_account_sid = :sid WHERE sid = :other", sid=OTHER, other=ACCOUNT
        )
        world.clock.go(30 * DAY)
        await world.sweeper.sweep(lambda limit: isinstance(limit, ClosedAccounts))
        assert not world.removed
        world.clock.go(1)
        await world.sweeper.sweep(lambda limit: isinstance(limit, ClosedAccounts))
        assert not world.removed
        await world.run("UPDATE accounts SET owner_account_sid = sid")
        await world.sweeper.sweep(lambda limit: isinstance(limit, ClosedAccounts))
        assert await world.rows("accounts") == 2
        secret = "SELECT length(auth_token) FROM accounts WHERE sid = :sid"
        assert [await world.value(secret, sid=sid) for sid in (ACCOUNT, OTHER)] == [len(b"sealed"), 0]
        for table in OWNED:
            if table == "accounts":
                continue
            sql = f"SELECT count(*) FROM {table} WHERE account_sid = :sid"
            found = [await world.value(sql, sid=sid) for sid in (ACCOUNT, OTHER)]
            assert found == [before[table] // 2, 0], table
        for table in ("sync_items", "sync_events", "sync_permissions", "chat_roles", "message_parts"):
            assert await world.rows(table) == before[table] // 2, table
        assert await world.value("SELECT sid FROM numbers WHERE account_sid IS NULL") is None
        assert await world.rows("numbers") == 2

    on(engine, tmp_path, check)


async def fill(world: World, owner: str) -> None:
    """Insert rows of an account into every table that may have some."""
    n = owner[-1]
    parents: dict[str, dict[str, Any]] = {
        "a2p_campaigns": {"service_sid": f"messaging_services{n}", "brand_sid": f"a2p_brands{n}"},
        "a2p_vettings": {"brand_sid": f"a2p_brands{n}"},
        "advanced_opt_outs": {"service_sid": f"messaging_services{n}"},
        "chat_roles": {"service_sid": f"chat_services{n}"},
        "link_domains": {"name": f"{n}.example"},
        "link_domain_services": {"service_sid": f"messaging_services{n}", "domain_sid": f"link_domains{n}"},
        "media_links": {"media_sid": f"message_media{n}"},
        "message_feedback": {"message_sid": f"messages{n}"},
        "message_media": {"message_sid": f"messages{n}"},
        "message_parts": {"message_sid": f"messages{n}"},
        "message_queue": {"message_sid": f"messages{n}"},
        "messaging_senders": {"service_sid": f"messaging_services{n}"},
        "short_links": {"domain_sid": f"link_domains{n}"},
        "sticky_senders": {"service_sid": f"messaging_services{n}"},
        "sync_events": {"object_sid": f"sync_objects{n}"},
        "sync_items": {"object_sid": f"sync_objects{n}"},
        "sync_objects": {"service_sid": f"sync_services{n}"},
        "sync_permissions": {"object_sid": f"sync_objects{n}"},
    }
    first = [
        "messages",
        "messaging_services",
        "a2p_brands",
        "chat_services",
        "link_domains",
        "message_media",
        "sync_services",
        "sync_objects",
    ]
    below = ["message_parts", "sync_events", "sync_permissions"]
    for table in dict.fromkeys([*first, *below, *OWNED]):
        if table == "accounts":
            continue
        unique = {name: f"{table}{n}" for name, place in KEYS[table] if place == "TEXT"}
        own = {"account_sid": owner} if table not in below else {}
        await world.insert(table, **{**unique, **own, **parents.get(table, {})})


class RecordingLimit:
    """A limit that removes nothing and records the times at which it is applied."""

    def __init__(self, *, by_clock: bool) -> None:
        self.by_clock = by_clock
        self.times: list[int] = []

    def words(self, options: Any) -> str:
        return ""

    async def find(self, database: Database, retention: Retention, table: TableRetention, now: int) -> None:
        self.times.append(now)


def test_a_clock_that_jumps_ahead_removes_nothing_until_it_has_run_evenly(
    engine: Engine, tmp_path: Path
) -> None:
    async def check(world: World) -> None:
        age, number = RecordingLimit(by_clock=True), RecordingLimit(by_clock=False)
        tables = (TableRetention(table="alerts", limits=(age, number)),)
        sweeper = world.sweeping(Retention(tables, {}))

        async def judged(*spans: int) -> list[int]:
            """Return the times by which ages were judged while the clocks went on by these spans, before now."""
            age.times.clear()
            for span in spans:
                world.clock.go(span)
                await sweeper.turn()
            return [time - world.clock.now for time in age.times]

        # A database that no sweep has seen yet.
        assert await judged(0, SETTLE - 1) == [-world.clock.now] * 2
        assert await judged(1, 60 * SECOND) == [-60 * SECOND, 0]
        trusted = world.clock.now
        # The clock is a year ahead for some time.
        world.clock.now += 365 * DAY
        await judged(0, 60 * SECOND, SETTLE - 61 * SECOND)
        assert max(age.times) <= trusted
        world.clock.now -= 365 * DAY
        # So much time has passed that now is not trusted at once.
        await judged(0, 60 * SECOND)
        assert max(age.times) <= trusted
        assert await judged(SETTLE) == [0]
        # It is set back, which keeps rows longer.
        world.clock.now -= 30 * DAY
        assert await judged(60 * SECOND, GAP // 2 + 1) == [-GAP // 2 - 1, 0]
        # A start in between waits for nothing.
        sweeper = world.sweeping(Retention(tables, {}))
        assert await judged(60 * SECOND) == [0]
        assert len(number.times) >= 5

    on(engine, tmp_path, check)


def test_a_server_that_runs_for_some_minutes_a_day_removes_what_is_old(
    engine: Engine, tmp_path: Path
) -> None:
    async def check(world: World) -> None:
        await world.insert("alerts", sid="old", account_sid=ACCOUNT, date_created=NOW - 365 * DAY)
        await world.insert("alerts", sid="new", account_sid=ACCOUNT, date_created=NOW)
        days = 0
        while await world.rows("alerts") == 2:
            assert (days := days + 1) < 10
            sweeper = world.sweeping(world.retention)
            for _ in range(20):
                world.clock.go(60 * SECOND)
                await sweeper.turn()
            world.clock.go(DAY)
        # A start's first minute has no turn.
        assert days == 4
        assert await world.value("SELECT sid FROM alerts") == "new"

    on(engine, tmp_path, check)


def test_limits_by_number_are_looked_at_every_ten_minutes(engine: Engine, tmp_path: Path) -> None:
    async def check(world: World) -> None:
        number = RecordingLimit(by_clock=False)
        sweeper = world.sweeping(Retention((TableRetention(table="alerts", limits=(number,)),), {}))
        for span, expected in ((0, 1), (60 * SECOND, 1), (SURVEY - 60 * SECOND, 2), (SURVEY, 3)):
            world.clock.go(span)
            assert await sweeper.turn() is None
            assert len(number.times) == expected

    on(engine, tmp_path, check)


def test_a_jump_during_a_sweep_ends_what_is_judged_by_the_clock(engine: Engine, tmp_path: Path) -> None:
    async def check(world: World) -> None:
        class Jump(RecordingLimit):
            async def find(
                self, database: Database, retention: Retention, table: TableRetention, now: int
            ) -> None:
                world.clock.now += 365 * DAY

        alerts = world.retention.table("alerts")
        first = TableRetention(table="jobs", limits=(Jump(by_clock=False),))
        await world.insert("alerts", sid="1", account_sid=ACCOUNT, date_created=NOW)
        await world.sweeping(Retention((first, alerts), world.retention.options)).sweep()
        assert await world.rows("alerts") == 1

    on(engine, tmp_path, check)


def test_a_long_sweep_pauses_and_goes_on(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_sweeper, "TURN", 0)
    monkeypatch.setattr(retention_sweeper, "TURN_ROWS", 2)

    async def check(world: World) -> None:
        await world.run("INSERT INTO retention_clock (id, swept) VALUES (1, :now)", now=NOW)
        for number in range(3):
            await world.insert("browser_sessions", id_hash=str(number))
        alone = Retention((world.retention.table("browser_sessions"),), world.retention.options)
        sweeper = world.sweeping(alone)
        assert await sweeper.turn() == 0
        assert world.removed == {"browser_sessions": 2}
        assert await sweeper.turn() == 0
        assert await sweeper.turn() is None
        assert await world.rows("browser_sessions") == 0

    on(engine, tmp_path, check)


def test_a_piece_is_bounded_and_others_write_between(engine: Engine, tmp_path: Path) -> None:
    async def check(world: World) -> None:
        async def fill(tx: Tx) -> None:
            for number in range(2 * ROWS + 1):
                await insert(tx, "inbound_ids", {"id": str(number)})

        await world.database.write(fill)
        pieces: list[int] = []
        write = world.database.write

        async def counting(action: Any) -> Any:
            result = await write(action)
            pieces.append(result)
            return result

        world.database.write = counting  # type: ignore[method-assign]
        await world.sweeper.sweep()
        assert pieces == [ROWS, ROWS, 1]

    on(engine, tmp_path, check)
