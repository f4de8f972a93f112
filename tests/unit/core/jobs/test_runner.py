"""Jobs are run once, in order, by one node at a time, and survive what may happen to a node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engines import opened
from trunkline.core.clock import SECOND, system_clock
from trunkline.core.jobs import claims
from trunkline.core.jobs.administration import list_jobs
from trunkline.core.jobs.claims import Lease
from trunkline.core.jobs.outcomes import ClaimedJob, DeadLetter, Handler, JobOutcome, Requeue, Retry, Success
from trunkline.core.jobs.queue import Job, JobState, enqueue
from trunkline.core.jobs.runner import Runner, RunnerOptions
from trunkline.core.jobs.schema import MIGRATIONS
from trunkline.core.storage.database import DamagedData, Database, OutcomeUnknown, Tx

PATIENCE = 20.0


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = system_clock()

    def __call__(self) -> int:
        return self.now


class Ran:
    """A handler's function that notes its jobs and lets tests wait for them."""

    def __init__(self, *outcomes: JobOutcome | Exception) -> None:
        self.payloads: list[str] = []
        self._outcomes = list(outcomes)
        self._news = asyncio.Event()

    async def __call__(self, job: ClaimedJob) -> JobOutcome:
        self.payloads.append(job.payload)
        self._news.set()
        outcome = self._outcomes.pop(0) if self._outcomes else Success()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def count(self, wanted: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.payloads) < wanted:
                self._news.clear()
                await self._news.wait()


class Gate(Ran):
    """As ``Ran``, but a job with a name in ``shut`` waits until it is opened."""

    def __init__(self, *shut: str) -> None:
        super().__init__()
        self.shut = {name: asyncio.Event() for name in shut}

    async def __call__(self, job: ClaimedJob) -> JobOutcome:
        outcome = await super().__call__(job)
        if job.payload in self.shut:
            await self.shut[job.payload].wait()
        return outcome


@asynccontextmanager
async def running(
    database: Database,
    run: Callable[[ClaimedJob], Coroutine[Any, Any, JobOutcome]],
    clock: Clock,
    **options: Any,
) -> AsyncIterator[Runner]:
    pace = {name: options.pop(name) for name in list(options) if name in RunnerOptions.__struct_fields__}
    handlers = {"test": Handler(run, **options)}
    runner = Runner(
        database,
        handlers,
        clock,
        RunnerOptions(**{"poll_seconds": 0.05, **pace}),
        jitter=lambda: 1.0,
        steady=clock,
    )
    await runner.start()
    try:
        yield runner
    finally:
        await runner.stop()


async def put(database: Database, *payloads: str, **fields: Any) -> None:
    async def write(tx: Tx) -> None:
        for payload in payloads:
            await enqueue(tx, Job("test", payload, **fields))

    await database.write(write)


async def stored(database: Database, state: JobState = JobState.READY) -> list[Any]:
    return await database.read(lambda tx: list_jobs(tx, state, 100))


def test_a_clock_that_is_far_off_lets_no_job_be_claimed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FarOff(Clock):
        permits_due_work = False

    async def scenario() -> None:
        clock, ran, gate = FarOff(), Ran(), Gate("held")
        clock.permits_due_work = True
        async with (
            opened(database_url, MIGRATIONS, clock) as database,
            running(database, gate, clock, poll_seconds=0.01, lease_seconds=1.0) as runner,
        ):
            await put(database, "held")
            await gate.count(1)
            clock.permits_due_work = False
            turn_ended, rest = asyncio.Event(), runner._rest
            monkeypatch.setattr(runner, "_rest", lambda due: turn_ended.set() or rest(due))
            async with asyncio.timeout(PATIENCE):
                # The turn under way may still claim.
                await turn_ended.wait()
            await put(database, "due")
            # It renews and settles what it runs, and does not spin for what is due.
            assert runner._rest(0) == 0.01
            gate.shut["held"].set()
            await until(lambda: holds(database, 1))
            assert gate.payloads == ["held"]
            clock.permits_due_work = True
            await gate.count(2)
            assert ran.payloads == []

    asyncio.run(scenario())


async def holds(database: Database, count: int) -> bool:
    """Return whether so many jobs are stored."""
    return len(await stored(database)) == count


async def until(condition: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Wait for what the database will show; each look is a turn of the loop."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0)


def scenario(database_url: str, body: Callable[[Database, Clock], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        clock = Clock()
        async with opened(database_url, MIGRATIONS, clock) as database:
            await body(database, clock)

    asyncio.run(run())


def test_every_job_runs_once_and_is_forgotten(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        ran = Ran()
        await put(database, "before")
        async with running(database, ran, clock, batch=7):
            for start in range(0, 60, 20):
                await put(database, *map(str, range(start, start + 20)))
            await ran.count(61)
        assert sorted(ran.payloads) == sorted(["before", *map(str, range(60))])
        assert await stored(database) == []

    scenario(database_url, body)


def test_a_failed_transaction_leaves_no_job(database_url: str) -> None:
    async def body(database: Database, _: Clock) -> None:
        async def fail(tx: Tx) -> None:
            await enqueue(tx, Job("test", "never"))
            raise LookupError

        with pytest.raises(LookupError):
            await database.write(fail)
        assert await stored(database) == []

    scenario(database_url, body)


def test_a_job_is_not_run_before_it_is_due(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        ran = Ran()
        async with running(database, ran, clock) as runner:
            await put(database, "later", due=clock.now + 60 * SECOND)
            await put(database, "now")
            await ran.count(1)
            assert ran.payloads == ["now"]
            clock.now += 60 * SECOND
            runner.wake()
            await ran.count(2)

    scenario(database_url, body)


def test_jobs_of_one_key_run_in_order_one_at_a_time(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        gate = Gate("a1")
        for number in range(5):
            await put(database, f"a{number}", order_key="a")
        async with running(database, gate, clock):
            await put(database, "b0", "b1", order_key="b")
            await gate.count(4)
            assert sorted(gate.payloads) == ["a0", "a1", "b0", "b1"]
            gate.shut["a1"].set()
            await gate.count(7)
        assert [name for name in gate.payloads if name[0] == "a"] == ["a0", "a1", "a2", "a3", "a4"]
        assert await stored(database) == await stored(database, JobState.WAITING) == []

    scenario(database_url, body)


def test_transactions_of_one_key_at_the_same_time_keep_one_order(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        ran = Ran()
        async with running(database, ran, clock):
            await asyncio.gather(*(put(database, str(n), order_key="k") for n in range(40)))
            await ran.count(40)
        assert sorted(ran.payloads, key=int) == [str(n) for n in range(40)]
        assert await stored(database) == await stored(database, JobState.WAITING) == []

    scenario(database_url, body)


def test_a_retry_waits_and_holds_up_its_key_alone(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        ran = Ran(Retry(10, "not yet"))
        await put(database, "a0", "a1", order_key="a")
        async with running(database, ran, clock) as runner:
            await ran.count(1)
            await put(database, "b0", order_key="b")
            await ran.count(2)
            assert ran.payloads == ["a0", "b0"]
            await until(lambda: _has_reason(database, "not yet"))
            clock.now += 10 * SECOND
            runner.wake()
            await ran.count(4)
        assert ran.payloads == ["a0", "b0", "a0", "a1"]

    scenario(database_url, body)


async def _has_reason(database: Database, reason: str) -> bool:
    return [job.reason for job in await stored(database)] == [reason]


def test_a_dead_job_is_kept_and_holds_up_nothing(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        ran = Ran(DeadLetter("no\0pe"))
        async with running(database, ran, clock):
            await put(database, "a0", "a1", order_key="a")
            await ran.count(2)
        (dead,) = await stored(database, JobState.DEAD)
        assert (dead.payload, dead.reason, dead.attempts) == ("a0", "no\N{REPLACEMENT CHARACTER}pe", 1)
        assert await stored(database) == []

    scenario(database_url, body)


def test_an_exception_is_tried_again_later_and_in_the_end_given_up(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(database: Database, clock: Clock) -> None:
        ran = Ran(*(ValueError("broken") for _ in range(9)))
        async with running(database, ran, clock, max_attempts=3) as runner:
            await put(database, "a")
            for attempt, pause in enumerate((1, 5, 30), start=1):
                await ran.count(attempt)
                await until(lambda: _has_reason(database, "ValueError: broken"))
                await until(lambda due=clock.now + pause * SECOND: _due(database, due))  # type: ignore[misc]
                clock.now += pause * SECOND
                runner.wake()
            await until(lambda: _is_dead(database))
        assert len(ran.payloads) == 3
        assert caplog.text.count("ValueError: broken") == 3

    scenario(database_url, body)


async def _due(database: Database, due: int) -> bool:
    return [job.due for job in await stored(database)] == [due]


async def _is_dead(database: Database) -> bool:
    return [job.reason for job in await stored(database, JobState.DEAD)] == ["no outcome after 3 attempts"]


def test_a_lease_that_ran_out_lets_another_node_run_the_job(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        gone = Lease("a node that was killed", clock.now + 60 * SECOND)

        async def lost(tx: Tx) -> list[ClaimedJob]:
            for payload in ("a0", "a1"):
                await enqueue(tx, Job("test", payload, order_key="a"))
            return await claims.claim(tx, gone, 10)

        ran = Ran()
        async with running(database, ran, clock) as runner:
            (held,) = await database.write(lost)
            assert (held.payload, held.attempts) == ("a0", 1)
            await put(database, "b")
            await ran.count(1)
            assert ran.payloads == ["b"]
            await until(lambda: _only(database, "a0"))
            clock.now += 60 * SECOND
            runner.wake()
            await ran.count(3)
        assert ran.payloads == ["b", "a0", "a1"]
        # What the lost node says afterwards counts for nothing.
        await put(database, "c")
        late = [claims.SettledJob(held, Success())]
        await database.write(lambda tx: claims.settle(tx, gone.holder, late, 1))
        assert [job.payload for job in await stored(database)] == ["c"]

    scenario(database_url, body)


def test_a_node_that_has_the_storage_to_itself_waits_for_no_lease(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        await put(database, "held")
        gone = Lease("the same node before it was killed", clock.now + 60 * SECOND)
        await database.write(lambda tx: claims.claim(tx, gone, 10))
        ran = Ran()
        async with running(database, ran, clock) as runner:
            if not database_url.startswith("sqlite"):
                # Another node may be at work.
                assert (await database.read(claims.end_of_turn)).due == gone.until
                clock.now = gone.until
                runner.wake()
            await ran.count(1)

    scenario(database_url, body)


def test_leases_are_kept_while_a_job_is_at_work(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        gate = Gate("long")
        async with running(database, gate, clock, lease_seconds=10) as runner:
            await put(database, "long")
            await gate.count(1)
            for _ in range(5):
                clock.now += 6 * SECOND
                await runner.renew()
                assert await _due(database, clock.now + 10 * SECOND)
            gate.shut["long"].set()
        assert gate.payloads == ["long"]
        assert await stored(database) == []

    scenario(database_url, body)


def test_a_job_that_comes_back_while_it_is_at_work_runs_again(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        gate = Gate("a", "b", "c")

        async def lost_and_back(tx: Tx) -> None:
            await tx.run("UPDATE jobs SET due = :now", now=tx.now)
            other = Lease("another node", tx.now + 60 * SECOND)
            held = await claims.claim(tx, other, 1)
            await claims.settle(tx, other.holder, [claims.SettledJob(job, Requeue()) for job in held], 1)

        async with running(database, gate, clock, concurrency=2) as runner:
            await put(database, "a")
            await gate.count(1)
            await database.write(lost_and_back)
            runner.wake()
            await gate.count(2)
            gate.shut["a"].set()
            await until(lambda: _nothing_left(database))
            await put(database, "b", "c")
            await gate.count(4)
            assert runner.running == 2
            gate.shut["b"].set()
            gate.shut["c"].set()
        assert await stored(database) == []

    scenario(database_url, body)


def test_a_full_lane_holds_up_no_other(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        slow = [f"slow{n}" for n in range(30)]
        gate = Gate(*slow)
        async with running(database, gate, clock, concurrency=6, per_lane=2, batch=5) as runner:
            await put(database, *slow, lane="slow.example")
            await put(database, *(f"quick{n}" for n in range(30)), lane="quick.example")
            await gate.count(32)
            assert sum(name.startswith("slow") for name in gate.payloads) == runner.running == 2
            for event in gate.shut.values():
                event.set()
            await gate.count(60)
        assert len(set(gate.payloads)) == 60
        assert await stored(database) == []

    scenario(database_url, body)


def test_a_full_kind_holds_up_no_other(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        gate, other = Gate("0", "1", "2", "3"), Ran()
        handlers = {"test": Handler(gate, concurrency=2), "other": Handler(other, concurrency=1)}
        runner = Runner(database, handlers, clock, RunnerOptions(poll_seconds=0.05))
        await put(database, "0", "1", "2", "3")
        await runner.start()
        await database.write(lambda tx: enqueue(tx, Job("other", "x")))
        await other.count(1)
        for event in gate.shut.values():
            event.set()
        await gate.count(4)
        await runner.stop()
        assert await stored(database) == []

    scenario(database_url, body)


def test_jobs_that_a_node_left_parked_are_taken_at_the_next_start(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        await put(database, "a", lane="l")
        lease = Lease("gone", clock.now)
        held = await database.write(lambda tx: claims.claim(tx, lease, 1))
        parked = [claims.SettledJob(job, claims.NoCapacity()) for job in held]
        await database.write(lambda tx: claims.settle(tx, "gone", parked, 3600))
        ran = Ran()
        async with running(database, ran, clock):
            await ran.count(1)
        assert await stored(database) == []

    scenario(database_url, body)


def test_a_kind_that_a_node_does_not_know_is_left_to_others(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        ran = Ran()
        async with running(database, ran, clock):
            await database.write(lambda tx: enqueue(tx, Job("newer", "x")))
            await put(database, "a")
            await ran.count(1)
            await until(lambda: _due(database, clock.now + 60 * SECOND))
        (job,) = await stored(database)
        assert (job.kind, job.attempts, job.holder) == ("newer", 0, None)

    scenario(database_url, body)


def test_two_nodes_share_the_work_without_doing_it_twice(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        # A node cannot end its first job before the other node has one too.
        both = asyncio.Barrier(2)
        done: dict[str, list[str]] = {"one": [], "two": []}

        def worker(name: str) -> Callable[[ClaimedJob], Coroutine[Any, Any, JobOutcome]]:
            async def work(job: ClaimedJob) -> JobOutcome:
                done[name].append(job.payload)
                if len(done[name]) == 1:
                    await both.wait()
                return Success()

            return work

        payloads = [str(n) for n in range(100)]
        await put(database, *payloads)
        async with asyncio.timeout(PATIENCE):
            async with (
                running(database, worker("one"), clock, concurrency=4, batch=4),
                running(database, worker("two"), clock, concurrency=4, batch=4),
            ):
                await until(lambda: _nothing_left(database))
        assert sorted(done["one"] + done["two"]) == sorted(payloads)
        assert done["one"]
        assert done["two"]

    scenario(database_url, body)


async def _only(database: Database, payload: str) -> bool:
    return [job.payload for job in await stored(database)] == [payload]


async def _nothing_left(database: Database) -> bool:
    return not await stored(database)


def test_a_stop_waits_for_jobs_and_hands_back_what_is_not_done(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        gate = Gate("quick", "endless")
        async with running(database, gate, clock, drain_seconds=0.2) as runner:
            await put(database, "quick", "endless")
            await gate.count(2)
            asyncio.get_running_loop().call_soon(gate.shut["quick"].set)
            await asyncio.gather(runner.stop(), runner.stop())
        (left,) = await stored(database)
        assert (left.payload, left.holder, left.attempts) == ("endless", None, 0)
        assert left.due <= clock.now

    scenario(database_url, body)


def test_what_the_storage_refuses_for_a_while_is_done_afterwards(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trunkline.core.jobs import runner as module
    from trunkline.core.storage.database import Unavailable

    monkeypatch.setattr(module, "_STORAGE_PAUSE", 0.01)

    async def body(database: Database, clock: Clock) -> None:
        broken = 3
        write = database.write

        async def flaky(action: Any) -> Any:
            nonlocal broken
            if "Runner" in action.__qualname__ and broken:
                broken -= 1
                raise Unavailable("not now")
            return await write(action)

        monkeypatch.setattr(database, "write", flaky)
        ran = Ran()
        async with running(database, ran, clock):
            await put(database, "a")
            await ran.count(1)
            broken = 2
            await until(lambda: _nothing_left(database))
        assert ran.payloads == ["a"]

    scenario(database_url, body)


def test_what_a_job_leaves_behind_is_written_with_its_end(database_url: str) -> None:
    async def body(database: Database, clock: Clock) -> None:
        ran = Ran(*(kind(*arguments, left(name)) for kind, arguments, name in OUTCOMES))
        async with running(database, ran, clock):
            for _, _, name in OUTCOMES:
                await put(database, name)
                await ran.count(len(ran.payloads) + 1)
            await until(lambda: _left(database, {name for _, _, name in OUTCOMES}))

    scenario(database_url, body)


OUTCOMES: list[tuple[Any, tuple[Any, ...], str]] = [
    (Success, (), "done"),
    (DeadLetter, ("given up",), "dead"),
    (Retry, (3600, "later"), "again"),
]


def left(name: str) -> Callable[[Tx], Coroutine[Any, Any, None]]:
    """Return the rest of a job: for this test, another job, for which there is no handler."""

    async def write(tx: Tx) -> None:
        await enqueue(tx, Job("left behind", name, due=1 << 60))

    return write


async def _left(database: Database, names: set[str]) -> bool:
    return {job.payload for job in await stored(database) if job.kind == "left behind"} == names


def test_what_cannot_be_written_holds_up_no_other_job(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.core.jobs.runner._STORAGE_PAUSE", 0)

    async def bad(tx: Tx) -> None:
        await tx.run("UPDATE nothing SET nothing = 1")

    async def body(database: Database, clock: Clock) -> None:
        ran = Ran(Success(bad), Success(left("good")))
        async with running(database, ran, clock):
            await put(database, "one", "two")
            await ran.count(2)
            await until(lambda: _left(database, {"good"}))
            await until(lambda: _gone(database))
        assert sorted(ran.payloads) == ["one", "two"]

    scenario(database_url, body)


async def _gone(database: Database) -> bool:
    return [job.kind for job in await stored(database)] == ["left behind"]


class UnknownCommits:
    """The writes of a runner, of which the next ``failing`` end with an error: after their commit, or before it."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        self.failing = 0
        self.committed = True
        self._write = database.write
        self._error = error
        monkeypatch.setattr(database, "write", self)

    async def __call__(self, action: Any) -> Any:
        name = getattr(getattr(action, "func", action), "__qualname__", "")
        if "Runner" not in name or not self.failing:
            return await self._write(action)
        self.failing -= 1
        if self.committed:
            await self._write(action)
        raise self._error


@pytest.mark.parametrize("order_key", [None, "k"])
@pytest.mark.parametrize("committed", [True, False])
def test_what_a_job_leaves_behind_is_written_once_where_a_commit_is_unknown(
    database_url: str,
    committed: bool,
    order_key: str | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("trunkline.core.jobs.runner._STORAGE_PAUSE", 0)

    async def body(database: Database, clock: Clock) -> None:
        commits = UnknownCommits(database, monkeypatch, OutcomeUnknown("a connection was lost"))
        commits.committed = committed
        gate = Gate("one")
        outcome = Success(also=left("also"), record=left("record"))

        async def run(job: ClaimedJob) -> JobOutcome:
            await gate(job)
            commits.failing = 3
            return outcome

        async with running(database, run, clock):
            await put(database, "one", order_key=order_key)
            await gate.count(1)
            gate.shut["one"].set()
            await until(lambda: _is_over(database, commits))
        assert sorted(job.payload for job in await stored(database)) == ["also", "record"]
        assert gate.payloads == ["one"]

    scenario(database_url, body)
    assert "Traceback" not in caplog.text


async def _is_over(database: Database, commits: UnknownCommits) -> bool:
    return not commits.failing and all(job.kind == "left behind" for job in await stored(database))


def test_jobs_that_were_claimed_by_an_unknown_commit_run_at_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.core.jobs.runner._STORAGE_PAUSE", 0)

    async def body(database: Database, clock: Clock) -> None:
        attempts: dict[str, int] = {}
        gate = Gate("held")

        async def run(job: ClaimedJob) -> JobOutcome:
            attempts[job.payload] = job.attempts
            return await gate(job)

        async with running(database, run, clock):
            await put(database, "held")
            await gate.count(1)
            commits = UnknownCommits(database, monkeypatch, OutcomeUnknown("a connection was lost"))
            commits.failing = 2
            await put(database, "a", "b")
            await gate.count(3)
            gate.shut["held"].set()
            await until(lambda: _nothing_left(database))
        assert sorted(gate.payloads) == ["a", "b", "held"]
        assert attempts == {"held": 1, "a": 1, "b": 1}

    scenario(database_url, body)


def test_an_outcome_that_meets_damaged_data_holds_up_no_other_job(
    database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("trunkline.core.jobs.runner._STORAGE_PAUSE", 0)

    async def bad(tx: Tx) -> None:
        raise DamagedData("a page is damaged")

    async def body(database: Database, clock: Clock) -> None:
        ran = Ran(Success(bad))
        async with running(database, ran, clock):
            await put(database, "one", "two")
            await ran.count(2)
            await until(lambda: _nothing_left(database))

    scenario(database_url, body)
    assert "Traceback" not in caplog.text
