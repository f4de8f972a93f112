"""Transactions that change rows of several messages do so in one order: the server itself counts no deadlock. They lock
the lanes that they use, and no others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from api.conftest import ACCOUNT_SID, Api
from api.messaging.registrations import brand, campaign
from api.messaging.stock import GB, MESSAGES, TO, US, own, send, service, stand_still
from engines import opened
from trunkline.core.leases import always
from trunkline.core.storage.batch import BatchWriter
from trunkline.core.storage.database import Database, Row, Tx
from trunkline.core.storage.postgres import PostgresDatabase
from trunkline.core.storage.postgres_address import PostgresBounds
from trunkline.products.messaging.compliance.enforcement import Enforcement, enforcement_error
from trunkline.products.messaging.lifecycle import lanes, message_queue
from trunkline.products.messaging.lifecycle.lanes import lane_name
from trunkline.products.messaging.lifecycle.message import find_message
from trunkline.products.messaging.numbers.owned_numbers import owned_by_account
from trunkline.products.messaging.sending.due_messages import ChooseSender, advance_due
from trunkline.products.messaging.sending.handover_results import HandoverResult, ResultRecorder, order_of
from trunkline.transports.base import Acceptance

ON_POSTGRES = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

PATIENT = PostgresBounds(lock=30, wait=60, idle_in_transaction=30)
"""No lock's time-out comes before the server's search for deadlocks, a second."""


class Lane(Row, frozen=True):
    """The name of a lane."""

    lane: str


class Nodes:
    """Two nodes on the database of ``api``. The first transactions of both have their first row before either needs its
    second, unless one of them waits for the other already."""

    def __init__(self, one: Database, two: Database, watch: asyncpg.Connection) -> None:
        self.both = (one, two)
        self._watch = watch
        self._begun = 0

    async def meet(self) -> None:
        """Wait for the other transaction: for its first row, or for it to wait."""
        self._begun += 1
        while self._begun < 2 and not await self._watch.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            pass


def deadlocks(api: Api, server: str, work: Callable[[Nodes], Awaitable[None]]) -> int:
    """Return how many deadlocks the server met while two nodes did their work."""

    async def main() -> int:
        name = await api.node.database.read(lambda tx: tx.value("SELECT current_database()"))
        url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        watch = await asyncpg.connect(url)
        counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nodes'"
        made = cast(PostgresDatabase, api.node.database)._migrations
        named = f"{url}{'&' if '?' in url else '?'}application_name=nodes"
        try:
            before = await watch.fetchval(counted)
            async with (
                asyncio.timeout(120),
                opened(named, made, api.clock, PATIENT) as one,
                opened(named, made, api.clock, PATIENT) as two,
            ):
                await work(Nodes(one, two, watch))
            # What a session counted is written by its end at the latest.
            while await watch.fetchval(sessions):
                pass
            found: int = await watch.fetchval(counted) - before
            return found
        finally:
            await watch.close()

    return api.run(main())  # type: ignore[no-any-return]


class TxWatcher:
    """A transaction that awaits ``before`` with the words of each statement."""

    def __init__(self, tx: Tx, before: Callable[[str], Awaitable[None]]) -> None:
        self._tx = tx
        self._before = before

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._tx, name)
        if name not in ("one", "all", "value", "run", "insert", "run_many", "insert_many", "lock"):
            return found

        async def sent(*arguments: Any, **values: Any) -> Any:
            await self._before(f"{name} {arguments}")
            return await found(*arguments, **values)

        return sent


def watched(tx: Tx, before: Callable[[str], Awaitable[None]]) -> Tx:
    """Return the transaction with ``before`` in front of each statement."""
    return cast(Tx, TxWatcher(tx, before))


def meeting(tx: Tx, nodes: Nodes, words: str) -> Tx:
    """Return a transaction that meets the other node's before its second statement with these words."""
    seen = 0

    async def before(statement: str) -> None:
        nonlocal seen
        if words in statement:
            seen += 1
            if seen == 2:
                await nodes.meet()

    return watched(tx, before)


def stocked(api: Api, *forms: dict[str, str]) -> ChooseSender:
    """Put messages through one Service with two senders into the queue, which nobody works on; return the choice of
    their senders."""
    stand_still(api)
    sid = service(api, *(own(api, sender) for sender in (US, GB)))
    for form in forms:
        api.clock.advance(1)
        send(api, MessagingServiceSid=sid, **form)
    return api.messaging._dispatcher._choose


FROM_US, FROM_GB = {"From": US}, {"From": GB}
ELSEWHERE = "+15005550177"
SAME_LANES = ("INSERT INTO message_lanes", FROM_US, FROM_GB, FROM_GB, FROM_US)
SAME_RECIPIENTS = ("INSERT INTO sticky_senders", {"To": TO}, {"To": ELSEWHERE}, {"To": ELSEWHERE}, {"To": TO})


@ON_POSTGRES
@pytest.mark.parametrize(("words", "forms"), [(one[0], one[1:]) for one in (SAME_LANES, SAME_RECIPIENTS)])
def test_steps_of_messages_through_one_service_meet_no_deadlock(
    api: Api, postgres_server: str, words: str, forms: tuple[dict[str, str], ...]
) -> None:
    choose = stocked(api, *forms)

    async def work(nodes: Nodes) -> None:
        await asyncio.gather(
            *(node.write(lambda tx: advance_due(meeting(tx, nodes, words), choose, 2)) for node in nodes.both)
        )

    assert deadlocks(api, postgres_server, work) == 0


@ON_POSTGRES
def test_counts_of_several_campaigns_meet_no_deadlock(api: Api, postgres_server: str) -> None:
    stand_still(api)
    numbers = ("+14155550122", "+14155550123")
    sids = [service(api, own(api, number)) for number in numbers]
    for sid in sids:
        campaign(api, sid, brand(api)["sid"])
    counted = list(zip(numbers, sids, strict=True))

    async def count(tx: Tx, ordered: list[tuple[str, str]]) -> None:
        for number, sid in ordered:
            owned = await owned_by_account(tx, ACCOUNT_SID, number)
            rules = Enforcement(a2p=True, caps=True)
            assert await enforcement_error(tx, ACCOUNT_SID, sid, owned, "US", rules) is None

    async def work(nodes: Nodes) -> None:
        words, (one, two) = "INSERT INTO a2p_campaign_minutes", nodes.both
        await asyncio.gather(
            one.write(lambda tx: count(meeting(tx, nodes, words), counted)),
            two.write(lambda tx: count(meeting(tx, nodes, words), counted[::-1])),
        )

    assert deadlocks(api, postgres_server, work) == 0


async def names_of(tx: Tx, table: str, more: str = "") -> set[str]:
    """Return the lanes that a table names."""
    return {one.lane for one in await tx.all(Lane, f"SELECT lane FROM {table} {more}")}


def test_a_turn_uses_the_lanes_of_chosen_senders_only(api: Api) -> None:
    choose, database = stocked(api), api.node.database

    async def turn(tx: Tx, statements: list[str]) -> set[str] | None:
        async def before(statement: str) -> None:
            statements.append(statement)

        assert await advance_due(watched(tx, before), choose, 10) == 2
        if not tx.skip_locked:
            return None
        there = await names_of(tx, "message_lanes")
        return there - await database.write(lambda other: names_of(other, "message_lanes", other.skip_locked))

    def cost_with(prefix: str, size: int) -> int:
        numbers = [f"{prefix}{number:04}" for number in range(size)]
        sid = service(api, *(own(api, number) for number in numbers))
        for recipient in (TO, ELSEWHERE):
            send(api, MessagingServiceSid=sid, To=recipient)

        async def feed(tx: Tx) -> set[str]:
            for number in numbers[1::2]:
                await lanes.reserve_place(tx, ACCOUNT_SID, number, 0, 1000)
            return await names_of(tx, "message_lanes")

        there = api.run(database.write(feed))
        statements: list[str] = []
        locked = api.run(database.write(lambda tx: turn(tx, statements)))
        placed = api.run(database.read(lambda tx: names_of(tx, "message_queue")))
        used = {lane for lane in placed if prefix in lane}
        assert len(used) == 2, "the second message is for the sender that the first has not got"
        assert locked in (None, used)
        assert api.run(database.read(lambda tx: names_of(tx, "message_lanes"))) == there | used
        return len(statements)

    assert cost_with("+1415556", 2) == cost_with("+1415557", 24)


def test_a_message_that_is_late_gets_no_sender(api: Api) -> None:
    choose = stocked(api, {"ValidityPeriod": "10"})
    api.clock.advance(11)
    assert api.run(api.node.database.write(lambda tx: advance_due(tx, choose, 10))) == 1
    (message,) = api.get(f"{MESSAGES}.json").json()["messages"]
    assert (message["status"], message["error_code"], message["from"]) == ("failed", 30036, None)
    assert api.run(api.node.database.read(lambda tx: names_of(tx, "message_lanes"))) == set()


@ON_POSTGRES
@pytest.mark.parametrize("steps", [False, True])
def test_results_meet_no_deadlock_with_others_or_with_steps(
    api: Api, postgres_server: str, steps: bool
) -> None:
    choose = stocked(api, FROM_US, FROM_GB, FROM_US, FROM_GB, FROM_GB, FROM_US)

    async def work(nodes: Nodes) -> None:
        one, two = nodes.both
        await one.write(lambda tx: advance_due(tx, choose, 4))
        await one.write(lambda tx: tx.run("UPDATE message_queue SET step = 'sending' WHERE step = 'send'"))
        recorder = ResultRecorder(api.messaging._context.prices)

        def writer(database: Database) -> BatchWriter[HandoverResult]:
            calls = 0

            async def record(tx: Tx, ended: HandoverResult) -> None:
                nonlocal calls
                calls += 1
                if calls == 2:
                    await nodes.meet()
                await recorder.record(tx, ended)

            return BatchWriter("results", database, record, logging.getLogger("test"), order_of)

        us, gb = [await results(one, lane_name(ACCOUNT_SID, sender)) for sender in (US, GB)]
        first, second = writer(one), writer(two)
        added: list[Awaitable[object]] = [first.enqueue(ended) for ended in (us[0], gb[0])]
        if steps:
            words = "INSERT INTO message_lanes"
            added.append(two.write(lambda tx: advance_due(meeting(tx, nodes, words), choose, 2)))
        else:
            added += [second.enqueue(ended) for ended in (gb[1], us[1])]
        await asyncio.gather(*added)
        queued = "SELECT CAST(sum(queued) AS BIGINT) FROM message_lanes"
        assert await one.read(lambda tx: tx.value(queued)) == (4 if steps else 0)

    assert deadlocks(api, postgres_server, work) == 0


async def results(database: Database, lane: str) -> list[HandoverResult]:
    """Return an acceptance of each message that is being handed over."""

    async def find(tx: Tx) -> list[HandoverResult]:
        found = []
        for entry in await message_queue.orphaned_entries(tx, lane):
            message = await find_message(tx, entry.account_sid, entry.message_sid)
            assert message is not None
            outcome = Acceptance((entry.message_sid,))
            found.append(HandoverResult(entry, message, "network", outcome, always))
        return found

    return await database.read(find)
