"""Attachments from before blobs: readable as they are, and moved into blobs from the next start on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engines import Engine, opened
from trunkline.app.products import migrations, products
from trunkline.core.blobs.files import FileBlobs
from trunkline.core.blobs.pieces import PieceBlobs
from trunkline.core.blobs.store import SweptBlobStore
from trunkline.core.clock import SECOND, system_clock
from trunkline.core.jobs import claims
from trunkline.core.jobs.administration import list_jobs
from trunkline.core.jobs.claims import Lease, SettledJob
from trunkline.core.jobs.outcomes import ClaimedJob, JobOutcome, Retry, Success
from trunkline.core.jobs.queue import JobState, StoredJob
from trunkline.core.jobs.runner import Runner
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database, Tx, Unavailable
from trunkline.products.accounts import facade
from trunkline.products.messaging.lifecycle.message import Direction, Message, MessageStatus
from trunkline.products.messaging.media import moving
from trunkline.products.messaging.media.moving import MOVE_JOB, PAUSE, MediaMover
from trunkline.products.messaging.media.schema import BLOBS
from trunkline.products.messaging.media.serving import find_stored, stream_medium
from trunkline.settings import Settings

ACCOUNT, MESSAGE = "AC" + "1" * 32, "MM" + "2" * 32
CONTENTS = {f"ME{number:032x}": bytes([number]) * (number * 100_000) for number in range(4)}
UNFINISHED = (JobState.READY, JobState.WAITING)

OLD_ROW = """
INSERT INTO message_media
    (sid, account_sid, message_sid, content_type, content, size, date_created, date_updated)
VALUES (:sid, :account_sid, :message_sid, 'image/png', :content, :size, 1, 1)
"""


class Place:
    """A database with attachments as an earlier version left them."""

    def __init__(self, database: Database, blobs: SweptBlobStore) -> None:
        self.database, self.blobs = database, blobs

    async def fill(self) -> None:
        async def write(tx: Tx) -> None:
            message = Message(
                sid=MESSAGE,
                account_sid=ACCOUNT,
                date_created=1,
                date_updated=1,
                date_sent=None,
                direction=Direction.INBOUND.value,
                status=MessageStatus.RECEIVED.value,
                sender="+15005550001",
                recipient="+15005550006",
                body="",
                num_media=len(CONTENTS),
            )
            await tx.insert("messages", message)
            for sid, content in CONTENTS.items():
                await tx.run(
                    OLD_ROW,
                    sid=sid,
                    account_sid=ACCOUNT,
                    message_sid=MESSAGE,
                    content=content,
                    size=len(content),
                )

        await facade.first_account(self.database, Vault(b"k" * 32), ACCOUNT, "f" * 32)
        await self.database.write(write)

    async def contents(self) -> dict[str, bytes]:
        """Return the content that is served."""
        found = {}
        for sid in CONTENTS:
            stored = await self.database.read(
                lambda tx, sid=sid: find_stored(tx, ACCOUNT, MESSAGE, sid)  # type: ignore[misc]
            )
            assert stored is not None
            content = stream_medium(stored, self.blobs).content
            assert content is not None
            found[sid] = b"".join([piece async for piece in content.read(0, content.size)])
        return found

    async def unmoved(self) -> int:
        sql = "SELECT count(*) FROM message_media WHERE blob IS NULL OR length(content) > 0"
        return await self.database.read(lambda tx: tx.value(sql))

    async def blob_count(self) -> int:
        return await self.database.read(lambda tx: tx.value("SELECT count(*) FROM blobs"))

    async def move(self) -> None:
        """Move all that a chain of jobs moves."""
        handler = MediaMover(self.database, self.blobs).handler()
        job = ClaimedJob("JB", MOVE_JOB, "null", "", MOVE_JOB, 1, 0)
        while (outcome := await handler.run(job)) != Success():
            if isinstance(outcome, Retry):
                raise Unavailable(outcome.reason)
            assert isinstance(outcome, Success)

    async def jobs(self, *states: JobState) -> list[StoredJob]:
        """Return the jobs in these states, else those that are ready."""
        found = []
        for state in states or (JobState.READY,):
            found += await self.database.read(
                lambda tx, state=state: list_jobs(tx, state, 10)  # type: ignore[misc]
            )
        return found

    async def claim(self, node: str, until: int) -> ClaimedJob:
        """Claim the chain's job, although it may not be due yet."""
        lease = Lease(node, until)

        async def write(tx: Tx) -> list[ClaimedJob]:
            await tx.run("UPDATE jobs SET due = 0 WHERE state = 'ready'")
            return await claims.claim(tx, lease, 10)

        [job] = await self.database.write(write)
        return job

    async def settle(self, node: str, job: ClaimedJob, outcome: JobOutcome) -> None:
        """Record the outcome of a job that a node claimed."""
        settled = [SettledJob(job, outcome)]
        await self.database.write(lambda tx: claims.settle(tx, node, settled, 60))

    @asynccontextmanager
    async def nodes(self, count: int) -> AsyncIterator[None]:
        """Start some nodes."""
        movers = [MediaMover(self.database, self.blobs) for _ in range(count)]
        runners = [Runner(self.database, {MOVE_JOB: one.handler()}, system_clock) for one in movers]
        for part in (*runners, *movers):
            await part.start()
        try:
            yield
        finally:
            for part in (*runners, *movers):
                await part.stop()


@pytest.fixture
def run(engine: Engine, tmp_path: Path) -> Callable[[Callable[[Place], Awaitable[None]]], None]:
    steps = migrations(products(Settings()))
    url = engine.migrated_url(tmp_path, steps)

    def runner(scenario: Callable[[Place], Awaitable[None]]) -> None:
        async def main() -> None:
            async with opened(url, steps) as database:
                blobs: SweptBlobStore = (
                    FileBlobs(database, tmp_path / "blobs", BLOBS)
                    if engine.name == "sqlite"
                    else PieceBlobs(database, BLOBS)
                )
                place = Place(database, blobs)
                await place.fill()
                try:
                    await scenario(place)
                finally:
                    await blobs.stop()

        asyncio.run(asyncio.wait_for(main(), 60))

    return runner


Run = Callable[[Callable[[Place], Awaitable[None]]], None]


def test_old_contents_are_served_before_and_after_the_move(run: Run) -> None:
    async def scenario(place: Place) -> None:
        assert await place.contents() == CONTENTS
        await place.move()
        assert (await place.unmoved(), await place.blob_count()) == (0, len(CONTENTS))
        assert await place.contents() == CONTENTS

    run(scenario)


def test_the_move_runs_from_the_start_of_a_node(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "PAUSE", 0)

    async def scenario(place: Place) -> None:
        async with place.nodes(1):
            while await place.unmoved() or await place.jobs():
                await asyncio.sleep(0)
        assert await place.contents() == CONTENTS
        async with place.nodes(1):
            assert await place.jobs() == [], "there is nothing to move"

    run(scenario)


def test_of_several_nodes_one_moves_at_a_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "PAUSE", 0)

    async def scenario(place: Place) -> None:
        write, moves, at_once = place.blobs.write, list[int](), 0

        async def counted(content: Any, limit: int) -> Any:
            nonlocal at_once
            at_once += 1
            moves.append(at_once)
            try:
                return await write(content, limit)
            finally:
                at_once -= 1

        monkeypatch.setattr(place.blobs, "write", counted)
        async with place.nodes(3):
            while await place.unmoved() or await place.jobs():
                await asyncio.sleep(0)
        assert moves == [1] * len(CONTENTS), "nobody moves what another one moves"
        assert await place.contents() == CONTENTS

    run(scenario)


def test_between_two_attachments_the_writer_is_free(run: Run) -> None:
    async def scenario(place: Place) -> None:
        mover = MediaMover(place.database, place.blobs)
        await mover.start()
        [job] = await place.jobs()
        assert job.due == job.created + PAUSE
        held = await place.claim("a", system_clock() + 60 * SECOND)
        outcome = await mover.handler().run(held)
        assert await place.unmoved() == len(CONTENTS) - 1
        await place.settle("a", held, outcome)
        [following] = await place.jobs(*UNFINISHED)
        assert following.id != job.id
        assert following.due == following.created + PAUSE

    run(scenario)


def test_there_is_one_chain_however_many_nodes_start(run: Run) -> None:
    async def scenario(place: Place) -> None:
        movers = [MediaMover(place.database, place.blobs) for _ in range(5)]
        await asyncio.gather(*(mover.start() for mover in movers))
        held = await place.claim("a", system_clock() + 60 * SECOND)
        await movers[0].start()
        await place.settle("a", held, await movers[0].handler().run(held))
        await movers[1].start()
        [job] = await place.jobs(*UNFINISHED)
        assert job.due == job.created + PAUSE

    run(scenario)


def test_a_lease_that_was_lost_adds_no_chain(run: Run) -> None:
    async def scenario(place: Place) -> None:
        mover = MediaMover(place.database, place.blobs)
        await mover.start()
        lost = await place.claim("a", 1)
        held = await place.claim("b", system_clock() + 60 * SECOND)
        assert lost.id == held.id
        await place.settle("a", lost, await mover.handler().run(lost))
        assert [one.id for one in await place.jobs(*UNFINISHED)] == [held.id]
        await place.settle("b", held, await mover.handler().run(held))
        assert len(await place.jobs(*UNFINISHED)) == 1

    run(scenario)


def test_the_move_outlasts_any_failure_of_the_storage(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(moving, "PAUSE", 0)
    monkeypatch.setattr(moving, "MAX_RETRY_PAUSE", 0, raising=False)

    async def scenario(place: Place) -> None:
        write, failures = place.blobs.write, list[int]()

        async def fail(content: Any, limit: int) -> Any:
            if len(failures) < 30:
                failures.append(limit)
                raise Unavailable("the disk is full")
            return await write(content, limit)

        monkeypatch.setattr(place.blobs, "write", fail)
        async with place.nodes(1):
            while await place.unmoved() or await place.jobs():
                assert await place.jobs(JobState.DEAD) == []
                await asyncio.sleep(0)
        warnings = [one.getMessage() for one in caplog.records if one.name == "trunkline.messaging"]
        assert len(failures) == 30
        assert warnings == [], "the engine logs what is unavailable, once"

    run(scenario)


def test_a_move_that_fails_is_tried_again_after_a_minute_at_most(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(place: Place) -> None:
        async def fail(content: Any, limit: int) -> Any:
            raise Unavailable("the disk is full")

        monkeypatch.setattr(place.blobs, "write", fail)
        handler, pauses = MediaMover(place.database, place.blobs).handler(), []
        for attempts in (1, 2, 6, 7, 100_000):
            outcome = await handler.run(ClaimedJob("JB", MOVE_JOB, "null", "", MOVE_JOB, attempts, 0))
            assert isinstance(outcome, Retry)
            pauses.append(outcome.after)
        assert pauses == [1, 2, 32, 60, 60]

    run(scenario)


def test_a_move_that_was_interrupted_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(place: Place) -> None:
        write, writes = place.database.write, []

        async def crash_later(action: Any) -> Any:
            writes.append(action)
            if len(writes) > 2:
                raise Unavailable("the node is gone")
            return await write(action)

        monkeypatch.setattr(place.database, "write", crash_later)
        with pytest.raises(Unavailable):
            await place.move()
        monkeypatch.undo()
        assert await place.contents() == CONTENTS
        await place.move()
        assert await place.unmoved() == 0
        assert await place.contents() == CONTENTS

    run(scenario)


def test_of_two_movers_one_refers_and_the_other_removes(run: Run) -> None:
    async def scenario(place: Place) -> None:
        await asyncio.gather(place.move(), place.move())
        assert (await place.unmoved(), await place.blob_count()) == (0, len(CONTENTS))
        assert await place.contents() == CONTENTS

    run(scenario)
