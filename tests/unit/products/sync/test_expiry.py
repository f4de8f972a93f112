"""The sweeper: at start, on time, woken by what expires sooner, and patient with the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engines import Engine
from trunkline.api.errors import ApiError
from trunkline.core.clock import SECOND
from trunkline.core.jobs.administration import list_jobs
from trunkline.core.jobs.outcomes import ClaimedJob, Success
from trunkline.core.jobs.queue import JobState
from trunkline.core.jobs.removals import Removals
from trunkline.core.storage.database import Database, Tx, Unavailable
from trunkline.core.storage.removal import ROWS
from trunkline.products.sync import documents, event_log, expiry, objects
from trunkline.products.sync.event_types import EventType, SyncEvent
from trunkline.products.sync.expiry import Sweeper
from trunkline.products.sync.items import Change
from trunkline.products.sync.objects import Creation
from trunkline.products.sync.schema import REMOVALS
from trunkline.products.sync.services import SyncService
from trunkline.realtime.objects.types import ObjectKind
from unit.products.sync.world import ACCOUNT_SID, World, world

PATIENCE = 10.0


async def create(here: World, name: str, seconds: int | None = None) -> None:
    given = Creation(unique_name=name, ttl=seconds)
    await here.database.write(lambda tx: objects.create(tx, here.scope, ObjectKind.DOCUMENT, given))


def removed(here: World) -> list[str | None]:
    return [
        one.unique_name
        for one in here.announced
        if isinstance(one, SyncEvent) and one.type is EventType.DOCUMENT_REMOVED
    ]


def removal(here: World) -> asyncio.Future[None]:
    """Return a future that is done when the next Document goes."""
    seen: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def handle(announced: list[Any]) -> None:
        found = any(
            isinstance(one, SyncEvent) and one.type is EventType.DOCUMENT_REMOVED for one in announced
        )
        if found and not seen.done():
            seen.set_result(None)

    here.database.listen(handle)
    return seen


def on(engine: Engine, folder: Path, scenario: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with world(engine, folder) as here:
            await scenario(here)

    asyncio.run(run())


def test_what_is_overdue_is_gone_when_start_returns(engine: Engine, tmp_path: Path) -> None:
    async def scenario(here: World) -> None:
        for number in range(expiry.BATCH + 1):
            await create(here, f"overdue {number}", 5)
        await create(here, "later", 500)
        here.clock.now += 60 * SECOND
        sweeper = Sweeper(here.database, here.clock)
        await sweeper.start()
        assert len(removed(here)) == expiry.BATCH + 1
        await sweeper.stop()
        await sweeper.stop()

    on(engine, tmp_path, scenario)


async def moved_on(here: World, sweeper: Sweeper, seconds: int) -> None:
    """Move the clock to a date for which the sweeper waits, well before it would have read by itself."""
    due = here.clock.now + seconds * SECOND
    async with asyncio.timeout(expiry.LONGEST_WAIT / 2):
        while sweeper._next_due != due:
            await asyncio.sleep(0)
    here.clock.now = due
    sweeper.wake()


def test_a_sooner_expiry_is_heard_of(engine: Engine, tmp_path: Path) -> None:
    async def scenario(here: World) -> None:
        await create(here, "later", 5000)
        sweeper = Sweeper(here.database, here.clock)
        await sweeper.start()
        gone = removal(here)
        await create(here, "sooner", 60)
        await moved_on(here, sweeper, 60)
        await asyncio.wait_for(gone, PATIENCE)
        assert removed(here) == ["sooner"]
        await sweeper.stop()

    on(engine, tmp_path, scenario)


def test_it_looks_again_when_the_clock_was_moved(engine: Engine, tmp_path: Path) -> None:
    async def scenario(here: World) -> None:
        await create(here, "later", 5000)
        sweeper = Sweeper(here.database, here.clock)
        await sweeper.start()
        gone = removal(here)
        here.clock.now += 5000 * SECOND
        sweeper.wake()
        await asyncio.wait_for(gone, PATIENCE)
        await sweeper.stop()

    on(engine, tmp_path, scenario)


class Stubborn:
    """A database whose reads are counted, and fail a few times."""

    def __init__(self, database: Database, failures: int = 0) -> None:
        self._database = database
        self.left = failures
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def read(self, action: Any) -> Any:
        self.reads += 1
        if self.left:
            self.left -= 1
            raise Unavailable("not now")
        return await self._database.read(action)


def test_it_waits_for_a_database_that_fails(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(here: World) -> None:
        stubborn = Stubborn(here.database, 3)
        sweeper = Sweeper(stubborn, here.clock)  # type: ignore[arg-type]
        await sweeper.start()
        gone = removal(here)
        await create(here, "soon", 60)
        await moved_on(here, sweeper, 60)
        await asyncio.wait_for(gone, PATIENCE)
        assert stubborn.left == 0
        await sweeper.stop()

    monkeypatch.setattr(expiry, "RETRY_SECONDS", 0.0)
    on(engine, tmp_path, scenario)


def test_once_awake_it_rests_again(engine: Engine, tmp_path: Path) -> None:
    async def scenario(here: World) -> None:
        counted = Stubborn(here.database)
        sweeper = Sweeper(counted, here.clock)  # type: ignore[arg-type]
        await sweeper.start()
        gone = removal(here)
        await create(here, "soon", 60)
        await moved_on(here, sweeper, 60)
        await asyncio.wait_for(gone, PATIENCE)
        for _ in range(500):
            await asyncio.sleep(0)
        assert counted.reads <= 4
        await sweeper.stop()

    on(engine, tmp_path, scenario)


def test_the_log_forgets_what_is_a_day_old(engine: Engine, tmp_path: Path) -> None:
    async def scenario(here: World) -> None:
        await create(here, "d")
        here.clock.now += event_log.RETENTION
        change = Change(data="{}")
        await here.database.write(lambda tx: documents.write(tx, here.scope, "d", change))
        assert await _logged(here) == 2
        here.clock.now += 1
        sweeper = Sweeper(here.database, here.clock)
        await sweeper.start()
        await sweeper.stop()
        assert await _logged(here) == 1

    on(engine, tmp_path, scenario)


async def _logged(here: World) -> int:
    async def count(tx: Tx) -> int:
        return int(await tx.value("SELECT count(*) FROM sync_events"))

    return await here.database.read(count)


def test_a_name_is_free_when_another_transaction_removes_its_holder_first(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expire = objects.expire

    async def second(tx: Tx, service: SyncService, sid: str) -> bool:
        """Return the result of who comes second: this transaction waits until the other one has deleted the row."""
        await expire(tx, service, sid)
        return await expire(tx, service, sid)

    async def scenario(here: World) -> None:
        await create(here, "n", seconds=1)
        with pytest.raises(ApiError) as caught:
            await create(here, "n")
        assert caught.value.code == 54301
        here.clock.now += SECOND
        monkeypatch.setattr(objects, "expire", second)
        await create(here, "n")

    on(engine, tmp_path, scenario)


def test_a_large_map_that_expires_is_gone_at_once_and_its_items_go_in_pieces(
    engine: Engine, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with world(engine, tmp_path) as here:

            async def fill(tx: Tx) -> str:
                made = await objects.create(
                    tx, here.scope, ObjectKind.MAP, Creation(unique_name="large", ttl=1)
                )
                await tx.run(
                    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
                    " INSERT INTO sync_items (object_sid, item_index, item_key, account_sid, service_sid, data,"
                    " created_event_id, last_event_id, created_by, date_created, date_updated, date_expires)"
                    f" SELECT CAST(:sid AS TEXT), 0, 'k' || i, '{ACCOUNT_SID}', '', '{{}}', i, i, '', i, i, i FROM n",
                    sid=made.sid,
                )
                return made.sid

            sid = await here.database.write(fill)
            here.clock.now += 2 * SECOND
            here.announced.clear()
            while await here.database.write(expiry.purge):
                pass
            ended = [event for event in here.announced if isinstance(event, SyncEvent)]
            assert [event.type for event in ended] == [EventType.MAP_REMOVED]
            assert ended[0].unique_name == "large"
            count = "SELECT count(*) FROM sync_items WHERE object_sid = :sid"
            assert await here.database.read(lambda tx: tx.value(count, sid=sid)) == 1200 - ROWS
            again = Creation(unique_name="large")
            await here.database.write(lambda tx: objects.create(tx, here.scope, ObjectKind.MAP, again))
            (job,) = await here.database.read(lambda tx: list_jobs(tx, JobState.READY, 10))
            claimed = ClaimedJob(job.id, job.kind, job.payload, "", None, 1, 0)
            assert await Removals(here.database, REMOVALS).run_job(claimed) == Success()
            assert await here.database.read(lambda tx: tx.value(count, sid=sid)) == 0

    asyncio.run(scenario())
