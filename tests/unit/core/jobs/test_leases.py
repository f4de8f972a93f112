"""Two runners on one database, of which one stands still: who lost a lease does nothing more, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest

from engines import opened
from trunkline.core.clock import SECOND, WatchedClock, system_clock
from trunkline.core.jobs import claims
from trunkline.core.jobs.administration import list_jobs
from trunkline.core.jobs.outcomes import ClaimedJob, DeadLetter, Handler, JobOutcome, Requeue, Retry, Success
from trunkline.core.jobs.queue import Job, JobState, enqueue
from trunkline.core.jobs.runner import Runner, RunnerOptions
from trunkline.core.jobs.schema import MIGRATIONS
from trunkline.core.leases import LateOutcome, LeaseLost
from trunkline.core.storage.database import Database, OutcomeUnknown, Tx, Unavailable

PATIENCE = 20.0
Body = Callable[["World"], Coroutine[Any, Any, None]]


class World:
    """A database whose clock the test moves, and what was announced and written."""

    def __init__(self, *, halts: bool = False) -> None:
        self.now = system_clock()
        self.lost = 0
        self._halts = halts
        self.database: Database
        self.late: list[str] = []
        self.written: list[str] = []

    def pass_lease(self) -> None:
        """Let the time of a lease pass; a machine that is halted loses it on its steady clock."""
        self.now += 61 * SECOND
        self.lost += 61 * SECOND * self._halts

    def steady(self) -> int:
        """Return the time of the steady clock."""
        return self.now - self.lost

    def write(self, what: str) -> Callable[[Tx], Coroutine[Any, Any, None]]:
        """Return a write that is noted."""

        async def write(_: Tx) -> None:
            self.written.append(what)

        return write

    def on_events(self, events: list[Any]) -> None:
        """Note what is announced of late outcomes."""
        self.late += [event.text for event in events if isinstance(event, LateOutcome)]

    async def put(self, payload: str, **fields: Any) -> None:
        """Enqueue a job."""

        async def write(tx: Tx) -> None:
            await enqueue(tx, Job("test", payload, **fields))

        await self.database.write(write)

    async def left(self) -> list[tuple[str, int]]:
        """Return the jobs that are not finished, each with its attempts."""
        found = await self.database.read(lambda tx: list_jobs(tx, JobState.READY, 100))
        return [(job.payload, job.attempts) for job in found]

    async def until(self, holds: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        """Wait for what the database will show."""
        async with asyncio.timeout(PATIENCE):
            while not await holds():
                await asyncio.sleep(0)

    async def empty(self) -> bool:
        """Return whether no job is left."""
        return not await self.left()


class LostCommit:
    """A database whose connection is lost in the next commit of a runner, and that is away until ``back`` is set."""

    def __init__(self, database: Database, *, made: bool) -> None:
        self._database = database
        self._made = made
        self.arms = False
        self.lost = asyncio.Event()
        self.back = asyncio.Event()
        self.back.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, action: Any) -> Any:
        if not self.back.is_set():
            raise Unavailable("away")
        if not self.arms:
            return await self._database.write(action)

        async def run(tx: Tx) -> None:
            await action(tx)
            if not self._made:
                raise Undone

        self.arms = False
        with suppress(Undone):
            await self._database.write(run)
        self.back.clear()
        self.lost.set()
        raise OutcomeUnknown("the connection was lost")


class Undone(Exception):
    """The end of a transaction that is not committed."""


class HeldJobs:
    """A handler that holds its jobs until it is released, and then returns ``outcome``."""

    def __init__(self, outcome: Callable[[ClaimedJob], JobOutcome]) -> None:
        self.jobs: list[ClaimedJob] = []
        self.begun = asyncio.Event()
        self.released = asyncio.Event()
        self._outcome = outcome

    async def run(self, job: ClaimedJob) -> JobOutcome:
        self.jobs.append(job)
        self.begun.set()
        await self.released.wait()
        return self._outcome(job)


def scenario(database_url: str, body: Body, *, halts: bool = False) -> None:
    async def run() -> None:
        world = World(halts=halts)
        async with opened(database_url, MIGRATIONS, lambda: world.now) as database:
            world.database = database
            database.listen(world.on_events)
            await body(world)

    asyncio.run(run())


@asynccontextmanager
async def running(
    world: World,
    handler: Callable[[ClaimedJob], Any],
    poll: float = 0.02,
    database: Any = None,
    concurrency: int = 9,
) -> AsyncIterator[Runner]:
    clock = WatchedClock(lambda: world.now, world.steady)
    options = RunnerOptions(poll_seconds=poll)
    handlers = {"test": Handler(handler, concurrency=concurrency)}
    runner = Runner(database or world.database, handlers, clock, options, steady=world.steady)
    await runner.start()
    try:
        yield runner
    finally:
        await runner.stop()


@asynccontextmanager
async def overtaken(world: World, frozen: HeldJobs) -> AsyncIterator[None]:
    """Let a runner begin a job and stand still; the body runs when another one has finished it."""
    other = HeldJobs(lambda _: Success(also=world.write("also of the other")))
    other.released.set()
    await world.put("a")
    # A runner that never polls is one that stands still, once its job has begun.
    async with running(world, frozen.run, poll=PATIENCE):
        async with asyncio.timeout(PATIENCE):
            await frozen.begun.wait()
        world.pass_lease()
        assert not frozen.jobs[0].holds()
        async with running(world, other.run):
            await world.until(world.empty)
        assert [job.attempts for job in other.jobs] == [2]
        yield
        frozen.released.set()


def outcomes(world: World) -> list[JobOutcome]:
    record, also = world.write("record"), world.write("also")
    return [
        Success(also=also, record=record),
        Retry(1, also=also, record=record),
        DeadLetter("no", also=also, record=record),
    ]


@pytest.mark.parametrize("number", range(3))
def test_an_outcome_of_a_lost_lease_is_refused_and_reported(database_url: str, number: int) -> None:
    async def body(world: World) -> None:
        async with overtaken(world, frozen := HeldJobs(lambda _: outcomes(world)[number])):
            assert world.late == []
        # What happened is written down; what follows from it is not done twice.
        assert world.written == ["also of the other", "record"]
        assert world.late == [f"job {frozen.jobs[0].id} (test) may have been run twice"]
        assert await world.empty()

    scenario(database_url, body)


@pytest.mark.parametrize("halts", [False, True])
def test_a_job_that_asks_for_its_lease_does_nothing_more(database_url: str, halts: bool) -> None:
    async def body(world: World) -> None:
        def request(job: ClaimedJob) -> JobOutcome:
            assert not job.holds()
            raise LeaseLost

        async with overtaken(world, HeldJobs(request)):
            pass
        assert world.written == ["also of the other"]
        assert world.late == []
        assert await world.empty()

    scenario(database_url, body, halts=halts)


def test_a_transaction_of_a_lost_job_is_refused(database_url: str) -> None:
    async def body(world: World) -> None:
        frozen = HeldJobs(lambda _: Success())
        async with overtaken(world, frozen):
            with pytest.raises(LeaseLost):
                await world.database.write(frozen.jobs[0].confirm)

    scenario(database_url, body)


@pytest.mark.parametrize("halts", [False, True])
def test_nobody_took_over_and_nothing_is_lost_doubled_or_reported(database_url: str, halts: bool) -> None:
    async def body(world: World) -> None:
        frozen = HeldJobs(lambda _: Success(also=world.write("also")))
        await world.put("a", order_key="k")
        await world.put("b", order_key="k")
        async with running(world, frozen.run) as runner:
            async with asyncio.timeout(PATIENCE):
                await frozen.begun.wait()
            world.pass_lease()
            assert not frozen.jobs[0].holds()
            runner.wake()

            async def renewed() -> bool:
                return frozen.jobs[0].holds()

            await world.until(renewed)
            await world.database.write(frozen.jobs[0].confirm)
            frozen.released.set()
            await world.until(world.empty)
        assert [(job.payload, job.attempts) for job in frozen.jobs] == [("a", 1), ("b", 1)]
        assert world.written == ["also", "also"]
        assert world.late == []

    scenario(database_url, body, halts=halts)


def test_a_job_that_was_dropped_runs_again_where_nobody_took_it_over(database_url: str) -> None:
    async def body(world: World) -> None:
        ran: list[int] = []

        async def run(job: ClaimedJob) -> JobOutcome:
            ran.append(job.attempts)
            if len(ran) == 1:
                world.pass_lease()
                raise LeaseLost
            return Success()

        await world.put("a")
        async with running(world, run):
            await world.until(world.empty)
        assert ran == [1, 1]
        assert world.late == []

    scenario(database_url, body)


class FrozenAfterClaim:
    """The database of a node that stands still once a claim is committed: the node gets the response when
    ``meanwhile`` is over."""

    def __init__(self, world: World, meanwhile: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._world = world
        self._meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.database, name)

    async def write(self, action: Callable[[Tx], Coroutine[Any, Any, Any]]) -> Any:
        """Commit, and stand still after the first claim."""
        result = await self._world.database.write(action)
        if self._meanwhile is not None and getattr(result, "claimed", ()):
            meanwhile, self._meanwhile = self._meanwhile, None
            self._world.pass_lease()
            await meanwhile()
        return result


@pytest.mark.parametrize("claimed_again", [True, False])
def test_jobs_that_were_claimed_and_not_begun_run_once(database_url: str, claimed_again: bool) -> None:
    async def body(world: World) -> None:
        ran: list[tuple[str, str, int]] = []

        def runs(node: str) -> Callable[[ClaimedJob], Coroutine[Any, Any, JobOutcome]]:
            async def run(job: ClaimedJob) -> JobOutcome:
                ran.append((node, job.payload, job.attempts))
                return Success(also=world.write("also"))

            return run

        async def meanwhile() -> None:
            thawed.set()
            if claimed_again:
                async with running(world, runs("other")):
                    await world.until(world.empty)

        thawed = asyncio.Event()
        for payload in "abc":
            # The third one is due and not claimed: the limit is two.
            await world.put(payload)
        frozen = FrozenAfterClaim(world, meanwhile)
        async with running(world, runs("frozen"), poll=PATIENCE, database=frozen, concurrency=2) as runner:
            async with asyncio.timeout(PATIENCE):
                await thawed.wait()
            runner.wake()
            await world.until(world.empty)
        claims = (2, 2, 1) if claimed_again else (1, 1, 1)
        node = "other" if claimed_again else "frozen"
        assert sorted(ran) == [(node, *job) for job in zip("abc", claims, strict=True)]
        assert world.written == ["also"] * 3
        assert world.late == []

    scenario(database_url, body)


def test_leases_are_renewed_at_a_third_and_lost_ones_are_known(database_url: str) -> None:
    async def body(world: World) -> None:
        held = HeldJobs(lambda _: Requeue())  # type: ignore[arg-type,return-value]
        await world.put("a")
        async with running(world, held.run, poll=PATIENCE) as runner:
            async with asyncio.timeout(PATIENCE):
                await held.begun.wait()
            job = held.jobs[0]
            for _ in range(5):
                world.now += 21 * SECOND
                await runner.renew()
                assert job.holds()
            await world.database.write(
                lambda tx: tx.run("UPDATE jobs SET holder = 'another', fence = fence + 1")
            )
            world.now += 21 * SECOND
            await runner.renew()
            assert not job.holds()
            held.released.set()
        assert await world.left() == [("a", 1)]

    scenario(database_url, body)


CASES = pytest.mark.parametrize(("number", "order_key"), [(0, None), (1, None), (2, "k")])


def lost_commit(number: int, order_key: str | None, *, made: bool, claimed: bool) -> Body:
    """Return the scenario of an outcome whose commit is lost for longer than the lease; another node may have
    ``claimed`` the job since."""

    async def body(world: World) -> None:
        database = LostCommit(world.database, made=made)
        first = outcomes(world)[number]
        held = HeldJobs(lambda job: first if (job.payload, job.attempts) == ("a", 1) else Success())
        await world.put("a", order_key=order_key)
        async with running(world, held.run, database=database), asyncio.timeout(PATIENCE):
            await held.begun.wait()
            database.arms = True
            held.released.set()
            await database.lost.wait()
            world.pass_lease()
            assert world.written == ["record", "also"]
            if not made:
                world.written.clear()
            if claimed:
                other = HeldJobs(lambda _: Success())
                other.released.set()
                async with running(world, other.run):
                    await world.until(world.empty)
            database.back.set()
            await world.put("b")
            await world.until(lambda: _ran(held, "b"))
        twice = claimed and not made
        assert world.written == (["record"] if twice else ["record", "also"])
        assert world.late == ([f"job {held.jobs[0].id} (test) may have been run twice"] if twice else [])

    return body


@CASES
@pytest.mark.parametrize("made", [True, False])
def test_an_outcome_whose_commit_was_lost_with_the_lease_is_written_once(
    database_url: str,
    number: int,
    order_key: str | None,
    made: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("trunkline.core.jobs.runner._STORAGE_PAUSE", 0)
    scenario(database_url, lost_commit(number, order_key, made=made, claimed=False))
    assert "Traceback" not in caplog.text


@CASES
@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_only_a_job_that_was_run_twice_is_reported(
    database_url: str, number: int, order_key: str | None, made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.core.jobs.runner._STORAGE_PAUSE", 0)
    scenario(database_url, lost_commit(number, order_key, made=made, claimed=True))


async def _ran(held: HeldJobs, payload: str) -> bool:
    return payload in [job.payload for job in held.jobs]


class HeldTurns:
    """A database that holds up the next turn of a runner, and notes its renewals."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.arms = False
        self.turns = asyncio.Event()
        self.released = asyncio.Event()
        self.renewals = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, action: Any) -> Any:
        if "Runner.renew" in action.__qualname__:
            self.renewals += 1
        elif self.arms and "Runner._turn" in action.__qualname__:
            self.turns.set()
            await self.released.wait()
        return await self._database.write(action)

    async def hold_turn(self, runner: Runner) -> None:
        """Let a turn begin, and hold it up before its transaction."""
        self.arms = True
        runner.wake()
        await self.turns.wait()

    def release(self) -> None:
        """Let it go on."""
        self.arms = False
        self.released.set()


def test_leases_are_renewed_between_turns(database_url: str) -> None:
    async def body(world: World) -> None:
        database = HeldTurns(world.database)
        held = HeldJobs(lambda _: Success())
        await world.put("a")
        async with running(world, held.run, database=database) as runner, asyncio.timeout(PATIENCE):
            await held.begun.wait()
            await database.hold_turn(runner)
            world.now += 21 * SECOND
            renewal = asyncio.create_task(runner.renew())
            await asyncio.sleep(0)
            assert database.renewals == 0
            database.release()
            await renewal
            assert database.renewals == 1
            assert held.jobs[0].holds()
            held.released.set()

    scenario(database_url, body)


@pytest.mark.parametrize("halts", [False, True])
def test_a_job_is_not_claimed_again_by_its_own_node_while_it_runs(database_url: str, halts: bool) -> None:
    async def body(world: World) -> None:
        database = HeldTurns(world.database)
        held = HeldJobs(lambda _: Success())
        await world.put("a")
        async with running(world, held.run, database=database) as runner, asyncio.timeout(PATIENCE):
            await held.begun.wait()
            await database.hold_turn(runner)
            # Before the turn's transaction has its time
            world.pass_lease()
            database.release()
            await world.put("b")
            await world.until(lambda: _ran(held, "b"))
            assert [job.payload for job in held.jobs] == ["a", "b"]
            held.released.set()
            await world.until(world.empty)
        assert not world.late

    scenario(database_url, body, halts=halts)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_transaction_is_found_by_its_number(database_url: str) -> None:
    async def numbered(tx: Tx, *, undone: bool) -> str:
        await enqueue(tx, Job("a", "{}"))
        number = (await claims.end_of_turn(tx)).number
        if undone:
            raise Undone(number)
        return number

    async def body(world: World) -> None:
        made = await world.database.write(partial(numbered, undone=False))
        with pytest.raises(Undone) as caught:
            await world.database.write(partial(numbered, undone=True))
        found = [
            await world.database.write(partial(claims._was_committed, numbers=(one,)))
            for one in (made, str(caught.value), str(int(made) + 1000), "0")
        ]
        assert found == [True, False, False, False]

    scenario(database_url, body)
