"""Nodes on one PostgreSQL whose machines have wrong clocks: they have the database's time, do nothing early, and
report it."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest

from engines import PostgresEngine, opened
from trunkline.app.node import Node
from trunkline.app.products import holds, migrations
from trunkline.core import periodic
from trunkline.core.clock import SECOND, WatchedClock, system_clock
from trunkline.core.clock_watch import ClockWatch
from trunkline.core.database_clock import ClockState, DatabaseClock
from trunkline.core.hold_watch import HoldWatch
from trunkline.core.jobs import claims
from trunkline.core.jobs.claims import Lease
from trunkline.core.jobs.queue import Job, enqueue
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Tx, Unavailable
from trunkline.core.storage.holds import are_ahead
from trunkline.core.storage.open import open_clock
from trunkline.products.accounts import alerts, store
from trunkline.products.accounts.alerts import AlertContext
from trunkline.products.messaging.lifecycle import lanes
from trunkline.products.messaging.lifecycle.message import Message
from trunkline.products.messaging.lifecycle.message_queue import QueueEntry
from trunkline.products.messaging.senders.candidates import AddedLoad
from trunkline.products.messaging.sending.due_messages import advance_due
from trunkline.products.messaging.sending.sender_assignment import AssignedMessage
from trunkline.products.sync import expiry, objects, services
from trunkline.products.sync.objects import Creation
from trunkline.products.sync.scope import Actor, Scope
from trunkline.realtime import endpoints
from trunkline.realtime.objects.types import ObjectKind
from trunkline.settings import Settings
from unit.app.test_clock_jumps import ACCOUNT, MANIFESTS, SETUP, STORED

HOLDS = holds(MANIFESTS)
MIGRATIONS = migrations(MANIFESTS)
WRONG = [3600, 90, -3600]
"""Seconds by which the clock of the second node's machine is ahead."""

ROWS = [
    case for case in STORED if case.name in ("a scheduled message", "the lease of a lane", "a node's lease")
]
ENDPOINT = (
    "INSERT INTO realtime_endpoints (product, service_sid, identity, endpoint_id, account_sid, connection_id, node)"
    f" VALUES ('sync', 'IS1', 'alice', 'e', '{ACCOUNT}', 'c', 'n')"
)


@pytest.fixture
def url(postgres_server: str, tmp_path: Path) -> object:
    engine = PostgresEngine(postgres_server)
    yield engine.migrated_url(tmp_path, MIGRATIONS)
    engine.drop()


class Wall:
    """The clock of a machine, which a test sets."""

    def __init__(self, ahead: float = 0) -> None:
        self.ahead = ahead

    def __call__(self) -> int:
        return system_clock() + int(self.ahead * SECOND)


async def no_sender(tx: Tx, message: Message, entry: QueueEntry, load: AddedLoad) -> AssignedMessage:
    raise AssertionError("the message is not due")


async def write_all(tx: Tx) -> None:
    """Write what another node must leave alone for now: a Document with a time to live, a scheduled message, and the
    leases of a lane, of a node with a client, and of a webhook."""
    for sql in SETUP:
        await tx.run(sql, blob=b"")
    for case in ROWS:
        values = {"until": tx.now + case.span * SECOND, "since": tx.now}
        await tx.run(
            case.write, **{name: value for name, value in values.items() if f":{name}" in case.write}
        )
    await tx.run(ENDPOINT)
    scope = Scope(await services.find(tx, ACCOUNT, "default"), Actor())
    await objects.create(tx, scope, ObjectKind.DOCUMENT, Creation(unique_name="d", ttl=60))
    await enqueue(tx, Job("webhook", ""))
    assert len(await claims.claim(tx, Lease("a", tx.now + 60 * SECOND), 10)) == 1


async def take_all(tx: Tx) -> list[int]:
    """Return the numbers of what a node finds due: expired, scheduled, jobs, clients, lanes."""
    lane = await lanes.acquire_lane(tx, "l", "b", tx.now + lanes.LEASE)
    return [
        await expiry.purge(tx),
        await advance_due(tx, no_sender, 10),
        len(await claims.claim(tx, Lease("b", tx.now + 60 * SECOND), 10)),
        len(await endpoints.stranded(tx, 10)),
        0 if lane is None else 1,
    ]


@pytest.mark.parametrize("ahead", WRONG)
def test_a_node_with_a_wrong_clock_finds_nothing_due_that_is_not(url: str, ahead: int) -> None:
    async def run() -> None:
        async with (
            opened(url, MIGRATIONS, DatabaseClock()) as right,
            opened(url, MIGRATIONS, DatabaseClock(Wall(ahead))) as wrong,
        ):
            before = await right.read(_now)
            between = await wrong.read(_now)
            assert before - SECOND <= between <= await right.read(_now) + SECOND
            await right.write(write_all)
            assert await wrong.write(take_all) == [0, 0, 0, 0, 0]
            # And what it writes itself waits for nobody.
            await wrong.write(lambda tx: enqueue(tx, Job("webhook", "")))
            assert not await right.scan(lambda tx: are_ahead(tx, HOLDS))
            found = await right.write(lambda tx: claims.claim(tx, Lease("a", tx.now + SECOND), 10))
            assert len(found) == 1

    asyncio.run(run())


async def _now(tx: Tx) -> int:
    return tx.now


def test_the_databases_start_measures_before_it_migrates(postgres_server: str, tmp_path: Path) -> None:
    engine = PostgresEngine(postgres_server)
    url = engine.url(tmp_path)

    async def run() -> None:
        async with opened(url, MIGRATIONS, DatabaseClock(Wall(3600))) as database:
            applied = await database.read(
                lambda tx: tx.value("SELECT max(applied_at) FROM schema_migrations")
            )
            assert abs(applied - system_clock()) < 60 * SECOND

    try:
        asyncio.run(run())
    finally:
        engine.drop()


def test_each_engine_has_its_clock() -> None:
    assert isinstance(open_clock("sqlite:///x.db"), WatchedClock)
    assert isinstance(open_clock("postgresql://x/y"), DatabaseClock)


class Alerts:
    """The recording of alerts, which may fail."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.fails = False

    async def record(self, tx: Tx, text: str) -> None:
        if self.fails:
            raise Unavailable("not now")
        self.texts.append(text)


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "trunkline.clock"]


def test_each_state_of_the_clock_is_one_line_and_one_alert(
    url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "web-2")
    caplog.set_level(logging.INFO, "trunkline.clock")
    wall, recorded = Wall(3600), Alerts()
    clock, time_passed = DatabaseClock(wall), [0]

    async def run() -> None:
        async with opened(url, MIGRATIONS, clock) as database:
            watch = ClockWatch(database, clock, recorded.record, lambda: time_passed[0])
            await watch.start()
            await watch.stop()
            assert len(recorded.texts) == 1
            for ahead in (3600, 3600, 3.26, 3.26, 0, 0, -90):
                wall.ahead = ahead
                time_passed[0] += 3600 * SECOND
                await watch.check()
            recorded.fails, wall.ahead = True, 0
            time_passed[0] += 3600 * SECOND
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await watch.check()
            recorded.fails = False
            await watch.check()

    asyncio.run(run())
    due = "and leaves jobs, messages, schedules and expiries to other nodes"
    remedy = "See to the time services of this machine and of the database's."
    assert recorded.texts == [
        f"The clock of web-2 is 3600.0 s ahead of the database's: the node is not ready, {due}. {remedy}",
        f"The clock of web-2 is 3.3 s ahead of the database's: the node is not ready. {remedy}",
        "The clock of web-2 agrees with the database's again.",
        f"The clock of web-2 is 90.0 s behind the database's: the node is not ready, {due}. {remedy}",
        "The clock of web-2 agrees with the database's again.",
    ]
    assert logged(caplog) == recorded.texts


def test_a_state_that_comes_and_goes_is_an_alert_an_hour(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trunkline.clock")
    wall, recorded = Wall(0), Alerts()
    clock, time_passed = DatabaseClock(wall), [0]

    async def run() -> None:
        async with opened(url, MIGRATIONS, clock) as database:
            watch = ClockWatch(database, clock, recorded.record, lambda: time_passed[0])
            for ahead in (3.26, 0, 3.26, 0, 3.26):
                wall.ahead = ahead
                await watch.check()
            assert (len(recorded.texts), len(logged(caplog))) == (2, 5)
            # It lasts: whoever reads only the alerts must not take the clock for right.
            time_passed[0] += 3600 * SECOND
            for _ in range(2):
                await watch.check()

    asyncio.run(run())
    assert [text.split()[5] for text in recorded.texts] == ["3.3", "with", "3.3"]
    assert len(logged(caplog)) == 5


def test_a_jump_of_the_databases_clock_is_treated_as_any_jump(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    recorded = Alerts()
    steady = [0]
    clock = DatabaseClock(steady=lambda: time.monotonic_ns() // 1000 + steady[0])

    async def run() -> None:
        async with opened(url, MIGRATIONS, clock) as database:
            watch = HoldWatch(database, clock, HOLDS, recorded.record)
            # A host whose clock is an hour behind: to the node it is as if its own had gone an hour too far.
            steady[0] = 3600 * SECOND
            await database.write(lambda tx: enqueue(tx, Job("webhook", "")))
            await ClockWatch(database, clock, recorded.record).check()
            await watch.check()
            await watch.check()
            found = await database.write(lambda tx: claims.claim(tx, Lease("a", tx.now + SECOND), 10))
            assert len(found) == 1

    asyncio.run(run())
    assert recorded.texts == ["The database's clock jumped back by 1:00:00. 1 waiting items were moved back."]


async def write_overdue(tx: Tx, vault: Vault) -> None:
    """Write a Document that has expired, and an alert of 1970."""
    await store.insert_account(tx, vault, "account", sid=ACCOUNT)
    scope = Scope(await services.find(tx, ACCOUNT, "default"), Actor())
    await objects.create(tx, scope, ObjectKind.DOCUMENT, Creation(unique_name="d", ttl=60))
    await tx.run("UPDATE sync_objects SET date_expires = 1 WHERE unique_name = 'd'")
    found = await alerts.record(tx, ACCOUNT, 20500, "old", "warning", AlertContext())
    await tx.run("UPDATE alerts SET date_created = 1 WHERE sid = :sid", sid=found.sid)


def test_a_node_on_a_machine_whose_clock_is_wrong(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nanoseconds = time.time_ns
    ahead = [3600 * 10**9]
    monkeypatch.setattr(time, "time_ns", lambda: nanoseconds() + ahead[0])
    monkeypatch.setattr(periodic, "_PERMISSION_SECONDS", 0.01)
    node = Node(Settings.of(data_dir=tmp_path, database_url=url, proxy_port=-1))

    async def left() -> tuple[bool, bool]:
        """Return whether a Document that has expired and an alert of 1970 are there."""
        document = "SELECT count(*) FROM sync_objects WHERE unique_name = 'd'"
        alert = "SELECT count(*) FROM alerts WHERE alert_text = 'old'"
        return (
            bool(await node.database.read(lambda tx: tx.value(document))),
            bool(await node.database.read(lambda tx: tx.value(alert))),
        )

    async def run() -> None:
        async with opened(url, MIGRATIONS, DatabaseClock()) as database:
            await database.write(lambda tx: write_overdue(tx, node.vault))
        await node.start()
        try:
            # Also the sweeps of a start rest.
            assert await left() == (True, True)
            shown = await node.database.read(_now)
            assert abs(shown - nanoseconds() // 1000) < 60 * SECOND
            assert isinstance(node.clock, DatabaseClock)
            assert node.clock.state is ClockState.FAR_OFF
            newest = "SELECT alert_text FROM alerts ORDER BY date_created DESC LIMIT 1"
            assert "3600.0 s ahead" in await node.database.read(lambda tx: tx.value(newest))
            await node.database.write(lambda tx: enqueue(tx, Job("webhook", "")))
            assert node.runner._rest(0) == node.runner._options.poll_seconds
            assert node.clock_watch is not None
            ahead[0] = 0
            await node.clock_watch.check()
            assert node.clock.state is ClockState.RIGHT
            async with asyncio.timeout(20):
                while (await left())[0]:
                    pass
        finally:
            await node.stop()

    asyncio.run(run())
