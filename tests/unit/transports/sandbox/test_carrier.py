"""The sandbox on a real database: what its phones get, report and reply, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from engines import Engine, opened
from trunkline.app.products import migrations, products
from trunkline.core.clock import SECOND, system_clock
from trunkline.core.jobs.administration import list_jobs
from trunkline.core.jobs.outcomes import ClaimedJob, Retry
from trunkline.core.jobs.queue import JobState
from trunkline.core.jobs.runner import Runner, RunnerOptions
from trunkline.core.leases import LeaseLost
from trunkline.core.storage.database import Database, Tx
from trunkline.settings import Settings
from trunkline.transports.base import (
    Acceptance,
    Deferral,
    Encoding,
    MediaAddress,
    Outcome,
    Receipt,
    ReceiptState,
    Rejection,
    SenderKind,
    Submission,
    UnknownOutcome,
    lease_ended,
)
from trunkline.transports.sandbox import phones
from trunkline.transports.sandbox.behaviour import SPECIAL
from trunkline.transports.sandbox.carrier import JOB, PhoneEvent, PhoneText, Sandbox, send_as_phone
from trunkline.transports.sandbox.phones import SandboxMessage
from unit.transports.smpp.routes import Recorder, submission

ACCOUNT = "AC" + "1" * 32
OURS = "+15005550006"
ORDINARY = "+15005550100"

ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""Tests without SQL of their own have the same result on each."""


class World:
    """A node's sandbox, its queue of jobs, and the receiver of its phones' messages. Time stands still."""

    def __init__(self, url: str) -> None:
        self.now = system_clock()
        self.url = url
        self.database: Database
        self.sandbox: Sandbox
        self.recorder: Recorder

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        """Run from a start to a stop; the second time it finds what the first left."""
        async with opened(self.url, migrations(products(Settings())), lambda: self.now) as self.database:
            self.sandbox, self.recorder = Sandbox(self.database), Recorder()
            handlers = {JOB: self.sandbox.handler()}
            runner = Runner(self.database, handlers, lambda: self.now, RunnerOptions(poll_seconds=0.05))
            # As a node does: the jobs first.
            await runner.start()
            await self.sandbox.start(self.recorder)
            try:
                yield self
            finally:
                await runner.stop()
                await self.sandbox.stop()

    async def submit(self, to: str, *parts: str, **more: Any) -> Outcome:
        # No two moments are the same; an answer is a microsecond behind what it answers.
        self.now += 10
        return await self.sandbox.submit(self.message(to, *parts, **more))

    def message(self, to: str, *parts: str, **more: Any) -> Submission:
        return submission(*(parts or ("Hi",)), recipient=to, sender=OURS, account_sid=ACCOUNT, **more)

    async def waiting(self) -> list[tuple[float, PhoneEvent]]:
        """Return the jobs that are left: in how many seconds each is due, and what it reports."""
        jobs = await self.database.read(lambda tx: list_jobs(tx, JobState.READY, 100))
        return [
            ((job.due - self.now) / SECOND, msgspec.json.decode(job.payload, type=PhoneEvent)) for job in jobs
        ]

    async def settle(self) -> None:
        """Run until nothing is left that is due now, or under way."""

        async def left(tx: Tx) -> object:
            sql = "SELECT id FROM jobs WHERE state = 'waiting' OR holder IS NOT NULL OR due <= :now LIMIT 1"
            return await tx.value(sql, now=self.now)

        async with asyncio.timeout(20):
            while await self.database.read(left) is not None:
                await asyncio.sleep(0)

    async def phone(self, number: str) -> list[SandboxMessage]:
        """Return a phone's conversation, the oldest first."""
        return (await self.database.read(lambda tx: phones.newest(tx, ACCOUNT, number, 100)))[::-1]


class BusyDatabase:
    """A database whose transactions begin only after the time of ``meanwhile``."""

    def __init__(self, database: Database, meanwhile: Callable[[], None]) -> None:
        self._database = database
        self._meanwhile = meanwhile

    async def write(self, action: Callable[[Tx], Coroutine[Any, Any, Any]]) -> Any:
        self._meanwhile()
        return await self._database.write(action)


Scenario = Callable[[World], Coroutine[Any, Any, None]]
Play = Callable[..., None]


@pytest.fixture
def play(engine: Engine, tmp_path: Path) -> Play:
    """Run scenarios one after the other in one world, which is stopped and started between them."""
    world = World(engine.migrated_url(tmp_path, migrations(products(Settings()))))

    async def add_account(tx: Tx) -> None:
        await tx.run(
            "INSERT INTO accounts"
            " (sid, owner_account_sid, friendly_name, status, auth_token, date_created, date_updated)"
            " VALUES (:sid, :sid, '', 'active', :token, 0, 0)",
            sid=ACCOUNT,
            token=b"",
        )

    def run(*scenarios: Scenario) -> None:
        async def all_of_them() -> None:
            for number, scenario in enumerate(scenarios):
                async with world.running():
                    if not number:
                        await world.database.write(add_account)
                    await scenario(world)

        asyncio.run(all_of_them())

    return run


DELIVERED, UNDELIVERED = ReceiptState.DELIVERED, ReceiptState.UNDELIVERED

WAYS: list[tuple[str, list[type[Outcome]], ReceiptState | None, int | None, str]] = [
    (ORDINARY, [Acceptance], DELIVERED, None, ""),
    ("+15005552003", [Acceptance], UNDELIVERED, 30003, ""),
    ("+15005552004", [Acceptance], UNDELIVERED, 30004, ""),
    ("+15005552005", [Acceptance], UNDELIVERED, 30005, ""),
    ("+15005552006", [Acceptance], UNDELIVERED, 30006, ""),
    ("+15005552007", [Acceptance], UNDELIVERED, 30007, ""),
    ("+15005552008", [Acceptance], UNDELIVERED, 30008, ""),
    ("+15005552010", [Rejection, Rejection], None, 30008, ""),
    ("+15005552011", [Deferral, Deferral, Acceptance], DELIVERED, None, ""),
    ("+15005552012", [Acceptance], None, None, ""),
    ("+15005552013", [Acceptance], None, None, ""),
    ("+15005552014", [Acceptance], DELIVERED, None, "STOP"),
    ("+15005552015", [Acceptance], DELIVERED, None, "Hi"),
    ("+15005552016", [UnknownOutcome, Acceptance], DELIVERED, None, ""),
    ("+15005552017", [Deferral, Deferral, Deferral], None, 30017, ""),
    ("+15005552018", [Acceptance], DELIVERED, None, "START"),
]
"""A phone; how one hand-over after the other ends; what its receipt reports at once; the error code; its
reply.
"""


def test_each_phone_has_its_ways(play: Play) -> None:
    assert {way[0] for way in WAYS} == {ORDINARY, *SPECIAL}

    async def all_of_them(world: World) -> None:
        for number, ends, state, code, reply in WAYS:
            sid = f"SM{number}"
            outcomes = [await world.submit(number, message_sid=sid) for _ in ends]
            assert [type(outcome) for outcome in outcomes] == ends, number
            await world.settle()
            last = outcomes[-1]
            receipts = [one for one in world.recorder.receipts if one.id.startswith(sid)]
            assert [one.state for one in receipts] == ([state] if state else []), number
            if isinstance(last, Acceptance):
                assert last == Acceptance((f"{sid}.0",)), number
                assert [one.error_code for one in receipts] == ([code] if state else []), number
            else:
                assert isinstance(last, Rejection | Deferral)
                assert last.error_code == code, number
            got = [(one.outgoing, one.peer, one.body) for one in await world.phone(number)]
            arrived = [(False, OURS, "Hi")] if isinstance(last, Acceptance) else []
            assert got == arrived + ([(True, OURS, reply)] if reply else []), number
            inbounds = [(one.recipient, one.text) for one in world.recorder.inbounds if one.sender == number]
            assert inbounds == ([(OURS, reply)] if reply else []), number

    play(all_of_them)


@ONE_ENGINE
def test_a_receipt_that_is_late_comes_in_its_time(play: Play) -> None:
    async def submitted(world: World) -> None:
        await world.submit("+15005552012")
        [(due, report)] = await world.waiting()
        assert (due, report.receipt is not None) == (10.0, True)
        assert world.recorder.receipts == []

    async def another_start(world: World) -> None:
        world.now += 9 * SECOND
        await world.settle()
        assert world.recorder.receipts == []
        world.now += SECOND
        await world.settle()
        assert [one.state for one in world.recorder.receipts] == [DELIVERED]
        assert await world.waiting() == []

    play(submitted, another_start)


def test_what_was_to_be_told_outlives_a_restart(play: Play) -> None:
    async def submitted(world: World) -> None:
        # Nobody takes what is told: the disk is full.
        world.recorder.failures = 1_000
        for number in (ORDINARY, "+15005552014"):
            await world.submit(number, message_sid=f"SM{number}")
        await world.recorder.until(lambda: world.recorder.calls >= 3)

    async def another_start(world: World) -> None:
        world.now += 3600 * SECOND
        await world.recorder.until(
            lambda: len(world.recorder.receipts) == 2 and len(world.recorder.inbounds) == 1
        )
        assert {one.id for one in world.recorder.receipts} == {f"SM{ORDINARY}.0", "SM+15005552014.0"}
        assert [one.text for one in world.recorder.inbounds] == ["STOP"]

    play(submitted, another_start)


@ONE_ENGINE
def test_what_is_handed_over_again_is_one_message_with_one_answer(play: Play) -> None:
    async def again(world: World) -> None:
        for _ in range(2):
            assert await world.submit("+15005552015") == Acceptance(("SM1.0",))
        await world.settle()
        assert [(one.outgoing, one.tries) for one in await world.phone("+15005552015")] == [
            (True, 1),
            (False, 2),
        ]
        assert len(world.recorder.inbounds) == 1
        # The receipts of the first time may have gone to nobody.
        assert [one.id for one in world.recorder.receipts] == ["SM1.0", "SM1.0"]

    play(again)


@ONE_ENGINE
def test_a_throttled_phone_knows_nothing_until_it_is_let_through(play: Play) -> None:
    async def throttled(world: World) -> None:
        for _ in range(2):
            outcome = await world.submit("+15005552011")
            assert outcome == Deferral(1.0, "the sandbox throttles this number", counts=False)
            assert await world.phone("+15005552011") == []

    async def another_start(world: World) -> None:
        assert await world.submit("+15005552011") == Acceptance(("SM1.0",))
        [got] = await world.phone("+15005552011")
        assert (got.body, got.tries, got.moment) == ("Hi", 3, world.now)

    play(throttled, another_start)


@ONE_ENGINE
def test_long_texts_come_whole_with_a_receipt_for_each_segment(play: Play) -> None:
    async def long(world: World) -> None:
        parts = ("я" * 67, "ж" * 67, "!")
        outcome = await world.submit("+15005552015", *parts, encoding=Encoding.UCS2)
        assert outcome == Acceptance(("SM1.0", "SM1.1", "SM1.2"))
        await world.settle()
        assert sorted(one.id for one in world.recorder.receipts) == ["SM1.0", "SM1.1", "SM1.2"]
        received, answered = await world.phone("+15005552015")
        assert (received.body, received.segments, received.encoding) == ("".join(parts), 3, "ucs2")
        assert (answered.body, answered.segments) == ("".join(parts), 3)
        assert [(one.text, one.segments) for one in world.recorder.inbounds] == [("".join(parts), 3)]

    play(long)


@ONE_ENGINE
def test_pictures_come_too(play: Play) -> None:
    async def picture(world: World) -> None:
        media = (MediaAddress("https://media.example.com/1", "image/png"),)
        assert await world.submit(ORDINARY, "", media=media) == Acceptance(("SM1.0",))
        [got] = await world.phone(ORDINARY)
        assert got.body == ""
        assert msgspec.json.decode(got.media) == [
            {"url": "https://media.example.com/1", "content_type": "image/png"}
        ]

    play(picture)


@ONE_ENGINE
def test_nobody_answers_a_word(play: Play) -> None:
    async def named(world: World) -> None:
        message = world.message("+15005552014")
        message = msgspec.structs.replace(message, sender="ACME", sender_kind=SenderKind.ALPHANUMERIC)
        assert await world.sandbox.submit(message) == Acceptance(("SM1.0",))
        await world.settle()
        assert [(one.peer, one.outgoing) for one in await world.phone("+15005552014")] == [("ACME", False)]
        assert (len(world.recorder.receipts), world.recorder.inbounds) == (1, [])

    play(named)


@ONE_ENGINE
@pytest.mark.parametrize("channel", ["whatsapp", "rcs"])
def test_a_phone_is_the_same_on_every_channel(play: Play, channel: str) -> None:
    async def reached(world: World) -> None:
        await world.submit(f"{channel}:+15005552003")
        await world.settle()
        assert [one.error_code for one in world.recorder.receipts] == [30003]

    play(reached)


@ONE_ENGINE
def test_what_a_phone_sends_is_told_in_its_order(play: Play) -> None:
    async def sent(world: World) -> None:
        for number in range(20):
            world.now += 10
            await world.database.write(
                lambda tx, number=number: send_as_phone(tx, ACCOUNT, ORDINARY, OURS, PhoneText(str(number)))
            )
        await world.settle()
        inbounds = world.recorder.inbounds
        assert [one.text for one in inbounds] == [str(number) for number in range(20)]
        assert {(one.carrier, one.sender, one.recipient) for one in inbounds} == {("sandbox", ORDINARY, OURS)}
        # By its id a message that is told twice is known again.
        assert [one.id for one in inbounds] == [one.id for one in await world.phone(ORDINARY)]

    play(sent)


@ONE_ENGINE
def test_without_its_storage_it_takes_nothing_and_says_later(play: Play, tmp_path: Path) -> None:
    async def stopped(world: World) -> None:
        unknown = world.message(ORDINARY, accepted_ids=("SM1.0",))
        unknown = msgspec.structs.replace(unknown, account_sid="AC" + "9" * 32)
        outcome = await world.sandbox.submit(unknown)
        assert isinstance(outcome, Deferral)
        assert (outcome.ids, outcome.counts) == (("SM1.0",), False)
        assert await world.waiting() == []

    play(stopped)


@ONE_ENGINE
def test_without_the_lease_phones_get_and_report_nothing(play: Play) -> None:
    async def lost(world: World) -> None:
        assert await world.submit(ORDINARY, holds=lambda: False) == lease_ended(())
        assert await world.phone(ORDINARY) == []
        event = PhoneEvent(receipt=Receipt("sandbox", "SM1.0", DELIVERED))
        payload = msgspec.json.encode(event).decode()
        job = ClaimedJob("1", JOB, payload, "", None, 1, 0, holds=lambda: False)
        with pytest.raises(LeaseLost):
            await world.sandbox.handler().run(job)
        assert world.recorder.receipts == []

    play(lost)


def test_a_sandbox_that_never_starts_holds_up_no_job() -> None:
    async def run() -> None:
        sandbox = Sandbox(cast(Database, None))
        payload = msgspec.json.encode(PhoneEvent(receipt=Receipt("sandbox", "SM1.0", DELIVERED))).decode()
        job = ClaimedJob("1", JOB, payload, "", None, 1, 0)
        running = asyncio.ensure_future(sandbox.handler().run(job))
        await asyncio.sleep(0)
        assert not running.done()
        await sandbox.stop()
        assert isinstance(await running, Retry)

    asyncio.run(run())


@ONE_ENGINE
def test_accounts_see_their_own_phones_and_forget_them(play: Play) -> None:
    async def cleared(world: World) -> None:
        for number in range(3):
            await world.submit(ORDINARY, message_sid=f"SM{number}")
        read, write = world.database.read, world.database.write
        assert await read(lambda tx: phones.newest(tx, "AC" + "9" * 32, "", 9)) == []
        assert len(await read(lambda tx: phones.newest(tx, ACCOUNT, "", 2))) == 2
        assert len(await read(lambda tx: phones.newest(tx, ACCOUNT, "", 9, world.now))) == 1
        assert await write(lambda tx: phones.clear(tx, "AC" + "9" * 32)) == 0
        assert await write(lambda tx: phones.clear(tx, ACCOUNT)) == 3
        assert await world.phone(ORDINARY) == []

    play(cleared)


@ONE_ENGINE
def test_a_lease_that_ends_while_the_database_is_busy_lets_nothing_out(play: Play) -> None:
    async def scenario(world: World) -> None:
        lease = [True]
        busy = Sandbox(cast(Database, BusyDatabase(world.database, lease.clear)))
        late = world.message(ORDINARY, holds=lambda: bool(lease))
        outcome = await busy.submit(late)
        assert isinstance(outcome, Deferral)
        assert not outcome.counts
        assert await world.phone(ORDINARY) == []

    play(scenario)
