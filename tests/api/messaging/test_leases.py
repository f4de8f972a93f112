"""Two nodes work on one sender's queue, and one of them loses its lease: who lost it sends nothing more, a result that
is true counts as long as nobody else has sent the message, and every other one is refused and reported."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import msgspec
import pytest

from api.conftest import ACCOUNT_SID, Api
from api.messaging.outcomes import PATIENCE
from api.messaging.stock import US, own, send, stand_still
from trunkline.core.clock import SECOND, WatchedClock
from trunkline.core.leases import LateOutcome
from trunkline.core.storage.batch import BatchWriter
from trunkline.core.storage.database import Action, Database, OutcomeUnknown, Unavailable
from trunkline.products.messaging.lifecycle.lanes import lane_name
from trunkline.products.messaging.sending.handover_results import ResultRecorder
from trunkline.products.messaging.sending.worker import Worker, log
from trunkline.transports.base import (
    Acceptance,
    Carriers,
    Deferral,
    Outcome,
    Submission,
    UnknownOutcome,
    lease_ended,
)

T = TypeVar("T")
SENT, WAITING = "sent", "waiting"


class Network:
    """A carrier of one node: a message whose text is ``SENT`` goes out at once, and its response, or ``ends``, comes
    when ``responds`` is set; all others wait for their turn, which comes then, too."""

    name = "network"
    carries_channels = False
    ready = True

    def __init__(self, prefix: str, *, unknown: str) -> None:
        self._prefix = prefix
        self.resends_unknown = unknown == "resend"
        self.submitted: list[str] = []
        self.seen: list[str] = []
        self.accepted: dict[str, tuple[str, ...]] = {}
        self.ends: Outcome | None = None
        self.responds = asyncio.Event()

    @property
    def all(self) -> list[Network]:
        return [self]

    def route(self, sender: str, recipient: str, preferred: str) -> Network:
        return self

    def carries_media(self, recipient: str) -> bool:
        return False

    async def submit(self, submission: Submission) -> Outcome:
        text = submission.segments[0]
        self.submitted.append(text)
        self.accepted[text] = submission.accepted_ids
        if text == SENT:
            self.seen.append(text)
        await self.responds.wait()
        if text != SENT:
            if not submission.holds():
                return lease_ended(submission.accepted_ids)
            self.seen.append(text)
        elif self.ends is not None:
            return self.ends
        return Acceptance((f"{self._prefix} {text}",))


class Way:
    """The way of one node to the database, which may be cut."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.open = asyncio.Event()
        self.open.set()
        self.unknown = 0
        """Claims whose commits have an unknown outcome, and were made."""
        self.broken_reads = 0
        self.lost_results = False
        """True if the next results are written, the connection is lost in their commit, and ``results`` are held up."""
        self.results = asyncio.Event()
        self.results.set()

    async def write(self, action: Action[T]) -> T:
        of_results = "BatchWriter" in action.__qualname__
        await (self.results if of_results else self.open).wait()
        found = await self._database.write(action)
        if of_results and self.lost_results:
            self.lost_results = False
            self.results.clear()
            raise OutcomeUnknown("the connection was lost")
        if self.unknown and "_take" in action.__qualname__:
            self.unknown -= 1
            raise OutcomeUnknown("the connection was lost")
        return found

    async def read(self, action: Action[T]) -> T:
        await self.open.wait()
        if self.broken_reads and "_refresh" in action.__qualname__:
            self.broken_reads -= 1
            raise Unavailable("not now")
        return await self._database.read(action)


class SendingNode:
    """A node that works on the lane of the test's number."""

    def __init__(self, api: Api, name: str, unknown: str) -> None:
        context = api.messaging._context
        self._api = api
        self.stood_still = 0
        """The seconds that its steady clock has lost."""
        self.network, self.way = Network(name, unknown=unknown), Way(context.database)
        database = cast(Database, self.way)
        self.context = msgspec.structs.replace(
            context,
            database=database,
            clock=WatchedClock(api.clock, self.steady),
            steady=self.steady,
            node=name,
            carriers=cast(Carriers, self.network),
            results=BatchWriter("results", database, ResultRecorder(context.prices).record, log),
            under_way=set(),
        )
        self.worker = Worker(lane_name(ACCOUNT_SID, US), self.context)
        self.task: asyncio.Task[None] | None = None

    def steady(self) -> int:
        """Return the time of its steady clock."""
        return self._api.clock() - self.stood_still * SECOND

    def begin(self) -> None:
        """Begin to work."""
        self.task = asyncio.create_task(self.worker.run())

    async def until(self, holds: Callable[[], Awaitable[Any] | bool]) -> None:
        """Let it work until a condition holds."""
        async with asyncio.timeout(PATIENCE):
            while not (await found if not isinstance(found := holds(), bool) else found):
                self.worker.wake()
                await asyncio.sleep(0)

    async def idle(self) -> None:
        """Let it work until nothing is under way and its worker has ended."""
        self.worker.wake()
        async with asyncio.timeout(PATIENCE):
            while self.context.under_way or self.task is None or not self.task.done():
                await asyncio.sleep(0)


class World:
    """Two nodes, of which the first has claimed both messages and is cut off; a lease has passed since."""

    def __init__(self, api: Api, unknown: str) -> None:
        self.api = api
        self.late: list[str] = []
        self.sids = {text: send(api, From=US, Body=text)["sid"] for text in (SENT, WAITING)}
        self.cut, self.other = SendingNode(api, "cut", unknown), SendingNode(api, "other", unknown)
        api.node.database.listen(self._on_events)

    async def lose(self) -> None:
        """Let the first node claim both and lose its lease."""
        self.cut.begin()
        await self.cut.until(lambda: self.cut.network.submitted == [SENT, WAITING])
        self.cut.way.open.clear()
        self.api.clock.advance(21)

    async def resume(self) -> None:
        """Let the first node go on, with the response that came meanwhile."""
        self.cut.network.responds.set()
        self.cut.way.open.set()
        await self.cut.idle()

    async def statuses(self) -> dict[str, str]:
        """Return the states of the messages by their texts."""
        sql = "SELECT status FROM messages WHERE sid = :sid"
        return {
            text: await self.api.node.database.read(lambda tx, sid=sid: tx.value(sql, sid=sid))  # type: ignore[misc]
            for text, sid in self.sids.items()
        }

    async def put_back(self) -> bool:
        """Return whether both messages wait in the lane again."""
        return set((await self.statuses()).values()) == {"queued"}

    def _on_events(self, events: list[Any]) -> None:
        self.late += [event.text for event in events if isinstance(event, LateOutcome)]


@pytest.fixture
def world(api: Api, request: pytest.FixtureRequest) -> World:
    stand_still(api)
    own(api, US, rate=10_000_000)
    return World(api, getattr(request, "param", "resend"))


def test_a_message_that_was_sent_again_is_not_touched_and_reported_once(world: World) -> None:
    async def body() -> None:
        await world.lose()
        world.other.network.responds.set()
        world.other.begin()
        await world.other.until(world.put_back)
        world.api.clock.advance(6)
        await world.other.idle()
        assert world.other.network.seen == [SENT, WAITING]
        await world.resume()
        assert world.cut.network.seen == [SENT]
        assert await world.statuses() == {SENT: "sent", WAITING: "sent"}
        text = f"message {world.sids[SENT]} may have been sent twice as cut {SENT} over network"
        assert world.late == [text]

    world.api.run(body())


@pytest.mark.parametrize("world", ["fail"], indirect=True)
def test_nothing_goes_out_after_it_was_reported_as_failed(world: World) -> None:
    async def body() -> None:
        await world.lose()
        world.other.begin()
        await world.other.idle()
        assert await world.statuses() == {SENT: "failed", WAITING: "failed"}
        await world.resume()
        assert (world.cut.network.seen, world.other.network.seen) == ([SENT], [])
        assert await world.statuses() == {SENT: "failed", WAITING: "failed"}
        (text,) = world.late
        assert text == (
            f"message {world.sids[SENT]} was reported as failed, and the network may have it as cut {SENT} over network"
        )

    world.api.run(body())


def test_a_true_result_counts_while_nobody_else_has_sent_the_message(world: World) -> None:
    async def body() -> None:
        await world.lose()
        world.other.network.responds.set()
        world.other.begin()
        await world.other.until(world.put_back)
        # The other node waits for some seconds before it sends them again.
        await world.resume()
        assert await world.statuses() == {SENT: "sent", WAITING: "queued"}
        world.api.clock.advance(6)
        await world.other.idle()
        assert (world.cut.network.seen, world.other.network.seen) == ([SENT], [WAITING])
        assert await world.statuses() == {SENT: "sent", WAITING: "sent"}
        assert world.late == []

    world.api.run(body())


@pytest.mark.parametrize(
    "late",
    [Deferral(1, "the lease ended", ids=("id 1",)), UnknownOutcome("lost", resend=True, ids=("id 1",))],
)
def test_ids_that_come_late_are_not_sent_again(world: World, late: Outcome) -> None:
    async def body() -> None:
        await world.lose()
        world.cut.network.ends = late
        world.other.network.responds.set()
        world.other.begin()
        await world.other.until(world.put_back)
        await world.resume()
        world.api.clock.advance(6)
        await world.other.idle()
        assert world.other.network.accepted == {SENT: ("id 1",), WAITING: ()}
        assert await world.statuses() == {SENT: "sent", WAITING: "sent"}
        assert world.late == []

    world.api.run(body())


@pytest.mark.parametrize("world", ["fail", "resend"], indirect=True)
def test_where_nobody_took_over_each_is_sent_once(world: World) -> None:
    async def body() -> None:
        await world.lose()
        await world.resume()
        assert world.cut.network.seen == [SENT, WAITING]
        assert await world.statuses() == {SENT: "sent", WAITING: "sent"}
        assert world.late == []

    world.api.run(body())


def test_a_claim_of_a_node_that_lost_the_lane_is_undone(world: World) -> None:
    async def body() -> None:
        await world.lose()
        world.other.begin()
        await world.other.until(world.put_back)
        world.other.way.open.clear()
        assert world.other.worker._fence == world.cut.worker._fence + 1
        world.cut.worker._lease.extend(world.cut.worker._lease_clock())
        world.cut.network.submitted.clear()
        world.api.clock.advance(6)
        world.cut.way.open.set()
        await world.cut.until(lambda: world.cut.task is not None and world.cut.task.done())
        assert world.cut.network.submitted == []
        world.other.way.open.set()
        world.cut.network.responds.set()
        world.other.network.responds.set()
        await world.cut.idle()
        await world.other.idle()

    world.api.run(body())


@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize("world", ["fail"], indirect=True)
def test_messages_that_an_unknown_commit_claimed_are_handed_over_once(
    world: World, stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.products.messaging.sending.worker._STORAGE_PAUSE", 0)

    async def body() -> None:
        node = world.cut
        node.way.unknown = 2
        node.network.responds.set()
        node.begin()
        await node.until(lambda: node.way.unknown < 2)
        if stops:
            node.worker.stop()
            await node.idle()
            assert set((await world.statuses()).values()) == {"queued"}
            node = world.other
            node.network.responds.set()
            node.begin()
        await node.idle()
        assert node.network.seen == [SENT, WAITING]
        assert await world.statuses() == {SENT: "sent", WAITING: "sent"}

    world.api.run(body())


@pytest.mark.parametrize("world", ["fail"], indirect=True)
def test_what_a_node_left_is_handled_also_if_the_database_is_away_then(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.products.messaging.sending.worker._STORAGE_PAUSE", 0)

    async def body() -> None:
        await world.lose()
        world.other.way.broken_reads = 2
        world.other.begin()
        await world.other.idle()
        assert await world.statuses() == {SENT: "failed", WAITING: "failed"}
        await world.resume()

    world.api.run(body())


@pytest.mark.parametrize("returns", [False, True])
def test_what_waits_in_a_carrier_is_dropped_when_the_lane_went_to_another_node(
    world: World, returns: bool
) -> None:
    async def body() -> None:
        cut, other = world.cut, world.other
        await world.lose()
        # Only a third of its lease has passed by its own clock, when the database has given the lane away.
        cut.stood_still = 14
        other.begin()
        await other.until(world.put_back)
        if returns:
            # The other node ends, and this one gets the lane anew.
            other.worker.stop()
            await other.idle()
        cut.way.open.set()
        assert cut.task is not None
        if returns:
            await cut.until(lambda: cut.worker._fence == other.worker._fence + 1)
        else:
            await cut.task
        cut.network.responds.set()
        other.network.responds.set()
        await cut.until(lambda: not cut.context.under_way)
        assert cut.network.seen == [SENT]
        world.api.clock.advance(6)
        await (cut if returns else other).idle()
        assert (cut.network.seen, other.network.seen) == (
            ([SENT, WAITING], []) if returns else ([SENT], [WAITING])
        )
        assert world.late == []

    world.api.run(body())


@pytest.mark.parametrize("world", ["fail"], indirect=True)
def test_a_machine_that_was_halted_sends_nothing_that_waits(world: World) -> None:
    async def body() -> None:
        await world.lose()
        # Its steady clock stood still with it; the database's was measured since.
        world.cut.stood_still = 21
        world.other.begin()
        await world.other.idle()
        world.cut.network.responds.set()
        await world.cut.until(lambda: len(world.cut.network.submitted) == 2)
        for _ in range(10):
            await asyncio.sleep(0)
        assert world.cut.network.seen == [SENT]
        world.cut.way.open.set()
        await world.cut.idle()
        assert await world.statuses() == {SENT: "failed", WAITING: "failed"}
        assert len(world.late) == 1

    world.api.run(body())


@pytest.mark.parametrize("claimed", [False, True])
def test_results_that_an_unknown_commit_recorded_are_not_reported_after_the_lease(
    world: World, claimed: bool
) -> None:
    async def body() -> None:
        cut, other = world.cut, world.other
        cut.way.lost_results = True
        cut.network.responds.set()
        cut.begin()
        await cut.until(lambda: not cut.way.results.is_set())
        cut.way.open.clear()
        world.api.clock.advance(21)
        if claimed:
            # Another node gets the lane, and finds nothing there.
            other.begin()
            await other.idle()
            assert other.network.submitted == []
        cut.way.results.set()
        await cut.until(lambda: not cut.context.under_way)
        cut.way.open.set()
        await cut.idle()
        assert await world.statuses() == {SENT: "sent", WAITING: "sent"}
        assert world.late == []

    world.api.run(body())


def test_a_message_is_not_claimed_while_its_result_is_being_recorded(world: World) -> None:
    async def body() -> None:
        cut = world.cut
        cut.way.lost_results = True
        cut.network.ends = Deferral(0, "not now")
        cut.network.responds.set()
        cut.begin()
        await cut.until(lambda: not cut.way.results.is_set())
        # The commit was made, so the message waits in the lane again, and is recorded once more.
        cut.network.ends = None
        cut.network.responds.clear()
        for _ in range(20):
            cut.worker.wake()
            await asyncio.sleep(0)
            await cut.way.read(lambda tx: tx.value("SELECT 1"))
        assert cut.network.submitted == [SENT, WAITING]
        cut.way.results.set()
        await cut.until(lambda: cut.network.submitted == [SENT, WAITING, SENT])
        cut.network.responds.set()
        await cut.idle()
        assert cut.network.submitted == [SENT, WAITING, SENT]
        assert await world.statuses() == {SENT: "sent", WAITING: "sent"}
        assert world.late == []

    world.api.run(body())
