"""Transactions that change several lanes lock them in one order: the server itself counts no deadlock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec
import pytest

from api.conftest import ACCOUNT_SID, Api
from api.messaging.stock import GB, US, own, send, service, stand_still
from engines import opened
from trunkline.core.leases import always
from trunkline.core.storage.batch import BatchWriter
from trunkline.core.storage.database import Database, Tx
from trunkline.core.storage.postgres import PostgresDatabase
from trunkline.core.storage.postgres_address import PostgresBounds
from trunkline.products.messaging.lifecycle import lanes, message_queue
from trunkline.products.messaging.lifecycle.lanes import lane_name
from trunkline.products.messaging.lifecycle.message import find_message
from trunkline.products.messaging.lifecycle.message_queue import QueueEntry, Step
from trunkline.products.messaging.sending.due_messages import ChooseSender, advance_due
from trunkline.products.messaging.sending.handover_results import HandoverResult, ResultRecorder, order_of
from trunkline.transports.base import Acceptance

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

PATIENT = PostgresBounds(lock=30, wait=60, idle_in_transaction=30)
"""No lock's time-out comes before the server's search for deadlocks, a second."""


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


def stocked(api: Api, number: int) -> None:
    """Put messages through one Service with two senders into the queue, which nobody works on."""
    stand_still(api)
    sid = service(api, *(own(api, sender) for sender in (US, GB)))
    for _ in range(number):
        send(api, MessagingServiceSid=sid)


def choosing(senders: list[str], before_second: Callable[[], Awaitable[None]] | None = None) -> ChooseSender:
    """Return a choice of these senders in turn."""
    calls = 0

    async def choose(tx: Tx, entry: QueueEntry) -> None:
        nonlocal calls
        calls += 1
        if calls == 2 and before_second is not None:
            await before_second()
        sender = senders[(calls - 1) % len(senders)]
        place = await lanes.reserve_place(tx, ACCOUNT_SID, sender, 1, 1000)
        placed = msgspec.structs.replace(
            entry, step=Step.SEND.value, lane=lane_name(ACCOUNT_SID, sender), place=place, segments=1
        )
        await message_queue.update_entry(tx, placed)

    return choose


def test_steps_of_messages_through_one_service_meet_no_deadlock(api: Api, postgres_server: str) -> None:
    stocked(api, 4)

    async def work(nodes: Nodes) -> None:
        one, two = nodes.both
        first, second = choosing([US, GB], nodes.meet), choosing([GB, US], nodes.meet)
        await asyncio.gather(
            one.write(lambda tx: advance_due(tx, first, 2)), two.write(lambda tx: advance_due(tx, second, 2))
        )

    assert deadlocks(api, postgres_server, work) == 0


@pytest.mark.parametrize("steps", [False, True])
def test_results_meet_no_deadlock_with_others_or_with_steps(
    api: Api, postgres_server: str, steps: bool
) -> None:
    stocked(api, 6)

    async def work(nodes: Nodes) -> None:
        one, two = nodes.both
        await one.write(lambda tx: advance_due(tx, choosing([US, GB]), 4))
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
            choose = choosing([GB, US], nodes.meet)
            added.append(two.write(lambda tx: advance_due(tx, choose, 2)))
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
