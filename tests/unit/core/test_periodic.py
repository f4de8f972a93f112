"""Work that is done again and again: when it is called, and that a failure does not end it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from trunkline.core import outages, periodic
from trunkline.core.periodic import PeriodicTask, retry_storage
from trunkline.core.storage.database import OutcomeUnknown, StorageError, Unavailable

PATIENCE = 10.0
NEVER = 3600.0


class Work:
    """An action that counts its calls; ``outcomes`` are what the next ones return or raise."""

    def __init__(self, *outcomes: float | Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.calls = 0
        self._called = asyncio.Event()

    async def __call__(self) -> float | None:
        self.calls += 1
        self._called.set()
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def until(self, calls: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.calls < calls:
                self._called.clear()
                await self._called.wait()


async def idle() -> None:
    """Let everything happen that waits for nothing."""
    for _ in range(50):
        await asyncio.sleep(0)


def scenario(run: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(2 * PATIENCE):
            await run()

    asyncio.run(bounded())


def test_it_waits_first_unless_it_begins_at_once() -> None:
    async def run() -> None:
        later, now = Work(), Work()
        tasks = [
            PeriodicTask("things", later, NEVER, due_by=None),
            PeriodicTask("things", now, NEVER, due_by=None),
        ]
        tasks[0].start()
        tasks[1].start(at_once=True)
        await now.until(1)
        await idle()
        assert (later.calls, now.calls) == (0, 1)
        for task in tasks:
            await task.stop()

    scenario(run)


def test_its_first_wait_may_differ_from_the_others() -> None:
    async def run() -> None:
        work = Work()
        task = PeriodicTask("things", work, NEVER, due_by=None)
        task.start(after=0)
        await work.until(1)
        await idle()
        assert work.calls == 1
        await task.stop()

    scenario(run)


def test_it_comes_round() -> None:
    async def run() -> None:
        work = Work()
        task = PeriodicTask("things", work, 0.001, due_by=None)
        task.start()
        await work.until(3)
        await task.stop()

    scenario(run)


def test_the_action_may_choose_the_pause() -> None:
    async def run() -> None:
        work = Work(0, 0, NEVER)
        task = PeriodicTask("things", work, NEVER, due_by=None)
        task.start(at_once=True)
        await work.until(3)
        await idle()
        assert work.calls == 3
        await task.stop()

    scenario(run)


def test_a_wake_calls_it_now_also_without_seconds() -> None:
    async def run() -> None:
        work = Work()
        task = PeriodicTask("things", work, None, due_by=None)
        task.start()
        await idle()
        assert work.calls == 0
        task.wake()
        await work.until(1)
        await idle()
        assert work.calls == 1
        await task.stop()

    scenario(run)


def test_a_wake_during_the_action_calls_it_once_more() -> None:
    async def run() -> None:
        calls = 0

        async def action() -> None:
            nonlocal calls
            calls += 1
            if calls == 1:
                task.wake()
                task.wake()

        task = PeriodicTask("things", action, NEVER, due_by=None)
        task.start(at_once=True)
        await idle()
        assert calls == 2
        await task.stop()

    scenario(run)


@pytest.mark.parametrize(
    ("failure", "level", "text"),
    [
        (StorageError("bad"), logging.ERROR, "things failed and are tried again"),
        (ValueError("bad"), logging.ERROR, "things failed and are tried again"),
    ],
)
def test_it_goes_on_after_a_failure(
    failure: Exception, level: int, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        work = Work(failure)
        task = PeriodicTask(
            "things", work, NEVER, retry_seconds=0, due_by=None, log=logging.getLogger("trunkline.owner")
        )
        task.start(at_once=True)
        await work.until(2)
        await idle()
        assert work.calls == 2
        await task.stop()

    scenario(run)
    logged = [(record.name, record.levelno, record.getMessage()) for record in caplog.records]
    assert logged == [("trunkline.owner", level, text)]


def test_due_work_stands_still_while_the_clock_permits_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class FarOff:
        permits_due_work = False

        def __call__(self) -> int:
            return 0

    monkeypatch.setattr(periodic, "_PERMISSION_SECONDS", 0)

    async def run() -> None:
        clock, work, other = FarOff(), Work(), Work()
        due = PeriodicTask("things", work, NEVER, due_by=clock)
        always = PeriodicTask("things", other, 0, due_by=None)
        due.start(at_once=True)
        always.start(at_once=True)
        due.wake()
        await other.until(20)
        assert work.calls == 0
        clock.permits_due_work = True
        await work.until(1)
        await due.stop()
        await always.stop()

    scenario(run)


def test_a_fault_is_logged_once_until_the_work_succeeds_and_an_outage_by_the_storage_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outages, "CALM_SECONDS", 0)

    async def run() -> None:
        away, fault = Unavailable("away"), ValueError("bad")
        work = Work(away, fault, away, fault, away, 0, away, fault, 0)
        task = PeriodicTask("things", work, NEVER, retry_seconds=0, due_by=None)
        task.start(at_once=True)
        await work.until(9)
        await idle()
        await task.stop()

    scenario(run)
    assert [(record.getMessage(), bool(record.exc_info)) for record in caplog.records] == [
        ("things failed and are tried again", True),
        ("things work again", False),
    ] * 2


def test_a_wake_does_not_shorten_the_pause_after_a_failure() -> None:
    async def run() -> None:
        work = Work(Unavailable("gone"))
        task = PeriodicTask("things", work, 0.001, retry_seconds=NEVER, due_by=None)
        task.start(at_once=True)
        await work.until(1)
        task.wake()
        await idle()
        assert work.calls == 1
        await task.stop()

    scenario(run)


def test_stop_ends_the_action_under_way_and_may_come_twice() -> None:
    async def run() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def action() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        task = PeriodicTask("things", action, NEVER, due_by=None)
        await task.stop()
        task.start(at_once=True)
        await begun.wait()
        await task.stop()
        assert ended.is_set()
        await task.stop()

    scenario(run)


def test_work_that_is_done_once_is_repeated_until_the_storage_accepts_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(periodic, "RETRY_SECONDS", 0)

    async def run() -> None:
        bad = StorageError("bad")
        work = Work(Unavailable("away"), bad, OutcomeUnknown("lost"), bad, 3.0)
        assert await retry_storage("things", work, log=logging.getLogger("owner")) == 3.0
        assert work.calls == 5
        messages = [(one.name, one.getMessage()) for one in caplog.records]
        assert messages == [("owner", "things wait for the database: bad")]
        with pytest.raises(ZeroDivisionError):
            await retry_storage("things", Work(ZeroDivisionError()))

    scenario(run)
